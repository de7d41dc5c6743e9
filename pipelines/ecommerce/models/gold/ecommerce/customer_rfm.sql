/* model
description: How lately, how often and for how much each customer bought, and what that makes of them
keys: [customer_no]
params: {recent_days: 1}
quality:
  - {rule: range, column: recency_days, min: 0}
*/
WITH bought AS (
  SELECT
    customer_no,
    max(order_date) FILTER (NOT is_cancel) AS last_order,
    count(DISTINCT transaction_no) FILTER (NOT is_cancel) AS frequency,
    CAST(sum(line_total_gbp) AS DECIMAL(18,2)) AS monetary
  FROM silver.ecommerce.order_items
  WHERE customer_no IS NOT NULL
  GROUP BY customer_no
),
counted AS (
  SELECT *, CAST((SELECT max(order_date) FROM silver.ecommerce.order_items) - last_order AS BIGINT) AS recency_days
  FROM bought
  WHERE frequency > 0
)
SELECT
  customer_no, last_order, recency_days, frequency, monetary,
  CASE
    WHEN recency_days <= {{ params.recent_days }} AND frequency >= 2 THEN 'loyal'
    WHEN recency_days <= {{ params.recent_days }} THEN 'new'
    WHEN frequency >= 2 THEN 'slipping'
    ELSE 'once'
  END AS segment
FROM counted
