"""`./dev bench lake`: JSON lines to raw, bronze, silver and gold by a contract and a model, and the same tables by bare
DuckDB with the threads and the memory of a slot, in turn; a merge of 1 % changes; the latency of a version; a lake of
10,000 tables; what a run reads after many versions. Polars and Spark do the first load too where they are installed
(BATUTA_POLARS_PYTHON and BATUTA_SPARK_PYTHON name a Python that has them)."""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from duckdb_alone import OutOfMemory, run_alone
from lake_work import CONTRACT, DAG, alone, changes_sql, hour_sql, trades_sql
from moments import Moments, durable_steps
from run import print_rows
from server import Batuta, disk_sync_us, family_of, write_dag

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pids):
    """Seconds of these processes and of the children that they have reaped."""
    total = 0
    for pid in pids:
        try:
            total += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
        except OSError:
            continue
    return total / TICKS


def read_of(pids):
    """(bytes, calls) that these processes have read, from the disk or from its cache."""
    total = [0, 0]
    for pid in pids:
        try:
            fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        except OSError:
            continue
        total[0] += int(fields["rchar"])
        total[1] += int(fields["syscr"])
    return total


class Peak:
    """The most that one slot's process has held, looked at every 0.1 s: the kernel's own high-water mark (VmHWM)."""

    def __init__(self, pid):
        self.pid, self.mib, self.stopping = pid, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.stopping.wait(0.1):
            for pid in family_of(self.pid):
                try:
                    if "batuta-worker" not in os.readlink(f"/proc/{pid}/exe"):
                        continue
                    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                        if line.startswith("VmHWM:"):
                            self.mib = max(self.mib, int(line.split()[1]) / 1024)
                except OSError:
                    continue

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return self.mib


class Lake:
    """A server with the contract, the model and the DAG of the measurement."""

    def __init__(self, build: Path, folder: Path, options):
        self.folder, self.source = folder, folder / "trades.jsonl"
        contract = folder / "contracts" / "bench" / "trades.odcs.yaml"
        contract.parent.mkdir(parents=True)
        contract.write_text(CONTRACT.replace("PATH", json.dumps(str(self.source))))
        for name, value in (("BATUTA_LAKE_MEMORY", options.memory), ("BATUTA_LAKE_THREADS", str(options.threads)),
                            ("BATUTA_LAKE_MONITORS", "off")):
            os.environ[name] = value
        self.server = Batuta(build, folder, options.slots, lambda dags: write_dag(dags, "bench_lake", DAG))
        self.server.wait_for_dag("bench_lake")
        self.tables = self.server.home / "lake"

    def run(self, dag="bench_lake", timeout=3600):
        """(wall s, CPU s, {task: wall s}) of one run that must succeed."""
        server = self.server
        before, begun = cpu_of(family_of(server.process.pid)), time.perf_counter()
        run = server.ask(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})["dag_run_id"]
        path = f"/api/v2/dags/{dag}/dagRuns/{run}"
        deadline = time.time() + timeout
        while server.ask(path)["state"] not in ("success", "failed") and time.time() < deadline:
            with server.open(path + "/wait?interval=1") as answer:  # ends by itself before a long run does
                answer.read()
        wall = time.perf_counter() - begun
        used = cpu_of(family_of(server.process.pid)) - before
        tasks = server.ask(path + "/taskInstances")["task_instances"]
        if any(task["state"] != "success" for task in tasks):
            logs = [server.open(f"{path}/taskInstances/{task['task_id']}/logs/1").read().decode()[-3000:]
                    for task in tasks if task["state"] == "failed"]
            states = ", ".join(f"{task['task_id']} is {task['state']}" for task in tasks)
            sys.exit(f"the run failed: {states}\n" + "\n".join(logs))
        return wall, used, {task["task_id"]: task["duration"] for task in tasks}

    def versions(self, table):
        return sorted((self.tables / table / "_delta_log").glob("*.json"))

    def live_files(self, table):
        """Sizes of the files that the newest version holds."""
        live = {}
        for version in self.versions(table):
            for line in version.read_text().splitlines():
                action = json.loads(line)
                if "add" in action:
                    live[action["add"]["path"]] = action["add"]["size"]
                elif "remove" in action:
                    live.pop(action["remove"]["path"], None)
        return list(live.values())

    def publication(self, table, moments):
        """Seconds from the last byte of the newest version's last file to the link that makes the version."""
        version = self.versions(table)[-1]
        paths = [self.tables / table / json.loads(line)["add"]["path"]
                 for line in version.read_text().splitlines() if '"add"' in line]
        return moments.created[version] - max(moments.closed[path] for path in paths)

    def touched(self, table):
        """(files written, files taken away) by the newest version."""
        lines = [json.loads(line) for line in self.versions(table)[-1].read_text().splitlines()]
        return sum("add" in line for line in lines), sum("remove" in line for line in lines)

    def sql(self, statement):
        return self.server.ask("/api/lake/sql", {"sql": statement})["rows"]


