#!/usr/bin/env python3
"""The command line as a person uses it."""
import fcntl
import http.server
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, FINANCIAL, SOURCE, Folder, Refused, dag, eventually, main, mock, run, shell  # noqa: E402


def every_command_has_help():
    """--help of every noun and verb, and exit code 2 for a wrong command line"""
    nouns = ["standalone", "scheduler", "worker", "clone", "demo", "dags", "runs", "backfill", "tasks", "pools", "variables", "connections",
             "users", "tokens", "roles", "groups", "auth", "bundles", "domain", "lake", "models", "db", "config", "info", "cheat-sheet", "outbox", "plugins", "workers", "jobs", "events", "health", "doctor", "version"]
    assert all(noun in run("--help").stdout for noun in nouns)
    for noun in nouns:
        assert run(noun, "--help").stdout
    run("dags", "nonsense", code=2)
    run("nonsense", code=2)
    run(code=2)


def on_a_terminal(columns, *arguments):
    """What a command shows on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen([BATUTA, *map(str, arguments)], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(ours, 65536):
                text += chunk
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(ours)
        assert process.wait(60) == 0, text
    return text.decode().replace("\r\n", "\n")


def an_unknown_command_is_named():
    """a wrong word is named with its nearest neighbour, and a missing verb is said to miss; exit code 2"""
    assert 'unknown command "runz"; did you mean "runs"?' in run("runz", code=2).stderr
    assert 'unknown command "dags bogus"' in run("dags", "bogus", code=2).stderr
    assert 'did you mean "list"?' in run("dags", "lst", code=2).stderr
    missing = run("lake", "export", code=2).stderr
    assert "batuta lake export: table is required" in missing and "Usage: batuta lake export [OPTIONS] table" in missing, missing
    assert "batuta dags list: The following argument was not expected: --nope" in run("dags", "list", "--nope", code=2).stderr
    assert "batuta dags --help" in run("dags", code=2).stderr
    assert "--nonsense" in run("dags", "list", "--nonsense", code=2).stderr
    assert "--demo" in run("standalone", "--once", code=2).stderr, "alone it would do nothing"
    opposite = run("variables", "unset", code=2).stderr
    assert '"set"' not in opposite and "batuta variables --help" in opposite, opposite


def a_number_that_does_not_fit_is_told_its_range():
    """a number option says in words what it takes, and what it was given; exit code 2"""
    for command, said in ((["stream", "create", "x", "--partitions", "abc"], "--partitions: a whole number from 1 to 1000, not abc"),
                          (["lake", "restore", "silver/x", "--version", "-1"], "--version: a whole number, 0 or more, not -1"),
                          (["lake", "diff", "silver/x", "--key", ",", "--home", "/x"], "--key: the list has nothing in it"),
                          (["lake", "head", "silver/x", "--version", "-1"], "--version: a whole number, 0 or more, not -1"),
                          (["demo", "quotes", "--late", "2"], "--late: a number from 0 to 1, not 2")):
        assert said in run(*command, code=2).stderr, (said, run(*command, code=2).stderr)


def half_an_address_is_said_to_be_half():
    """BATUTA_URL without BATUTA_TOKEN, and the reverse, name the one that is missing"""
    for there, missing in (("BATUTA_URL", "BATUTA_TOKEN"), ("BATUTA_TOKEN", "BATUTA_URL")):
        said = run("dags", "list", code=2, env={there: "http://127.0.0.1:1"}).stderr
        assert f"{there} is set and {missing} is not" in said, said


def a_refusal_says_why_before_what_was_asked():
    """the server's reason comes first, its request last, and a wrong password is not answered with the advice to use one"""
    with Folder("refused") as folder:
        server = folder.server().start()
        said = server.cli("variables", "delete", "nope", check=False).stderr
        assert said.startswith("batuta: no variable 'nope'\n"), said
        assert said.rstrip().endswith("(DELETE /api/v2/variables/nope was answered with 404)"), said
        wrong = server.cli("tokens", "create", "admin", "--password", check=False, stdin="wrong\n").stderr
        assert "is wrong" in wrong and "tokens create" not in wrong, wrong
        server.stop()


def a_home_that_is_none_is_said_to_be_none():
    """db, lake and worker on a folder without an installation say so, end with 1, and make nothing there"""
    with Folder("nothing") as folder:
        home = folder.path / "home"
        for command in (["db", "check"], ["db", "backup"]):
            refused = run(*command, "--home", home, code=1)
            assert str(home) in refused.stderr and "no installation" in refused.stderr, refused.stderr
        assert "no lake" in run("lake", "tables", "--home", home, code=1).stderr
        assert not home.exists()


def a_broken_store_is_a_message():
    """no command ends as a crash: a store that is not one is an error message and an exit code"""
    with Folder("broken") as folder:
        (folder.path / "lake").mkdir()
        (folder.path / "batuta.db").write_text("this is not a database, " * 100)
        for command in (["db", "check"], ["lake", "tables"], ["standalone", "--port", "0", "--dags", folder.path]):
            refused = run(*command, "--home", folder.path, code=6 if command[0] == "standalone" else 1)
            said = refused.stderr + refused.stdout
            assert "database" in said and "terminate called" not in said, said


