/* model
description: What makes a payment suspect, from which value on, and how many points it is worth. Reviewed by hand; the score has no other number
keys: [reason]
quality:
  - {rule: range, column: points, min: 1, max: 100}
*/
SELECT 'points-1' AS model_id, reason, CAST(at_least AS DECIMAL(9,2)) AS at_least, points, meaning
FROM (VALUES
  ('velocity', 5, 35, 'payments of the account in the hour'),
  ('travel', 900, 25, 'km/h that the card would have had to travel at between two payments'),
  ('foreign', 1, 20, 'another currency than BRL'),
  ('merchant', 1, 20, 'the merchant is of high risk'),
  ('declines', 0.3, 15, 'share of the payments of 24 hours that were declined'),
  ('limit', 0.5, 10, 'share of the limit that was spent in 24 hours'),
  ('night', 1, 10, 'between midnight and six in São Paulo'),
  ('remote', 1, 5, 'over the network, without the card')
) weights(reason, at_least, points, meaning)
