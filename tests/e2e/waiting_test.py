#!/usr/bin/env python3
"""Tasks that wait without a slot, with real processes: files, answers, times, runs of other DAGs; the scheduler killed in between."""
import http.server
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from databricks_server import TOKEN, Workspace  # noqa: E402
from harness import Folder, dag, eventually, main, mock, shell  # noqa: E402
from receivers import connect  # noqa: E402


def state(server, dag_id, run, task):
    return server.get(f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}")["state"]


def sensor(task_id, wait_for, depends_on=(), **more):
    return {"task_id": task_id, "type": "sensor", "wait_for": wait_for, "depends_on": list(depends_on), "poke_interval": "1s", **more}


class Answers(http.server.BaseHTTPRequestHandler):
    body = '{"job":{"state":"running"}}'
    status = 503

    def do_GET(self):
        self.send_response(Answers.status)
        self.send_header("Content-Length", str(len(Answers.body)))
        self.end_headers()
        self.wfile.write(Answers.body.encode())

    def log_message(self, *_):
        pass


def waits_for_an_answer_with_a_condition():
    """an HTTP answer is waited for until its JSON says so, a database until a SELECT does; a server that is busy or away is waited for too"""
    with Folder("answers") as folder:
        server_side = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=server_side.serve_forever, daemon=True).start()
        look = {"http": {"url": f"http://127.0.0.1:{server_side.server_port}/{{{{ dag.dag_id }}}}", "pointer": "/job/state", "equals": "done"}}
        away = {"http": {"url": "http://127.0.0.1:9/"}}
        refused = {"http": {"url": f"http://127.0.0.1:{server_side.server_port}/", "status": [204]}}
        with sqlite3.connect(folder.path / "db.sqlite") as made:
            made.execute("CREATE TABLE loads (day TEXT, rows INTEGER)")
        loaded = {"connection": "lite", "sql": "SELECT rows FROM loads WHERE day = {{ params.day }}"}
        server = folder.server({"answers": dag("answers", [
            sensor("loaded", {"sql": loaded}),
            sensor("enough", {"sql": {**loaded, "equals": 3}}),
            sensor("arrives", {"sql": {"connection": "mounted", "sql": "SELECT 1"}}),
            sensor("misspelt", {"sql": {"connection": "lite", "sql": "SELECT 1 FROM lodes"}}),
            sensor("job", look),
            sensor("away", away, timeout="2s", soft_fail=True),
            sensor("late", {"file": "/nonexistent/x"}, timeout="2s"),
            sensor("refused", refused),
        ], params={"day": "' OR 1=1 --"})}).start()
        connect(server, "lite", "sqlite", host=str(folder.path / "db.sqlite"))
        connect(server, "mounted", "sqlite", host=str(folder.path / "mounted.sqlite"))
        run = server.trigger("answers")["dag_run_id"]
        eventually(lambda: state(server, "answers", run, "away") == "skipped", 20, "a soft wait that ended in vain")
        eventually(lambda: state(server, "answers", run, "late") == "failed", 20, "a wait that timed out")
        late = server.get(f"/api/v2/dags/answers/dagRuns/{run}/taskInstances/late")
        assert late["try_number"] == 1, late
        eventually(lambda: state(server, "answers", run, "job") == "deferred", 20, "an answer that is not yet so")
        Answers.status = 200
        eventually(lambda: state(server, "answers", run, "refused") == "failed", 20, "an answer that is wrong for good")
        eventually(lambda: state(server, "answers", run, "misspelt") == "failed", 20, "a table that is not there fails at once")
        assert "no such table: lodes" in server.cli("tasks", "explain", "answers", run, "misspelt").stdout
        eventually(lambda: state(server, "answers", run, "arrives") == "deferred", 20, "its file is away, as a server may be")
        with sqlite3.connect(folder.path / "mounted.sqlite") as made:
            made.execute("CREATE TABLE t (a)")
        eventually(lambda: state(server, "answers", run, "arrives") == "success", 20, "the file came")
        with sqlite3.connect(folder.path / "db.sqlite") as made:
            made.execute("INSERT INTO loads VALUES ('another', 3), (?, 2)", ("' OR 1=1 --",))
        eventually(lambda: state(server, "answers", run, "loaded") == "success", 20, "the row came")
        with sqlite3.connect(folder.path / "db.sqlite") as made:
            eventually(lambda: state(server, "answers", run, "enough") == "deferred", 20, "a value that is not yet so")
            made.execute("UPDATE loads SET rows = 3")
        eventually(lambda: state(server, "answers", run, "enough") == "success", 20, "the value came")
        assert state(server, "answers", run, "job") == "deferred"
        Answers.body = '{"job":{"state":"done"}}'
        eventually(lambda: state(server, "answers", run, "job") == "success", 20, "the answer says so")
        server_side.shutdown()
        server.stop()


