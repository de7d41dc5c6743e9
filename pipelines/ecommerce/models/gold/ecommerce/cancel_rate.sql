/* model
description: How many orders and cancellations each day had, and how many of these came to one of those
keys: [date]
*/
WITH counted AS (
  SELECT
    order_date AS date,
    count(DISTINCT transaction_no) FILTER (NOT is_cancel) AS orders,
    count(DISTINCT transaction_no) FILTER (is_cancel) AS cancellations
  FROM silver.ecommerce.order_items
  GROUP BY order_date
)
SELECT
  date, orders, cancellations,
  -- Millionths, halves up, in whole numbers.
  CASE WHEN orders > 0 THEN
    CAST((2 * cancellations * 1000000 + orders) // (2 * orders) * 0.000001 AS DECIMAL(18,6)) END AS rate
FROM counted
