#!/usr/bin/env python3
"""A home of an earlier version: it opens, is backed up first, and its runs go on; one of a later version is left alone.

tests/fixtures/home-0.1.0.tar.xz was made by version 0.1.0, killed with kill -9 while a task ran: the run `live` with
a finished, a running and a waiting task, two runs queued behind it, one ended run, a variable and a connection's key.
"""
import hashlib
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, SOURCE, Folder, Server, eventually, main  # noqa: E402

FIXTURE = SOURCE / "tests" / "fixtures" / "home-0.1.0.tar.xz"


def old_home(folder):
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder.path)
    (folder.path / "home").chmod(0o700)
    return folder.path / "home"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def schema_of(path):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return database.execute("SELECT max(version) FROM schema_migration").fetchone()[0]


def a_home_of_version_0_1_0_goes_on():
    """live and queued runs of a home written by 0.1.0 go on to their end, its secrets are readable"""
    with Folder("upgrade") as folder:
        home = old_home(folder)
        before = schema_of(home / "batuta.db")
        server = Server(folder.path, command="scheduler", home=home).start()
        worker = None
        try:
            assert server.get("/api/v2/dags/done/dagRuns")["dag_runs"][0]["state"] == "failed"
            tasks = {t["task_id"]: t for t in
                     server.get("/api/v2/dags/keeps/dagRuns/live/taskInstances")["task_instances"]}
            assert tasks["first"]["state"] == "success", tasks
            waiting = server.get("/api/v2/dags/keeps/dagRuns/waits_1/taskInstances")["task_instances"]
            assert sorted(t["task_id"] for t in waiting) == ["first", "last", "long"], waiting
            assert all(t["state"] is None for t in waiting), waiting
            # The task that ran when the server was killed ends at once now.
            server.call("PATCH", "/api/v2/variables/release", {"key": "release", "value": str(BATUTA)})
            worker = subprocess.Popen([BATUTA, "worker", "--home", home, "--slots", "2"], stdout=server.log,
                                      stderr=server.log, start_new_session=True)
            for run in ("live", "waits_1", "waits_2"):
                eventually(lambda: server.get(f"/api/v2/dags/keeps/dagRuns/{run}")["state"] == "success", 60,
                           f"{run} succeeds\n{server.log_tail()}")
            said = server.get("/api/v2/dags/keeps/dagRuns/waits_1/taskInstances/first/xcomEntries/return_value")
            assert said["value"] == "hello one", said
            secret = server.get("/api/v2/variables/api_token")
            assert secret["value"] == "***", secret
        finally:
            if worker:
                worker.terminate()
                worker.wait(30)
            server.stop()
        if schema_of(home / "batuta.db") > before:
            backups = list((home / "backups").glob("*.db"))
            assert [schema_of(path) for path in backups] == [before], backups


def a_home_of_a_later_version_is_refused_untouched():
    """a store of a newer version is refused with what to do, and not a byte of it is changed"""
    with Folder("downgrade") as folder:
        home = old_home(folder)
        store = home / "batuta.db"
        with sqlite3.connect(store) as database:
            database.execute("INSERT INTO schema_migration VALUES (9999, 'of_the_future', 'x', 0)")
        before = digest(store)
        answer = subprocess.run([BATUTA, "scheduler", "--home", home, "--port", "0", "--dags",
                                 folder.path / "dags"], capture_output=True, text=True, timeout=60)
        assert answer.returncode != 0
        assert "newer" in answer.stderr, answer.stderr
        assert digest(store) == before
        assert not list((home / "backups").glob("*")), "a backup of what was refused"


if __name__ == "__main__":
    main([a_home_of_version_0_1_0_goes_on, a_home_of_a_later_version_is_refused_untouched])
