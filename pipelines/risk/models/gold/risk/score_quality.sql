/* model
description: How much of the fraud that is known was alerted (recall), and how many of the alerts were fraud (precision)
keys: [model_id]
quality:
  - {rule: range, column: recall, min: 0.5, severity: warning}
  - {rule: range, column: precision, min: 0.5, severity: warning}
*/
WITH counted AS (
  SELECT
    s.model_id,
    count(*) AS transactions,
    count(l.transaction_id) AS frauds,
    count(a.transaction_id) AS alerts,
    count(*) FILTER (l.transaction_id IS NOT NULL AND a.transaction_id IS NOT NULL) AS hits
  FROM gold.risk.fraud_score s
  LEFT JOIN silver.risk.fraud_labels l ON l.transaction_id = s.transaction_id
  LEFT JOIN gold.risk.fraud_alert a ON a.transaction_id = s.transaction_id
  GROUP BY s.model_id
)
SELECT
  *,
  CAST(CASE WHEN frauds > 0 THEN hits / frauds END AS DECIMAL(9,6)) AS recall,
  CAST(CASE WHEN alerts > 0 THEN hits / alerts END AS DECIMAL(9,6)) AS precision
FROM counted