def the_lake_is_read_beside_a_running_server():
    """control tables have rows, columns and no history; the history of a table names dag, run and task"""
    with Folder("lake") as folder:
        server = folder.server(arguments=["--demo"])
        server.start(wait=False)
        table = "gold/financial/financial_data_hour"

        def published():
            return json.loads(server.cli("lake", "history", table, "-o", "json").stdout)
        newest = eventually(lambda: server.cli("lake", "history", table, check=False).returncode == 0 and published(),
                            60, "the demo's first run is in gold")[0]
        assert newest["info"]["batuta"]["dag_id"] == "financial", newest
        shown = server.cli("lake", "history", table).stdout
        for cell in (newest["info"]["batuta"][name] for name in ("dag_id", "run_id", "task_id")):
            assert cell in shown, shown
        configs = json.loads(server.cli("lake", "head", "mngt.ingestion_job_config", "-o", "json").stdout)
        assert any("financial" in row["job_name"] for row in configs), configs
        listed = json.loads(server.cli("lake", "tables", "-o", "json").stdout)
        rows = {row["table"]: row["rows"] for row in listed}
        assert rows["mngt.ingestion_job_config"] == len(configs), (rows, configs)
        assert "execution_id" in server.cli("lake", "describe", "mngt.ingestion_job_execution").stdout
        ran = json.loads(server.cli("lake", "head", "mngt.ingestion_job_execution", "-o", "json").stdout)
        assert ran and all(row["status"] for row in ran), ran
        refused = server.cli("lake", "history", "mngt.ingestion_job_execution", check=False)
        assert refused.returncode == 1 and "no history" in refused.stderr, refused
        counted = server.sql("SELECT count(*) FROM MNGT.Ingestion_Job_Config")
        assert list(counted[0]) == [len(configs)], counted
        server.cli("lake", "head", "MNGT.Ingestion_Job_Config")
        refused = server.cli("lake", "head", "mngt.nonsense", check=False)
        assert refused.returncode == 1 and "mngt.ingestion_job_config" in refused.stderr, refused


