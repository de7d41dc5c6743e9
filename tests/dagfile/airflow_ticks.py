"""Records airflow_ticks.txt: the ticks of Airflow's CronTriggerTimetable around changes of the clock.

Opt-in, for it needs croniter and pendulum: python3 tests/dagfile/airflow_ticks.py > tests/dagfile/airflow_ticks.txt
Left out are expressions of every hour where Airflow adds a wall-clock distance to an instant across a change, and so
ticks at a local time that the expression does not name (docs/differences.md)."""
import datetime

import pendulum
from croniter import croniter

FIXED = ["30 1 * * *", "30 2 * * *", "0,30 2 * * *", "10,40 1,2,3 * * SUN", "0 3 * * *", "15 */2 * * *", "0 0 * * *",
         "45 23 * * *", "5 0-4 * * *", "30 2 31 3 *", "0 12 1 * 1", "*,1 2 * * MON"]
HOURLY = ["0 * * * *", "*/30 * * * *"]
CHANGES = [("America/New_York", "2024-03-09"), ("America/New_York", "2024-11-02"), ("Europe/Berlin", "2024-03-30"),
           ("Europe/Berlin", "2024-10-26"), ("America/Sao_Paulo", "2018-11-03"), ("America/Sao_Paulo", "2018-02-17"),
           ("Africa/Casablanca", "2024-03-09"), ("Pacific/Apia", "2011-12-29"), ("Australia/Lord_Howe", "2024-10-05"),
           ("Australia/Lord_Howe", "2024-04-06"), ("Asia/Kathmandu", "2024-05-01")]


def next_tick(expression, zone, current):
    there = current.in_timezone(zone)
    naive = datetime.datetime(there.year, there.month, there.day, there.hour, there.minute, there.second)
    cron = croniter(expression, start_time=naive)
    scheduled = cron.get_next(datetime.datetime)
    if cron.expanded[1] == ["*"]:
        return (there + (scheduled - naive)).in_timezone(pendulum.UTC)
    return pendulum.instance(zone.convert(scheduled.replace(fold=1))).in_timezone(pendulum.UTC)


for name, day in CHANGES:
    zone = pendulum.timezone(name)
    hourly = [] if name == "Australia/Lord_Howe" else HOURLY
    for expression in FIXED + hourly:
        start = pendulum.parse(day + "T00:00:00Z")
        ticks, at = [], start
        while len(ticks) < 60:
            at = next_tick(expression, zone, at)
            if at > start.add(days=3):
                break
            ticks.append(at.strftime("%m-%dT%H:%M"))
        print("|".join([expression, name, day, " ".join(ticks)]))
