/* model
description: How countries are written in messages, and which one is meant. Reviewed by hand; what is not here is in doubt
keys: [written]
*/
SELECT written, iso2
FROM (VALUES
  ('UNITED KINGDOM', 'GB'), ('UNTIED KINGDOM', 'GB'), ('UK', 'GB'), ('U.K.', 'GB'), ('GREAT BRITAIN', 'GB'),
  ('CHANNEL ISLANDS', 'JE'), ('IRELAND', 'IE'), ('EIRE', 'IE'),
  ('GERMANY', 'DE'), ('GERMNY', 'DE'), ('FRANCE', 'FR'), ('NETHERLANDS', 'NL'), ('THE NETHERLANDS', 'NL'),
  ('PORTUGAL', 'PT'), ('SPAIN', 'ES'), ('ITALY', 'IT'), ('BELGIUM', 'BE'), ('SWITZERLAND', 'CH'), ('AUSTRIA', 'AT'),
  ('DENMARK', 'DK'), ('NORWAY', 'NO'), ('SWEDEN', 'SE'), ('FINLAND', 'FI'), ('ICELAND', 'IS'), ('POLAND', 'PL'),
  ('CZECH REPUBLIC', 'CZ'), ('LITHUANIA', 'LT'), ('GREECE', 'GR'), ('CYPRUS', 'CY'), ('MALTA', 'MT'),
  ('USA', 'US'), ('UNITED STATES', 'US'), ('CANADA', 'CA'), ('BRAZIL', 'BR'), ('AUSTRALIA', 'AU'), ('JAPAN', 'JP'),
  ('SINGAPORE', 'SG'), ('HONG KONG', 'HK'), ('ISRAEL', 'IL'), ('LEBANON', 'LB'), ('BAHRAIN', 'BH'),
  ('UNITED ARAB EMIRATES', 'AE'), ('SAUDI ARABIA', 'SA'), ('RSA', 'ZA'), ('EUROPEAN COMMUNITY', 'EU'), ('UNSPECIFIED', 'ZZ')
) names(written, iso2)