def runs_another_dag_and_waits_for_it_on_the_only_slot():
    """a DAG calls another with a conf and waits for its run, with one slot in all"""
    with Folder("calling") as folder:
        call = {"task_id": "call", "type": "trigger_dag", "dag_id": "called", "conf": {"n": "{{ params.n }}"}, "wait_for_completion": True}
        after = shell("after", "echo {{ ti.xcom_pull('call', key='trigger_run_id') }}", ["call"])
        caller = dag("caller", [call, after], params={"n": 3})
        called = dag("called", [shell("work", "test {{ params.n }} = 4")], params={"n": {"type": "integer", "default": 1}})
        server = folder.server({"caller": caller, "called": called}, arguments=["--slots", "1"]).start()
        run = server.trigger("caller", conf={"n": 4})["dag_run_id"]
        assert server.wait_run("caller", run)["state"] == "success"
        made = server.get("/api/v2/dags/called/dagRuns")["dag_runs"]
        assert len(made) == 1 and made[0]["triggered_by"] == "operator" and made[0]["conf"] == {"n": 4}, made
        base = f"/api/v2/dags/caller/dagRuns/{run}/taskInstances"
        assert server.get(f"{base}/after/xcomEntries/return_value")["value"] == made[0]["dag_run_id"]
        run = server.trigger("caller", conf={"n": 5})["dag_run_id"]
        assert server.wait_run("caller", run)["state"] == "failed"
        run = server.trigger("caller", conf={"n": "x"})["dag_run_id"]
        assert server.wait_run("caller", run)["state"] == "failed"
        server.stop()


def waits_for_a_run_and_a_task_of_another_dag_by_date():
    """a run of another DAG with the same date, and a task of it a day before; runs that ended long ago count"""
    with Folder("dates") as folder:
        other = dag("other", [mock("load"), mock("rest", ["load"])])
        waits = dag("waits", [
            sensor("same", {"run": {"dag_id": "other"}}),
            sensor("before", {"run": {"dag_id": "other", "task_id": "load", "offset": "-1d"}}),
            sensor("at_once", {"until": "{{ logical_date }}"}),
            sensor("soon", {"delay": "1s"}),
            sensor("today", {"time": "00:00"}),
            mock("end", ["same", "before", "at_once", "soon", "today"]),
        ])
        server = folder.server({"other": other, "waits": waits}).start()
        trigger = lambda dag_id, day: server.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": f"2024-05-{day:02}T00:00:00Z"})["dag_run_id"]  # noqa: E731
        assert server.wait_run("other", trigger("other", 1))["state"] == "success"
        server.kill()
        server.start()
        run = trigger("waits", 2)
        eventually(lambda: state(server, "waits", run, "before") == "success", 20, "yesterday's task, from the store")
        eventually(lambda: state(server, "waits", run, "soon") == "success", 20, "a second later")
        eventually(lambda: state(server, "waits", run, "same") == "deferred", 20, "the other's run is not there")
        trigger("other", 2)
        assert server.wait_run("waits", run)["state"] == "success"
        undated = server.trigger("waits")["dag_run_id"]
        eventually(lambda: state(server, "waits", undated, "same") == "failed", 20, "no date to go by")
        server.stop()


def skips_what_follows_a_short_circuit():
    """a short circuit on an upstream's result skips all that follows, also what runs whatever happens"""
    with Folder("circuit") as folder:
        flow = dag("flow", [
            mock("count", **{"return": 0}),
            {"task_id": "any", "type": "short_circuit", "condition": "{{ ti.xcom_pull('count') }}", "depends_on": ["count"]},
            mock("work", ["any"]),
            mock("clean", ["work"], trigger_rule="all_done"),
        ])
        server = folder.server({"flow": flow}).start()
        run = server.trigger("flow")["dag_run_id"]
        assert server.wait_run("flow", run)["state"] == "success"
        assert [state(server, "flow", run, task) for task in ("any", "work", "clean")] == ["success", "skipped", "skipped"]
        server.stop()


