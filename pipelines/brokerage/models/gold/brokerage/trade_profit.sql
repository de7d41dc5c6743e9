/* model
description: >-
  One row an executed order: what it cost, what it brought, and what is held afterwards, by mean cost and by FIFO.
  Shares are those of today, all splits counted
keys: [order_id]
quality:
  - {rule: range, column: held, min: 0}
*/
WITH RECURSIVE executed AS (
  SELECT
    o.order_id, o.client_id, o.ticker, o.side, o.last_execution_at AS traded_at,
    CAST(o.last_execution_at AT TIME ZONE 'America/Sao_Paulo' AS DATE) AS trade_date,
    o.executed_qty, CAST(o.executed_value * 100 AS BIGINT) AS cents
  FROM silver.brokerage.orders_current o
  WHERE o.executed_qty > 0
),
-- What one share of that day is today.
factors AS (
  SELECT e.order_id, product(s.new_shares / s.old_shares) AS factor
  FROM executed e
  JOIN silver.brokerage.splits s ON s.ticker = e.ticker AND s.ex_date > e.trade_date
  GROUP BY e.order_id
),
trades AS (
  SELECT
    e.*, CAST(e.executed_qty * coalesce(f.factor, 1) AS BIGINT) AS shares,
    row_number() OVER (PARTITION BY e.client_id, e.ticker ORDER BY e.traded_at, e.order_id) AS n
  FROM executed e
  LEFT JOIN factors f ON f.order_id = e.order_id
),
-- By mean cost: a sale takes its share of all that was paid, to the cent; the rest keeps the rest.
mean_cost AS (
  SELECT
    client_id, ticker, n, CASE side WHEN 'B' THEN shares ELSE -shares END AS held,
    CASE side WHEN 'B' THEN cents ELSE 0 END AS cost_held, CAST(0 AS BIGINT) AS cost_sold
  FROM trades
  WHERE n = 1
  UNION ALL
  SELECT
    t.client_id, t.ticker, t.n,
    CASE t.side WHEN 'B' THEN m.held + t.shares ELSE m.held - t.shares END,
    CASE t.side WHEN 'B' THEN m.cost_held + t.cents
         ELSE m.cost_held - CAST((2 * CAST(m.cost_held AS HUGEINT) * t.shares + m.held) // (2 * m.held) AS BIGINT) END,
    CASE t.side WHEN 'B' THEN 0
         ELSE CAST((2 * CAST(m.cost_held AS HUGEINT) * t.shares + m.held) // (2 * m.held) AS BIGINT) END
  FROM mean_cost m
  JOIN trades t ON t.client_id = m.client_id AND t.ticker = m.ticker AND t.n = m.n + 1
),
-- FIFO: the shares of a paper that a client ever bought lie in a row, and so do those sold. A sale
-- takes of each lot what lies under it.
rows_of_shares AS (
  SELECT
    *,
    CAST(sum(CASE side WHEN 'B' THEN shares ELSE 0 END) OVER before AS BIGINT) AS bought,
    CAST(sum(CASE side WHEN 'S' THEN shares ELSE 0 END) OVER before AS BIGINT) AS sold
  FROM trades
  WINDOW before AS (PARTITION BY client_id, ticker ORDER BY n)
),
fifo_cost AS (
  SELECT
    s.order_id,
    CAST(sum((2 * CAST(b.cents AS HUGEINT) * (least(s.sold, b.bought) - (b.bought - b.shares)) + b.shares) // (2 * b.shares)
           - (2 * CAST(b.cents AS HUGEINT) * (greatest(s.sold - s.shares, b.bought - b.shares) - (b.bought - b.shares)) + b.shares)
             // (2 * b.shares)) AS BIGINT) AS cost_sold
  FROM rows_of_shares s
  JOIN rows_of_shares b
    ON b.client_id = s.client_id AND b.ticker = s.ticker AND b.side = 'B'
   AND b.bought > s.sold - s.shares AND b.bought - b.shares < s.sold
  WHERE s.side = 'S'
  GROUP BY s.order_id
),
together AS (
  SELECT
    t.*, m.held, m.cost_held AS cost_held_mean, m.cost_sold AS cost_mean, coalesce(f.cost_sold, 0) AS cost_fifo,
    CAST(sum(CASE t.side WHEN 'B' THEN t.cents ELSE -coalesce(f.cost_sold, 0) END)
         OVER (PARTITION BY t.client_id, t.ticker ORDER BY t.n) AS BIGINT) AS cost_held_fifo
  FROM trades t
  JOIN mean_cost m ON m.client_id = t.client_id AND m.ticker = t.ticker AND m.n = t.n
  LEFT JOIN fifo_cost f ON f.order_id = t.order_id
)
SELECT
  order_id, client_id, ticker, side, traded_at, trade_date,
  shares AS quantity,
  CAST(cents * 0.01 AS DECIMAL(18,2)) AS value,
  CASE side WHEN 'S' THEN CAST((cents - cost_mean) * 0.01 AS DECIMAL(18,2)) END AS profit_mean,
  CASE side WHEN 'S' THEN CAST((cents - cost_fifo) * 0.01 AS DECIMAL(18,2)) END AS profit_fifo,
  held,
  CAST(cost_held_mean * 0.01 AS DECIMAL(18,2)) AS cost_held_mean,
  CAST(cost_held_fifo * 0.01 AS DECIMAL(18,2)) AS cost_held_fifo
FROM together
