/* model
description: How many users signed up in each hour, by UTC
keys: [hour]
*/
SELECT date_trunc('hour', created_at) AS hour, count(*) AS signups
FROM silver.users.users_events
WHERE event_type = 'signup'
GROUP BY hour