PARTS = """
import json, os, time
import batuta
resumed = batuta.resumed
told = {"try": batuta.context.try_number, "key": batuta.context.idempotency_key, "payload": resumed and resumed.payload, "event": resumed and resumed.event}
with open("%(log)s", "a") as log:
    log.write(json.dumps(told) + "\\n")
if resumed is None:
    batuta.defer({"file": "%(there)s"}, {"job": 7}, poke_interval="1s", timeout="10m")
while not os.path.exists("%(go)s"):
    time.sleep(0.05)
batuta.result(resumed.payload["job"])
"""


SAVES = """
import time
import batuta
done = batuta.last_checkpoint or {"page": 0}
if done["page"] == 0:
    print("kept:", batuta.checkpoint({"page": 1}))
    time.sleep(600)
batuta.result(done["page"])
"""
WRITES = 'if [ -s "$BATUTA_CHECKPOINT" ]; then cat "$BATUTA_CHECKPOINT"; else echo 5 >"$BATUTA_CHECKPOINT"; sleep 600; fi'


def goes_on_from_checkpoints(server):
    """A task of Python and a command, killed between their checkpoint and their end: by then the scheduler may die, too."""
    run = server.trigger("saves")["dag_run_id"]
    base = f"/api/v2/dags/saves/dagRuns/{run}/taskInstances"
    checkpoint = lambda task_id: server.get(f"{base}/{task_id}")["batuta"].get("checkpoint", {})  # noqa: E731
    eventually(lambda: checkpoint("save").get("value") == {"page": 1}, 60, "a checkpoint is kept")
    agent = server.pids("agent")[0]
    server.kill()
    os.kill(agent, signal.SIGKILL)
    server.start()
    eventually(lambda: checkpoint("write").get("value") == "5\n", 60, "another worker went on, and the command wrote its own")
    os.kill(server.pids("agent")[0], signal.SIGKILL)
    assert server.wait_run("saves", run)["state"] == "success"
    assert [server.get(f"{base}/{task_id}/xcomEntries/return_value")["value"] for task_id in ("save", "write")] == [1, "5"]
    assert [server.get(f"{base}/{task_id}")["try_number"] for task_id in ("save", "write")] == [2, 2]
    assert not checkpoint("save") and not checkpoint("write")


