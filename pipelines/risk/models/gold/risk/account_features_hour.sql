/* model
description: The smart table. What each account did in each hour in which it paid, and in the 24 hours that end with it
keys: [account_id, hour]
quality:
  - {rule: range, column: foreign_ratio, min: 0, max: 1}
  - {rule: range, column: declined_ratio, min: 0, max: 1}
  - {rule: sql, name: hour_within_day, condition: amount_1h <= amount_24h}
*/
WITH paid AS (
  SELECT
    account_id, merchant_id, amount, event_ts,
    date_trunc('hour', event_ts) AS hour,
    currency <> 'BRL' AS is_foreign,
    auth_result = 'declined' AS is_declined,
    radians(CAST(lat AS DOUBLE)) AS lat, radians(CAST(lon AS DOUBLE)) AS lon,
    lag(event_ts) OVER one_by_one AS last_ts,
    radians(CAST(lag(lat) OVER one_by_one AS DOUBLE)) AS last_lat,
    radians(CAST(lag(lon) OVER one_by_one AS DOUBLE)) AS last_lon
  FROM silver.risk.transactions
  WINDOW one_by_one AS (PARTITION BY account_id ORDER BY event_ts, transaction_id)
),
-- How fast the card went since the payment before: along the earth's surface, within a minute at least. Not known of an
-- account's first payment, and of one without a place; least() and greatest() would pass over what is NULL.
moved AS (
  SELECT
    *,
    CASE WHEN lat + lon + last_lat + last_lon IS NOT NULL THEN
      2 * 6371 * asin(sqrt(least(1, pow(sin((lat - last_lat) / 2), 2) + cos(last_lat) * cos(lat) * pow(sin((lon - last_lon) / 2), 2))))
        / greatest(60, epoch(event_ts) - epoch(last_ts)) * 3600 END AS speed_kmh
  FROM paid
),
hours AS (
  SELECT account_id, hour, CAST(round(coalesce(max(speed_kmh), 0)) AS BIGINT) AS max_speed_kmh
  FROM moved
  GROUP BY account_id, hour
)
SELECT
  h.account_id, h.hour,
  count(*) FILTER (p.hour = h.hour) AS tx_count_1h,
  CAST(coalesce(sum(p.amount) FILTER (p.hour = h.hour AND NOT p.is_declined), 0) AS DECIMAL(18,2)) AS amount_1h,
  CAST(coalesce(sum(p.amount) FILTER (NOT p.is_declined), 0) AS DECIMAL(18,2)) AS amount_24h,
  count(DISTINCT p.merchant_id) AS distinct_merchants_24h,
  CAST(count(*) FILTER (p.is_foreign) / count(*) AS DECIMAL(9,6)) AS foreign_ratio,
  CAST(count(*) FILTER (p.is_declined) / count(*) AS DECIMAL(9,6)) AS declined_ratio,
  h.max_speed_kmh
FROM hours h
JOIN moved p ON p.account_id = h.account_id AND p.hour BETWEEN h.hour - INTERVAL 23 HOUR AND h.hour
GROUP BY h.account_id, h.hour, h.max_speed_kmh
