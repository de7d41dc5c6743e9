#!/usr/bin/env python3
"""SIGTERM ends tasks in good order: asked, granted their time, told; and no other process's tasks."""
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, shell  # noqa: E402

TIDY = "trap 'sleep 0.3; echo tidied up; exit 1' TERM; echo up; while :; do sleep 0.05; done"


def started(server, name, run_id, task, words="up"):
    eventually(lambda: words in server.log_text(name, run_id, task), 30, f"{task} has started")


def a_stopped_task_is_failed_and_not_run_again():
    """a task of a stopped server may tidy up, its try is failed with reason stopped, and without retries that is all"""
    with Folder("stopping") as folder:
        server = folder.server({"long": dag("long", [shell("tidy", TIDY)])}).start()
        run_id = server.trigger("long")["dag_run_id"]
        started(server, "long", run_id, "tidy")
        assert server.stop() == 0
        server.start()
        assert server.wait_run("long", run_id)["state"] == "failed"
        task = server.tasks("long", run_id)["tidy"]
        assert task["state"] == "failed" and task["try_number"] == 1, task
        assert task["batuta"]["reason"] == "stopped", task
        assert "tidied up" in server.log_text("long", run_id, "tidy")


def a_drain_lets_tasks_end_and_a_second_signal_ends_it():
    """with stop_drain a running task ends well before the server does; a second SIGTERM does not wait for it"""
    with Folder("drain") as folder:
        server = folder.server({"short": dag("short", [shell("end", "echo up; sleep 2; echo done"),
                                                       shell("next", "true", ["end"])]),
                                "long": dag("long", [shell("tidy", TIDY)])},
                               env={"BATUTA_STOP_DRAIN": "60s"}).start()
        run_id = server.trigger("short")["dag_run_id"]
        started(server, "short", run_id, "end")
        assert server.stop() == 0
        server.start()
        assert server.wait_run("short", run_id)["state"] == "success"
        assert server.tasks("short", run_id)["end"]["try_number"] == 1
        run_id = server.trigger("long")["dag_run_id"]
        started(server, "long", run_id, "tidy")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert server.process.poll() is None, "it did not drain"
        assert server.stop() == 0  # sends the second
        server.start()
        assert server.wait_run("long", run_id)["state"] == "failed"


def a_hangup_ends_nothing():
    """SIGHUP ends neither server nor worker nor task, and a log that was moved away begins anew"""
    with Folder("hangup") as folder:
        server = folder.server({"two": dag("two", [shell("end", "echo up; sleep 2; echo done")])}).start()
        run_id = server.trigger("two")["dag_run_id"]
        started(server, "two", run_id, "end")
        log = server.home / "logs" / "scheduler.log"
        log.rename(log.with_suffix(".moved"))
        for pid in [server.process.pid, *server.pids("agent")]:
            os.kill(pid, signal.SIGHUP)
        assert server.wait_run("two", run_id)["state"] == "success"
        assert server.tasks("two", run_id)["end"]["try_number"] == 1
        assert server.process.poll() is None
        eventually(log.exists, 5, "the log is opened anew")
        log.unlink()
        time.sleep(1.1)  # it looks at most once a second, and by itself when it has something to say
        server.stop()
        assert log.exists() and log.read_text(), "the last lines have no file"


main([a_hangup_ends_nothing, a_stopped_task_is_failed_and_not_run_again, a_drain_lets_tasks_end_and_a_second_signal_ends_it])