# Where the work by hand has left the same table.
ALONE = {"bronze/bench/trades": "bronze", "silver/bench/trades": "silver/2", "gold/bench/bars": "gold/2"}


def sizes(files):
    return len(files), sum(files) / 2**20


def load(build: Path, folder: Path, options, rows: int, add):
    """One first load and one merge of 1 %, in turn with bare DuckDB; the rows of both must be the same."""
    folder.mkdir()
    library = build / "libduckdb.so"
    lake, beside = Lake(build, folder, options), not options.without_duckdb
    try:
        run_alone(folder, library, options.threads, options.memory, [["trades", trades_sql(rows, lake.source)]])
        size = lake.source.stat().st_size / 2**20
        for name, merging in ((f"{rows:,} rows", False), (f"1 % of {rows:,} rows merged", True)):
            if merging:
                run_alone(folder, library, options.threads, options.memory,
                          [["trades", changes_sql(rows, lake.source)]])
            bare = None
            try:
                if beside:
                    bare = run_alone(folder, library, options.threads, options.memory,
                                     alone(folder / "alone", lake.source, merging))
            except OutOfMemory:
                beside = False
                shutil.rmtree(folder / "alone", ignore_errors=True)
                print(f"{name}: DuckDB alone ran out of its {options.memory}, so Batuta goes on without it", file=sys.stderr)
            peak = Peak(lake.server.process.pid)
            wall, used, tasks = lake.run()
            mib = peak.stop()
            goal = 1.5 if merging else 1.2
            what = "" if merging else f", {size:,.0f} MiB of JSON lines, raw to gold"
            if not bare:
                ours_alone(lake, folder, f"{name}{what}", wall, used, tasks, mib, add)
                continue
            add(f"{name}{what}: wall", wall, "s", goal, bare["wall"])
            add(f"{name}: CPU", used, "s", goal, bare["cpu"])
            for task, step in (("extract", "bronze"), ("transform", "silver"), ("gold", "gold")):
                add(f"  {task}, wall", tasks[task], "s", None,
                    sum(taken[0] for each, taken in bare["steps"].items() if each.startswith(step)))
            add("  peak of a slot", mib, "MiB", None, bare["peak"])
            same(lake, bare)
            if not merging:
                others_beside(folder, lake.source, options, bare, add)
        for table in ALONE if beside else ():
            count, mib = sizes(lake.live_files(table))
            other, others = sizes([each.stat().st_size for each in
                                   (folder / "alone" / ALONE[table]).rglob("*.parquet")])
            add(f"  {table}: files", count, "", None, other)
            add(f"  {table}: size", mib, "MiB", None, others)
        an_hour(lake, folder, library, options, rows, add)
    finally:
        lake.server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def ours_alone(lake: Lake, folder: Path, name, wall, used, tasks, mib, add):
    """Where the disk has no room for the same tables by DuckDB: what it took, and that no row is missing."""
    add(f"{name}: wall", wall, "s", None, None)
    add("  CPU", used, "s", None, None)
    for task in ("extract", "transform", "gold"):
        add(f"  {task}, wall", tasks[task], "s", None, None)
    add("  peak of a slot", mib, "MiB", 1024, None)
    silver, quarantine = lake.sql("SELECT count(*), (SELECT count(*) FROM quarantine.bench.trades) FROM silver.bench.trades")[0]
    add("  rows in silver", silver, "", None, None)
    add("  rows in quarantine", quarantine, "", None, None)
    add("  disk, its source with it", sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 2**20,
        "MiB", None, None)


