/* model
description: How many users each town has, how many signed up in 7 days and were seen in 30
keys: [uf, city]
*/
WITH today AS (SELECT CAST(max(last_event_at) AS DATE) AS day FROM silver.users.users)
SELECT
  u.uf, u.city,
  count(*) AS users,
  count(*) FILTER (CAST(u.signed_up_at AS DATE) > t.day - 7) AS new_7d,
  count(*) FILTER (CAST(u.last_seen_at AS DATE) > t.day - 30) AS active_30d
FROM silver.users.users u, today t
GROUP BY u.uf, u.city
