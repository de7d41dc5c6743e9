#!/usr/bin/env python3
"""Speed and memory of a running Batuta, through its public API, durable throughout.

Prints medians over repeated runs with the machine and the disk's fdatasync time beside them: quote no
figure without that line. Peers are measured in the same session, in turn, where they are installed:
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


def measure(server: Batuta, repeats: int, quick: bool):
    rows = []
    time.sleep(3)
    idle = server.memory()
    server.numbers("runs", "bench_one", 100)  # warm-up, not counted

    w1 = [server.numbers("runs", "bench_one", 200) for _ in range(repeats)]
    rows.append(("W1 trigger over HTTP -> success visible, p50", statistics.median(
        percentile(run, 0.5) for run in w1), "ms", 0.35))
    rows.append(("W1 trigger over HTTP -> success visible, p99", statistics.median(
        percentile(run, 0.99) for run in w1), "ms", 1.0))
    w2 = [statistics.median(server.numbers("runs", "bench_chain", 10)) for _ in range(repeats)]
    rows.append(("W2 chain of 40 tasks", statistics.median(w2), "ms", 9.0))
    peak = idle
    w3 = []
    for _ in range(repeats):
        # Sampling memory costs a core a little; the time is taken without it.
        w3.append(1e6 / statistics.median(server.numbers("runs", "bench_wide", 10)))
        peak = max(peak, server.peak_during("runs", "bench_wide", 20)[1])
    rows.append(("W3 1,000 independent plugin tasks", statistics.median(w3), "tasks/s", 30000))

    write_large_dags(server.dags)
    server.wait_for_dag("bench_flood")
    server.wait_for_dag("bench_process")
    flood = [100_000 / float(server.client("burst", "bench_flood", 5).stdout)
             for _ in range(1 if quick else repeats)]
    rows.append(("100,000 tasks sustained (5 runs of 20,000)", statistics.median(flood), "tasks/s", 30000))
    highest = server.peak_during("burst", "bench_flood", 5)[1]
    shell = [2000 / float(server.client("burst", "bench_process", 1).stdout) for _ in range(repeats)]
    rows.append(("tasks with a process each (/bin/sh -c true)", statistics.median(shell), "tasks/s", 2800))
    floor = [server.numbers("spawn", "/bin/sh", 1000)[0] for _ in range(repeats)]
    rows.append(("  the machine alone: start and reap /bin/sh -c true on all cores",
                 statistics.median(floor), "/s", None))
    # RSS counts what the processes share, libc above all, once for each of them; PSS counts it once.
    for name, (rss, pss), goal in (("memory idle", idle, 15), ("memory peak in W3", peak, 30),
                                   ("memory peak under 100,000 tasks", highest, None)):
        rows.append((f"{name}, shared pages once (PSS)", pss, "MiB", goal))
        rows.append((f"{name}, sum of RSS", rss, "MiB", goal))
    return rows


def print_rows(rows):
    width = max(len(name) for name, *_ in rows)
    for name, value, unit, goal in rows:
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
        ratio = ""
        if goal:
            better = value / goal if unit == "tasks/s" else goal / value
            ratio = f"   goal {goal:g}   x{better:.2f}"
        print(f"{name:<{width}}  {shown:>10} {unit:<8}{ratio}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each workload; medians are printed")
    parser.add_argument("--quick", action="store_true", help="the large workload once only")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--no-peers", action="store_true", help="Batuta only")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()

    folder = Path(tempfile.mkdtemp(prefix="batuta-bench-"))
    server = Batuta(options.build.resolve(), folder, options.slots)
    try:
        before = disk_sync_us(server.build, folder)
        rows = measure(server, options.repeats, options.quick)
        after = disk_sync_us(server.build, folder)
    finally:
        server.stop()
    peer_rows = [] if options.no_peers else peers.measure(folder)
    shutil.rmtree(folder, ignore_errors=True)

    machine = (f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}; "
               f"fdatasync p50 {before:.0f} us before, {after:.0f} us after; synchronous=FULL; "
               f"{options.slots} slots, medians of {options.repeats}")
    if options.json:
        print(json.dumps({"machine": machine, "batuta": [dict(zip(("name", "value", "unit", "goal"), row))
                                                         for row in rows],
                          "peers": [dict(zip(("name", "value", "unit"), row)) for row in peer_rows]}))
        return
    print(machine)
    print_rows(rows)
    if peer_rows:
        print("\npeers, same machine, same session")
        print_rows([(*row, None) for row in peer_rows])
    elif not options.no_peers:
        print("\nno peer installed (Dagu, Celery with redis)")


if __name__ == "__main__":
    main()
