#!/usr/bin/env python3
"""Runs of chosen tasks, runs that go on with a newer version, runs that a webhook makes, on a real server."""
import hashlib
import hmac
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, shell  # noqa: E402

SECRET = "a-long-and-secret-word"


def states(server, dag_id, run):
    rows = server.get(f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances")["task_instances"]
    return {row["task_id"]: row["state"] for row in rows}


def chosen_tasks_run_alone():
    """a run of chosen tasks has these, or these and what comes before; an unknown one is refused by name"""
    with Folder("runs") as folder:
        server = folder.server({"line": dag("line", [shell("a", "true"), shell("b", "true", ["a"]), shell("c", "true", ["b"])])}).start()
        runs = "/api/v2/dags/line/dagRuns"
        alone = server.call("POST", runs, {"logical_date": None, "only": ["b"]})["dag_run_id"]
        assert server.wait_run("line", alone)["state"] == "success"
        assert states(server, "line", alone) == {"a": "removed", "b": "success", "c": "removed"}
        whole = server.call("POST", runs, {"logical_date": None, "only": ["b"], "only_with_upstream": True})["dag_run_id"]
        assert server.wait_run("line", whole)["state"] == "success"
        assert states(server, "line", whole) == {"a": "success", "b": "success", "c": "removed"}
        status, answer = trial(server, runs, {"logical_date": None, "only": ["nobody"]})
        assert status == 422 and "nobody" in json.dumps(answer), (status, answer)
        server.stop()
        server.check_database()


def an_ended_run_goes_on_with_the_newest_version():
    """only what failed runs again, by the command mended meanwhile, and reads the result that stayed"""
    with Folder("runs") as folder:
        first = shell("first", "echo 41")
        broken = shell("second", "exit 3", ["first"])
        mended = shell("second", "echo {{ ti.xcom_pull('first') }} | grep -qx 41", ["first"])
        server = folder.server({"mend": dag("mend", [first, broken])}).start()
        run = server.trigger("mend")["dag_run_id"]
        assert server.wait_run("mend", run)["state"] == "failed"
        before = server.get(f"/api/v2/dags/mend/dagRuns/{run}")["dag_versions"]
        server.write_dag("mend", dag("mend", [shell("new", "true"), first, mended]))
        eventually(lambda: "new" in [t["task_id"] for t in server.get("/api/v2/dags/mend/tasks")["tasks"]], 15, "the new version")
        server.call("POST", f"/api/v2/dags/mend/dagRuns/{run}/clear", {"dry_run": False, "only_failed": True, "run_on_latest_version": True})
        assert server.wait_run("mend", run)["state"] == "success"
        assert states(server, "mend", run) == {"new": "success", "first": "success", "second": "success"}
        path = f"/api/v2/dags/mend/dagRuns/{run}"
        assert server.get(f"{path}/taskInstances/first")["try_number"] == 1
        assert server.get(path)["dag_versions"] != before
        server.stop()
        server.check_database()


def one_run_is_held():
    """a paused run launches nothing until it is resumed, through a restart of the scheduler; what a program was asked for stays with its run"""
    with Folder("runs") as folder:
        gate = folder.path / "gate"
        counter = folder.path / "count"  # 1, 2, 3, …: each time that it is asked
        counter.write_text("#!/bin/sh\necho x >>$0.asked\nwc -l <$0.asked\necho more\n")
        counter.chmod(0o755)
        number = {"type": "integer", "default": {"$command": [str(counter)]}}
        server = folder.server({
            "line": dag("line", [shell("a", f"until [ -e {gate} ]; do sleep 0.05; done"), shell("b", "true", ["a"])]),
            "asked": dag("asked", [shell("say", "echo n={{ params.n }}")], params={"n": number}, run_if=[{"value": "{{ params.n }}", "in": [1, 2]}]),
            "unlisted": dag("unlisted", [shell("say", "true")], params={"n": {"default": {"$command": ["/bin/date"]}}})},
            env={"BATUTA_PARAMS_PROGRAMS": str(counter)}).start()
        run = server.trigger("line")["dag_run_id"]
        for wanted in (1, 2):
            asked = server.trigger("asked")["dag_run_id"]
            assert server.wait_run("asked", asked)["state"] == "success"
            assert f"n={wanted}" in server.log_text("asked", asked, "say")
            assert server.get(f"/api/v2/dags/asked/dagRuns/{asked}")["conf"] == {"n": wanted}
        given = server.trigger("asked", conf={"n": 2})["dag_run_id"]
        assert server.wait_run("asked", given)["state"] == "success" and states(server, "asked", given)["say"] == "success"
        unlisted = server.wait_run("unlisted", server.trigger("unlisted")["dag_run_id"])
        assert unlisted["state"] == "failed" and "params.programs" in json.dumps(unlisted), unlisted
        path = f"/api/v2/dags/line/dagRuns/{run}"
        eventually(lambda: states(server, "line", run)["a"] == "running", 10, "a runs")
        assert server.call("PATCH", path, {"is_paused": True})["batuta"]["is_paused"]
        gate.touch()
        eventually(lambda: states(server, "line", run) == {"a": "success", "b": "scheduled"}, 10, "b waits")
        server.stop()
        server.start()
        server.cli("tasks", "clear", "asked", asked, "say")
        assert server.wait_run("asked", asked)["state"] == "success" and "n=2" in server.log_text("asked", asked, "say", 2)
        time.sleep(1)
        assert states(server, "line", run)["b"] == "scheduled"
        why = server.get(f"{path}/taskInstances/b/dependencies")["dependencies"]
        assert any("the run is paused" in each["reason"] for each in why), why
        server.cli("runs", "resume", "line", run)
        assert server.wait_run("line", run)["state"] == "success"
        server.stop()
        server.check_database()


def trial(server, path, body, headers=None, raw=None):
    data = raw if raw is not None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json", **(headers or {})})
    if headers is None:
        request.add_header("Authorization", f"Bearer {server.token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read() or b"{}")


def signature(body, at=None, secret=SECRET, key=None):
    seconds = str(int(at if at is not None else time.time()))
    text = ".".join([seconds, *([key] if key else []), ""]).encode() + body
    mac = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return {"X-Batuta-Signature": f"t={seconds},v1={mac}", **({"Idempotency-Key": key} if key else {})}


def a_webhook_triggers_its_dag():
    """a signed webhook triggers its DAG once, and nobody else does"""
    with Folder("runs") as folder:
        task = shell("say", "test {{ params.word }} = hello")
        server = folder.server({
            "hooked": dag("hooked", [task], params={"word": "none"}, webhook={"variable": "hook_secret"}),
            "plain": dag("plain", [shell("a", "true")]),
        }).start()
        server.call("POST", "/api/v2/variables", {"key": "hook_secret", "value": SECRET})
        body = json.dumps({"word": "hello"}).encode()
        signed = signature(body)
        status, answer = trial(server, "/hooks/hooked", None, signed, body)
        assert status == 202 and not answer["repeated"], (status, answer)
        assert server.wait_run("hooked", answer["dag_run_id"])["state"] == "success"
        status, again = trial(server, "/hooks/hooked", None, signed, body)
        assert status == 202 and again["repeated"] and again["dag_run_id"] == answer["dag_run_id"], again
        for wrong in (signature(body, secret="other"), signature(body, time.time() - 3600), signature(b"{}"), {}):
            assert trial(server, "/hooks/hooked", None, wrong, body)[0] == 401, wrong
        assert trial(server, "/hooks/plain", None, signed, body)[0] == 404
        assert trial(server, "/hooks/nobody", None, signed, body)[0] == 404
        server.env["BATUTA_HOOK_SECRET"] = "other"
        sent = server.cli("hooks", "send", "hooked", check=False)
        assert sent.returncode == 1 and "set $BATUTA_HOOK_SECRET" in sent.stderr, sent.stderr
        assert "token" not in sent.stderr, sent.stderr
        keyed = signature(body, key="order-7")
        first = trial(server, "/hooks/hooked", None, keyed, body)[1]["dag_run_id"]
        other = json.dumps({"word": "bye"}).encode()
        assert trial(server, "/hooks/hooked", None, signature(other, key="order-7"), other)[0] == 422
        assert trial(server, "/hooks/hooked", None, {**keyed, "Idempotency-Key": "order-8"}, body)[0] == 401
        assert first != answer["dag_run_id"]
        assert server.get("/api/v2/dags/hooked/dagRuns")["total_entries"] == 2
        events = server.get("/api/v2/eventLogs?event=hook_refused")["event_logs"]
        assert "wrong signature" in json.dumps(events), events
        server.stop()
        server.check_database()


main([chosen_tasks_run_alone, one_run_is_held, an_ended_run_goes_on_with_the_newest_version, a_webhook_triggers_its_dag])
