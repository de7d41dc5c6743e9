/* model
description: Since when and until when each product had which price in pounds, by what it was sold for
keys: [product_no, valid_since]
*/
WITH daily AS (
  SELECT product_no, order_date, arg_max(unit_price_gbp, transaction_no) AS price
  FROM silver.ecommerce.order_items
  WHERE NOT is_cancel AND currency = 'GBP'
  GROUP BY product_no, order_date
),
changes AS (
  SELECT *
  FROM daily
  QUALIFY price IS DISTINCT FROM lag(price) OVER (PARTITION BY product_no ORDER BY order_date)
)
SELECT
  product_no, price AS unit_price_gbp, order_date AS valid_since,
  lead(order_date) OVER by_product AS valid_until,
  lead(order_date) OVER by_product IS NULL AS is_last
FROM changes
WINDOW by_product AS (PARTITION BY product_no ORDER BY order_date)
