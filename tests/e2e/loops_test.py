#!/usr/bin/env python3
"""Loops with real processes: until an exit code, while a result says so, over the end of the scheduler."""
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, Folder, eventually, main, shell  # noqa: E402


def task_of(server, run, task_id):
    return server.get(f"/api/v2/dags/loop/dagRuns/{run}/taskInstances/{task_id}")


def a_loop_until_a_result():
    """a loop until a result, and one until an exit code: their turns are tries with logs of their own"""
    with Folder("loops") as folder:
        path = folder.path / "turns"
        count = f'echo x >> {path}; n=$(wc -l < {path})'
        server = folder.server({"loop": {
            "dag_id": "loop", "schedule": None, "is_paused_upon_creation": False,
            "tasks": [
                {**shell("state", f'{count}; echo "{{\\"turn\\": $n}}"'),
                 "repeat": {"until": {"result": {"pointer": "/turn", "equals": 3}}, "max": 5, "delay": 0}},
                {**shell("code", f"{count}; exit $((6 - n))", ["state"]),
                 "repeat": {"until": {"exit_codes": 0}, "max": 5, "delay": 0}},
                {**shell("line", "echo not yet", ["code"]),
                 "repeat": {"until": {"output": "ready"}, "max": 2, "delay": 0}},
            ]}}).start()
        run = server.trigger("loop")["dag_run_id"]
        assert server.wait_run("loop", run)["state"] == "failed"
        state, code, line = (task_of(server, run, one) for one in ("state", "code", "line"))
        assert (state["state"], state["try_number"]) == ("success", 3), state
        assert (code["state"], code["try_number"]) == ("success", 3), code
        assert (line["state"], line["try_number"]) == ("failed", 2), line
        assert "repeated 2 times" in line["batuta"]["reason"], line
        tries = server.get(f"/api/v2/dags/loop/dagRuns/{run}/taskInstances/code/tries")["task_instances"]
        assert [one["state"] for one in tries] == ["failed", "failed", "success"], tries
        server.stop()
        server.check_database()


def a_loop_that_waits_outlives_the_scheduler():
    """the scheduler dies while a loop waits: it is up_for_reschedule still, says why, and goes on"""
    with Folder("loops") as folder:
        path = folder.path / "ready"
        server = folder.server({"loop": {
            "dag_id": "loop", "schedule": None, "is_paused_upon_creation": False,
            "tasks": [{**shell("poll", f"test -e {path}"),
                       "repeat": {"until": {"exit_codes": 0}, "max": 50, "delay": "1s"}}]}}).start()
        run = server.trigger("loop")["dag_run_id"]
        eventually(lambda: task_of(server, run, "poll")["state"] == "up_for_reschedule", 20, "it waits")
        server.kill()
        server.start()
        turns = task_of(server, run, "poll")["batuta"]["repeats"]
        assert turns >= 1
        path.write_text("")
        assert server.wait_run("loop", run)["state"] == "success"
        server.stop()
        server.check_database()


def a_task_waits_for_a_worker_of_its_queue():
    """a task waits for a worker of its queue, says so, and runs at the one that comes"""
    with Folder("loops") as folder:
        server = folder.server({"loop": {
            "dag_id": "loop", "schedule": None, "is_paused_upon_creation": False, "queue": "large",
            "tasks": [shell("big", "true"), {**shell("small", "true"), "queue": "default"}]}}).start()
        run = server.trigger("loop")["dag_run_id"]
        eventually(lambda: task_of(server, run, "small")["state"] == "success", 20, "the other one runs")
        why = server.get(f"/api/v2/dags/loop/dagRuns/{run}/taskInstances/big/dependencies")
        assert "no worker listens to the queue 'large'" in str(why), why
        assert task_of(server, run, "big")["queue"] == "large"
        worker = subprocess.Popen([BATUTA, "worker", "--home", server.home, "--slots", "1", "--queues", "large,night"],
                                  env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert server.wait_run("loop", run)["state"] == "success"
        finally:
            worker.terminate()
            worker.wait(20)
        listed = server.get("/api/v2/dags/~/dagRuns/~/taskInstances?queue=large")["task_instances"]
        assert [one["task_id"] for one in listed] == ["big"], listed
        server.stop()


main([a_task_waits_for_a_worker_of_its_queue, a_loop_until_a_result, a_loop_that_waits_outlives_the_scheduler])
