-- What every client holds.
SELECT client, ticker, CAST(sum(quantity) AS BIGINT) AS quantity
FROM silver.brokerage.orders
WHERE day <= {{ ds }}
GROUP BY ALL
