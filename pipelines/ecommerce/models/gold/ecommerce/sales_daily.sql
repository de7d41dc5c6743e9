/* model
description: What was sold to each country on each day, what was taken back on it, and what is left
keys: [date, country]
*/
SELECT
  order_date AS date,
  country_iso2 AS country,
  count(DISTINCT transaction_no) FILTER (NOT is_cancel) AS orders,
  CAST(coalesce(sum(quantity) FILTER (NOT is_cancel), 0) AS BIGINT) AS items,
  CAST(coalesce(sum(line_total_gbp) FILTER (NOT is_cancel), 0) AS DECIMAL(18,2)) AS gross,
  CAST(coalesce(-sum(line_total_gbp) FILTER (is_cancel), 0) AS DECIMAL(18,2)) AS cancelled,
  CAST(sum(line_total_gbp) AS DECIMAL(18,2)) AS net
FROM silver.ecommerce.order_items
GROUP BY order_date, country_iso2
