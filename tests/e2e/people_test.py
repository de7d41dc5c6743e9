#!/usr/bin/env python3
"""Approvals and input with real processes: asked, told by Slack, answered by API and command line, the scheduler killed in between."""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, mock, refused, shell  # noqa: E402
from receivers import Hooks, connect  # noqa: E402


def ask(task_id, kind="approval", depends_on=(), **more):
    return {"task_id": task_id, "type": kind, "depends_on": list(depends_on), **more}


def path(dag_id, run, task, index=-1):
    return f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}/{index}/hitlDetails"


def waits(server, dag_id, run, task):
    eventually(lambda: server.tasks(dag_id, run)[task]["state"] == "deferred", 20, f"{task} waits for an answer")


def an_approval_is_told_killed_answered_and_goes_on():
    """a question is in Slack with a link; kill -9 before and after the answer loses neither; the only slot is free meanwhile"""
    with Folder("approval") as folder:
        hooks = Hooks()
        tell = {"notifier": "slack", "connection": "slack"}
        deploy = dag("deploy", [shell("build", "echo 1.4"),
                                ask("ask", depends_on=["build"], subject="Deploy {{ ti.xcom_pull('build') }}?", body="All *green*.",
                                    on_input_required=tell),
                                shell("go", "echo {{ ti.xcom_pull('ask').responded_by_user.name }} said {{ ti.xcom_pull('ask').chosen_options[0] }}", ["ask"])])
        server = folder.server({"deploy": deploy, "busy": dag("busy", [shell("one", "true")])}, arguments=["--slots", "1"],
                               env={"BATUTA_BASE_URL": "https://batuta.example.org"}).start()
        connect(server, "slack", "slackwebhook", host=f"http://127.0.0.1:{hooks.port}/services", password="T0/s3cret")
        run = server.trigger("deploy")["dag_run_id"]
        waits(server, "deploy", run, "ask")
        told = eventually(lambda: hooks.taken("/services/T0/s3cret"), 20, "Slack was told")[0]
        text = json.dumps(told)
        for part in ("Task waits for an answer: deploy.ask", "Deploy 1.4?", "https://batuta.example.org/#/dags/deploy/runs/", "?task=ask"):
            assert part in text, (part, text)
        assert server.wait_run("busy", server.trigger("busy")["dag_run_id"])["state"] == "success"
        server.kill()
        server.start()
        shown = server.get(path("deploy", run, "ask"))
        assert shown["subject"] == "Deploy 1.4?" and shown["body"] == "All *green*." and not shown["response_received"], shown
        listed = server.cli("hitl", "list").stdout
        assert "Deploy 1.4?" in listed and run in listed, listed
        answer = json.loads(server.cli("tasks", "answer", "deploy", run, "ask", "--option", "Approve", "-o", "json").stdout)
        server.kill()
        server.start()
        assert answer["responded_by"]["name"] == "admin" and answer["chosen_options"] == ["Approve"], answer
        assert "has already been updated" in refused(409, lambda: server.call("PATCH", path("deploy", run, "ask"), {"chosen_options": ["Reject"]}))
        assert server.wait_run("deploy", run)["state"] == "success"
        xcom = server.get(f"/api/v2/dags/deploy/dagRuns/{run}/taskInstances/ask/xcomEntries/return_value")["value"]
        assert xcom == {"chosen_options": ["Approve"], "params_input": {}, "responded_at": answer["responded_at"],
                        "responded_by_user": {"id": "admin", "name": "admin"}}, xcom
        assert "admin said Approve" in server.log_text("deploy", run, "go")
        events = server.get("/api/v2/eventLogs?event=answer")["event_logs"]
        assert [(one["owner"], one["task_id"]) for one in events] == [("admin", "ask")], events
        assert "(none)" in server.cli("hitl", "list").stdout
        assert "Approve" in server.cli("hitl", "list", "--all").stdout
        server.stop()
        server.check_database()


