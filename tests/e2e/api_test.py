"""The API, the live feed and the command line against a server of real processes."""
import json
import re
import threading
import time
import urllib.request

from harness import Folder, Refused, dag, eventually, main, mock, shell


class Feed(threading.Thread):
    """Listens to the server-sent events and keeps their names."""

    def __init__(self, server):
        super().__init__(daemon=True)
        request = urllib.request.Request(server.url + "/api/batuta/events")
        request.add_header("Authorization", f"Bearer {server.token}")
        self.stream = urllib.request.urlopen(request, timeout=60)
        self.names = []
        self.start()

    def run(self):
        try:
            for line in self.stream:
                if line.startswith(b"event: "):
                    self.names.append(line[7:].strip().decode())
        except (OSError, ValueError, AttributeError):
            pass

    def hears(self, name, seconds=10):
        eventually(lambda: name in self.names, seconds, f"the event {name} among {self.names}")
        self.names.clear()


def errors(server):
    return server.get("/api/v2/importErrors")["import_errors"]


def status_of(call):
    try:
        call()
    except Refused as refused:
        return refused.status
    return 200


def an_open_page_learns_of_the_dag_files():
    """Who listens is told of a broken file, of its repair and of a pool that a DAG misses."""
    with Folder("feed") as folder:
        server = folder.server({"one": dag("one", [mock("a", pool="narrow")])}, command="scheduler").start()
        missing = "/api/v2/dagWarnings?warning_type=non-existent%20pool"
        eventually(lambda: server.get(missing)["total_entries"] == 1, 10, "the warning of the pool")
        time.sleep(0.5)  # what the start had to tell is told
        feed = Feed(server)
        server.write_dag("one", "{ not JSON")
        feed.hears("dags")
        assert [error["filename"] for error in errors(server)] == ["one.json"], errors(server)
        server.write_dag("one", dag("one", [mock("a", pool="narrow")]))
        feed.hears("dags")
        assert errors(server) == []
        assert server.get(missing)["dag_warnings"][0]["batuta"]["kind"] == "non-existent pool"
        server.call("POST", "/api/v2/pools", {"name": "narrow", "slots": 2})
        feed.hears("dags")
        assert server.get(missing)["total_entries"] == 0
        assert "non-existent" not in server.cli("dags", "warnings", "one").stdout


def a_broken_file_at_a_restart_is_not_a_deleted_one():
    """A DAG whose file is broken when the scheduler starts keeps its version and its runs; one whose file went is stale."""
    with Folder("restart") as folder:
        gate = folder.path / "gate"
        waiting = f"until [ -e {gate} ]; do sleep 0.05; done"
        server = folder.server({"kept": dag("kept", [shell("wait", waiting), shell("after", "true", ["wait"])]),
                                "gone": dag("gone", [mock("a")])}).start()
        run_id = server.trigger("kept")["dag_run_id"]
        eventually(lambda: server.tasks("kept", run_id)["wait"]["state"] == "running", 30, "the task runs")
        version = server.get("/api/v2/dags/kept/details")["latest_dag_version"]["bundle_version"]
        server.kill()
        server.write_dag("kept", '{"dag_id": "kept", "tasks": [')
        (server.dags / "gone.json").unlink()
        server.start()
        eventually(lambda: [e["filename"] for e in errors(server)] == ["kept.json"], 10, "the import error")
        now = server.get("/api/v2/dags/kept")
        assert not now["is_stale"] and now["has_import_errors"], now
        details = server.get("/api/v2/dags/kept/details")
        assert details["latest_dag_version"]["bundle_version"] == version
        assert eventually(lambda: server.get("/api/v2/dags/gone")["is_stale"], 10, "the other is stale")
        assert status_of(lambda: server.trigger("gone")) in (404, 409)
        again = server.trigger("kept", run_id="again")["dag_run_id"]
        gate.touch()
        assert server.wait_run("kept", run_id)["state"] == "success"
        assert server.wait_run("kept", again)["state"] == "success"
        server.write_dag("kept", dag("kept", [mock("other")]))
        eventually(lambda: not errors(server), 10, "the repair")
        assert [t["task_id"] for t in server.get("/api/v2/dags/kept/tasks")["tasks"]] == ["other"]