def the_lake_is_asked_without_a_server():
    """lake sql needs no run folder, shows every row or says what is missing, and leaves nothing behind"""
    with Folder("ask") as folder:
        home, temporary = folder.path / "home", folder.path / "tmp"
        (home / "lake").mkdir(parents=True)
        temporary.mkdir()
        env = {**os.environ, "TMPDIR": str(temporary)}

        def ask(query, *more, **how):
            return run("lake", "sql", query, "--home", home, *more, env={**env, **how.pop("env", {})}, **how)
        rows = json.loads(ask("SELECT range AS i, repeat('x', 100) AS x FROM range(50000)", "--limit", 100_000,
                              "-o", "json").stdout)
        assert [row["i"] for row in rows] == list(range(50_000)), len(rows)
        cut = ask("FROM range(30)", "-o", "json")
        assert len(json.loads(cut.stdout)) == 20 and "raise --limit" in cut.stderr, cut
        assert "raise --limit" in ask("FROM range(30)").stdout
        assert len(json.loads(ask("SELECT repeat('x', 3000000) AS x", "-o", "json").stdout)[0]["x"]) == 3_000_000
        assert json.loads(ask("FROM range(0)", "-o", "json").stdout) == []
        for version in range(3):
            log = home / "lake" / "gold" / "demo" / "t" / "_delta_log"
            log.mkdir(parents=True, exist_ok=True)
            (log / f"{version:020}.json").write_text('{"commitInfo":{"operation":"WRITE"}}\n')

        def versions(limit):
            return run("lake", "history", "gold/demo/t", "--home", home, "--limit", limit, "-o", "json", env=env)
        assert [row["version"] for row in json.loads(versions(2).stdout)] == [2, 1], versions(2)
        assert "more versions than these 2: raise --limit" in versions(2).stderr, versions(2)
        assert versions(3).stderr == "", versions(3)
        dotted = run("lake", "history", "gold.demo.t", "--home", home, "-o", "json", env=env)
        assert json.loads(dotted.stdout) == json.loads(versions(3).stdout), dotted
        for verb in (["describe"], ["history"], ["head"], ["optimize"], ["vacuum"], ["restore", "--version", 0]):
            refused = run("lake", verb[0], "nope", *verb[1:], "--home", home, env=env, code=2)
            assert '"nope"; tables are named layer/domain/table' in refused.stderr, refused
        kept = folder.path / "rows.parquet"
        ask("SELECT range AS i FROM range(100) -- all", "--to", kept)
        assert kept.read_bytes()[:4] == b"PAR1"
        assert "exists" in ask("SELECT 1", "--to", kept, code=1).stderr.lower()
        assert "more than 5 rows" in ask("FROM range(6)", "--to", folder.path / "six.parquet", "--limit", 5, code=1).stderr
        ask("FROM range(6)", "--to", folder.path / "many.parquet", "--limit", 200_000)  # a file is no table on a screen
        assert ".parquet" in ask("SELECT 1", "--to", folder.path / "rows.csv", code=2).stderr
        plan = run("lake", "explain", "VALUES (1)", "--analyze", "--home", home, env=env)
        assert "COLUMN_DATA_SCAN" in plan.stdout and "measured no step" in plan.stderr, plan
        named = json.loads(ask("SELECT 1 AS a, 2 AS a, 3 AS a_1", "-o", "json").stdout)
        assert named == [{"a": 1, "a_2": 2, "a_1": 3}], named
        said = ask("SELECT\n  nothing", code=1).stderr.splitlines()
        line = next(i for i, text in enumerate(said) if text.startswith("LINE 2:"))
        assert said[line + 1].index("^") == said[line].index("nothing"), said
        wrong = ask("SELECT a b c", code=1).stderr
        assert wrong.count("LINE 1:") == 1 and "Parser Error" in wrong, wrong
        assert "only one SELECT" in ask("EXPLAIN ANALYZE SELECT 1", code=1).stderr
        endless = "SELECT count(*) FROM range(100000000000) a, range(1000) b"
        late = ask(endless, code=1, env={"BATUTA_LAKE_SQL_TIMEOUT": "1s"})
        assert "lake.sql_timeout" in late.stderr, late
        process = subprocess.Popen([BATUTA, "lake", "sql", endless, "--home", home], env=env,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        eventually(lambda: any(temporary.glob("batuta-slot-*/scratch/*/*")), 30, "the slot works")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130, process.stderr.read()
        assert not list(temporary.iterdir()), list(temporary.iterdir())
        assert not (home / "run").exists()


def what_is_printed_is_whole():
    """logs, XComs and import errors are never cut; tables only on a terminal, to its width"""
    with Folder("whole") as folder:
        long = "x" * 300 + " the end"
        server = folder.server({"long": dag("long", [shell("says", f"echo {long}")], description="d"),
                                "bad": '{"dag_id": "bad", "tasks": [{"task_id": "a", "type": "mock", '
                                       '"trigger_rule": "all_sucess"}]}'}).start()
        run_id = server.trigger("long")["dag_run_id"]
        server.wait_run("long", run_id)
        assert long in server.cli("tasks", "log", "long", run_id, "says").stdout
        lines = json.loads(server.cli("tasks", "log", "long", run_id, "says", "-o", "json").stdout)
        assert any(line["event"] == long for line in lines), lines
        assert long in server.cli("tasks", "xcom", "long", run_id, "says").stdout
        errors = eventually(lambda: [text for text in [server.cli("dags", "list-import-errors", check=False).stdout]
                                     if "(none)" not in text], 5, "the import error is listed")[0]
        assert "did you mean" in errors and "…" not in errors, errors
        server.cli("variables", "set", "wide", "w" * 400, "--description", "two\nlines")
        assert "w" * 400 in server.cli("variables", "list").stdout
        assert long in on_a_terminal(80, "tasks", "log", "long", run_id, "says", "--home", server.home)
        shown = on_a_terminal(80, "variables", "list", "--home", server.home)
        row = next(line for line in shown.split("\n") if "www" in line)
        assert "…" in row and len(row) <= 80, shown


def lists_go_to_their_end_or_say_what_is_left():
    """lists longer than a page are whole, a page says how many there are and how to go on"""
    with Folder("lists") as folder:
        wide = {"dag_id": "wide", "is_paused_upon_creation": False,
                "tasks": [{"task_id": f"t{i}", "type": "empty"} for i in range(2300)]}
        server = folder.server({"wide": wide}).start()
        run_id = server.trigger("wide")["dag_run_id"]
        server.wait_run("wide", run_id)
        whole = server.cli("tasks", "list", "wide", run_id, "-o", "json")
        assert len({row["task_id"] for row in json.loads(whole.stdout)}) == 2300 and not whole.stderr
        page = server.cli("tasks", "list", "wide", run_id, "--limit", "7", "-o", "json")
        assert len(json.loads(page.stdout)) == 7
        assert "7 of 2300; --offset 7" in page.stderr, page.stderr
        answer = server.get(f"/api/v2/dags/wide/dagRuns/{run_id}/taskInstances?limit=0")
        assert answer["task_instances"] == [] and answer["total_entries"] == 2300
        for i in range(1001):
            server.call("POST", "/api/v2/variables", {"key": f"v{i:04}", "value": "x"})
        assert len(json.loads(server.cli("variables", "list", "-o", "json").stdout)) == 1001
        server.cli("variables", "set", "v1000", "y")  # one beyond the first page is changed, not made


def without_a_server_it_says_how_to_start_one():
    """a verb without a server ends with 1 and says what to do"""
    with Folder("none") as folder:
        result = run("dags", "list", "--home", folder.path / "home", code=1)
        assert "batuta standalone --home" in result.stderr, result.stderr


def files_are_validated_without_a_server():
    """dags validate: line, column, pointer and a suggestion; exit code 1; what the home's settings do not list"""
    with Folder("validate") as folder:
        good, bad = folder.path / "good.json", folder.path / "bad.json"
        good.write_text(json.dumps(dag("good", [mock("a")])))
        bad.write_text('{\n  "dag_id": "bad",\n  "tasks": [\n    {"task_id": "a", "type": "mock", '
                       '"trigger_rule": "all_sucess"}\n  ]\n}')
        assert "ok" in run("dags", "validate", good).stdout
        problem = run("dags", "validate", good, bad, code=1).stderr
        assert "bad.json:4" in problem and "/tasks/0/trigger_rule" in problem and "all_success" in problem, problem
        # What the home's settings do not list is told before anything runs.
        good.write_text(json.dumps(dag("good", [shell("a", "true", run_as="reports"), shell("b", "true", run_as="etl")],
                                       params={"n": {"$command": ["/bin/date"]}})))
        (folder.path / "batuta.json").write_text('{"worker.user": "nobody", "worker.run_as_users": ["etl"]}')
        warned = run("dags", "validate", good, env={**os.environ, "BATUTA_HOME": str(folder.path)}).stderr
        assert "\"reports\", whom \"worker.run_as_users\"" in warned and "etl" not in warned and "/bin/date, which" in warned, warned


def what_is_no_dag_file_is_said_to_be_none():
    """dags validate takes folders, skips the schema, does not hang on a pipe, and knows the plugins beside it"""
    with Folder("kinds") as folder:
        dags = folder.path / "bundle" / "dags"
        shutil.copytree(FINANCIAL.parents[1], dags.parent)
        shutil.copytree(SOURCE / "dags", dags, dirs_exist_ok=True)
        result = run("dags", "validate", *sorted(dags.glob("*.json")))
        assert "dag.schema.json: skipped" in result.stdout and "DAG financial" in result.stdout, result.stdout
        assert "DAG financial" in run("dags", "validate", dags).stdout
        os.mkfifo(folder.path / "pipe.json")
        assert "not a regular file" in run("dags", "validate", folder.path / "pipe.json", code=1).stderr
        assert "no such file" in run("dags", "validate", folder.path / "none.json", code=1).stderr
        text = (dags / "financial.json").read_text()
        changed = dags.parent / "changed" / "changed.json"
        changed.parent.mkdir()
        changed.write_text(json.dumps(dag("changed", [
            {"task_id": "a", "type": "extract", "source": "contrac", "layer": "bronze"}])))
        warned = run("dags", "validate", changed)
        assert f"warning: {BATUTA.parent}/plugins has no plugin" in warned.stderr and 'did you mean "contract_bronze"' in warned.stderr, warned.stderr
        changed.write_text(text.replace('"overlap"', '"overlapp"'))
        wrong = run("dags", "validate", changed, code=1).stderr
        assert "/tasks/0/params/overlapp" in wrong and 'did you mean "overlap"' in wrong, wrong
        assert "/nope" in run("dags", "validate", changed, "--plugins", "/nope", code=2).stderr
        twice = run("dags", "validate", dags / "financial.json", dags, code=1).stderr
        assert "is defined in" in twice, twice


def the_first_example_of_the_docs_runs():
    """the first example of docs/adding-a-dag.md is valid and runs as it says"""
    page = (SOURCE / "docs" / "adding-a-dag.md").read_text()
    with Folder("example") as folder:
        (folder.path / "dags").mkdir()
        (folder.path / "dags" / "hello.json").write_text(page.split("```json\n")[1].split("```")[0])
        run("dags", "validate", "dags/hello.json", cwd=folder.path)
        assert "hello world on 20" in run("dags", "test", "hello", cwd=folder.path).stdout
        server = folder.server().start()
        triggered = json.loads(server.cli("dags", "trigger", "hello", "--wait", "-o", "json").stdout)
        assert triggered["state"] == "success" and triggered["logical_date"], triggered
        none = json.loads(server.cli("dags", "trigger", "hello", "--logical-date", "none", "-o", "json").stdout)
        assert none["logical_date"] is None, none
        same = [json.loads(server.cli("dags", "trigger", "hello", "--idempotency-key", "k", "-o", "json").stdout)
                for _ in range(2)]
        assert same[0]["dag_run_id"] == same[1]["dag_run_id"], same


def a_test_gets_connections_and_variables():
    """dags test: connections and variables from files, a logical date, the conf checked, alerts printed, not sent"""
    with Folder("given") as folder, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Remembers) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        dags = folder.path / "dags"
        dags.mkdir()
        (dags / "calls.json").write_text(json.dumps(dag("calls", [
            {"task_id": "call", "type": "http", "connection": "api", "url": "/of/{{ var.value.who }}/{{ ds }}"},
            shell("fails", "exit 3", ["call"], pool="of_the_server", on_failure={
                "notifier": "slack", "connection": "alerts", "text": "alas, {{ var.json.lists.of[1] }}"})],
            schedule="@daily", catchup=True, start_date="2020-01-01T00:00:00Z", is_paused_upon_creation=True,
            params={"n": {"type": "integer", "default": 1}})))
        address = {"conn_type": "http", "host": "127.0.0.1", "schema": "http", "port": web.server_port}
        connections, variables = folder.path / "connections.json", folder.path / "variables.json"
        connections.write_text(json.dumps({"api": address, "alerts": address}))
        variables.write_text(json.dumps({"who": {"value": "me", "description": "d"}, "lists": {"of": [1, "two"]}}))
        given = ["--dags", dags, "--connections", connections, "--variables", variables]
        Remembers.seen.clear()
        result = run("dags", "test", "calls", *given, "--logical-date", "2024-05-06T07:00:00Z", code=1)
        assert "alert, not sent (connection alerts)" in result.stdout and "alas, two" in result.stdout, result.stdout
        assert Remembers.seen == ["GET /of/me/2024-05-06"], Remembers.seen
        result = run("dags", "test", "calls", "--dags", dags, "--logical-date", "none", code=1)
        assert "--connections FILE" in result.stdout, result.stdout
        assert "/n" in run("dags", "test", "calls", *given, "--conf", '{"n": "x"}', code=1).stderr
        connections.write_text('{"api": {"conn_type": "http", "hots": "x"}}')
        assert "hots" in run("dags", "test", "calls", *given, code=2).stderr