def waits_on_no_slot_through_kills():
    """a sensor and a plugin's task wait while the only slot runs other tasks; kill -9 of the scheduler then, and of the worker after, loses neither wait, payload, try nor checkpoint"""
    with Folder("waiting") as folder:
        files = {name: str(folder.path / name) for name in ("log", "there", "go")}
        parts = lambda: [json.loads(line) for line in open(files["log"])]  # noqa: E731
        task = lambda code, **more: {"task_id": "job", "type": "python", "code": code, **more}  # noqa: E731
        alone = {"default_args": {"retries": 0}}
        defers = dag("defers", [task(PARTS % files), shell("after", "test {{ ti.xcom_pull('job') }} = 7", ["job"])], **alone)
        late = dag("late", [task("import batuta\nif batuta.resumed: raise batuta.Fail(batuta.resumed.event + ': ' + batuta.resumed.reason)\n"
                                 "batuta.defer({'file': '/nonexistent/x'}, timeout='1s')")], **alone)
        wrong = dag("wrong", [task("import batuta\nbatuta.defer({'until': 'soon'})")])
        over = dag("over", [task("import batuta\nbatuta.defer({'delay': '1h'})", execution_timeout="2s")], **alone)
        waits = dag("waits", [sensor("there", {"file": str(folder.path / "*.csv")}), shell("after", "echo went on", ["there"])])
        busy = dag("busy", [shell("one", "true")])
        saves = dag("saves", [{"task_id": "save", "type": "python", "code": SAVES}, shell("write", WRITES, ["save"])], **alone)
        server = folder.server({each["dag_id"]: each for each in (defers, late, wrong, over, waits, busy, saves)}, arguments=["--slots", "1"]).start()
        asked = {name: server.trigger(name)["dag_run_id"] for name in ("waits", "defers", "late", "wrong", "over")}
        waiting = {"waits": "there", "defers": "job"}
        for name, task_id in waiting.items():
            eventually(lambda: state(server, name, asked[name], task_id) == "deferred", 60, f"{name} waits")
        assert server.wait_run("busy", server.trigger("busy")["dag_run_id"])["state"] == "success"
        for name, task_id in waiting.items():
            told = server.cli("tasks", "explain", name, asked[name], task_id).stdout
            assert "there" in told and "holds no slot" in told, told
        for name, why in (("wrong", "defer: /wait_for/until: "), ("over", "its execution_timeout of 2s was over while it waited"), ("late", "timed_out: timed out waiting for file")):
            assert server.wait_run(name, asked[name])["state"] == "failed"
            reason = server.cli("tasks", "explain", name, asked[name], "job").stdout
            assert why in reason, reason
        server.kill()
        server.start()
        assert [state(server, name, asked[name], task_id) for name, task_id in waiting.items()] == ["deferred", "deferred"]
        for name in ("there", "there.csv"):
            (folder.path / name).write_text("x")
        eventually(lambda: len(parts()) == 2, 30, "it goes on")
        os.kill(server.pids("agent")[0], signal.SIGKILL)
        eventually(lambda: len(parts()) == 3, 40, "another worker goes on from the same payload")
        Path(files["go"]).write_text("x")
        assert [server.wait_run(name, asked[name])["state"] for name in waiting] == ["success", "success"]
        first, second, third = parts()
        assert [first["payload"], second["payload"], third["payload"]] == [None, {"job": 7}, {"job": 7}], parts()
        assert [first["try"], second["try"], third["try"]] == [1, 1, 2], parts()
        assert second["event"] == "satisfied" and first["key"] == second["key"] == third["key"] != "", parts()
        goes_on_from_checkpoints(server)
        server.stop()
        server.check_database()


def runs_a_job_of_databricks_without_a_slot():
    """a run of Databricks is waited for while the only slot runs other tasks; a kill starts none twice, and a cancel reaches it over there"""
    with Folder("databricks") as folder:
        workspace = Workspace()
        task = lambda task_id, **more: {"task_id": task_id, "type": "databricks", "connection": "dbx", "poke_interval": "1s", **more}  # noqa: E731
        after = shell("after", "test {{ ti.xcom_pull('score').output }} = 42", ["score"])
        server = folder.server({
            "job": dag("job", [task("score", run_now={"job_id": "{{ params.job }}", "notebook_params": {"day": "x"}}), after], params={"job": 7}),
            "bad": dag("bad", [task("score", submit={"run_name": "bad", "tasks": [{"task_key": "a"}, {"task_key": "b"}]})], default_args={"retries": 0}),
            "none": dag("none", [task("score", run_now={"job_id": 404})]),
            "busy": dag("busy", [shell("one", "true")]),
        }, arguments=["--slots", "1"]).start()
        connect(server, "dbx", "databricks", host=workspace.url, password=TOKEN)
        workspace.refuse = [429, 503]  # asked again within the attempt

        def started(dag_id):
            """The run's id here and over there."""
            run = server.trigger(dag_id)["dag_run_id"]
            eventually(lambda: state(server, dag_id, run, "score") == "deferred", 30, "it waits over there")
            return run, max(workspace.runs)

        job, number = started("job")
        assert not workspace.refuse and workspace.runs[number]["body"]["job_id"] == 7, workspace.runs
        assert server.wait_run("busy", server.trigger("busy")["dag_run_id"])["state"] == "success"
        # It fails over there, with the reason of the task that did.
        failed, second = started("bad")
        workspace.end(second, "FAILED", message="Workload failed", b={"error": "ValueError: no rows", "error_trace": "Traceback"})
        none = server.trigger("none")["dag_run_id"]
        for dag_id, run, why in (("bad", failed, "ended as FAILED: Workload failed; b: ValueError: no rows"), ("none", none, "Job 404 does not exist")):
            assert server.wait_run(dag_id, run)["state"] == "failed"
            explained = server.cli("tasks", "explain", dag_id, run, "score").stdout
            assert why in explained, explained
        # Cancelled while it holds no slot: the request is owed, also through a kill; the other goes on.
        cancelled, third = started("bad")
        server.call("PATCH", f"/api/v2/dags/bad/dagRuns/{cancelled}", {"state": "failed"})
        server.kill()
        server.start()
        eventually(lambda: workspace.runs[third]["state"].get("result_state") == "CANCELED", 30, "it is cancelled over there")
        workspace.end(number, main={"notebook_output": {"result": "42", "truncated": False}, "logs": "trained in 3 s"})
        assert server.wait_run("job", job)["state"] == "success"
        assert list(workspace.runs) == [number, second, third], "started twice"
        result = server.get(f"/api/v2/dags/job/dagRuns/{job}/taskInstances/score/xcomEntries/return_value")["value"]
        assert result["output"] == "42" and result["run_page_url"].endswith(f"/run/{number}"), result
        log = server.cli("tasks", "log", "job", job, "score").stdout
        assert "trained in 3 s" in log and TOKEN not in log, log
        server.stop()
        workspace.stop()