def the_event_log_tells_who_did_what():
    """Logins, tokens and writes are in the event log, by name and never by value, but for notes, which have before and after; a flood of guesses is not."""
    with Folder("audit") as folder:
        server = folder.server({"one": dag("one", [mock("a")])}, command="scheduler").start()
        admin = json.loads((server.home / "admin.json").read_text())
        token = server.cli("tokens", "create", "admin", "--password", stdin=admin["password"] + "\n").stdout.strip()
        assert token.startswith("batuta_"), token
        server.cli("variables", "set", "channel", "hidden-value")
        server.cli("variables", "delete", "channel")
        server.cli("connections", "add", "c", "--conn-type", "http", "--conn-password", stdin="hidden-value\n")
        server.cli("pools", "set", "small", "3")
        server.cli("dags", "pause", "one")
        server.cli("db", "backup")
        run = server.trigger("one")["dag_run_id"]
        server.call("PATCH", f"/api/v2/dags/one/dagRuns/{run}", {"note": "looked at"})
        server.call("PATCH", f"/api/v2/dags/one/dagRuns/{run}", {"note": "mended"})
        server.call("PATCH", f"/api/v2/dags/one/dagRuns/{run}/taskInstances/a", {"note": "seen"})
        for verb in ("retry", "drop"):
            assert status_of(lambda: server.call("POST", f"/api/batuta/outbox/77/{verb}", {})) == 404
        for number in range(60):
            name = "admin" if number == 0 else f"stranger{number}"
            assert status_of(lambda: server.call("POST", "/auth/token", {"username": name, "password": "hidden-value"})) in (401, 429)
        rows = server.get("/api/v2/eventLogs?limit=1000")["event_logs"]
        names = [row["event"] for row in rows]
        for event in ("token_created", "post_variable", "delete_variable", "post_connection", "post_pool", "pause",
                      "backup_database", "set_note", "retry_outbox", "drop_outbox"):
            assert event in names, (event, names)
        assert {row["owner"] for row in rows if row["event"] == "pause"} == {"admin"}
        failed = [row for row in rows if row["event"] == "login_failed"]
        assert 1 <= len(failed) <= 30 and failed[-1]["owner"] == "admin" and failed[0]["owner"] is None, failed
        assert "hidden-value" not in json.dumps(rows)
        notes = sorted((json.loads(row["extra"])["before"] or "", json.loads(row["extra"])["after"]) for row in rows if row["event"] == "set_note")
        assert notes == [("", "looked at"), ("", "seen"), ("looked at", "mended")], notes
        assert "post_pool" in server.cli("events", "list", "--event", "post_pool").stdout
        assert "pause" in server.cli("dags", "events", "one").stdout
        # A token of one's own: shown, then ended.
        server.env.update(BATUTA_URL=server.url, BATUTA_TOKEN=token)
        shown = json.loads(server.cli("tokens", "show", "-o", "json").stdout)
        assert shown["username"] == "admin" and re.match(r"\d{4}-", shown["expires_at"]), shown
        server.cli("tokens", "revoke", stdin=token + "\n")
        refused = server.cli("tokens", "show", check=False)
        assert refused.returncode == 1 and "batuta tokens create" in refused.stderr, refused.stderr


