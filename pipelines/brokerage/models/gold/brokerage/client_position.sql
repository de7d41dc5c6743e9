/* model
description: Each client's shares of each paper, their average cost, worth and profit, by mean cost and by FIFO
keys: [client_id, ticker]
history: true
quality:
  - {rule: range, column: quantity, min: 0}
  - {rule: not_null, column: last_price, severity: warning}
*/
WITH last_quotes AS (
  SELECT ticker, arg_max(close, ts) AS last_price FROM silver.brokerage.stockquotes GROUP BY ticker
),
positions AS (
  SELECT
    client_id, ticker,
    arg_max(held, (traded_at, order_id)) AS quantity,
    arg_max(cost_held_mean, (traded_at, order_id)) AS cost,
    arg_max(cost_held_fifo, (traded_at, order_id)) AS cost_fifo,
    CAST(coalesce(sum(profit_mean), 0) AS DECIMAL(18,2)) AS realised_pnl,
    CAST(coalesce(sum(profit_fifo), 0) AS DECIMAL(18,2)) AS realised_pnl_fifo
  FROM gold.brokerage.trade_profit
  GROUP BY client_id, ticker
)
SELECT
  p.client_id, p.ticker, p.quantity,
  -- To four places, halves up, in whole numbers.
  CASE WHEN p.quantity > 0 THEN CAST(
    CAST((2 * CAST(p.cost * 10000 AS BIGINT) + p.quantity) // (2 * p.quantity) AS BIGINT) * 0.0001 AS DECIMAL(18,4)) END AS avg_cost,
  CASE WHEN p.quantity > 0 THEN CAST(
    CAST((2 * CAST(p.cost_fifo * 10000 AS BIGINT) + p.quantity) // (2 * p.quantity) AS BIGINT) * 0.0001 AS DECIMAL(18,4)) END AS avg_cost_fifo,
  q.last_price,
  CAST(p.quantity * q.last_price AS DECIMAL(18,2)) AS market_value,
  CAST(p.quantity * q.last_price - p.cost AS DECIMAL(18,2)) AS unrealised_pnl,
  CAST(p.quantity * q.last_price - p.cost_fifo AS DECIMAL(18,2)) AS unrealised_pnl_fifo,
  p.realised_pnl, p.realised_pnl_fifo,
  (SELECT max(day) FROM silver.brokerage.stockquotes) AS as_of
FROM positions p
LEFT JOIN last_quotes q USING (ticker)
