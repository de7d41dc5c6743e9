/* model
description: Quotes by ticker and UTC hour
mode: partitions
partition_by: [day]
keys: [ticker, date]
cluster_by: [ticker, execution_id]
quality:
  - {rule: sql, name: vwap_inside_range, condition: vwap BETWEEN low AND high}
  - {rule: range, name: trades_positive, column: trades, min: 1}
*/
WITH hours AS (
  SELECT
    ticker, date_trunc('hour', q.date) AS date, CAST(sum(volume) AS BIGINT) AS volume,
    arg_min(open, q.date) AS open, max(high) AS high, min(low) AS low, arg_max(close, q.date) AS close,
    sum(CAST((high + low + close) * 1000000 AS HUGEINT) * volume) AS money, count(*) AS trades, day
  FROM silver.financial.quotes q
  WHERE day IN {{ changed_partitions('silver/financial/quotes', 'day') }}
  GROUP BY ALL
),
-- In millionths, as fractions of whole numbers: the engine's own division of decimals goes through a double.
fractions AS (
  SELECT
    *, money AS vwap_n, CASE WHEN volume > 0 THEN CAST(3 AS HUGEINT) * volume END AS vwap_d,
    CAST((close - open) * 1000000 AS HUGEINT) * 1000000 AS return_n,
    CASE WHEN open > 0 THEN CAST(open * 1000000 AS HUGEINT) END AS return_d
  FROM hours
),
-- Half to even.
rounded AS (
  SELECT
    *, vwap_n // vwap_d + CASE sign(2 * abs(vwap_n % vwap_d) - vwap_d)
      WHEN 1 THEN sign(vwap_n) WHEN 0 THEN (vwap_n // vwap_d) % 2 ELSE 0 END AS vwap,
    return_n // return_d + CASE sign(2 * abs(return_n % return_d) - return_d)
      WHEN 1 THEN sign(return_n) WHEN 0 THEN (return_n // return_d) % 2 ELSE 0 END AS "return"
  FROM fractions
)
-- NULL where it does not fit a price.
SELECT
  ticker, date, volume, open, high, low, close,
  TRY_CAST(TRY_CAST(vwap AS DECIMAL(24,0)) * CAST(0.000001 AS DECIMAL(7,6)) AS DECIMAL(18,6)) AS vwap,
  TRY_CAST(TRY_CAST("return" AS DECIMAL(24,0)) * CAST(0.000001 AS DECIMAL(7,6)) AS DECIMAL(18,6)) AS "return",
  trades, day
FROM rounded
