"""What the end-to-end tests share: a server of real processes in a home of its own, and its API."""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

BUILD = Path(os.environ.get("BATUTA_BUILD_DIR", "build")).resolve()
SOURCE = Path(os.environ.get("BATUTA_SOURCE_DIR", ".")).resolve()
FINANCIAL = SOURCE / "pipelines" / "financial" / "dags" / "financial.json"
DATA = Path(os.environ.get("BATUTA_TEST_DATA") or SOURCE.parent / "shared" / "data")
BATUTA = BUILD / "batuta"
SKIPPED = 77  # ctest's SKIP_RETURN_CODE


class Refused(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status, body, headers):
        super().__init__(f"{status}: {body[:500]}")
        self.status, self.body, self.headers = status, body, headers


def refused(status, call):
    """What the server says when it refuses the call with that status."""
    try:
        call()
    except Refused as error:
        assert error.status == status, error
        return str(error)
    raise AssertionError(f"it was not refused with {status}")


def eventually(check, seconds, what):
    """Polls until `check` gives something true; the bound is part of the test's promise."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            last = check()
            if last:
                return last
        except (OSError, Refused, KeyError, ValueError) as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what} (last: {last!r})")


class Server:
    """`batuta standalone` or `batuta scheduler` as a child, restarted on the same home at will."""

    def __init__(self, folder: Path, dags=None, command="standalone", home=None, env=None, arguments=()):
        self.folder = folder
        self.home = home or folder / "home"
        self.dags = folder / "dags"
        self.dags.mkdir(parents=True, exist_ok=True)
        if "financial" in (dags or {}):
            for part in ("contracts", "models"):
                shutil.copytree(FINANCIAL.parents[1] / part, folder / part, dirs_exist_ok=True)
        for name, definition in (dags or {}).items():
            self.write_dag(name, definition)
        self.command = [BATUTA, command, "--home", self.home, "--port", "0", "--dags", self.dags, *arguments]
        # Tests count the DAGs and runs that they made themselves.
        self.env = {**os.environ, "BATUTA_LAKE_MAINTENANCE": "off", "BATUTA_LAKE_REPORT": "off", **(env or {})}
        self.log = open(folder / f"{command}.log", "ab")
        self.process = None

    def write_dag(self, name, definition):
        staged = self.folder / f"{name}.staged"
        staged.write_text(definition if isinstance(definition, str) else json.dumps(definition))
        staged.rename(self.dags / f"{name}.json")

    # ---- life ----------------------------------------------------------------------------------
    def start(self, wait=True, seconds=30):
        self.process = subprocess.Popen(self.command, env=self.env, stdout=self.log, stderr=self.log,
                                        start_new_session=True)
        if wait:
            self.wait_healthy(seconds)
        return self

    def wait_healthy(self, seconds=30):
        def healthy():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log_tail()}")
            return self.read_endpoint() and self.get("/api/v2/monitor/health")
        eventually(healthy, seconds, f"health 200\n{self.log_tail()}")

    def read_endpoint(self):
        endpoint = json.loads((self.home / "run" / "endpoint.json").read_text())
        if endpoint["pid"] != self.process.pid:
            return False  # of the server before, which was killed
        self.url, self.token = endpoint["url"], endpoint["token"]
        return True

    def log_tail(self, size=3000):
        self.log.flush()
        return Path(self.log.name).read_bytes()[-size:].decode(errors="replace")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("the server did not stop within 20 s of SIGTERM")
        return self.process.returncode if self.process else None

    # ---- API -----------------------------------------------------------------------------------
    def call(self, method, path, body=None, headers=None, timeout=75):
        request = urllib.request.Request(self.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace"), error.headers) from None

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def trigger(self, dag, conf=None, run_id=None, key=None):
        body = {"logical_date": None, "conf": conf or {}}
        if run_id:
            body["dag_run_id"] = run_id
        return self.call("POST", f"/api/v2/dags/{dag}/dagRuns", body,
                         headers={"Idempotency-Key": key} if key else None)

    def run(self, dag, run_id):
        return self.get(f"/api/v2/dags/{dag}/dagRuns/{run_id}")

    def wait_run(self, dag, run_id, seconds=60):
        def ended():
            run = self.run(dag, run_id)
            return run if run["state"] in ("success", "failed") else None
        return eventually(ended, seconds, f"run {dag}/{run_id} ends\n{self.log_tail(1500)}")

    def tasks(self, dag, run_id):
        answer = self.get(f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances?limit=1000")
        return {task["task_id"]: task for task in answer["task_instances"]}

    def log_text(self, dag, run_id, task, number=1):
        page = self.get(f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/logs/{number}")
        return "\n".join(line["event"] for line in page["content"])

    def cli(self, *arguments, check=True, stdin=None):
        result = subprocess.run([BATUTA, *map(str, arguments), "--home", self.home], capture_output=True,
                                text=True, input=stdin, timeout=120, env=self.env)
        if check and result.returncode != 0:
            raise AssertionError(f"batuta {' '.join(map(str, arguments))}: {result.stderr}\n{result.stdout}")
        return result

    def sql(self, query):
        """Rows of a query over the lake, as lists, through the command line, as the owner of its files."""
        answer = json.loads(self.cli("lake", "sql", query, "--files", "--limit", 100_000, "--output", "json").stdout)
        return [list(row.values()) if isinstance(row, dict) else row for row in answer]

    # ---- processes -----------------------------------------------------------------------------
    def family(self):
        """{pid: command line} of everything below the server."""
        return family_of(self.process.pid)

    def pids(self, kind):
        """Pids of `agent` or `slot` processes below the server."""
        return [pid for pid, line in self.family().items() if len(line) > 1 and line[1] == kind]

    def check_database(self):
        """The store is sound: SQLite says so on a copy of the file."""
        result = subprocess.run([BATUTA, "db", "check", "--home", self.home], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


def family_of(root):
    parents, lines = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            lines[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (OSError, IndexError):
            continue
    found, todo = {}, [pid for pid, parent in parents.items() if parent == root]
    while todo:
        pid = todo.pop()
        found[pid] = lines.get(pid, [])
        todo += [child for child, parent in parents.items() if parent == pid]
    return found


class Folder:
    """A temporary folder that stays when the test fails, and says where."""

    def __init__(self, name):
        self.path = Path(tempfile.mkdtemp(prefix=f"batuta-{name}-"))
        self.servers = []

    def server(self, *arguments, **more):
        server = Server(self.path, *arguments, **more)
        self.servers.append(server)
        return server

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for server in self.servers:
            server.kill()
        if kind is None:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            print(f"left for inspection: {self.path}", file=sys.stderr)
            for server in self.servers:
                print(server.log_tail(), file=sys.stderr)


def run(*arguments, code=0, **more):
    """The command line, without a server of this test: what it said, if it ended with `code`; None: with any."""
    result = subprocess.run([BATUTA, *map(str, arguments)], capture_output=True, text=True, **{"timeout": 120, **more})
    assert code is None or result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def dag(dag_id, tasks, **more):
    return {"dag_id": dag_id, "schedule": None, "is_paused_upon_creation": False, "tasks": tasks, **more}


def shell(task_id, command, depends_on=(), **more):
    return {"task_id": task_id, "type": "shell", "command": command, "depends_on": list(depends_on), **more}


def mock(task_id, depends_on=(), **more):
    return {"task_id": task_id, "type": "mock", "depends_on": list(depends_on), **more}


def main(tests):
    """Runs every test function, prints a line each; exit 1 when one failed."""
    chosen = sys.argv[1:]
    failed = passed = 0
    for test in tests:
        if chosen and test.__name__ not in chosen:
            continue
        start = time.monotonic()
        try:
            test()
            passed += 1
            print(f"ok      {test.__doc__ or test.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception as error:  # noqa: BLE001: the next test shall run too
            import traceback
            failed += 1
            traceback.print_exc()
            print(f"FAILED  {test.__doc__ or test.__name__}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
