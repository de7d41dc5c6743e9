/* model
description: Each paper's day at the market, and how many orders of our clients were executed in it
keys: [ticker, date]
partition_by: [date]
quality:
  - {rule: sql, name: bar_in_order, condition: high >= low AND open BETWEEN low AND high AND close BETWEEN low AND high}
*/
WITH bars AS (
  SELECT
    ticker, day AS date,
    arg_min(open, ts) AS open, max(high) AS high, min(low) AS low, arg_max(close, ts) AS close,
    CAST(sum(volume) AS BIGINT) AS volume,
    -- Millionths, in whole numbers.
    CAST(sum(close * 1000000 * volume) AS HUGEINT) AS traded
  FROM silver.brokerage.stockquotes
  GROUP BY ticker, day
),
orders AS (
  SELECT ticker, CAST(last_execution_at AT TIME ZONE 'America/Sao_Paulo' AS DATE) AS date, count(*) AS orders
  FROM silver.brokerage.orders_current
  WHERE executed_qty > 0
  GROUP BY ALL
)
SELECT
  b.ticker, b.date, b.open, b.high, b.low, b.close,
  CASE WHEN b.volume > 0 THEN
    CAST(CAST((2 * b.traded + b.volume) // (2 * b.volume) AS BIGINT) * 0.000001 AS DECIMAL(18,6)) END AS vwap,
  b.volume,
  coalesce(o.orders, 0) AS client_orders
FROM bars b
LEFT JOIN orders o USING (ticker, date)
