#!/usr/bin/env python3
"""The command line as a person uses it."""
import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, SOURCE, Folder, dag, eventually, main, mock, shell  # noqa: E402


def run(*arguments, code=0, **more):
    result = subprocess.run([BATUTA, *map(str, arguments)], capture_output=True, text=True, timeout=120, **more)
    assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def every_command_has_help():
    """--help of every noun and verb, and exit code 2 for a wrong command line"""
    nouns = ["standalone", "scheduler", "worker", "demo", "dags", "runs", "tasks", "pools", "variables", "connections",
             "lake", "db", "outbox", "plugins", "jobs", "events", "health", "doctor", "version"]
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
    assert "batuta dags --help" in run("dags", code=2).stderr
    assert "--nonsense" in run("dags", "list", "--nonsense", code=2).stderr


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
    """no command ends as a crash: a store that is not one is an error message and exit code 1"""
    with Folder("broken") as folder:
        (folder.path / "lake").mkdir()
        (folder.path / "batuta.db").write_text("this is not a database, " * 100)
        for command in (["db", "check"], ["lake", "tables"], ["standalone", "--port", "0", "--dags", folder.path]):
            refused = run(*command, "--home", folder.path, code=1)
            said = refused.stderr + refused.stdout
            assert "database" in said and "terminate called" not in said, said


def the_lake_is_read_beside_a_running_server():
    """control tables have rows, columns and no history; the history of a table names dag, run and task"""
    with Folder("lake") as folder:
        server = folder.server(arguments=["--demo"])
        shutil.copy(SOURCE / "dags" / "financial.json", server.dags)
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
        refused = server.cli("lake", "head", "mngt.nonsense", check=False)
        assert refused.returncode == 1 and "mngt.ingestion_job_config" in refused.stderr, refused


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
        errors = server.cli("dags", "list-import-errors", check=False).stdout
        assert "did you mean" in errors and "…" not in errors, errors
        server.cli("variables", "set", "wide", "w" * 400, "--description", "two\nlines")
        assert "w" * 400 in server.cli("variables", "list").stdout
        assert long in on_a_terminal(80, "tasks", "log", "long", run_id, "says", "--home", server.home)
        shown = on_a_terminal(80, "variables", "list", "--home", server.home)
        row = next(line for line in shown.split("\n") if "www" in line)
        assert "…" in row and len(row) <= 80, shown


def without_a_server_it_says_how_to_start_one():
    """a verb without a server ends with 1 and says what to do"""
    with Folder("none") as folder:
        result = run("dags", "list", "--home", folder.path / "home", code=1)
        assert "batuta standalone --home" in result.stderr, result.stderr


def files_are_validated_without_a_server():
    """dags validate: line, column, pointer and a suggestion; exit code 1"""
    with Folder("validate") as folder:
        good, bad = folder.path / "good.json", folder.path / "bad.json"
        good.write_text(json.dumps(dag("good", [mock("a")])))
        bad.write_text('{\n  "dag_id": "bad",\n  "tasks": [\n    {"task_id": "a", "type": "mock", '
                       '"trigger_rule": "all_sucess"}\n  ]\n}')
        assert "ok" in run("dags", "validate", good).stdout
        problem = run("dags", "validate", good, bad, code=1).stderr
        assert "bad.json:4" in problem and "/tasks/0/trigger_rule" in problem and "all_success" in problem, problem


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
        shown = json.loads(server.cli("dags", "trigger", "work", "--wait", "-o", "json").stdout)
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
        assert list((server.home / "backups").glob("*")) == [] and server.cli("db", "backup")
        assert len(list((server.home / "backups").glob("*"))) == 1
        assert "running" in server.cli("doctor").stdout
        assert "trigger" in server.cli("events", "list").stdout
        second = run("standalone", "--home", server.home, "--port", "0", "--dags", server.dags, code=1)
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
    main([every_command_has_help, an_unknown_command_is_named, a_home_that_is_none_is_said_to_be_none,
          a_broken_store_is_a_message, the_lake_is_read_beside_a_running_server, what_is_printed_is_whole, without_a_server_it_says_how_to_start_one, files_are_validated_without_a_server,
          a_dag_is_tested_without_a_server, the_verbs_do_what_they_say, shell_tasks_see_their_run])