class Remembers(http.server.BaseHTTPRequestHandler):
    seen = []

    def answer(self):
        self.seen.append(f"{self.command} {self.path}")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass


def folders_that_are_not_there_are_refused():
    """a DAG or plugin folder that was named and does not exist is an error, as is a worker without an installation"""
    with Folder("folders") as folder:
        home = folder.path / "home"
        for command in ("standalone", "scheduler"):
            refused = run(command, "--home", home, "--port", "0", "--dags", folder.path / "none", code=1)
            assert "no DAG folder" in refused.stderr and not home.exists(), refused.stderr
            refused = run(command, "--home", home, "--port", "0", "--plugins", folder.path / "none", code=1)
            assert "no plugin folder" in refused.stderr and not home.exists(), refused.stderr
        refused = run("worker", "--home", home, code=1)
        assert "waiting for an installation" in refused.stderr and "no installation" in refused.stderr, refused.stderr
        assert not home.exists()


def a_dag_is_tested_without_a_server():
    """dags test runs a DAG in a temporary home; its exit code is the run's"""
    with Folder("test") as folder:
        dags = folder.path / "dags"
        dags.mkdir()
        (dags / "greet.json").write_text(json.dumps(dag("greet", [
            shell("hello", "echo hello {{ params.name }}")], params={"name": {"type": "string", "default": "you"}})))
        (dags / "fails.json").write_text(json.dumps(dag("fails", [shell("no", "echo oops; exit 3")])))
        result = run("dags", "test", "greet", "--dags", dags, "--conf", '{"name": "world"}')
        assert "hello world" in result.stdout and "run success" in result.stdout, result.stdout
        result = run("dags", "test", "fails", "--dags", dags, code=1)
        assert "oops" in result.stdout and "exit code 3" in result.stdout.replace("code: 3", "code 3"), result.stdout
        assert "nonsense" in run("dags", "test", "nonsense", "--dags", dags, code=1).stderr


