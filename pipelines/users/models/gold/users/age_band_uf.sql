/* model
description: How old the users of each state are, by the year of their birth
keys: [uf, age_band]
*/
WITH aged AS (
  SELECT uf, year((SELECT max(last_event_at) FROM silver.users.users)) - birth_year AS age
  FROM silver.users.users
)
SELECT
  uf,
  CASE
    WHEN age IS NULL THEN 'unknown'
    WHEN age < 18 THEN '0-17'
    WHEN age < 25 THEN '18-24'
    WHEN age < 35 THEN '25-34'
    WHEN age < 45 THEN '35-44'
    WHEN age < 60 THEN '45-59'
    ELSE '60+'
  END AS age_band,
  count(*) AS users
FROM aged
GROUP BY ALL
