/* model
description: >-
  Sales and cancellations without doubt. A cancellation names the sale that it takes back: the newest of the same customer
  and product, not after it, of at least as many; where none is found it stands without one
partition_by: [order_date]
quality:
  - {rule: not_null, columns: [transaction_no, order_date, product_no, unit_price_gbp, country_iso2]}
*/
WITH lines AS (
  SELECT *, row_number() OVER (ORDER BY transaction_no, is_cancel, product_no, quantity, unit_price_gbp) AS line
  FROM silver.ecommerce.order_lines
  WHERE doubt IS NULL
),
matched AS (
  SELECT c.line, arg_max(s.transaction_no, (s.order_date, s.transaction_no)) AS transaction_no
  FROM lines c
  JOIN lines s
    ON s.customer_no = c.customer_no AND s.product_no = c.product_no AND NOT s.is_cancel
   AND s.order_date <= c.order_date AND s.quantity >= -c.quantity
  WHERE c.is_cancel
  GROUP BY c.line
)
SELECT
  l.transaction_no, l.is_cancel, m.transaction_no AS cancels_transaction_no, l.order_date,
  l.product_no, l.product_code_valid, l.product_name, l.price, l.currency, l.unit_price_gbp, l.quantity, l.line_total_gbp,
  l.customer_no, l.country_iso2
FROM lines l
LEFT JOIN matched m ON m.line = l.line