def a_clear_reaches_the_runs_before_and_after():
    """One clear over several runs: past, future, between dates, of the running only; all or none."""
    with Folder("clear") as folder:
        gate = folder.path / "gate"
        flag = folder.path / "works"
        definition = dag("days", [shell("a", f"test -e {flag}"), shell("b", "true", ["a"])], max_active_runs=8)
        server = folder.server({"days": definition, "slow": dag("slow", [shell("s", f"until [ -e {gate} ]; do sleep 0.05; done")])}).start()
        dates = [f"2026-01-0{day}T00:00:00Z" for day in range(1, 5)]
        runs = []
        for date in dates:
            body = {"logical_date": date, "conf": {}}
            runs.append(server.call("POST", "/api/v2/dags/days/dagRuns", body)["dag_run_id"])
        for run in runs:
            assert server.wait_run("days", run)["state"] == "failed"

        def clear(**body):
            rows = server.call("POST", "/api/v2/dags/days/clearTaskInstances", body)["task_instances"]
            return sorted((runs.index(row["dag_run_id"]), row["task_id"]) for row in rows)

        assert clear(dag_run_id=runs[1]) == [(1, "a"), (1, "b")]
        assert clear(dag_run_id=runs[1], task_ids=["a"], include_past=True) == [(0, "a"), (1, "a")]
        assert clear(dag_run_id=runs[1], task_ids=["a"], include_future=True) == [(1, "a"), (2, "a"), (3, "a")]
        assert clear(start_date=dates[1], end_date=dates[2], task_ids=["a"]) == [(1, "a"), (2, "a")]
        assert clear(dag_run_id=runs[0], only_running=True) == []
        assert status_of(lambda: clear(start_date=dates[0], task_ids=["nobody"])) == 404
        assert status_of(lambda: clear()) == 422
        flag.touch()
        shown = server.cli("tasks", "clear", "days", "-", "a", "--downstream", "--start-date", dates[0],
                           "--end-date", dates[2], "-o", "json").stdout
        assert len(json.loads(shown)) == 6, shown
        for run in runs[:3]:
            assert server.wait_run("days", run)["state"] == "success"
        assert server.run("days", runs[3])["state"] == "failed"

        slow = server.trigger("slow")["dag_run_id"]
        eventually(lambda: server.tasks("slow", slow)["s"]["state"] == "running", 30, "the task runs")
        path, body = "/api/v2/dags/slow/clearTaskInstances", {"dag_run_id": slow, "only_running": True}
        assert [row["task_id"] for row in server.call("POST", path, body)["task_instances"]] == ["s"]
        body.update(prevent_running_task=True)
        assert status_of(lambda: server.call("POST", path, body)) == 409
        gate.touch()
        server.wait_run("slow", slow)


def a_mark_reaches_the_runs_before_and_after():
    """One mark with include_past, over runs that ended long ago."""
    with Folder("mark") as folder:
        server = folder.server({"one": dag("one", [mock("a")])}).start()
        runs = [server.trigger("one")["dag_run_id"] for _ in range(3)]
        for run in runs:
            server.wait_run("one", run)
        marked = server.call("PATCH", f"/api/v2/dags/one/dagRuns/{runs[1]}/taskInstances/a",
                             {"new_state": "failed", "include_past": True})
        assert {task["dag_run_id"] for task in marked["task_instances"]} == set(runs[:2]), marked
        assert [server.run("one", run)["state"] for run in runs] == ["failed", "failed", "success"]


def filters_narrow_what_they_say():
    """Every filter on a real store: what it leaves out is not in the page and not in the total."""
    with Folder("filters") as folder:
        server = folder.server({"one": dag("one", [mock("a"), shell("b", "echo hi", depends_on=["a"])]),
                                "two": dag("two", [mock("c")])}).start()
        runs = [server.trigger("one", conf={"env": name})["dag_run_id"] for name in ("prod", "test")]
        runs.append(server.trigger("two")["dag_run_id"])
        for name, run in zip(("one", "one", "two"), runs):
            server.wait_run(name, run)

        def total(path, query):
            answer = server.get(path + "?" + query)
            rows = next(value for value in answer.values() if isinstance(value, list))
            assert len(rows) == answer["total_entries"], (path, query)
            return len(rows)
        every = "/api/v2/dags/~/dagRuns"
        tasks = every + "/~/taskInstances"
        for query, expected in {
                "": 3, "run_type=backfill": 0, "run_type=manual": 3, "duration_gte=3600": 0, "duration_lt=3600": 3,
                "conf_contains=%22env%22%3A%20%22prod%22": 1, "dag_id_pattern=tw%7Cnone": 1, "dag_id_pattern=~": 3,
                "dag_version=1": 3, "dag_version=2": 0, "bundle_version=none": 0, "order_by=-duration": 3,
                "triggering_user_name_pattern=adm": 3, "start_date_gt=2100-01-01T00:00:00Z": 0}.items():
            assert total(every, query) == expected, query
        for query, expected in {
                "order_by=map_index": 5, "order_by=-map_index": 5, "map_index=-1": 5, "map_index=0": 0,
                "operator=shell": 2, "operator_name_pattern=MOC": 3, "order_by=operator": 5, "queue=default": 5,
                "queue=gpu": 0, "executor=x": 0, "try_number=1": 5, "try_number=2": 0, "version_number=1": 5,
                "task_display_name_pattern=b": 2, "dag_id_pattern=two": 1, "state=deferred": 0, "duration_gt=3600": 0,
                "end_date_lte=2000-01-01T00:00:00Z": 0, "pool_name_pattern=default": 5}.items():
            assert total(tasks, query) == expected, query
        for query, expected in {"": 3, "task_id_pattern=b": 2, "run_id_pattern=" + runs[0]: 1,
                                "xcom_key=return_value": 3, "xcom_key_pattern=none": 0, "map_index=2": 0}.items():
            found = [row for row in server.get(tasks + "/~/xcomEntries?" + query)["xcom_entries"]]
            assert all(row["task_id"] in "abc" for row in found), found
        assert status_of(lambda: server.get(every + "?updated_at_gte=2026-01-01T00:00:00Z")) == 422
        assert status_of(lambda: server.get(tasks + "?task_group_id=g")) == 422
        assert total("/api/v2/eventLogs", "event_pattern=trig&order_by=dag_id") == 3
        assert total("/api/v2/eventLogs", "try_number=1") == 0
        assert total("/api/v2/jobs", "job_type=WorkerJob&is_alive=true") == 1
        assert total("/api/v2/dags", "dag_run_state=success&order_by=-last_run_start_date") == 2


