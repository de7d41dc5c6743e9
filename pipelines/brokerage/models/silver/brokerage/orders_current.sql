/* model
description: One row an order, as its events have left it
keys: [order_id]
quality:
  - {rule: accepted_values, column: status, values: [NEW, PARTIAL, FILLED, CANCELLED, REJECTED]}
  - {rule: sql, name: executed_within_order, condition: executed_qty <= quantity}
*/
SELECT
  order_id,
  min(client_id) AS client_id,
  regexp_replace(min(ticker), 'F$', '') AS ticker,
  min(side) AS side,
  min(quantity) AS quantity,
  arg_max(status, (event_ts, event_id)) AS status,
  CAST(sum(executed_qty) AS BIGINT) AS executed_qty,
  CAST(sum(executed_qty * price) AS DECIMAL(18,2)) AS executed_value,
  min(event_ts) AS opened_at,
  max(event_ts) FILTER (executed_qty > 0) AS last_execution_at,
  max(event_ts) FILTER (status IN ('FILLED', 'CANCELLED', 'REJECTED')) AS closed_at
FROM silver.brokerage.orders
GROUP BY order_id
