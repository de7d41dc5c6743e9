"""What a person who triggers runs feels while runs that have expired are removed, and how many go in a second.

The expired runs are copies, made by SQL in a store whose server has stopped, of one that a server ran: the same rows
in the same tables, a hundred days older, with a new number, id and UUID."""
import sqlite3
import statistics
import time
from pathlib import Path

from server import Batuta

AGE_US = 100 * 86_400 * 1_000_000  # retention_days is 90 unless set
OFF = {"BATUTA_RETENTION_DAYS": "3650"}
ROOM = 100_000  # runs an INSERT


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def expression(column, of_run):
    """What a copy has in the place of the template's value; `?1` is the template's number, `n.i` the copy's place."""
    name, kind, key = column["name"], column["type"], column["pk"]
    if name == ("seq" if of_run else "run"):
        return "?1 + n.i"
    if of_run and name == "uuid":
        return "randomblob(16)"
    if of_run and name == "dag_run_id":
        return "'old__' || n.i"
    if of_run and name in ("logical_date", "data_interval_start", "data_interval_end"):
        return "NULL"
    if name == "id" and key and kind == "INTEGER":
        return "NULL"  # the next one
    if kind == "INTEGER" and (name.endswith(("_date", "_at", "_after", "_low", "_high")) or name in ("started", "ended")):
        return f"CASE WHEN t.{name} > {AGE_US} THEN t.{name} - {AGE_US} + n.i ELSE t.{name} END"
    return f"t.{name}"


def fill(store: Path, count: int):
    """Makes `count` old copies of the newest run; gives the number of the first."""
    db = sqlite3.connect(store)
    db.row_factory = sqlite3.Row
    template = db.execute("SELECT max(seq) FROM dag_run").fetchone()[0]
    db.execute("CREATE TEMP TABLE n (i INTEGER PRIMARY KEY)")
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
    for first in range(1, count + 1, ROOM):
        db.execute("DELETE FROM n")
        db.executemany("INSERT INTO n VALUES (?)", ((i,) for i in range(first, min(count + 1, first + ROOM))))
        for table in tables:
            columns = db.execute(f"PRAGMA table_info({table})").fetchall()
            of_run = table == "dag_run"
            number = "seq" if of_run else "run"
            # What removes runs writes that table.
            if table == "removed_run" or number not in (column["name"] for column in columns):
                continue
            names = ", ".join(column["name"] for column in columns)
            values = ", ".join(expression(column, of_run) for column in columns)
            db.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM n, {table} AS t WHERE t.{number} = ?1 "
                       "ORDER BY n.i", (template,))
        db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return template + 1


class Left:
    """How many of the copies are there yet; they go in the order of their numbers."""

    def __init__(self, store: Path, first: int, count: int):
        self.db, self.first, self.end = sqlite3.connect(f"file:{store}?mode=ro", uri=True), first, first + count

    def runs(self):
        oldest = self.db.execute("SELECT min(seq) FROM dag_run WHERE seq >= ?", (self.first,)).fetchone()[0]
        return max(0, self.end - oldest) if oldest else 0

    def rows_below(self):
        """Whether rows of removed runs wait yet."""
        return self.db.execute("SELECT EXISTS (SELECT 1 FROM removed_run WHERE swept = 0)").fetchone()[0]


def megabytes(store: Path):
    return store.stat().st_size / 2**20


def measure(build: Path, folder: Path, slots: int, count: int):
    """Rows of (name, value, unit)."""
    server = Batuta(build, folder / "expired", slots, environment=OFF)
    store = server.home / "batuta.db"
    triggers = max(40, min(2000, count // 50))
    try:
        server.stop()
        first = fill(store, count)
        full = megabytes(store)
        server.start()
        server.numbers("runs", "bench_one", triggers // 10)  # warm-up, not counted
        before = server.numbers("runs", "bench_one", triggers)
        server.stop()
        server.environment = {}
        left = Left(store, first, count)
        server.start()
        begun, at = time.perf_counter(), left.runs()
        alone_until = at - count // 3
        while left.runs() > alone_until:
            time.sleep(0.2)
        alone = (at - left.runs()) / (time.perf_counter() - begun)
        during, begun, at = [], time.perf_counter(), left.runs()
        while left.runs() > count // 20:
            during += server.numbers("runs", "bench_one", triggers // 10)
        beside = (at - left.runs()) / (time.perf_counter() - begun)
        while left.runs() or left.rows_below():
            time.sleep(0.5)
        size, since = megabytes(store), time.perf_counter()
        while time.perf_counter() - since < 10:  # until it has not become smaller for so long
            time.sleep(0.5)
            if megabytes(store) < size:
                size, since = megabytes(store), time.perf_counter()
        return [(f"{count:,} expired runs: removed, nobody asking anything", alone, "runs/s"),
                ("  removed beside triggers, one after the other", beside, "runs/s"),
                ("  W1, p50, before", statistics.median(before), "ms"),
                ("  W1, p99, before", percentile(before, 0.99), "ms"),
                (f"  W1, p50, while they go ({len(during):,} triggers)", statistics.median(during), "ms"),
                ("  W1, p99, while they go", percentile(during, 0.99), "ms"),
                ("  W1, p99, while they go, by that before", percentile(during, 0.99) / percentile(before, 0.99), "times"),
                ("  size of the store with them", full, "MiB"),
                ("  size of the store without", size, "MiB")]
    finally:
        server.stop()