def the_verbs_do_what_they_say():
    """trigger, wait, list, log, xcom, clear, mark, cancel, pools, variables, connections, backup"""
    with Folder("verbs") as folder:
        definition = dag("work", [shell("first", "echo out; echo 42"), mock("second", ["first"])])
        slow = dag("slow", [mock("sleeps", run_for="60s")])
        server = folder.server({"work": definition, "slow": slow}).start()
        waited = run("dags", "trigger", "work", "--wait", "-o", "json", "--home", server.home,
                     env={**server.env, "BATUTA_TASK_ID": "load"})
        assert "the task load waits for this run in a slot" in waited.stderr, waited.stderr
        shown = json.loads(waited.stdout)
        assert shown["state"] == "success", shown
        run_id = shown["dag_run_id"]
        assert run_id in server.cli("runs", "list", "work").stdout
        assert "first" in server.cli("tasks", "list", "work", run_id).stdout
        assert "out" in server.cli("tasks", "log", "work", run_id, "first").stdout
        assert "42" in server.cli("tasks", "xcom", "work", run_id, "first").stdout
        server.cli("tasks", "clear", "work", run_id, "first", "--downstream")
        server.cli("runs", "wait", "work", run_id)
        assert server.tasks("work", run_id)["first"]["try_number"] == 2
        server.cli("dags", "pause", "work")
        assert server.get("/api/v2/dags/work")["is_paused"] is True
        long_run = server.trigger("slow")["dag_run_id"]
        eventually(lambda: server.tasks("slow", long_run)["sleeps"]["state"] == "running", 20, "it runs")
        server.cli("runs", "cancel", "slow", long_run)
        assert server.wait_run("slow", long_run, 30)["state"] == "failed"
        server.cli("pools", "set", "small", "1", "one at a time")
        assert "small" in server.cli("pools", "list").stdout
        server.cli("variables", "set", "api_key", "-", stdin="s3cret-value\n")
        assert "s3cret-value" not in server.cli("variables", "list").stdout
        server.cli("connections", "add", "c", "--conn-type", "http", "--conn-host", "h", "--conn-password",
                   stdin="hidden-password\n")
        assert "hidden-password" not in server.cli("connections", "get", "c", "-o", "json").stdout
        server.cli("connections", "set", "c", "--conn-host", "other")
        changed = json.loads(server.cli("connections", "get", "c", "-o", "json").stdout)
        assert changed["host"] == "other" and changed["conn_type"] == "http", changed
        assert server.cli("connections", "add", "c", "--conn-type", "slackwebhook", check=False).returncode == 1
        server.cli("connections", "add", "c", "--conn-type", "slackwebhook", "--overwrite")
        changed = json.loads(server.cli("connections", "get", "c", "-o", "json").stdout)
        assert changed["conn_type"] == "slackwebhook" and not changed["host"], changed
        given = folder.path / "given.json"
        for _ in range(2):
            given.write_text('{"c": {"conn_type": "http", "host": "h2"}, "d": {"conn_type": "http", "port": 80}}')
            server.cli("connections", "import", given)
            given.write_text('{"plain": "text", "nested": {"a": [1]}, "told": {"value": 5, "description": "five"}}')
            server.cli("variables", "import", given)
        assert json.loads(server.cli("connections", "get", "d", "-o", "json").stdout)["port"] == 80
        assert [server.cli("variables", "get", key).stdout for key in ("plain", "nested", "told")] == [
            "text\n", '{"a":[1]}\n', "5\n"]
        server.cli("variables", "set", "told", "6")
        assert json.loads(server.cli("variables", "get", "told", "-o", "json").stdout)["description"] == "five", "it stays"
        server.cli("pools", "set", "small", "2")
        small = json.loads(server.cli("pools", "set", "small", "1", "-o", "json").stdout)
        assert small["slots"] == 1 and small["description"] == "one at a time", small
        marked = server.trigger("slow")["dag_run_id"]
        asked = server.cli("tasks", "mark", "slow", marked, "sleeps", "failed", "--past", "--dry-run", "-o", "json")
        assert {one["task_id"] for one in json.loads(asked.stdout)} == {"sleeps"}, asked.stdout
        assert not server.get("/api/v2/eventLogs?event=mark")["event_logs"], "a preview marks nothing"
        server.cli("tasks", "mark", "slow", marked, "sleeps", "failed", "--downstream", "--upstream")
        server.wait_run("slow", marked, 30)
        everything = json.loads(server.cli("runs", "list", "-o", "json").stdout)
        second = json.loads(server.cli("runs", "list", "--limit", "1", "--offset", "1", "-o", "json").stdout)
        assert second == everything[1:2], (second, everything)
        assert server.cli("events", "list", "--limit", "1", "--offset", "1").stdout
        assert list((server.home / "backups").glob("*")) == [] and server.cli("db", "backup")
        assert len(list((server.home / "backups").glob("*"))) == 1
        report = server.cli("doctor").stdout
        assert "running" in report and ("ok for a worker" in report) != ("worker.attempt_memory" in report), report
        assert "trigger" in server.cli("events", "list").stdout
        second = run("standalone", "--home", server.home, "--port", "0", "--dags", server.dags, code=4)
        assert str(server.process.pid) in second.stderr, second.stderr
        taken = server.url.rsplit(":", 1)[1]
        for command in (["standalone", "--home", folder.path / "other", "--dags", server.dags],
                        ["scheduler", "--home", folder.path / "other", "--dags", server.dags], ["demo", "quotes"]):
            refused = run(*command, "--port", taken, code=2 if command[0] == "demo" else 1)
            assert taken in refused.stderr and "already in use" in refused.stderr, refused.stderr
            assert "--port" in refused.stderr and "reactive_socket" not in refused.stderr, refused.stderr
        for secret in (b"s3cret-value", b"hidden-password"):
            for file in server.home.rglob("*"):
                assert not file.is_file() or secret not in file.read_bytes(), file


