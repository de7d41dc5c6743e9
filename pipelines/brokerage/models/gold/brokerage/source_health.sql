/* model
description: Whether each source still sends at the end of the run's window, and as much on its last day as in the two weeks before
keys: [source]
params: {stale_after_hours: 24, few_percent: 50, many_percent: 200}
quality:
  - {rule: accepted_values, column: state, values: [good], severity: warning}
*/
WITH received AS (
  SELECT 'clients' AS source, updated_at AS moment FROM silver.brokerage.clients
  UNION ALL
  SELECT 'orders', event_ts FROM silver.brokerage.orders
  UNION ALL
  SELECT 'stockquotes', ts FROM silver.brokerage.stockquotes
),
newest AS (
  SELECT source, max(moment) AS newest, date_sub('hour', max(moment), CAST({{ window_end }} AS TIMESTAMPTZ)) AS hours_behind
  FROM received
  GROUP BY source
),
-- A register changes when it likes; the others have a usual day.
daily AS (
  SELECT source, CAST(moment AS DATE) AS day, count(*) AS received FROM received WHERE source <> 'clients' GROUP BY ALL
),
last_day AS (
  SELECT source, max(day) AS day, arg_max(received, day) AS received FROM daily GROUP BY source
),
usual AS (
  SELECT d.source, CAST(sum(d.received) // count(*) AS BIGINT) AS received
  FROM daily d
  JOIN last_day l ON l.source = d.source AND d.day < l.day AND d.day >= l.day - 14
  GROUP BY d.source
)
SELECT
  n.source, n.newest, n.hours_behind,
  l.received AS rows_last_day,
  u.received AS rows_usual,
  CASE
    WHEN n.hours_behind >= {{ params.stale_after_hours }} THEN 'stale'
    WHEN l.received * 100 < u.received * {{ params.few_percent }} THEN 'few'
    WHEN l.received * 100 > u.received * {{ params.many_percent }} THEN 'many'
    ELSE 'good'
  END AS state
FROM newest n
LEFT JOIN last_day l USING (source)
LEFT JOIN usual u USING (source)
