/* model
description: How suspect each payment is, 0 to 100, and why, once its hour is over
keys: [transaction_id]
quality:
  - {rule: range, column: score, min: 0, max: 100}
*/
WITH facts AS (
  SELECT
    t.transaction_id, t.account_id, t.event_ts, f.hour, t.currency, t.channel, m.risk_tier,
    f.tx_count_1h, f.max_speed_kmh, f.declined_ratio,
    f.amount_24h / a.credit_limit AS limit_share
  FROM silver.risk.transactions t
  JOIN gold.risk.account_features_hour f ON f.account_id = t.account_id AND f.hour = date_trunc('hour', t.event_ts)
  LEFT JOIN silver.risk.merchants m ON m.merchant_id = t.merchant_id
  LEFT JOIN silver.risk.accounts a ON a.account_id = t.account_id
),
-- What is not known, as the limit of an account that is not in the register, counts for nothing.
judged AS (
  SELECT
    f.*, w.model_id, w.reason, w.points,
    coalesce(CASE w.reason
      WHEN 'velocity' THEN f.tx_count_1h
      WHEN 'travel' THEN f.max_speed_kmh
      WHEN 'merchant' THEN CAST(f.risk_tier = 'high' AS INTEGER)
      WHEN 'declines' THEN f.declined_ratio
      WHEN 'foreign' THEN CAST(f.currency <> 'BRL' AS INTEGER)
      WHEN 'limit' THEN f.limit_share
      WHEN 'night' THEN CAST(hour(f.event_ts AT TIME ZONE 'America/Sao_Paulo') < 6 AS INTEGER)
      WHEN 'remote' THEN CAST(f.channel = 'ecommerce' AS INTEGER)
    END >= w.at_least, false) AS holds
  FROM facts f, silver.risk.score_weights w
)
SELECT
  transaction_id, model_id, account_id, event_ts,
  CAST(least(100, coalesce(sum(points) FILTER (holds), 0)) AS INTEGER) AS score,
  coalesce(string_agg(reason, ',' ORDER BY points DESC, reason) FILTER (holds), '') AS reasons,
  hour + INTERVAL 1 HOUR AS decided_at
FROM judged
GROUP BY transaction_id, model_id, account_id, event_ts, hour