def rights_are_given(server, may):
    """roles, groups, scopes and can-i, on the server of users_are_managed with its user bob, an operator"""
    def can(*question):
        asked = server.cli("auth", "can-i", *question, check=False)
        return asked.returncode == 0, asked.stdout

    server.cli("roles", "create", "finance", "--grant", "read dag:fin_*", "--grant", "trigger dag:fin_day",
               "--description", "the desk")
    assert "trigger dag:fin_day" in server.cli("roles", "list").stdout
    wrong = server.cli("roles", "create", "x", "--grant", "look dag:a", check=False)
    assert wrong.returncode == 1 and "is no action" in wrong.stderr, wrong.stderr
    server.cli("users", "set-role", "bob", "none")
    assert can("bob", "read", "dag:fin_day") == (False, can("bob", "read", "dag:fin_day")[1])
    server.cli("groups", "create", "desk", "--role", "finance", "--user", "bob")
    assert "bob" in server.cli("groups", "list").stdout
    yes, why = can("bob", "trigger", "dag:fin_day")
    assert yes and '"trigger dag:fin_day" of the role finance' in why and "group desk" in why, why
    token = server.cli("tokens", "create", "bob").stdout.strip()
    assert may(token, "GET", "/api/v2/dags") == 200 and may(token, "GET", "/api/v2/dags/other") == 403
    assert may(token, "GET", "/api/v2/dags/fin_day") == 404 and may(token, "GET", "/api/v2/pools") == 403
    narrow = server.cli("tokens", "create", "ana", "--scope", "read dag:fin_*", "--scope", "read admin:pools")
    narrow = narrow.stdout.strip()
    assert may(narrow, "GET", "/api/v2/pools") == 200 and may(narrow, "GET", "/api/batuta/users") == 403
    server.stop()
    server.start()
    assert may(token, "GET", "/api/v2/dags/other") == 403 and may(narrow, "GET", "/api/batuta/users") == 403
    server.cli("roles", "edit", "finance", "--grant", "read dag:other")
    assert may(token, "GET", "/api/v2/dags/other") == 404 and may(token, "GET", "/api/v2/dags/fin_day") == 403
    assert server.cli("roles", "delete", "finance", check=False).returncode == 1
    server.cli("groups", "delete", "desk")
    assert may(token, "GET", "/api/v2/dags") == 403
    server.cli("roles", "delete", "finance")
    events = server.cli("events", "list", "-o", "json").stdout
    assert "post_role" in events and "delete_group" in events


