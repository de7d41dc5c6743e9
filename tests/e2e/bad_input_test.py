#!/usr/bin/env python3
"""Bad input, each with a clear message and nothing else disturbed."""
import json
import os
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, Refused, dag, eventually, main, mock, shell  # noqa: E402


def import_errors(server):
    return {error["filename"].split("/")[-1]: error["stack_trace"]
            for error in server.get("/api/v2/importErrors?limit=1000")["import_errors"]}


BAD_FILES = {
    "half": ('{"dag_id": "half", "tasks": [', "JSON"),
    "words": ("this is not JSON", "JSON"),
    "cycle": (dag("cycle", [mock("a", ["b"]), mock("b", ["a"])]), "cycle"),
    "rule": (dag("rule", [mock("a", trigger_rule="all_sucess")]), "all_success"),
    "type": (dag("type", [{"task_id": "a", "type": "shel", "command": "x"}]), "shell"),
    "field": (dag("field", [mock("a", retrys=3)]), "retries"),
    "parent": (dag("parent", [mock("a", ["b"])]), "b"),
    "double": (dag("double", [mock("a"), mock("a")]), "a"),
    "path": (dag("../../etc/passwd", [mock("a")]), "dag_id"),
    "cron": ({**dag("cron", [mock("a")]), "schedule": "0 0 30 2 *"}, "schedule"),
    "preload": (dag("preload", [shell("a", "true", env={"LD_PRELOAD": "/tmp/x.so"})]), "LD_PRELOAD"),
    "huge": (dag("huge", [mock(f"t{i}") for i in range(100_000)]), ""),
    "parameter": (dag("parameter", [{"task_id": "a", "type": "extract", "source": "contract", "layer": "bronze",
                                     "params": {"querry": {}}}]), "query"),
}


def bad_files_are_import_errors_and_others_go_on():
    """half-written, not JSON, cyclic, unknown names, 100,000 tasks: import errors; the good DAG runs"""
    with Folder("files") as folder:
        server = folder.server({"good": dag("good", [mock("a")])}).start()
        server.wait_run("good", server.trigger("good")["dag_run_id"])
        start = time.monotonic()
        for name, (definition, _) in BAD_FILES.items():
            server.write_dag(name, definition)
        errors = eventually(lambda: len(import_errors(server)) == len(BAD_FILES) and import_errors(server), 20,
                            f"all are import errors: {sorted(import_errors(server))}")
        print(f"all reported after {time.monotonic() - start:.2f} s", flush=True)
        for name, (_, expected) in BAD_FILES.items():
            assert expected in errors[f"{name}.json"], (name, errors[f"{name}.json"])
        assert server.wait_run("good", server.trigger("good")["dag_run_id"])["state"] == "success"
        server.write_dag("half", dag("half", [mock("a")]))
        eventually(lambda: "half.json" not in import_errors(server), 2, "a mended file is live within a second")
        assert server.wait_run("half", server.trigger("half")["dag_run_id"])["state"] == "success"


def an_unknown_plugin_is_a_warning_and_explained():
    """a DAG naming a plugin nobody has: triggerable, a warning with a suggestion, and an explanation"""
    with Folder("plugin") as folder:
        task = {"task_id": "a", "type": "extract", "source": "contrac", "layer": "bronze"}
        server = folder.server({"typo": dag("typo", [task])}).start()
        warning = eventually(lambda: [w for w in server.get("/api/v2/dagWarnings")["dag_warnings"]
                                      if w["dag_id"] == "typo" and "contract_bronze" in w["message"]],
                             20, "a warning with a suggestion")
        assert warning
        run = server.trigger("typo")["dag_run_id"]
        # There are other reasons before it: the run has to start first.
        reasons = lambda: server.get(f"/api/v2/dags/typo/dagRuns/{run}/taskInstances/a/dependencies")["dependencies"]
        eventually(lambda: any("no live worker offers contrac_bronze" in reason["reason"] for reason in reasons()), 10, "a reason")


def an_edited_or_deleted_file_leaves_its_runs_alone():
    """a DAG edited or deleted in the middle of a run: the run ends on the version it started with"""
    with Folder("edit") as folder:
        gate = folder.path / "gate"
        wait = shell("wait", f"while [ ! -e {gate} ]; do sleep 0.05; done")
        server = folder.server({"edited": dag("edited", [wait, mock("old", ["wait"])]),
                                "deleted": dag("deleted", [wait, mock("last", ["wait"])])}).start()
        edited, deleted = server.trigger("edited")["dag_run_id"], server.trigger("deleted")["dag_run_id"]
        eventually(lambda: server.tasks("edited", edited)["wait"]["state"] == "running"
                   and server.tasks("deleted", deleted)["wait"]["state"] == "running", 20, "both run")
        server.write_dag("edited", dag("edited", [mock("new")]))
        (server.dags / "deleted.json").unlink()
        eventually(lambda: [t["task_id"] for t in server.get("/api/v2/dags/edited/tasks")["tasks"]] == ["new"], 3,
                   "the new version is live")
        gate.touch()
        assert server.wait_run("edited", edited)["state"] == "success"
        assert server.wait_run("deleted", deleted)["state"] == "success"
        assert set(server.tasks("edited", edited)) == {"wait", "old"}
        newest = server.trigger("edited")["dag_run_id"]
        server.wait_run("edited", newest)
        assert set(server.tasks("edited", newest)) == {"new"}


