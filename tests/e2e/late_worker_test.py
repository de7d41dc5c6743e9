#!/usr/bin/env python3
"""A worker stopped past its lease and continued: its late attempt commits nothing."""
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, Folder, dag, eventually, main, mock  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}


def worker(folder, server, name):
    log = open(folder.path / f"{name}.log", "ab")
    return subprocess.Popen([BATUTA, "worker", "--home", server.home, "--slots", "1"], env=server.env,
                            stdout=log, stderr=log, start_new_session=True)


def stop_group(process, what):
    """A signal to an agent and its slots: they are in groups of their own."""
    from harness import family_of
    for pid in [process.pid, *family_of(process.pid)]:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            pass


def a_late_attempt_commits_nothing():
    """SIGSTOP past the lease, then SIGCONT: one success, by the second attempt; the first is refused"""
    with Folder("late") as folder:
        load = dag("load", [mock("slow", run_for="4s", **{"return": "done"})],
                   default_args={"retries": 0})
        server = folder.server({"load": load}, command="scheduler", env=TIMING).start()
        first = worker(folder, server, "first")
        second = None
        try:
            run = server.trigger("load")["dag_run_id"]
            eventually(lambda: server.tasks("load", run)["slow"]["state"] == "running", 20, "it runs")
            stop_group(first, signal.SIGSTOP)
            second = worker(folder, server, "second")
            again = eventually(lambda: server.tasks("load", run)["slow"]["try_number"] == 2
                               and server.tasks("load", run)["slow"], 20, "it runs again elsewhere")
            assert again["state"] in ("queued", "running"), again
            stop_group(first, signal.SIGCONT)
            ended = server.wait_run("load", run, 30)
            task = server.tasks("load", run)["slow"]
            assert ended["state"] == "success" and task["try_number"] == 2, (ended, task)
            tries = server.get(f"/api/v2/dags/load/dagRuns/{run}/taskInstances/slow/tries")["task_instances"]
            assert [t["state"] for t in tries] != ["success", "success"], tries
        finally:
            for process in (first, second):
                if process:
                    stop_group(process, signal.SIGCONT)
                    stop_group(process, signal.SIGKILL)
                    process.wait()


if __name__ == "__main__":
    main([a_late_attempt_commits_nothing])