def users_are_managed():
    """users: create, list, roles, passwords, delete; what ended is refused, admin.json does not lie, the last admin stays"""
    with Folder("users") as folder:
        server = folder.server().start()

        def may(token, method, path, body=None):
            try:
                old, server.token = server.token, token
                server.call(method, path, body)
                return 200
            except Refused as refused:
                return refused.status
            finally:
                server.token = old

        def log_in(name, password):
            return server.call("POST", "/auth/token", {"username": name, "password": password})["access_token"]

        server.cli("users", "create", "ana", "--role", "viewer", stdin="anas-password\n")
        server.cli("users", "create", "bob", "--role", "operator", "--use-random-password", "-o", "json")
        assert "ana" in server.cli("users", "list").stdout
        assert server.cli("users", "create", "ana", "--role", "admin", stdin="x" * 9, check=False).returncode == 1
        refused = server.cli("users", "create", "eve", "--role", "admin", stdin="short\n", check=False)
        assert refused.returncode == 1 and "8 to 256" in refused.stderr, refused.stderr
        ana = log_in("ana", "anas-password")
        pool = {"name": "p", "slots": 1}
        assert may(ana, "GET", "/api/v2/dags") == 200 and may(ana, "POST", "/api/v2/pools", pool) == 403
        # An address as a browser shows it; what she may not see is said, and the rest is told.
        report = run("doctor", "--home", server.home, env={**os.environ, "BATUTA_URL": server.url + "/", "BATUTA_TOKEN": ana}).stdout
        assert "not told: " in report and "healthy" in report, report
        server.cli("users", "set-role", "ana", "admin")
        assert may(ana, "POST", "/api/v2/pools", pool) == 200
        assert "ana" in server.cli("tokens", "list").stdout
        server.cli("users", "set-password", "ana", stdin="another-password\n")
        assert may(ana, "GET", "/api/v2/dags") == 403 and log_in("ana", "another-password")
        token = server.cli("tokens", "create", "bob", "--expires", "30d", "--purpose", "nightly").stdout.strip()
        assert may(token, "GET", "/api/v2/dags") == 200 and may(token, "GET", "/api/batuta/users") == 403
        row = next(row for row in json.loads(server.cli("tokens", "list", "-o", "json").stdout)
                   if row["purpose"] == "nightly")
        assert row["username"] == "bob" and token not in json.dumps(row)
        server.cli("tokens", "revoke", row["token_id"])
        assert may(token, "GET", "/api/v2/dags") == 403
        # The first admin: its file goes with its password, and the command line goes on.
        assert (server.home / "admin.json").exists()
        server.cli("users", "set-password", "admin", stdin="the-admins-own\n")
        assert not (server.home / "admin.json").exists() and log_in_after(server, "admin", "the-admins-own")
        assert "bob" in server.cli("users", "list").stdout
        server.cli("users", "delete", "admin")
        assert "bob" in server.cli("users", "list").stdout and "ana" in server.cli("tokens", "show").stdout
        refused = server.cli("users", "delete", "ana", check=False)
        assert refused.returncode == 1 and "last admin" in refused.stderr, refused.stderr
        refused = server.cli("users", "set-role", "ana", "viewer", check=False)
        assert refused.returncode == 1 and "last admin" in refused.stderr, refused.stderr
        server.stop()
        server.start()
        assert "ana" in server.cli("tokens", "show").stdout and not (server.home / "admin.json").exists()
        assert server.cli("tokens", "list").stdout.count("command line") == 1, "the token of the last start is alive"
        rights_are_given(server, may)
        events = server.cli("events", "list", "-o", "json").stdout
        assert "post_user" in events and "another-password" not in events
        for file in server.home.rglob("*"):
            if file.is_file():
                assert b"another-password" not in file.read_bytes(), file


def log_in_after(server, name, password):
    server.read_endpoint()
    return server.call("POST", "/auth/token", {"username": name, "password": password})["access_token"]


