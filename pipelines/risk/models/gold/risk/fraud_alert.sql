/* model
description: Payments that somebody has to look at. One that later payments make less suspect leaves this table and stays in its history
keys: [transaction_id]
history: true
params: {alert_from: 60}
*/
SELECT
  s.transaction_id, s.model_id, s.account_id, a.customer_id, a.segment, s.event_ts, t.merchant_id, t.amount, t.auth_result,
  s.score, s.reasons, s.decided_at
FROM gold.risk.fraud_score s
JOIN silver.risk.transactions t ON t.transaction_id = s.transaction_id
LEFT JOIN silver.risk.accounts a ON a.account_id = s.account_id
WHERE s.score >= {{ params.alert_from }}
