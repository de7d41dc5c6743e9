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
    main([a_script_beside_the_dag_gets_values_as_arguments_and_the_workers_environment,
          every_way_of_ending_a_command_asks_first])
