/* model
description: >-
  One row a message: one form of date, number, name and country, all in pounds. What contradicts itself is here with its
  doubt, and in no table behind
quality:
  - {rule: not_null, column: transaction_no}
  - {rule: sql, name: told_or_whole, condition: doubt IS NOT NULL OR (order_date IS NOT NULL AND unit_price_gbp IS NOT NULL)}
*/
WITH parsed AS (
  SELECT
    starts_with(transaction_no, 'C') AS is_cancel,
    ltrim(transaction_no, 'C') AS transaction_no,
    CAST(try_strptime(order_date, ['%m/%d/%Y', '%Y-%m-%d', '%d.%m.%Y']) AS DATE) AS order_date,
    upper(trim(product_no)) AS product_no,
    upper(trim(regexp_replace(product, '\s+', ' ', 'g'))) AS product,
    CAST(split_part(price, ' ', 1) AS DECIMAL(18,2)) AS price,
    CASE WHEN contains(price, ' ') THEN split_part(price, ' ', 2) ELSE 'GBP' END AS currency,
    quantity, customer_no,
    upper(trim(country)) AS country
  FROM silver.ecommerce.pedidos
),
valued AS (
  SELECT p.*, CASE p.currency WHEN 'GBP' THEN CAST(1 AS DECIMAL(18,6)) ELSE r.gbp END AS rate
  FROM parsed p
  ASOF LEFT JOIN silver.ecommerce.rates r ON r.currency = p.currency AND r.day <= p.order_date
)
SELECT
  v.transaction_no, v.is_cancel, v.order_date, v.product_no,
  regexp_full_match(v.product_no, '[0-9]{5}[A-Z]{0,2}') AS product_code_valid,
  coalesce(n.meant, v.product) AS product_name,
  v.price, v.currency,
  CAST(round(v.price * v.rate, 2) AS DECIMAL(18,2)) AS unit_price_gbp,
  v.quantity,
  CAST(v.quantity * round(v.price * v.rate, 2) AS DECIMAL(18,2)) AS line_total_gbp,
  v.customer_no,
  c.iso2 AS country_iso2,
  CASE
    WHEN v.order_date IS NULL THEN 'impossible_date'
    WHEN v.rate IS NULL THEN 'no_rate'
    WHEN v.is_cancel AND v.quantity >= 0 THEN 'positive_cancellation'
    WHEN NOT v.is_cancel AND v.quantity <= 0 THEN 'negative_sale'
    WHEN c.iso2 IS NULL THEN 'unknown_country'
  END AS doubt
FROM valued v
LEFT JOIN silver.ecommerce.product_names n ON n.written = v.product
LEFT JOIN silver.ecommerce.country_names c ON c.written = v.country
