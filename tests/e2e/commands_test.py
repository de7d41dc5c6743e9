#!/usr/bin/env python3
"""Commands in real slots: shells, scripts, arguments, what they find around them, and how they are ended."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, shell  # noqa: E402

HOSTILE = "'; touch /tmp/batuta-pwned; $(id) `id` \"x"


def a_script_beside_the_dag_gets_values_as_arguments_and_the_workers_environment():
    """script, args, bash, DAG's and task's env over worker.env, working_dir: what a command finds in a real slot"""
    with Folder("commands") as folder:
        script = 'set -u\n# {{ .Names }}\nprintf "%s|" "$1" "$2" "$TZ" "$STAGE" "$OWN" "$PWD" "$(umask)"\n'
        tasks = [{"task_id": "script", "type": "shell", "script": "load.sh", "umask": "027",
                  "args": ["{{ params.who }}", "{{ ds }}"], "env": {"OWN": "task"}},
                 {"task_id": "bash", "type": "shell", "shell": "bash", "strict": True, "command": "false | true; echo on",
                  "retries": 0}]
        server = folder.server({}, env={"BATUTA_WORKER_ENV": json.dumps({"TZ": "Asia/Tokyo", "STAGE": "worker"})})
        (server.dags / "load.sh").write_text(script)
        server.write_dag("commands", dag("commands", tasks, params={"who": "x"}, working_dir="/tmp",
                                         env={"STAGE": "dag", "OWN": "dag"}))
        server.start()
        run_id = server.call("POST", "/api/v2/dags/commands/dagRuns",
                             {"logical_date": "2024-01-31T00:00:00Z", "conf": {"who": HOSTILE}})["dag_run_id"]
        server.wait_run("commands", run_id)
        states = {name: task["state"] for name, task in server.tasks("commands", run_id).items()}
        assert states == {"script": "success", "bash": "failed"}, states
        value = server.get(f"/api/v2/dags/commands/dagRuns/{run_id}/taskInstances/script/xcomEntries/return_value")["value"]
        assert value == "|".join([HOSTILE, "2024-01-31", "Asia/Tokyo", "dag", "task", "/tmp", "0027"]) + "|", value
        shown = json.dumps(server.get("/api/v2/config"))
        assert "Asia/Tokyo" not in shown


def results_are_handed_on_by_field_and_key_whoever_made_them():
    """JSON in a last line, $BATUTA_RESULT, key=value lines: fields in templates, XComs by key, nothing where told"""
    pull = "ti.xcom_pull"
    tasks = [shell("line", "echo '{\"rows\": [{\"n\": 7}]}'"),
             shell("lines", "printf 'a=1\\nb<<E\\nx\\ny\\nE\\n' >$BATUTA_RESULT; echo no", multiple_outputs=True),
             shell("none", "head -c 70000 /dev/zero | tr '\\0' x", do_xcom_push=False),
             shell("wrong", "echo text", multiple_outputs=True, retries=3),
             shell("use", f"printf '%s|' {{{{ {pull}('line').rows[0].n }}}} {{{{ {pull}('lines', key='b') }}}} "
                          f"{{{{ {pull}('lines').a }}}} {{{{ {pull}('none') | default('d') }}}}", ["line", "lines", "none"])]
    with Folder("results") as folder:
        server = folder.server({"results": dag("results", tasks)}).start()
        run_id = server.trigger("results")["dag_run_id"]
        server.wait_run("results", run_id)
        seen = server.tasks("results", run_id)
        assert {name: task["state"] for name, task in seen.items()} == {
            "line": "success", "lines": "success", "none": "success", "wrong": "failed", "use": "success"}, seen
        assert seen["wrong"]["try_number"] == 1 and "no JSON object" in seen["wrong"]["batuta"]["reason"], seen["wrong"]
        path = f"/api/v2/dags/results/dagRuns/{run_id}/taskInstances"
        keys = sorted(entry["key"] for entry in server.get(f"{path}/lines/xcomEntries")["xcom_entries"])
        assert keys == ["a", "b", "return_value"], keys
        assert server.get(f"{path}/lines/xcomEntries/b")["value"] == "x\ny"
        assert server.get(f"{path}/use/xcomEntries/return_value")["value"] == "y|1|d|", "the last line"
        assert server.get(f"{path}/none/xcomEntries")["xcom_entries"] == []


def a_run_knows_the_dates_of_the_one_before_that_succeeded():
    """prev_…_success: of the newest successful run dated before; what failed or is dated later does not count"""
    with Folder("previous") as folder:
        command = "echo {{ prev_start_date_success | default('first') }}; exit {{ params.code }}"
        server = folder.server({"p": dag("p", [shell("say", command)], params={"code": 0})}).start()

        def run(date, code=0):
            made = server.call("POST", "/api/v2/dags/p/dagRuns", {"logical_date": date, "conf": {"code": code}})
            return server.wait_run("p", made["dag_run_id"])

        def said(of):
            path = f"/api/v2/dags/p/dagRuns/{of['dag_run_id']}/taskInstances/say/xcomEntries/return_value"
            return server.get(path)["value"]

        first = run("2024-01-01T00:00:00Z")
        assert said(first) == "first"
        assert run("2024-01-02T00:00:00Z", code=1)["state"] == "failed"
        third = run("2024-01-03T00:00:00Z")
        assert said(third)[:19] == first["start_date"][:19], (said(third), first)
        assert said(run("2023-12-31T00:00:00Z")) == "first"
        assert said(run("2024-01-02T12:00:00Z"))[:19] == first["start_date"][:19]


TIDY = "trap 'echo tidied up; exit 1' TERM; echo up; while :; do sleep 0.05; done"


def every_way_of_ending_a_command_asks_first():
    """a time-out, a run's time-out, a failed mark and a cancelled run each send SIGTERM and grant the grace"""
    with Folder("ending") as folder:
        server = folder.server({"late": dag("late", [shell("tidy", TIDY, execution_timeout="1s")]),
                                "late_run": dag("late_run", [shell("tidy", TIDY)], dagrun_timeout="2s"),
                                "marked": dag("marked", [shell("tidy", TIDY)]),
                                "cancelled": dag("cancelled", [shell("tidy", TIDY)])}).start()
        runs = {name: server.trigger(name)["dag_run_id"] for name in ("late", "late_run", "marked", "cancelled")}

        def says(name, words):
            return words in server.log_text(name, runs[name], "tidy")

        for name in ("marked", "cancelled"):
            eventually(lambda: says(name, "up"), 30, f"{name} has started")
        server.call("PATCH", f"/api/v2/dags/marked/dagRuns/{runs['marked']}/taskInstances/tidy", {"new_state": "failed"})
        server.call("PATCH", f"/api/v2/dags/cancelled/dagRuns/{runs['cancelled']}", {"state": "failed"})
        for name in runs:
            assert server.wait_run(name, runs[name])["state"] == "failed", name
            eventually(lambda: says(name, "tidied up"), 10, f"{name} was asked first")


if __name__ == "__main__":
    main([results_are_handed_on_by_field_and_key_whoever_made_them, a_run_knows_the_dates_of_the_one_before_that_succeeded,
          a_script_beside_the_dag_gets_values_as_arguments_and_the_workers_environment,
          every_way_of_ending_a_command_asks_first])