def a_runaway_log_is_cut():
    """a task that floods its log: the file stays as small as worker.log_limit, the task goes on"""
    with Folder("flood") as folder:
        server = folder.server(env={"BATUTA_WORKER_LOG_LIMIT": "16MiB"}, dags={"flood": dag("flood", [
            shell("f", "head -c 40000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo the-end")])}).start()
        run = server.trigger("flood")["dag_run_id"]
        assert server.wait_run("flood", run, 120)["state"] == "success"
        size = sum(file.stat().st_size for file in (server.home / "logs").rglob("*.log"))
        assert 15 << 20 < size < 17 << 20, size


def crashes_are_told_and_never_success():
    """signals, exits and time-outs: failed with the reason, the last log line tells signal and memory"""
    with Folder("crash") as folder:
        tasks = [mock("signal", signal=11), mock("exits", exit=0), shell("kill", "kill -9 $$"),
                 mock("late", hang=True, execution_timeout="1s"), shell("code", "exit 3")]
        server = folder.server({"crash": dag("crash", tasks)}).start()
        run = server.trigger("crash")["dag_run_id"]
        assert server.wait_run("crash", run, 60)["state"] == "failed"
        states = server.tasks("crash", run)
        for name in ("signal", "exits", "late", "code", "kill"):
            assert states[name]["state"] == "failed", states[name]
        text = server.log_text("crash", run, "signal")
        assert "signal 11" in text and "memory" in text, text


def ids_never_become_paths():
    """path tricks in every id position are 400 or 404 and open nothing"""
    with Folder("paths") as folder:
        server = folder.server({"good": dag("good", [shell("a", "echo hi")])}).start()
        run = server.trigger("good")["dag_run_id"]
        server.wait_run("good", run)
        tricks = ["..%2f..%2fetc%2fpasswd", "%2e%2e", "..", "%252e%252e", "a%00b", "%c0%ae%c0%ae", "a%5cb", "x" * 300,
                  "%2fetc%2fpasswd", "."]
        for trick in tricks:
            for path in (f"/api/v2/dags/{trick}", f"/api/v2/dags/{trick}/dagRuns", f"/api/v2/dags/good/dagRuns/{trick}",
                         f"/api/v2/dags/good/dagRuns/{run}/taskInstances/{trick}",
                         f"/api/v2/dags/good/dagRuns/{run}/taskInstances/a/logs/{trick}",
                         f"/api/v2/dagSources/{trick}", f"/api/v2/pools/{trick}", f"/api/v2/variables/{trick}",
                         f"/api/v2/connections/{trick}", f"/{trick}", f"/assets/{trick}"):
                try:
                    answer = server.get(path)
                except (Refused, ValueError) as error:
                    assert isinstance(error, ValueError) or error.status in (400, 404, 405, 422), (path, error)
                else:
                    assert "root:" not in json.dumps(answer), path
        for body in ({"dag_run_id": "../x"}, {"dag_run_id": "a/b"}, {"dag_run_id": "scheduled__2026"},
                     {"conf": []}, {"nonsense": 1}, {"logical_date": "yesterday"}):
            try:
                server.call("POST", "/api/v2/dags/good/dagRuns", {"logical_date": None, **body})
                raise AssertionError(f"accepted: {body}")
            except Refused as error:
                assert error.status in (400, 422) and "detail" in json.loads(error.body), (body, error)


def a_hostile_worker_is_disconnected():
    """garbage, huge lengths and unknown messages on the worker socket: closed, nothing else disturbed"""
    with Folder("socket") as folder:
        server = folder.server({"good": dag("good", [mock("a")])}).start()
        for poison in (b"\xff" * 64, b"\xff\xff\xff\xff", b"\x01\x00\x00\x00\xee", os.urandom(4096),
                       b"\x05\x00\x00\x00\x00\xff\xff\xff\xff"):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(str(server.home / "run" / "worker.sock"))
            peer.sendall(poison)
            peer.settimeout(10)
            try:
                while peer.recv(4096):
                    pass
            except ConnectionError:
                pass
            peer.close()
        assert server.wait_run("good", server.trigger("good")["dag_run_id"])["state"] == "success"


if __name__ == "__main__":
    main([bad_files_are_import_errors_and_others_go_on, an_unknown_plugin_is_a_warning_and_explained,
          an_edited_or_deleted_file_leaves_its_runs_alone, a_runaway_log_is_cut, crashes_are_told_and_never_success,
          ids_never_become_paths, a_hostile_worker_is_disconnected])
