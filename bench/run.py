#!/usr/bin/env python3
"""Speed and memory of a running Batuta, through its public API, durable throughout.

Prints medians over repeated runs with the machine and the disk's fdatasync time beside them: quote no
figure without that line. Beside each stands the floor, a small program with the same durable steps and
nothing else (bench/floor.cc), run in turn with Batuta; a goal beside a floor is the ratio to it. Peers are measured in the same session, in turn, where they are installed:
Dagu (`dagu` on the PATH, or BATUTA_DAGU=/path/to/dagu) and Celery (python3-celery with redis-server).
"""
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

sys.path.insert(0, str(Path(__file__).parent))
import peers  # noqa: E402
import retention  # noqa: E402
import scale  # noqa: E402
from server import Batuta, disk_sync_us, mock, write_dag  # noqa: E402


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def floor(build: Path, folder: Path, mode, count, window):
    """Microseconds of the floor (bench/floor.cc) on the same disk."""
    result = subprocess.run([build / "bench" / "bench_floor", folder, mode, str(count), str(window)],
                            capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        sys.exit(f"bench_floor {mode}: {result.stderr}")
    return [float(line) for line in result.stdout.split()]


def write_small_dags(folder: Path):
    write_dag(folder, "bench_chain", [mock(i, [f"t{i - 1}"] if i else []) for i in range(40)])
    write_dag(folder, "bench_wide", [mock(i) for i in range(1000)])


def write_large_dags(folder: Path):
    write_dag(folder, "bench_flood", [mock(i) for i in range(20000)])
    write_dag(folder, "bench_process",
              [{"task_id": f"t{i}", "type": "shell", "command": "true"} for i in range(2000)])


def measure(server: Batuta, folder: Path, repeats: int, quick: bool):
    """Rows of (name, value, unit, goal, floor). With a floor the goal is a ratio to it, else an absolute value."""
    rows = []

    def add(name, value, unit, goal=None, beside=None):
        rows.append((name, value, unit, goal, beside))

    def beside(mode, count, window):
        return statistics.median(floor(server.build, folder, mode, count, window))

    time.sleep(3)
    idle = server.memory()
    server.numbers("runs", "bench_one", 100)  # warm-up, not counted

    # In turn, so that whatever else the machine does meets both alike.
    w1, w1_floor = [], []
    for _ in range(repeats):
        w1_floor.append(beside("one", 200, 1) / 1e3)
        w1.append(server.numbers("runs", "bench_one", 200))
    p50 = statistics.median(percentile(run, 0.5) for run in w1)
    add("W1 trigger over HTTP -> success visible, p50", p50, "ms", 1.5, statistics.median(w1_floor))
    add("W1 trigger over HTTP -> success visible, p99", statistics.median(percentile(run, 0.99) for run in w1), "ms",
        2 * p50)
    w2, w2_floor = [], []
    for _ in range(repeats):
        w2_floor.append(beside("chain", 40, 1) / 1e3)
        w2.append(statistics.median(server.numbers("runs", "bench_chain", 10)))
    add("W2 chain of 40 tasks", statistics.median(w2), "ms", 1.1, statistics.median(w2_floor))
    peak = idle
    w3, w3_floor = [], []
    for _ in range(repeats):
        w3_floor.append(1000e6 / statistics.median(beside("wide", 1000, 16) for _ in range(3)))
        # Sampling memory costs a core a little; the time is taken without it.
        w3.append(1e6 / statistics.median(server.numbers("runs", "bench_wide", 10)))
        peak = max(peak, server.peak_during("runs", "bench_wide", 20)[1])
    add("W3 1,000 independent plugin tasks", statistics.median(w3), "tasks/s", 1.0, statistics.median(w3_floor))

    write_large_dags(server.dags)
    server.wait_for_dag("bench_flood")
    server.wait_for_dag("bench_process")
    flood, flood_floor = [], []
    for _ in range(1 if quick else repeats):
        flood_floor.append(100_000e6 / beside("wide", 100_000, 128))
        flood.append(100_000 / float(server.client("burst", "bench_flood", 5).stdout))
    add("100,000 tasks sustained (5 runs of 20,000)", statistics.median(flood), "tasks/s", 1.1,
        statistics.median(flood_floor))
    highest = server.peak_during("burst", "bench_flood", 5)[1]
    shell, shell_floor = [], []
    for _ in range(repeats):
        shell_floor.append(2000e6 / beside("process", 2000, 2))
        shell.append(2000 / float(server.client("burst", "bench_process", 1).stdout))
    add("tasks with a process each (/bin/sh -c true)", statistics.median(shell), "tasks/s", 1.25,
        statistics.median(shell_floor))
    alone = [server.numbers("spawn", "/bin/sh", 1000)[0] for _ in range(repeats)]
    add("  the machine alone: start and reap /bin/sh -c true on all cores", statistics.median(alone), "/s")
    # RSS counts what the processes share, libc above all, once for each of them; PSS counts it once.
    for name, (rss, pss), goal in (("memory idle", idle, 15), ("memory peak in W3", peak, None),
                                   ("memory peak under 100,000 tasks", highest, 60)):
        add(f"{name}, shared pages once (PSS)", pss, "MiB", goal)
        add(f"{name}, sum of RSS", rss, "MiB")
    return rows


def print_rows(rows, floor_name="floor"):
    width = max(len(row[0]) for row in rows)

    def shown(value):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"

    for name, value, unit, goal, beside in rows:
        note = ""
        if beside:
            ratio = beside / value if unit == "tasks/s" else value / beside
            note = f"   {floor_name} {shown(beside)}, {ratio:.2f} times it" + (f" (goal {goal:g})" if goal else "")
        elif goal:
            note = f"   goal {shown(goal)}"
        print(f"{name:<{width}}  {shown(value):>10} {unit:<8}{note}")


class Watchers:
    """What people leave open: the live feed of the page, and the lists that it asks for, twice a second each."""
    LISTS = ("/api/v2/dags?limit=50", "/api/v2/dags/~/dagRuns?limit=25&order_by=-id",
             "/api/v2/dags/~/dagRuns/~/taskInstances?limit=50&order_by=-start_date")

    def __init__(self, server: Batuta, people: int):
        self.server, self.stopping = server, threading.Event()
        self.threads = [threading.Thread(target=target, daemon=True) for _ in range(people)
                        for target in (self.ask, self.follow)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        while not self.stopping.wait(0.5):
            for path in self.LISTS:
                try:
                    self.server.open(path).read()
                except OSError:
                    return  # the server has ended

    def follow(self):
        try:
            with self.server.open("/api/batuta/events") as feed:
                while not self.stopping.is_set() and feed.read1(65536):
                    pass
        except OSError:
            pass


def report(options, rows, peer_rows, before, after, folder):
    shutil.rmtree(folder, ignore_errors=True)
    machine = (f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}; "
               f"fdatasync p50 {before:.0f} us before, {after:.0f} us after; synchronous=FULL; "
               f"{options.slots} slots, medians of {options.repeats}"
               + (f", {options.watched} watching" if options.watched else ""))
    if options.json:
        print(json.dumps({"machine": machine, "batuta": [dict(zip(("name", "value", "unit", "goal", "floor"), row))
                                                         for row in rows],
                          "peers": [dict(zip(("name", "value", "unit"), row)) for row in peer_rows]}))
        return
    print(machine)
    print_rows(rows)
    if peer_rows:
        print("\npeers, same machine, same session")
        print_rows([(*row, None, None) for row in peer_rows])
    elif not options.no_peers and not options.scale and not options.expired:
        print("\nno peer installed (Dagu, Celery with redis)")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__ + "\n./dev bench lake measures the lake: see its --help.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each workload; medians are printed")
    parser.add_argument("--quick", action="store_true", help="the large workload once only")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--no-peers", action="store_true", help="Batuta only")
    parser.add_argument("--watched", type=int, default=0, metavar="N",
                        help="with N people watching: feeds open, lists asked for twice a second")
    parser.add_argument("--scale", action="store_true",
                        help="instead of the workloads: what a store, a DAG, a map, a folder and a queue cost when they "
                             "are large (about ten minutes, 3 GiB of disk; a tenth with --quick)")
    parser.add_argument("--expired", type=int, default=0, metavar="N",
                        help="instead of the workloads: so many runs of long ago are removed while others are triggered "
                             "(1000000 take about ten minutes and 2 GiB of disk)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()

    folder = Path(tempfile.mkdtemp(prefix="batuta-bench-"))
    build = options.build.resolve()
    if options.expired:
        before = disk_sync_us(build, folder)
        rows = [(*row, None, None) for row in retention.measure(build, folder, options.slots, options.expired)]
        return report(options, rows, [], before, disk_sync_us(build, folder), folder)
    if options.scale:
        before = disk_sync_us(build, folder)
        rows = [(*row, None, None) for row in scale.measure(build, folder, options.slots, options.repeats, options.quick)]
        return report(options, rows, [], before, disk_sync_us(build, folder), folder)
    server = Batuta(build, folder, options.slots, write_small_dags)
    try:
        before = disk_sync_us(server.build, folder)
        watchers = Watchers(server, options.watched) if options.watched else None
        rows = measure(server, folder, options.repeats, options.quick)
        if watchers:
            watchers.stopping.set()
        after = disk_sync_us(server.build, folder)
    finally:
        server.stop()
    peer_rows = [] if options.no_peers else peers.measure(folder)
    report(options, rows, peer_rows, before, after, folder)


if __name__ == "__main__":
    main()
