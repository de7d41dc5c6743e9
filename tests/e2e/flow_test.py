#!/usr/bin/env python3
"""Task groups, setups and teardowns, and what runs at the end of a run, with real processes."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, eventually, main, shell  # noqa: E402


def states(server, dag_id, run):
    rows = server.get(f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances")["task_instances"]
    return {row["task_id"]: row["state"] for row in rows}


def cluster(path, work):
    return {
        "dag_id": "cluster", "schedule": None, "is_paused_upon_creation": False,
        "task_groups": {"all": {}, "work": {"parent": "all"}},
        "tasks": [
            {**shell("up", f"echo up >> {path}"), "group": "all", "setup": True},
            {**shell("first", work, ["up"]), "group": "work"},
            {**shell("second", f"echo second >> {path}", ["first"]), "group": "work"},
            {**shell("down", f"echo down >> {path}", ["work"]), "group": "all", "teardown": ["up"]},
            shell("report", f"echo report >> {path}", ["all"]),
        ],
        "on_exit": [shell("bye", f"echo bye >> {path}"), {**shell("alas", f"echo alas >> {path}"), "when": "failed"}],
    }


def a_group_is_waited_for_and_its_teardown_is_not():
    """a run through setup, group, teardown and end; the group's tasks are marked by its id"""
    with Folder("flow") as folder:
        path = folder.path / "said"
        server = folder.server({"cluster": cluster(path, "true")}, arguments=["--slots", "1"]).start()
        run = server.trigger("cluster")["dag_run_id"]
        assert server.wait_run("cluster", run)["state"] == "success"
        said = path.read_text().split()
        assert said[:2] == ["up", "second"] and sorted(said[2:4]) == ["down", "report"] and said[4:] == ["bye"], said
        assert states(server, "cluster", run)["alas"] == "skipped"
        touched = server.call("PATCH", f"/api/v2/dags/cluster/dagRuns/{run}/taskGroupInstances/work", {"new_state": "failed"})
        assert sorted(row["task_id"] for row in touched["task_instances"]) == ["first", "second"], touched
        assert states(server, "cluster", run)["second"] == "failed"
        server.stop()
        server.check_database()


def a_cancelled_run_is_torn_down_through_a_kill():
    """the scheduler dies while a cancelled run waits for its task; what was set up is taken away all the same"""
    with Folder("flow") as folder:
        path = folder.path / "said"
        server = folder.server({"cluster": cluster(path, f"echo first >> {path}; trap 'sleep 1; exit 1' TERM; sleep 60 & wait")}).start()
        run = server.trigger("cluster")["dag_run_id"]
        eventually(lambda: path.exists() and "first" in path.read_text(), 10, "it runs")
        server.call("PATCH", f"/api/v2/dags/cluster/dagRuns/{run}", {"state": "failed"})
        server.kill()
        server.start()
        assert server.wait_run("cluster", run)["state"] == "failed"
        said = list(dict.fromkeys(path.read_text().split()))  # what the kill found running runs again
        assert said[:3] == ["up", "first", "down"] and sorted(said[3:]) == ["alas", "bye"], said
        assert states(server, "cluster", run)["second"] == "skipped"
        server.stop()
        server.check_database()

def retry_rules_decide_about_real_failures():
    """exit codes, a message and a time-out of real processes meet their retry rules; explain says why, after the run too"""
    with Folder("flow") as folder:
        count = folder.path / "count"
        rules = [
            {"exit_codes": "70-79", "action": "retry", "delay": "100ms"},
            {"message": "^exit code 3$", "action": "skip"},
            {"error_class": "timeout", "action": "fail"},
        ]
        args = {"retries": 2, "retry_delay": "1h", "retry_rules": rules}
        again = f"echo x >> {count}; test $(wc -l < {count}) -gt 2 || exit 75"
        server = folder.server({"ruled": {
            "dag_id": "ruled", "schedule": None, "is_paused_upon_creation": False, "default_args": args,
            "tasks": [shell("again", again), shell("nothing", "exit 3"),
                      {**shell("slow", "sleep 30"), "execution_timeout": "500ms"}],
        }}).start()
        run = server.trigger("ruled")["dag_run_id"]
        assert server.wait_run("ruled", run)["state"] == "failed"
        assert states(server, "ruled", run) == {"again": "success", "nothing": "skipped", "slow": "failed"}
        path = f"/api/v2/dags/ruled/dagRuns/{run}/taskInstances"
        assert server.get(f"{path}/again")["try_number"] == 3
        why = server.get(f"{path}/slow/dependencies")["dependencies"]
        assert why[0]["name"] == "Retries" and "not tried again by retry rule 3" in why[0]["reason"], why
        server.stop()
        server.check_database()
def conditions_and_what_goes_on():
    """printed lines, exit codes and conditions on values decide what runs, in real processes"""
    with Folder("flow") as folder:
        server = folder.server({"goes_on": {
            "dag_id": "goes_on", "schedule": None, "is_paused_upon_creation": False, "params": {"mode": "fast"},
            "tasks": [
                {**shell("look", "echo looking; echo no new files today >&2; exit 9"), "continue_on": {"output": "^no new (rows|files)", "mark_success": True}},
                shell("after", "true", ["look"]),
                {**shell("code", "exit 7"), "continue_on": {"exit_codes": "5-8"}},
                shell("after_code", "true", ["code"]),
                {**shell("full", "true"), "run_if": {"value": "{{ params.mode }}", "equals": "full"}},
                {**shell("some", "echo 3"), "run_if": {"value": "{{ params.mode }}", "in": ["fast", "full"]}},
                {**shell("many", "true", ["some"]), "run_if": {"value": "{{ ti.xcom_pull('some') }}", "matches": "^[1-9]$"}},
            ],
        }}).start()
        run = server.trigger("goes_on")["dag_run_id"]
        assert server.wait_run("goes_on", run)["state"] == "failed"  # for `code`, which nothing makes a success
        assert states(server, "goes_on", run) == {
            "look": "success", "after": "success", "code": "failed", "after_code": "success",
            "full": "skipped", "some": "success", "many": "success"}
        full = server.get(f"/api/v2/dags/goes_on/dagRuns/{run}/taskInstances/full")
        assert 'does not hold: "fast" is not "full"' in full["batuta"]["reason"], full
        server.stop()
        server.check_database()


main([a_group_is_waited_for_and_its_teardown_is_not, a_cancelled_run_is_torn_down_through_a_kill,
      retry_rules_decide_about_real_failures, conditions_and_what_goes_on])
