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
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import peers  # noqa: E402


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Batuta:
    """A standalone server on a home and DAG folder of its own."""

    def __init__(self, build: Path, folder: Path, slots: int):
        self.build, self.home, self.dags = build, folder / "home", folder / "dags"
        self.dags.mkdir()
        write_small_dags(self.dags)
        self.log = open(folder / "server.log", "w")
        self.process = subprocess.Popen(
            [build / "batuta", "standalone", "--home", self.home, "--port", "0", "--dags", self.dags,
             "--slots", str(slots)], stdout=self.log, stderr=self.log)
        endpoint = self.wait_for(self.home / "run" / "endpoint.json")
        self.url, self.token = endpoint["url"], endpoint["token"]
        self.host, self.port = self.url.split("//")[1].split(":")
        self.wait_healthy()

    def wait_for(self, path: Path):
        for _ in range(400):
            if path.exists():
                return json.loads(path.read_text())
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"the server did not start; see {self.log.name}:\n" + Path(self.log.name).read_text()[-2000:])

    def wait_healthy(self):
        """Ready means that one run has gone through: workers are there, plugins are loaded."""
        deadline = time.time() + 30
        while time.time() < deadline:
            if self.client("runs", "bench_one", 1, check=False).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("no run went through within 30 s")

    def client(self, *arguments, check=True):
        command = [self.build / "bench" / "bench_client", self.host, self.port, self.token,
                   *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if check and result.returncode != 0:
            sys.exit(f"bench_client {' '.join(map(str, arguments))}: {result.stderr}")
        return result

    def wait_for_dag(self, name):
        deadline = time.time() + 60
        while time.time() < deadline:
            request = urllib.request.Request(f"{self.url}/api/v2/dags/{name}",
                                             headers={"Authorization": f"Bearer {self.token}"})
            try:
                urllib.request.urlopen(request, timeout=10).close()
                return
            except urllib.error.HTTPError:
                time.sleep(0.1)
        sys.exit(f"the DAG {name} did not appear within 60 s")

    def numbers(self, *arguments):
        return [float(line) for line in self.client(*arguments).stdout.split()]

    def memory(self):
        """(RSS, PSS) in MiB over the server and everything it started."""
        return memory_of(family_of(self.process.pid))

    def peak_during(self, *arguments):
        """(standard output of the client, highest memory seen every 50 ms)."""
        client = subprocess.Popen([self.build / "bench" / "bench_client", self.host, self.port, self.token,
                                   *map(str, arguments)], stdout=subprocess.PIPE, text=True)
        peak = self.memory()
        while client.poll() is None:
            time.sleep(0.05)
            peak = max(peak, self.memory())
        if client.returncode != 0:
            sys.exit(f"bench_client {arguments} failed")
        return client.stdout.read(), peak

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def family_of(pid):
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def memory_of(pids):
    rss = pss = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n"):
                if line.startswith("Rss:"):
                    rss += int(line.split()[1])
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1])
        except OSError:
            continue
    return rss / 1024, pss / 1024


def floor(build: Path, folder: Path, mode, count, window):
    """Microseconds of the floor (bench/floor.cc) on the same disk."""
    result = subprocess.run([build / "bench" / "bench_floor", folder, mode, str(count), str(window)],
                            capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        sys.exit(f"bench_floor {mode}: {result.stderr}")
    return [float(line) for line in result.stdout.split()]


def write_dag(folder: Path, name, tasks):
    definition = {"dag_id": name, "schedule": None, "is_paused_upon_creation": False,
                  "max_active_runs": 16, "max_active_tasks": 20000, "tasks": tasks}
    # Renamed into place: the scheduler reads what it finds.
    (folder / f".{name}.new").write_text(json.dumps(definition))
    (folder / f".{name}.new").rename(folder / f"{name}.json")


def mock(i, depends=()):
    return {"task_id": f"t{i}", "type": "mock", "depends_on": list(depends)}


def write_small_dags(folder: Path):
    write_dag(folder, "bench_one", [mock(0)])
    write_dag(folder, "bench_chain", [mock(i, [f"t{i - 1}"] if i else []) for i in range(40)])
    write_dag(folder, "bench_wide", [mock(i) for i in range(1000)])


def write_large_dags(folder: Path):
    write_dag(folder, "bench_flood", [mock(i) for i in range(20000)])
    write_dag(folder, "bench_process",
              [{"task_id": f"t{i}", "type": "shell", "command": "true"} for i in range(2000)])


def disk_sync_us(build: Path, folder: Path):
    result = subprocess.run([build / "bench" / "bench_client", "-", "0", "-", "fdatasync", folder, "500"],
                            capture_output=True, text=True, check=True)
    return statistics.median(float(line) for line in result.stdout.split())


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


def print_rows(rows):
    width = max(len(row[0]) for row in rows)

    def shown(value):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"

    for name, value, unit, goal, beside in rows:
        note = ""
        if beside:
            ratio = beside / value if unit == "tasks/s" else value / beside
            note = f"   floor {shown(beside)}, {ratio:.2f} times it (goal {goal:g})"
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

    def open(self, path):
        return urllib.request.urlopen(urllib.request.Request(
            self.server.url + path, headers={"Authorization": f"Bearer {self.server.token}"}), timeout=30)

    def ask(self):
        while not self.stopping.wait(0.5):
            for path in self.LISTS:
                try:
                    self.open(path).read()
                except OSError:
                    return  # the server has ended

    def follow(self):
        try:
            with self.open("/api/batuta/events") as feed:
                while not self.stopping.is_set() and feed.read1(65536):
                    pass
        except OSError:
            pass


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each workload; medians are printed")
    parser.add_argument("--quick", action="store_true", help="the large workload once only")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--no-peers", action="store_true", help="Batuta only")
    parser.add_argument("--watched", type=int, default=0, metavar="N",
                        help="with N people watching: feeds open, lists asked for twice a second")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()

    folder = Path(tempfile.mkdtemp(prefix="batuta-bench-"))
    server = Batuta(options.build.resolve(), folder, options.slots)
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
    elif not options.no_peers:
        print("\nno peer installed (Dagu, Celery with redis)")


if __name__ == "__main__":
    main()