def the_session_says_when_it_ends():
    """A session's end is the one that the login said."""
    with Folder("session") as folder:
        server = folder.server({}, command="scheduler").start()
        admin = json.loads((server.home / "admin.json").read_text())
        request = urllib.request.Request(server.url + "/api/batuta/login", method="POST", data=json.dumps(admin).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            said = json.loads(answer.read())["expires_at"]
            cookie = answer.headers["Set-Cookie"].split(";")[0]
        request = urllib.request.Request(server.url + "/api/batuta/session", headers={"Cookie": cookie})
        with urllib.request.urlopen(request) as answer:
            assert json.loads(answer.read())["expires_at"] == said
        assert said > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def every_group_of_endpoints_has_a_verb():
    """The command line reaches every group of endpoints."""
    with Folder("verbs") as folder:
        server = folder.server({"one": dag("one", [mock("a")])}).start()
        run = json.loads(server.cli("dags", "trigger", "one", "--idempotency-key", "k", "--wait", "-o", "json").stdout)
        assert run["triggered_by"] == "cli", run
        again = json.loads(server.cli("dags", "trigger", "one", "--idempotency-key", "k", "-o", "json").stdout)
        assert again["dag_run_id"] == run["dag_run_id"]
        of_run = ("one", run["dag_run_id"])
        for words, said in {("dags", "tasks", "one"): "mock", ("dags", "versions", "one"): "1",
                            ("dags", "source", "one"): '"dag_id"', ("dags", "details", "one"): "one",
                            ("dags", "events", "one"): "trigger", ("jobs", "list"): "WorkerJob",
                            ("jobs", "configs"): "job_name", ("jobs", "executions"): "job_name",
                            ("health",): "healthy", ("metrics",): "batuta_", ("plugins", "list"): "mock",
                            ("tasks", "dependencies", *of_run, "a"): "", ("tasks", "xcoms", *of_run, "a"): "key",
                            ("tasks", "tries", *of_run, "a"): "success", ("outbox", "list"): "kind"}.items():
            assert said in server.cli(*words).stdout, words
        refused = server.cli("dags", "tasks", "nobody", check=False)
        assert refused.returncode == 1 and "nobody" in refused.stderr and "404" in refused.stderr, refused.stderr
        server.cli("runs", "set-state", *of_run, "failed")
        assert server.run(*of_run)["state"] == "failed"


main([an_open_page_learns_of_the_dag_files, a_broken_file_at_a_restart_is_not_a_deleted_one,
      the_event_log_tells_who_did_what, a_clear_reaches_the_runs_before_and_after,
      a_mark_reaches_the_runs_before_and_after, filters_narrow_what_they_say,
      the_session_says_when_it_ends, every_group_of_endpoints_has_a_verb])
