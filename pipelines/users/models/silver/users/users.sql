/* model
description: Each user as the newest event tells, without what names them
keys: [user_id]
*/
-- Of birth dates silver has the year: the contract masks them.
SELECT
  user_id,
  arg_max(city, (created_at, event_id)) AS city,
  arg_max(uf, (created_at, event_id)) AS uf,
  arg_max(gender, (created_at, event_id)) AS gender,
  arg_max(birth_date, (created_at, event_id)) AS birth_year,
  min(created_at) FILTER (event_type = 'signup') AS signed_up_at,
  max(created_at) FILTER (event_type = 'seen') AS last_seen_at,
  max(created_at) AS last_event_at
FROM silver.users.users_events
GROUP BY user_id
