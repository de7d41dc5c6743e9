"""Dagu and Celery under the same workloads, where they are installed. Never part of the tests."""
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

CELERY_APP = """
from celery import Celery
app = Celery("peer", broker=URL, backend=URL)
app.conf.worker_prefetch_multiplier = 16
@app.task
def noop(previous=None):
    return 0
"""

CELERY_CLIENT = """
import json, sys, time
from celery import chain, group
from peer_app import noop
noop.delay().get(timeout=30)
w1 = []
for _ in range(200):
    start = time.perf_counter(); noop.delay().get(timeout=30); w1.append((time.perf_counter() - start) * 1e3)
start = time.perf_counter(); chain(*[noop.s() for _ in range(40)])().get(timeout=60)
w2 = (time.perf_counter() - start) * 1e3
start = time.perf_counter(); group(noop.s() for _ in range(1000))().get(timeout=120)
w3 = 1000 / (time.perf_counter() - start)
w1.sort()
print(json.dumps([w1[100], w1[197], w2, w3]))
"""


def wait_until(check, seconds=20):
    deadline = time.time() + seconds
    while time.time() < deadline:
        try:
            if check():
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


# ---- Dagu ---------------------------------------------------------------------------------------

def dagu_binary():
    named = os.environ.get("BATUTA_DAGU") or shutil.which("dagu")
    return named if named and Path(named).exists() else None


class Dagu:
    def __init__(self, binary, folder: Path, port=18321):
        self.base = f"http://127.0.0.1:{port}/api/v2"
        (folder / "dags").mkdir(parents=True)
        steps = [f"  - name: t{i}\n    command: 'true'\n" + (f"    depends: t{i - 1}\n" if i else "")
                 for i in range(40)]
        (folder / "dags" / "one.yaml").write_text("steps:\n" + steps[0])
        (folder / "dags" / "chain.yaml").write_text("steps:\n" + "".join(steps))
        wide = [f"  - name: t{i}\n    command: 'true'\n" for i in range(100)]
        (folder / "dags" / "wide.yaml").write_text("type: graph\nmaxActiveSteps: 2\nsteps:\n" + "".join(wide))
        environment = dict(os.environ, DAGU_HOME=str(folder), DAGU_AUTH_MODE="none")
        self.process = subprocess.Popen([binary, "start-all", "--host", "127.0.0.1", "--port", str(port)],
                                        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_until(lambda: self.get("/health") is not None):
            raise OSError("Dagu did not start")

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=10) as answer:
            return json.load(answer)

    def run(self, name, run_id):
        start = time.perf_counter()
        request = urllib.request.Request(f"{self.base}/dags/{name}/start", method="POST",
                                         data=json.dumps({"dagRunId": run_id}).encode(),
                                         headers={"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).read()
        while True:
            try:
                if self.get(f"/dag-runs/{name}/{run_id}")["dagRunDetails"]["status"] == 4:
                    return (time.perf_counter() - start) * 1e3
            except (OSError, KeyError):
                pass
            if time.perf_counter() - start > 120:
                raise OSError(f"Dagu run {run_id} did not end")
            time.sleep(0.001)


def measure_dagu(binary, folder: Path):
    dagu = Dagu(binary, folder / "dagu")
    try:
        dagu.run("one", "warm-up")
        one = sorted(dagu.run("one", f"one-{i}") for i in range(40))
        chain = statistics.median(dagu.run("chain", f"chain-{i}") for i in range(3))
        wide = statistics.median(100 / (dagu.run("wide", f"wide-{i}") / 1e3) for i in range(3))
    finally:
        stop(dagu.process)
    return [("Dagu W1 p50", one[20], "ms"), ("Dagu W1 p99", one[-1], "ms"), ("Dagu W2", chain, "ms"),
            ("Dagu 100 independent steps (W3 has 1,000)", wide, "tasks/s")]


# ---- Celery -------------------------------------------------------------------------------------

def celery_python():
    if not shutil.which("redis-server"):
        return None
    for python in ("/usr/bin/python3", sys.executable):
        if subprocess.run([python, "-c", "import celery, redis"], capture_output=True).returncode == 0:
            return python
    return None


def measure_celery(python, folder: Path, port=18322):
    work = folder / "celery"
    work.mkdir()
    url = f"redis://127.0.0.1:{port}/0"
    (work / "peer_app.py").write_text(CELERY_APP.replace("URL", repr(url)))
    (work / "client.py").write_text(CELERY_CLIENT)
    redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(work),
                              "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
                             stdout=subprocess.DEVNULL)
    worker = subprocess.Popen([python, "-m", "celery", "-A", "peer_app", "worker", "-c", "2", "-l", "error"],
                              cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        result = subprocess.run([python, "client.py"], cwd=work, capture_output=True, text=True, timeout=180)
        if result.returncode != 0:
            raise OSError("Celery client failed: " + result.stderr[-300:])
        p50, p99, chain, wide = json.loads(result.stdout)
    finally:
        stop(worker)
        stop(redis)
    return [("Celery (redis, appendfsync always) W1 p50", p50, "ms"), ("Celery W1 p99", p99, "ms"),
            ("Celery W2", chain, "ms"), ("Celery W3", wide, "tasks/s")]


def measure(folder: Path):
    rows = []
    for found, run in ((dagu_binary(), measure_dagu), (celery_python(), measure_celery)):
        if not found:
            continue
        try:
            rows += run(found, folder)
        except (OSError, subprocess.SubprocessError) as error:
            print(f"peer left out: {error}", file=sys.stderr)
    return rows
