/* model
description: Who our clients are, without what names them, and how much they traded in 30 days
keys: [client_id]
history: true
quality:
  - {rule: accepted_values, column: region, values: [Norte, Nordeste, Centro-Oeste, Sudeste, Sul]}
*/
WITH today AS (SELECT max(day) AS day FROM silver.brokerage.stockquotes),
-- A code comes with and without its dash: it is one.
places AS (
  SELECT replace(cep, '-', '') AS cep8, min(city) AS city, min(uf) AS uf FROM silver.brokerage.ceps GROUP BY cep8
),
traded AS (
  SELECT t.client_id, count(*) AS orders, sum(t.value) AS volume
  FROM gold.brokerage.trade_profit t, today
  WHERE t.trade_date > today.day - 30
  GROUP BY t.client_id
)
SELECT
  c.client_id,
  coalesce(p.city, c.city) AS city,
  coalesce(p.uf, c.uf) AS uf,
  CASE
    WHEN coalesce(p.uf, c.uf) IN ('AC', 'AP', 'AM', 'PA', 'RO', 'RR', 'TO') THEN 'Norte'
    WHEN coalesce(p.uf, c.uf) IN ('AL', 'BA', 'CE', 'MA', 'PB', 'PE', 'PI', 'RN', 'SE') THEN 'Nordeste'
    WHEN coalesce(p.uf, c.uf) IN ('DF', 'GO', 'MT', 'MS') THEN 'Centro-Oeste'
    WHEN coalesce(p.uf, c.uf) IN ('ES', 'MG', 'RJ', 'SP') THEN 'Sudeste'
    WHEN coalesce(p.uf, c.uf) IN ('PR', 'RS', 'SC') THEN 'Sul'
  END AS region,
  c.risk_profile,
  CAST(c.created_at AS DATE) AS since,
  coalesce(t.orders, 0) AS orders_30d,
  CAST(coalesce(t.volume, 0) AS DECIMAL(18,2)) AS volume_30d,
  (SELECT day FROM today) AS as_of
FROM silver.brokerage.clients c
LEFT JOIN places p ON p.cep8 = replace(c.cep, '-', '')
LEFT JOIN traded t ON t.client_id = c.client_id
WHERE c.deleted_at IS NULL