def an_hour(lake: Lake, folder: Path, library: Path, options, rows: int, add):
    """An hour's rows once more: what is read and written must be of their day alone, one of ten."""
    run_alone(folder, library, options.threads, options.memory, [["trades", hour_sql(rows, lake.source)]])
    days = len(lake.live_files("silver/bench/trades"))
    before = read_of(family_of(lake.server.process.pid))
    lake.run()
    read = read_of(family_of(lake.server.process.pid))[0] - before[0]
    written, taken = lake.touched("silver/bench/trades")
    add(f"an hour's rows into {rows:,}: files of silver written", written, "", None, None)
    add(f"  files taken away, of {days}", taken, "", None, None)
    add("  bytes read by raw to gold", read / 2**20, "MiB", None, None)


def same(lake: Lake, bare):
    """A ratio of two works that differ says nothing."""
    ours = [str(value) for value in lake.sql(
        "SELECT count(*), CAST(sum(quantity) AS BIGINT), CAST(sum(price) AS VARCHAR), (SELECT count(*) FROM gold.bench.bars), "
        "(SELECT count(*) FROM quarantine.bench.trades) FROM silver.bench.trades")[0]]
    if ours != bare["rows"]["count"]:
        sys.exit(f"the lake's rows and those of bare DuckDB differ: {ours} and {bare['rows']['count']}")


def others_beside(folder: Path, source: Path, options, bare, add):
    """The same load in Polars and in Spark on this machine, where they are installed: in this Python, or in that of
    BATUTA_POLARS_PYTHON and BATUTA_SPARK_PYTHON."""
    expected = bare["rows"]["count"]
    for name, module, variable, what in (
            ("Polars", "polars", "BATUTA_POLARS_PYTHON", "alone, without a hash of each record"),
            ("Spark", "pyspark", "BATUTA_SPARK_PYTHON", "on this machine, its start apart")):
        python = os.environ.get(variable, sys.executable)
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode != 0:
            continue
        program = Path(__file__).parent / f"{name.lower()}_alone.py"
        done = subprocess.run([python, program, source, folder / name.lower(), str(options.threads)], capture_output=True,
                              text=True, env={**os.environ, "POLARS_MAX_THREADS": str(options.threads)})
        if done.returncode != 0:
            sys.exit(f"{name} failed: {done.stderr[-2000:]}")
        told = json.loads(done.stdout)
        if told["rows"] != [expected[0], expected[1], expected[3]]:
            sys.exit(f"the rows of {name} and of bare DuckDB differ: {told['rows']} and {expected}")
        for each, unit in (("start", "s"), ("wall", "s"), ("cpu", "s"), ("peak", "MiB")):
            if each in told:
                add(f"  {name} {told['version']} {what}: {each}", told[each], unit)
        shutil.rmtree(folder / name.lower(), ignore_errors=True)


