/* model
description: What was sold of each product on each day, net of what was taken back on it
keys: [date, product_no]
*/
SELECT
  order_date AS date,
  product_no,
  arg_max(product_name, transaction_no) AS product_name,
  CAST(sum(quantity) AS BIGINT) AS quantity,
  CAST(coalesce(sum(line_total_gbp) FILTER (NOT is_cancel), 0) AS DECIMAL(18,2)) AS gross,
  CAST(coalesce(-sum(line_total_gbp) FILTER (is_cancel), 0) AS DECIMAL(18,2)) AS cancelled,
  CAST(sum(line_total_gbp) AS DECIMAL(18,2)) AS net
FROM silver.ecommerce.order_items
GROUP BY order_date, product_no