def nobody_answers_and_the_default_is_taken_over_a_kill():
    """the time goes on while no scheduler runs: the default is the answer, of nobody, and a rejection skips what follows"""
    with Folder("default") as folder:
        server = folder.server({"d": dag("d", [
            ask("ask", subject="Go on?", defaults="Reject", response_timeout="4s", params={"note": "nobody was there"}),
            mock("next", ["ask"]), mock("anyway", ["next"], trigger_rule="all_done")])}).start()
        run = server.trigger("d")["dag_run_id"]
        waits(server, "d", run, "ask")
        server.kill()
        time.sleep(4)
        server.start()
        assert server.wait_run("d", run)["state"] == "success"
        tasks = server.tasks("d", run)
        assert [tasks[one]["state"] for one in ("ask", "next", "anyway")] == ["success", "skipped", "success"], tasks
        shown = server.get(path("d", run, "ask"))
        assert shown["response_received"] and shown["responded_by_user"] is None and shown["chosen_options"] == ["Reject"], shown
        assert shown["params_input"] == {"note": "nobody was there"}, shown
        server.stop()


def who_may_answer_and_with_what():
    """who is assigned and may edit the DAG answers, nobody else; options and form are held against what was asked; a clear asks anew"""
    with Folder("rights") as folder:
        server = folder.server({"d": dag("d", [
            ask("ask", "input", subject="How many?", options=["take", "leave"], assigned_users=["rita", "vera"],
                params={"n": {"type": "integer", "minimum": 1}})])}).start()
        tokens = {}
        for name, role in (("rita", "operator"), ("otto", "operator"), ("vera", "viewer")):
            server.cli("users", "create", name, "--role", role, stdin=f"{name}s-password\n")
            tokens[name] = {"Authorization": "Bearer " + server.cli("tokens", "create", name).stdout.strip()}
        run = server.trigger("d")["dag_run_id"]
        waits(server, "d", run, "ask")
        here = path("d", run, "ask")
        patch = lambda name, body: server.call("PATCH", here, body, headers=tokens[name])  # noqa: E731
        good = {"chosen_options": ["take"], "params_input": {"n": 3}}
        assert "not a respondent" in refused(403, lambda: patch("otto", good))
        refused(403, lambda: patch("vera", good))
        assert "Invalid options" in refused(400, lambda: patch("rita", {"chosen_options": ["keep"], "params_input": {"n": 3}}))
        assert "/params_input/n" in refused(400, lambda: patch("rita", {"chosen_options": ["take"], "params_input": {"n": "3"}}))
        refused(422, lambda: patch("rita", {"chosen_options": []}))
        assert not server.get(here)["response_received"]
        assert [server.get(here, headers=tokens[one])["batuta"]["may_answer"] for one in ("rita", "otto", "vera")] == [True, False, False]
        assert patch("rita", good)["responded_by"] == {"id": "rita", "name": "rita"}
        assert server.wait_run("d", run)["state"] == "success"
        server.call("POST", "/api/v2/dags/d/clearTaskInstances", {"dag_run_id": run, "dry_run": False, "only_failed": False})
        waits(server, "d", run, "ask")
        assert server.get(here + "/tries/1")["params_input"] == {"n": 3}
        assert not server.get(here)["response_received"]
        wrong = server.cli("tasks", "answer", "d", run, "ask", check=False)
        assert wrong.returncode == 2 and '"take", "leave"' in wrong.stderr, wrong
        server.call("PATCH", f"/api/v2/dags/d/dagRuns/{run}", {"state": "failed"})
        assert server.wait_run("d", run)["state"] == "failed"
        assert "does not wait" in refused(409, lambda: patch("rita", good))
        server.stop()
        server.check_database()


main([an_approval_is_told_killed_answered_and_goes_on,
      nobody_answers_and_the_default_is_taken_over_a_kill,
      who_may_answer_and_with_what])