def many_versions(build: Path, folder: Path, options, add):
    """How long a version takes to be there once its file is written (it is synced, handed in, accepted by a commit and
    linked), and what a run reads when a table has many."""
    versions, rounds = options.versions, 10
    lake = Lake(build, folder, options)
    try:
        write_dag(lake.server.dags, "bench_append", [{
            "task_id": "t", "type": "aggregate", "sql": "SELECT range AS n, random() AS value FROM range(100)",
            "table": "gold/bench/appended", "mode": "append"}])
        lake.server.wait_for_dag("bench_append")
        table, latency, read, floor = "gold/bench/appended", [], {}, []
        lake.run("bench_append")  # or its folders are not there to be watched
        moments = Moments([lake.tables / table, lake.tables / table / "_delta_log"])
        for number in range(versions + rounds):
            before = read_of(family_of(lake.server.process.pid))
            lake.run("bench_append")
            if number < rounds or number >= versions:
                now = read_of(family_of(lake.server.process.pid))
                read.setdefault(number >= versions, []).append([now[0] - before[0], now[1] - before[1]])
            latency.append(lake.publication(table, moments) * 1e3)
            floor.append(durable_steps(folder / "floor") * 1e3)
        ordered = sorted(latency)
        add(f"a version: its file written -> the version there, p50 of {len(latency)}", statistics.median(latency), "ms", 5, None)
        add("  p95", ordered[int(0.95 * len(ordered))], "ms", None, None)
        add("  the same syncs in turn with nothing between, p50", statistics.median(floor), "ms", None, None)
        for late, name in ((False, f"first {rounds}"), (True, f"after {versions}")):
            add(f"read by a run that appends, {name} versions", statistics.median(each[0] for each in read[late]) / 1024,
                "KiB", None, None)
            add("  calls of read", statistics.median(each[1] for each in read[late]), "", None, None)
    finally:
        lake.server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def many_tables(build: Path, folder: Path, options, add):
    """A lake of many tables, of which each has one version."""
    count = options.tables
    lake = Lake(build, folder, options)
    try:
        write_dag(lake.server.dags, "bench_one_table", [{
            "task_id": "t", "type": "aggregate", "sql": "SELECT range AS n FROM range(10)", "table": "gold/bench/one"}])
        lake.server.wait_for_dag("bench_one_table")
        lake.run("bench_one_table")
        for number in range(count - 1):
            shutil.copytree(lake.tables / "gold/bench/one", lake.tables / f"gold/bench{number % 20}/t{number}")
        taken = []
        for _ in range(6):
            begun = time.perf_counter()
            lake.server.ask("/api/lake/tables?limit=100")
            taken.append((time.perf_counter() - begun) * 1e3)
        add(f"the list of {count:,} tables, 100 a page: the first time", taken[0], "ms", None, None)
        add("  p50 afterwards", statistics.median(taken[1:]), "ms", 200, None)
        taken = []
        for _ in range(3):
            begun = time.perf_counter()
            lake.sql("SELECT 1")
            taken.append((time.perf_counter() - begun) * 1e3)
        add("  SELECT 1 beside them", statistics.median(taken), "ms", None, None)
    finally:
        lake.server.stop()
        shutil.rmtree(folder, ignore_errors=True)


PARTS = ("load", "versions", "tables")


def options_of(arguments):
    parser = argparse.ArgumentParser(prog="./dev bench lake", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000], metavar="N",
                        help="lines of each load, such as 1000000 5000000 20000000; a million takes about 0.7 GiB of "
                             "disk for the time (default 1000000)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(),
                        help="of the engine, in Batuta and beside it (default: the machine's)")
    parser.add_argument("--memory", default="640MiB", help="of the engine, likewise (default 640MiB, the setting's)")
    parser.add_argument("--part", choices=PARTS, nargs="+", default=PARTS, help="of the measurements, some only")
    parser.add_argument("--without-duckdb", action="store_true",
                        help="the loads in Batuta alone, where the disk has no room for the same tables twice")
    parser.add_argument("--versions", type=int, default=100, help="of the table with many (default 100)")
    parser.add_argument("--tables", type=int, default=10_000, help="of the lake with many (default 10000)")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--realtime", action="store_true",
                        help="the parts versions and tables with the kernel's real-time priority, as root: on a busy machine "
                             "each wait costs a tick of others' work, 4 ms, which is no figure of Batuta's")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args(arguments)
    if min(options.rows) < 1000:
        parser.error("--rows: at least 1000 each")
    return options


def measure(options, build: Path, folder: Path):
    """Rows of (name, value, unit, goal, DuckDB alone)."""
    rows = []

    def add(name, value, unit, goal=None, beside=None):
        rows.append((name, value, unit, goal, beside))

    if "load" in options.part:
        for number in options.rows:
            load(build, folder / f"load{number}", options, number, add)
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    if "versions" in options.part:
        many_versions(build, folder / "versions", options, add)
    if "tables" in options.part:
        many_tables(build, folder / "tables", options, add)
    return rows


def main():
    options = options_of(sys.argv[1:])
    build = options.build.resolve()
    folder = Path(tempfile.mkdtemp(prefix="batuta-bench-"))
    try:
        before = disk_sync_us(build, folder)
        rows = measure(options, build, folder)
        after = disk_sync_us(build, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    machine = (f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}; "
               f"fdatasync p50 {before:.0f} us before, {after:.0f} us after; {options.threads} threads and "
               f"{options.memory} for the engine, here and alone; load {os.getloadavg()[0]:.1f}"
               + ("; versions and tables with real-time priority" if options.realtime else ""))
    if options.json:
        print(json.dumps({"machine": machine, "lake": [dict(zip(("name", "value", "unit", "goal", "alone"), row))
                                                       for row in rows]}))
        return
    print(machine)
    print_rows(rows, "DuckDB alone")


if __name__ == "__main__":
    main()
