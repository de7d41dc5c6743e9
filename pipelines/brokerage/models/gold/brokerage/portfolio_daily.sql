/* model
description: What each client's papers were worth at the end of each day of trading, what came in and went out, what was earned
keys: [client_id, date]
*/
WITH closes AS (
  SELECT ticker, day, arg_max(close, ts) AS close FROM silver.brokerage.stockquotes GROUP BY ticker, day
),
days AS (SELECT DISTINCT day FROM closes),
-- One share at the end of that day is so many today.
factors AS (
  SELECT c.ticker, c.day, c.close, CAST(coalesce(product(s.new_shares / s.old_shares), 1) AS BIGINT) AS factor
  FROM closes c
  LEFT JOIN silver.brokerage.splits s ON s.ticker = c.ticker AND s.ex_date > c.day
  GROUP BY ALL
),
held AS (
  SELECT t.client_id, t.ticker, d.day, arg_max(t.held, (t.traded_at, t.order_id)) AS shares
  FROM gold.brokerage.trade_profit t
  JOIN days d ON d.day >= t.trade_date
  GROUP BY ALL
),
worth AS (
  SELECT h.client_id, h.day, CAST(coalesce(sum(h.shares // f.factor * f.close), 0) AS DECIMAL(18,2)) AS market_value
  FROM held h
  ASOF LEFT JOIN factors f ON f.ticker = h.ticker AND f.day <= h.day
  GROUP BY ALL
),
flows AS (
  SELECT
    client_id, trade_date AS day,
    CAST(sum(CASE side WHEN 'S' THEN value ELSE -value END) AS DECIMAL(18,2)) AS cash_flow,
    CAST(coalesce(sum(profit_mean), 0) AS DECIMAL(18,2)) AS realised_pnl
  FROM gold.brokerage.trade_profit
  GROUP BY ALL
)
SELECT
  w.client_id, w.day AS date, w.market_value,
  CAST(coalesce(f.cash_flow, 0) AS DECIMAL(18,2)) AS cash_flow,
  CAST(coalesce(f.realised_pnl, 0) AS DECIMAL(18,2)) AS realised_pnl
FROM worth w
LEFT JOIN flows f ON f.client_id = w.client_id AND f.day = w.day
