"""A standalone server of its own for a measurement, what it holds in memory, and the DAGs it is given."""
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


class Batuta:
    """A standalone server on a home and DAG folder of its own."""

    def __init__(self, build: Path, folder: Path, slots: int, prepare=None, environment=None):
        """`prepare(dags)` writes what lies in the DAG folder before the start, beside `bench_one`; `environment` is set
        beside the process's own at each start."""
        self.environment = environment or {}
        self.build, self.home, self.dags, self.slots = build, folder / "home", folder / "dags", slots
        self.dags.mkdir(parents=True)
        write_dag(self.dags, "bench_one", [mock(0)])
        if prepare:
            prepare(self.dags)
        self.log = open(folder / "server.log", "w")
        self.start()

    def start(self):
        (self.home / "run" / "endpoint.json").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [self.build / "batuta", "standalone", "--home", self.home, "--port", "0", "--dags", self.dags,
             "--slots", str(self.slots)], stdout=self.log, stderr=self.log,
            env={**os.environ, "BATUTA_LAKE_MAINTENANCE": "off", "BATUTA_LAKE_REPORT": "off",
                                                      **self.environment})
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

    def open(self, path, body=None, timeout=60):
        """The answer to a GET, or to a POST of `body`; the caller reads and closes it."""
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(),
                                         {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
        return urllib.request.urlopen(request, timeout=timeout)

    def ask(self, path, body=None):
        with self.open(path, body) as answer:
            return json.load(answer)

    def wait_for_dag(self, name, seconds=60, true=lambda dag: True, every=0.1):
        deadline = time.time() + seconds
        while time.time() < deadline:
            try:
                if true(self.ask(f"/api/v2/dags/{name}")):
                    return
            except urllib.error.HTTPError:
                pass
            time.sleep(every)
        sys.exit(f"the DAG {name} did not appear within {seconds} s")

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


def write_dag(folder: Path, name, tasks, **fields):
    definition = {"dag_id": name, "schedule": None, "is_paused_upon_creation": False,
                  "max_active_runs": 16, "max_active_tasks": 20000, "tasks": tasks, **fields}
    # Renamed into place: the scheduler reads what it finds.
    (folder / f".{name}.new").write_text(json.dumps(definition))
    (folder / f".{name}.new").rename(folder / f"{name}.json")


def mock(i, depends=()):
    return {"task_id": f"t{i}", "type": "mock", "depends_on": list(depends)}


def disk_sync_us(build: Path, folder: Path):
    result = subprocess.run([build / "bench" / "bench_client", "-", "0", "-", "fdatasync", folder, "500"],
                            capture_output=True, text=True, check=True)
    return statistics.median(float(line) for line in result.stdout.split())
