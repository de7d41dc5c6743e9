/* model
description: Every run's sources that were not good, run by run
mode: append
*/
SELECT source, state, newest, hours_behind, rows_last_day, rows_usual
FROM gold.brokerage.source_health
WHERE state <> 'good'