def keeps_a_healthy_run_of_databricks():
    """refusals for a while neither cancel a run of Databricks nor start it again, a start without an answer is cancelled all the same, and no token goes in the clear"""
    with Folder("databricks_kept") as folder:
        workspace = Workspace()
        task = lambda connection: {"task_id": "score", "type": "databricks", "connection": connection, "poke_interval": "1s", "run_now": {"job_id": 7}}  # noqa: E731
        server = folder.server({
            "job": dag("job", [task("dbx")], default_args={"retries": 1, "retry_delay": "1s"}),
            "clear": dag("clear", [task("plain")], default_args={"retries": 0}),
        }, arguments=["--slots", "1"]).start()
        connect(server, "dbx", "databricks", host=workspace.url, password=TOKEN)
        connect(server, "plain", "databricks", host="http://adb-1.example.invalid", password=TOKEN)
        run = server.trigger("job")["dag_run_id"]
        eventually(lambda: state(server, "job", run, "score") == "deferred", 30, "it waits over there")
        for refusals in ([403], [403, 403]):  # the scheduler's look; then the next part's, too
            workspace.refuse = list(refusals)
            eventually(lambda: not workspace.refuse, 30, "it was refused")
            eventually(lambda: state(server, "job", run, "score") == "deferred", 30, "it waits again")
        workspace.hide_outputs = True
        workspace.end(max(workspace.runs), main={"notebook_output": {"result": "42", "truncated": False}})
        assert server.wait_run("job", run)["state"] == "success"
        result = server.get(f"/api/v2/dags/job/dagRuns/{run}/taskInstances/score/xcomEntries/return_value")["value"]
        assert "400" in result["missing"]["main"] and result["outputs"] == {}, result
        assert len(workspace.runs) == 1 and ("POST", "/api/2.1/jobs/runs/cancel") not in workspace.asked, workspace.asked
        # Started twice under one token, and told of neither: the cancel asks which run that is.
        workspace.swallow = 2
        lost = server.trigger("job")["dag_run_id"]
        eventually(lambda: not workspace.swallow, 30, "two answers were lost")
        server.call("PATCH", f"/api/v2/dags/job/dagRuns/{lost}", {"state": "failed"})
        assert server.wait_run("job", lost)["state"] == "failed"
        eventually(lambda: workspace.runs[max(workspace.runs)]["state"].get("result_state") == "CANCELED", 30, "it is cancelled over there")
        assert len(workspace.runs) == 2, workspace.runs
        clear = server.trigger("clear")["dag_run_id"]
        assert server.wait_run("clear", clear)["state"] == "failed"
        explained = server.cli("tasks", "explain", "clear", clear, "score").stdout
        assert "would go in the clear" in explained, explained
        server.stop()
        workspace.stop()


main([
    waits_on_no_slot_through_kills,
    runs_a_job_of_databricks_without_a_slot,
    keeps_a_healthy_run_of_databricks,
    waits_for_an_answer_with_a_condition,
    runs_another_dag_and_waits_for_it_on_the_only_slot,
    waits_for_a_run_and_a_task_of_another_dag_by_date,
    skips_what_follows_a_short_circuit,
])
