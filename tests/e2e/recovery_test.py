#!/usr/bin/env python3
"""How long it takes until work goes on: dead slot, silent worker, restarted scheduler."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, Folder, dag, eventually, family_of, main, mock, shell  # noqa: E402


def a_dead_slot_is_replaced_within_a_second():
    """a killed slot is replaced within 1 s"""
    with Folder("slot") as folder:
        load = dag("load", [shell("a", "true")])
        server = folder.server({"load": load}, arguments=["--slots", "2"]).start()
        server.wait_run("load", server.trigger("load")["dag_run_id"])
        slots = eventually(lambda: len(server.pids("slot")) == 2 and server.pids("slot"), 10, "two slots")
        start = time.monotonic()
        os.kill(slots[0], signal.SIGKILL)
        eventually(lambda: len(set(server.pids("slot")) - {slots[0]}) == 2, 1, "a new slot")
        print(f"replaced after {time.monotonic() - start:.3f} s", flush=True)


def a_silent_workers_attempts_run_again_within_12_seconds():
    """attempts of a stopped worker run elsewhere within 12 s"""
    with Folder("silent") as folder:
        load = dag("load", [mock("a", run_for="60s")], default_args={"retries": 0})
        server = folder.server({"load": load}, command="scheduler").start()
        logs = open(folder.path / "workers.log", "ab")
        start_worker = lambda: subprocess.Popen(  # noqa: E731
            [BATUTA, "worker", "--home", server.home, "--slots", "1"], stdout=logs, stderr=logs,
            start_new_session=True)
        workers = [start_worker()]
        try:
            run = server.trigger("load")["dag_run_id"]
            eventually(lambda: server.tasks("load", run)["a"]["state"] == "running", 20, "it runs")
            workers.append(start_worker())
            time.sleep(1)
            silent = [workers[0].pid, *family_of(workers[0].pid)]
            for pid in silent:
                os.kill(pid, signal.SIGSTOP)
            start = time.monotonic()
            eventually(lambda: server.tasks("load", run)["a"]["try_number"] == 2
                       and server.tasks("load", run)["a"]["state"] == "running", 12, "it runs again")
            print(f"again after {time.monotonic() - start:.2f} s", flush=True)
        finally:
            for process in workers:
                for pid in [process.pid, *family_of(process.pid)]:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                process.wait()


def a_restarted_scheduler_dispatches_within_two_seconds():
    """with 10,000 queued tasks a restarted scheduler dispatches within 2 s"""
    with Folder("restart") as folder:
        wide = dag("wide", [shell(f"t{i}", "sleep 0.02") for i in range(10_000)], max_active_tasks=20_000)
        server = folder.server({"wide": wide}, arguments=["--slots", "2"]).start()
        run = server.trigger("wide")["dag_run_id"]
        done = lambda: server.get(  # noqa: E731
            f"/api/v2/dags/wide/dagRuns/{run}/taskInstances?state=success&limit=1")["total_entries"]
        eventually(lambda: done() > 20, 30, "work goes on")
        server.kill()
        start = time.monotonic()
        server.start(wait=False)
        eventually(server.read_endpoint, 2, "it serves")
        before = done()
        eventually(lambda: done() > before, 2 - (time.monotonic() - start), "a task ends")
        print(f"dispatching after {time.monotonic() - start:.2f} s", flush=True)


if __name__ == "__main__":
    main([a_dead_slot_is_replaced_within_a_second,
          a_silent_workers_attempts_run_again_within_12_seconds,
          a_restarted_scheduler_dispatches_within_two_seconds])
