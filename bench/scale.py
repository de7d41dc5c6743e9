"""What grows: a store with millions of finished tasks, a DAG of 10,000 tasks, a map of 5,000, 10,000 DAG files and
10,000 queued runs. Each has a server of its own; memory is that of all its processes, shared pages once (PSS)."""
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from server import Batuta, mock, write_dag

PAGE = 4096


def median_ms(times, ask):
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def written_pages(server: Batuta):
    """Pages that the scheduler has written to the disk so far: its journal, its state, its logs."""
    for line in Path(f"/proc/{server.process.pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1]) / PAGE
    return 0.0


def commits(server: Batuta):
    with server.open("/metrics") as page:
        for line in page.read().decode().splitlines():
            if line.startswith("batuta_commits "):
                return float(line.split()[1])
    return 0.0


def a_trigger(server: Batuta, repeats: int):
    """(ms, pages, commits) of one trigger of a DAG of one task, until its success is seen."""
    server.numbers("runs", "bench_one", 100)  # warm-up, not counted
    count = 200
    taken, pages, turns = [], written_pages(server), commits(server)
    for _ in range(repeats):
        taken += server.numbers("runs", "bench_one", count)
    total = count * repeats
    return (statistics.median(taken), (written_pages(server) - pages) / total, (commits(server) - turns) / total)


def much_history(server: Batuta, repeats: int, tasks: int):
    def prepare_row(row, where):
        ms, pages, turns = row
        return [(f"W1, p50, {where}", ms, "ms"), ("  pages written for it", pages, "pages"),
                ("  commits for it", turns, "commits")]

    write_dag(server.dags, "bench_flood", [mock(i) for i in range(20000)])
    server.wait_for_dag("bench_flood")
    rows = prepare_row(a_trigger(server, repeats), "empty store")
    start = time.perf_counter()
    for _ in range(tasks // 100_000):
        server.client("burst", "bench_flood", 5)
    rows.append((f"{tasks:,} tasks run to fill the store", tasks / (time.perf_counter() - start), "tasks/s"))
    time.sleep(5)  # what follows the last commits: checkpoint, clean-up of the journal
    rows += prepare_row(a_trigger(server, repeats), f"{tasks:,} finished tasks in the store")
    rows.append(("  its list of the newest tasks", median_ms(
        20, lambda: server.ask("/api/v2/dags/~/dagRuns/~/taskInstances?limit=50&order_by=-start_date")), "ms"))
    rows.append(("  size of the store", sum(file.stat().st_size for file in server.home.rglob("*.db*")) / 2**20, "MiB"))
    rows.append(("  memory", server.memory()[1], "MiB"))
    return rows


def large_dag(server: Batuta, runs: int):
    """100 layers of 100 tasks, each after three of the layer before."""
    tasks = [mock(i, [f"t{(i // 100 - 1) * 100 + (i + k) % 100}" for k in (0, 1, 7)] if i >= 100 else ())
             for i in range(10_000)]
    start = time.perf_counter()
    write_dag(server.dags, "bench_large", tasks)
    server.wait_for_dag("bench_large", every=0.02)
    rows = [("DAG of 10,000 tasks, 100 layers: saved -> in the API", (time.perf_counter() - start) * 1e3, "ms")]
    taken = [float(server.client("burst", "bench_large", 1).stdout) for _ in range(3)]
    rows.append(("  a run of it", statistics.median(taken) * 1e3, "ms"))
    peak = server.memory()[1]
    for _ in range((runs - 3) // 10):
        peak = max(peak, server.peak_during("burst", "bench_large", 10)[1][1])
    rows.append(("  its structure for the graph", median_ms(5, lambda: server.open(
        "/api/v2/dags/bench_large/tasks").read()), "ms"))
    rows.append((f"  its grid of {runs} runs, {runs * 10_000:,} cells", median_ms(5, lambda: server.open(
        f"/api/batuta/dags/bench_large/grid?runs={runs}").read()), "ms"))
    rows.append(("  memory at its peak, ten runs at once", peak, "MiB"))
    return rows


def instant(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def large_map(server: Batuta):
    write_dag(server.dags, "bench_map", [
        {"task_id": "list", "type": "mock", "return": json.dumps([str(i) for i in range(5000)])},
        {"task_id": "each", "type": "mock", "depends_on": ["list"], "max_map_length": 5000,
         "expand": {"print": "{{ ti.xcom_pull('list') | fromjson }}"}, "map_index_template": "item {{ item.print }}"}])
    server.wait_for_dag("bench_map")
    whole, expanded = [], []
    for _ in range(5):
        whole.append(float(server.client("burst", "bench_map", 1).stdout) * 1e3)
        run = server.ask("/api/v2/dags/bench_map/dagRuns?limit=1&order_by=-id")["dag_runs"][0]["dag_run_id"]
        one = f"/api/v2/dags/bench_map/dagRuns/{run}/taskInstances"
        listed = instant(server.ask(f"{one}/list")["end_date"])
        first = server.ask(f"{one}/each/listMapped?limit=1&order_by=start_date")["task_instances"][0]
        expanded.append((instant(first["start_date"]) - listed) * 1e3)
    return [("map of 5,000 with names: end of the list -> first instance starts", statistics.median(expanded), "ms"),
            ("  a run of it", statistics.median(whole), "ms"), ("  memory", server.memory()[1], "MiB")]


def many_files(build: Path, folder: Path, slots: int, count: int):
    def prepare(dags):
        for i in range(count):
            write_dag(dags, f"bench_{i:05}", [mock(k, [f"t{k - 1}"] if k else ()) for k in range(5)])

    start = time.perf_counter()
    server = Batuta(build, folder, slots, prepare)
    try:
        server.wait_for_dag(f"bench_{count - 1:05}")
        rows = [(f"{count:,} DAG files: start -> the first run has ended", (time.perf_counter() - start) * 1e3, "ms")]
        server.stop()
        start = time.perf_counter()
        server.start()
        rows.append(("  the same, started again", (time.perf_counter() - start) * 1e3, "ms"))
        seen = []
        for i in range(5):
            start = time.perf_counter()
            write_dag(server.dags, "bench_00500", [mock(0)], description=f"saved {i}")
            server.wait_for_dag("bench_00500", true=lambda dag: dag["description"] == f"saved {i}", every=0.005)
            seen.append((time.perf_counter() - start) * 1e3)
        rows.append(("  a file saved -> seen in the API", statistics.median(seen), "ms"))
        rows.append(("  the first page of the list of DAGs", median_ms(5, lambda: server.ask("/api/v2/dags?limit=50")), "ms"))
        rows.append(("  memory", server.memory()[1], "MiB"))
        return rows
    finally:
        server.stop()


def many_queued(server: Batuta, count: int):
    """Runs of a DAG of 2,000 tasks, one at a time, behind one that does not end."""
    write_dag(server.dags, "bench_queue", [{"task_id": "hold", "type": "mock", "hang": True}] +
              [mock(i, ["hold"]) for i in range(1999)], max_active_runs=1)
    server.wait_for_dag("bench_queue")
    time.sleep(2)
    before = server.memory()[1]
    start = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: server.ask("/api/v2/dags/bench_queue/dagRuns", {"logical_date": None}), range(count)))
    taken = time.perf_counter() - start
    time.sleep(2)
    rows = [(f"{count:,} queued runs of a DAG of 2,000 tasks: memory they add", server.memory()[1] - before, "MiB"),
            ("  triggers over HTTP, four at a time", count / taken, "runs/s"),
            ("  their list's first page", median_ms(10, lambda: server.ask(
                "/api/v2/dags/bench_queue/dagRuns?limit=50&order_by=-id")), "ms"),
            ("  W1, p50, beside them", statistics.median(server.numbers("runs", "bench_one", 200)), "ms")]
    return rows


def measure(build: Path, folder: Path, slots: int, repeats: int, quick: bool):
    """Rows of (name, value, unit)."""
    rows = []

    def with_server(name, what, *arguments):
        server = Batuta(build, folder / name, slots)
        try:
            rows.extend(what(server, *arguments))
        finally:
            server.stop()

    with_server("history", much_history, repeats, 300_000 if quick else 3_000_000)
    with_server("large", large_dag, 13 if quick else 53)
    with_server("map", large_map)
    rows.extend(many_files(build, folder / "files", slots, 1_000 if quick else 10_000))
    with_server("queued", many_queued, 1_000 if quick else 10_000)
    return rows
