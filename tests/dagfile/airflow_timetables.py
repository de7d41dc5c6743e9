"""Records airflow_timetables.txt: what Airflow's own timetable classes make of 15 expressions in 6 zones, around changes
of the clock in both directions, as trigger and as data-interval timetables, and of intervals.

Opt-in, for it needs Airflow's sources, but neither its database nor its many requirements:
  pip install croniter pendulum python-dateutil packaging && pip install --no-deps apache-airflow-core
  python3 tests/dagfile/airflow_timetables.py > tests/dagfile/airflow_timetables.txt
A row is  kind|schedule|zone|from|ticks  with kind trigger or data_interval; a data interval is start>end, the start being
its logical date, and left out where it is the end before. Expressions of every hour are left out for Lord Howe, where Airflow adds a wall-clock distance of half an
hour to an instant, and so ticks at minutes that the expression does not name; so are data intervals of two readings in one gap, of
which Airflow starts one half an hour after the end before it, and lists with a reading in a gap, which Airflow then passes
over when another expression of the list ticks there (docs/differences.md)."""
import datetime
import importlib.machinery
import importlib.util
import sys
import types

folder = importlib.util.find_spec("airflow").submodule_search_locations[0]


def stub(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


package = stub("airflow")
package.__path__ = [folder]
package.__spec__ = importlib.machinery.ModuleSpec("airflow", None, is_package=True)
stub("airflow.exceptions", AirflowTimetableInvalid=type("AirflowTimetableInvalid", (Exception,), {}))
stub("airflow.utils", __path__=[])
stub("airflow.utils.dates", cron_presets={})
stub("airflow.sdk", __path__=[])
stub("airflow.sdk.definitions", __path__=[])
stub("airflow.sdk.definitions.asset", AssetUniqueKey=object, BaseAsset=object)
nothing = type("Nothing", (Exception,), {})
stub("cron_descriptor", CasingTypeEnum=types.SimpleNamespace(Sentence=0), FormatException=nothing,
     MissingFieldException=nothing,
     ExpressionDescriptor=lambda **_: types.SimpleNamespace(get_description=lambda: ""))

import pendulum  # noqa: E402
from airflow.timetables.base import TimeRestriction  # noqa: E402
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable  # noqa: E402
from airflow.timetables.trigger import (CronTriggerTimetable, DeltaTriggerTimetable,  # noqa: E402
                                        MultipleCronTriggerTimetable)

CRONS = ["30 1 * * *", "30 2 * * *", "0,30 2 * * *", "0 0 * * *", "45 23 * * *", "15 */2 * * *", "5 0-4 * * sat-mon",
         "0 * * * *", "*/15 * * * *", "0 12 L * *", "0 12 15W * *", "0 3 * * sun#2", "0 8 * * L5", "20 22-3 * * * 30",
         "30 2 31 3 *"]
CHANGES = [("America/New_York", "2024-03-10"), ("America/New_York", "2024-11-03"), ("Europe/Berlin", "2024-03-31"),
           ("Europe/Berlin", "2024-10-27"), ("America/Sao_Paulo", "2018-11-04"), ("America/Sao_Paulo", "2018-02-18"),
           ("Africa/Casablanca", "2024-03-10"), ("Africa/Casablanca", "2024-04-14"),
           ("Australia/Lord_Howe", "2024-10-06"), ("Australia/Lord_Howe", "2024-04-07"),
           ("Asia/Kathmandu", "2024-05-01")]
LISTS = [("0 9 * * *", "0 18 * * *"), ("30 1 * * *", "0 3 * * *")]
DELTAS = [5400, 86400, 604800]


def every_hour(expression):
    return expression.split()[1] == "*"


def text(time):
    return time.in_timezone(pendulum.UTC).strftime("%y-%m-%dT%H:%M:%S")


def runs(timetable, start):
    """With catch-up, one run after the other: at least 4, until two days after the start, at most 36."""
    last, found = None, []
    while len(found) < 36:
        info = timetable.next_dagrun_info(last_automated_data_interval=last,
                                          restriction=TimeRestriction(earliest=start, latest=None, catchup=True))
        if len(found) >= 4 and info.run_after > start.add(days=2):
            break
        found.append(info)
        last = info.data_interval
    return found


def record(kind, name, zone, day, timetable, start):
    found = runs(timetable, start)
    assert all(info.run_after == info.data_interval.end for info in found)
    if kind == "trigger":
        told = [text(info.logical_date) for info in found]
    else:
        starts = [text(info.logical_date) for info in found]
        ends = [text(info.data_interval.end) for info in found]
        told = [(start if start != end_before else "") + ">" + end
                for start, end, end_before in zip(starts, ends, [None] + ends)]
    print("|".join([kind, name, zone, day, " ".join(told)]))


for zone, day in CHANGES:
    tz = pendulum.timezone(zone)
    start = pendulum.parse(day + "T00:00:00Z").subtract(hours=20)
    told = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    for cron in CRONS:
        if zone == "Australia/Lord_Howe" and every_hour(cron):
            continue
        record("trigger", cron, zone, told, CronTriggerTimetable(cron, timezone=tz), start)
        if cron != "0,30 2 * * *":
            record("data_interval", cron, zone, told, CronDataIntervalTimetable(cron, tz), start)
    for crons in LISTS:
        record("trigger", ";".join(crons), zone, told, MultipleCronTriggerTimetable(*crons, timezone=tz), start)
start = pendulum.parse("2024-03-09T04:05:06Z")
for seconds in DELTAS:
    delta = datetime.timedelta(seconds=seconds)
    told = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    record("trigger", f"every {seconds}s", "UTC", told, DeltaTriggerTimetable(delta), start)
    record("data_interval", f"every {seconds}s", "UTC", told, DeltaDataIntervalTimetable(delta), start)