def wrong_settings_stop_the_start():
    """wrong settings stop the start and say where and what; config check says the same without a server"""
    with Folder("settings") as folder:
        home = folder.path / "home"
        home.mkdir()

        def refused(setting, **env):
            (home / "batuta.json").write_text(json.dumps(setting))
            return run("standalone", "--home", home, "--port", "0", code=1, cwd=folder.path,
                       env={**os.environ, **env}).stderr
        assert "batuta.json:1:11: unknown setting" in refused({"leese": 1}), "the place of the mistake"
        assert "without scheme and port" in refused({"allowed_hosts": ["http://x"]})
        assert "without scheme and port" in refused({}, BATUTA_ALLOWED_HOSTS="x:8080")
        assert "BATUTA_LEASE" in refused({}, BATUTA_LEASE="soon")
        (home / "batuta.json").write_text('{"lease": "soon"}')
        assert "must be" in run("config", "check", "--home", home, code=1, cwd=folder.path).stderr
        (home / "batuta.json").write_text('{"lease": "1m"}')
        assert "1 setting, all well" in run("config", "check", "--home", home, cwd=folder.path).stdout
        assert set(json.loads(run("config", "schema", cwd=folder.path).stdout)["properties"]) > {"lease", "$schema"}


def settings_are_read_again():
    """config reload and SIGHUP take over what may change while running, name the rest, and change nothing by a bad file"""
    with Folder("reload") as folder:
        server = folder.server({"a": dag("a", [shell("go", "true")])}).start()
        file = server.home / "batuta.json"
        assert json.loads(file.read_text()) == {"$schema": "./batuta.schema.json"}
        file.write_text('{"retention_days": 7, "lake.threads": 2}')
        said = server.cli("config", "reload").stdout
        assert "retention_days: is now 7, was 90" in said and "lake.threads: needs a restart to become 2, was 1" in said, said
        assert server.cli("config", "get-value", "core", "retention_days").stdout == "7\n"
        file.write_text('{"retention_days": 5, "lake.threads": "many"}')
        refused = server.cli("config", "reload", check=False).stderr
        assert "batuta.json:1:39" in refused and "nothing was changed" in refused, refused
        file.write_text('{"retention_days": 5}')
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.cli("config", "get-value", "core", "retention_days").stdout == "5\n", 10, "a reload by SIGHUP")


def a_server_for_others_says_what_that_means():
    """--host 0.0.0.0 warns of plain HTTP, names the setting for host names, and prints an address that works"""
    with Folder("open") as folder:
        server = folder.server(arguments=["--host", "0.0.0.0"], env={"BATUTA_ALLOWED_HOSTS": "Batuta.Example, other"}).start()
        said = eventually(lambda: [text for text in [server.log_tail()] if "#login=" in text], 10, "the link")[0]
        assert "plain HTTP" in said and "BATUTA_ALLOWED_HOSTS" in said and "421" in said, said
        assert "http://batuta.example:" in said and server.url.startswith("http://127.0.0.1:"), said
        assert server.get("/api/v2/version", headers={"Host": "batuta.example:99"})
        try:
            server.get("/api/v2/version", headers={"Host": "stranger"})
            raise AssertionError("a stranger's host name was answered")
        except Refused as refused:
            assert refused.status == 421
        assert "(none)" in server.cli("dags", "list").stdout


def shell_tasks_see_their_run():
    """a shell task has the BATUTA_ variables, a clean environment, and values are quoted"""
    with Folder("environment") as folder:
        definition = dag("env", [
            shell("show", "env | sort; echo {{ params.hostile }}"), shell("skips", "exit 99"),
            shell("after", "true", ["skips"])],
            params={"hostile": {"type": "string", "default": "$(id); `id` ' \" \\ ; rm -rf x"}})
        server = folder.server({"env": definition}, env={"SECRET_OF_THE_SERVER": "x"}).start()
        run_id = server.trigger("env")["dag_run_id"]
        assert server.wait_run("env", run_id)["state"] == "success"
        text = server.log_text("env", run_id, "show")
        for line in ("BATUTA_DAG_ID=env", f"BATUTA_RUN_ID={run_id}", "BATUTA_TASK_ID=show", "BATUTA_TRY_NUMBER=1",
                     "BATUTA_MAP_INDEX=-1", "$(id); `id` ' \" \\ ; rm -rf x"):
            assert line in text, text
        assert "SECRET_OF_THE_SERVER" not in text
        tasks = server.tasks("env", run_id)
        assert tasks["skips"]["state"] == "skipped" and tasks["after"]["state"] == "skipped", tasks


if __name__ == "__main__":
    main([every_command_has_help, an_unknown_command_is_named, a_number_that_does_not_fit_is_told_its_range, half_an_address_is_said_to_be_half,
      a_refusal_says_why_before_what_was_asked, a_home_that_is_none_is_said_to_be_none,
          a_broken_store_is_a_message, the_lake_is_read_beside_a_running_server,
          the_lake_is_asked_without_a_server, what_is_printed_is_whole,
          lists_go_to_their_end_or_say_what_is_left, without_a_server_it_says_how_to_start_one,
          files_are_validated_without_a_server,
          what_is_no_dag_file_is_said_to_be_none, the_first_example_of_the_docs_runs,
          a_test_gets_connections_and_variables, folders_that_are_not_there_are_refused,
          a_dag_is_tested_without_a_server, the_verbs_do_what_they_say, users_are_managed, wrong_settings_stop_the_start,
          settings_are_read_again,
          a_server_for_others_says_what_that_means, shell_tasks_see_their_run])
