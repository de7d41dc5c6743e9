#!/usr/bin/env python3
"""The command line as a person uses it."""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, Folder, dag, eventually, main, mock, shell  # noqa: E402


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
    main([every_command_has_help, without_a_server_it_says_how_to_start_one, files_are_validated_without_a_server,
          a_dag_is_tested_without_a_server, the_verbs_do_what_they_say, shell_tasks_see_their_run])
