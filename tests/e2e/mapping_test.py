#!/usr/bin/env python3
"""Mapped tasks with real processes: results, retries, clears, a scheduler killed in between."""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, Refused, dag, eventually, main, mock, shell  # noqa: E402


def instances(server, dag_id, run, task):
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}/listMapped?limit=1000"
    return server.get(path)["task_instances"]


def states(server, dag_id, run, task):
    return [one["state"] for one in instances(server, dag_id, run, task)]


def group_of_files(folder):
    """A mapped group whose second task of item 1 needs what item 0's first task waits for."""
    return dag("grouped", [
        mock("list", **{"return": ["a", "b"]}),
        shell("fetch", f"test {{{{ item.file }}}} = b || until test -e {folder}/loaded-b; do sleep 0.05; done; echo {{{{ item.file }}}}{{{{ item.file }}}}",
              group="files", execution_timeout="30s"),
        shell("load", f"touch {folder}/loaded-{{{{ item.file }}}}; cat $(batuta-xcom fetch); echo; echo {{{{ ti.xcom_pull('fetch') }}}}/{{{{ map_index }}}}", ["fetch"], group="files"),
        shell("sum", "echo {{ ti.xcom_pull('load') | join(' ') }}", ["files"])],
        task_groups={"files": {"expand": {"file": "{{ ti.xcom_pull('list') }}"}, "map_index_template": "file {{ item.file }}"}})


def goes_through_a_mapped_group_by_index(server):
    run = server.trigger("grouped")["dag_run_id"]
    assert server.wait_run("grouped", run)["state"] == "success", server.tasks("grouped", run)
    base = f"/api/v2/dags/grouped/dagRuns/{run}/taskInstances"
    assert server.get(f"{base}/sum/xcomEntries/return_value")["value"] == "aa/0 bb/1"
    assert [one["rendered_map_index"] for one in instances(server, "grouped", run, "load")] == ["file a", "file b"]
    assert "bb" in json.dumps(server.get(f"{base}/load/logs/1?map_index=1")["content"])
    server.call("POST", "/api/v2/dags/grouped/clearTaskInstances",
                {"dag_run_id": run, "task_ids": [["fetch", 1]], "include_downstream": True, "only_failed": False, "dry_run": False})
    assert server.wait_run("grouped", run)["state"] == "success"
    assert [one["try_number"] for one in instances(server, "grouped", run, "load")] == [1, 2]
    assert [one["try_number"] for one in instances(server, "grouped", run, "fetch")] == [1, 2]


def maps_over_a_result_through_a_kill_of_the_scheduler():
    """a map over a result: one item fails and retries, the scheduler is killed, results come in order"""
    each = shell("each", "test {{ item.n }} != 2 || test {{ ti.try_number }} != 1 || exit 1; sleep 0.5; expr {{ item.n }} '*' 10 || true",
                 ["list"], retries=1, retry_delay="1s", expand={"n": "{{ ti.xcom_pull('list') }}"},
                 map_index_template="no {{ item.n }}")
    total = shell("total", "echo {{ ti.xcom_pull('each') | tojson }} {{ ti.xcom_pull('each', map_indexes=3) }}", ["each"])
    with Folder("mapping") as folder:
        mapped = dag("mapped", [mock("list", **{"return": [4, 3, 2, 1, 0]}), each, total])
        server = folder.server({"mapped": mapped, "grouped": group_of_files(folder.path)}, arguments=["--slots", "2"]).start()
        goes_through_a_mapped_group_by_index(server)
        run = server.trigger("mapped")["dag_run_id"]
        eventually(lambda: "success" in states(server, "mapped", run, "each"), 30, "one is done")
        server.kill()
        server.start()
        assert server.wait_run("mapped", run)["state"] == "success"
        done = instances(server, "mapped", run, "each")
        assert [one["map_index"] for one in done] == [0, 1, 2, 3, 4], done
        assert [one["rendered_map_index"] for one in done] == ["no 4", "no 3", "no 2", "no 1", "no 0"]
        assert done[2]["try_number"] >= 2, done[2]
        assert done[0]["rendered_fields"]["command"].count("4") == 2, done[0]["rendered_fields"]
        base = f"/api/v2/dags/mapped/dagRuns/{run}/taskInstances"
        assert server.get(f"{base}/total/xcomEntries/return_value")["value"] == '["40","30","20","10","0"] 10'
        assert server.get(f"{base}/each/xcomEntries/return_value?map_index=1")["value"] == "30"
        assert server.get(f"{base}/each/2")["rendered_map_index"] == "no 2"
        assert server.get(f"{base}/each/2/tries")["total_entries"] >= 2
        assert server.get(f"{base}/each/logs/1?map_index=2")["content"], "a log of its own"
        for path, why in ((f"{base}/each/5", 404), (f"{base}/total/listMapped", 404), (f"{base}/each/x", 422)):
            try:
                server.get(path)
                raise AssertionError(path)
            except Refused as refused:
                assert refused.status == why, (path, refused.status)
        listed = server.cli("tasks", "list", "mapped", run).stdout
        assert "no 3" in listed, listed
        assert server.cli("tasks", "log", "mapped", run, "each[2]").stdout
        server.stop()
        server.check_database()


def clears_one_instance_and_expands_anew():
    """one instance is cleared by its index; a clear of what it is mapped over expands it anew"""
    with Folder("remap") as folder:
        count = folder.path / "count"
        count.write_text("3")
        lists = shell("list", f"echo \"[$(seq -s, 1 $(cat {count}))]\"")
        each = mock("each", ["list"], expand={"return": "{{ ti.xcom_pull('list') | fromjson }}"})
        server = folder.server({"remap": dag("remap", [lists, each, shell("sum", "echo {{ ti.xcom_pull('each') | tojson }}", ["each"])])}).start()
        run = server.trigger("remap")["dag_run_id"]
        assert server.wait_run("remap", run)["state"] == "success"
        value = lambda: server.get(f"/api/v2/dags/remap/dagRuns/{run}/taskInstances/sum/xcomEntries/return_value")["value"]  # noqa: E731
        assert value() == "[1,2,3]", value()
        cleared = server.call("POST", "/api/v2/dags/remap/clearTaskInstances",
                              {"dag_run_id": run, "task_ids": [["each", 1]], "only_failed": False, "dry_run": False})
        assert [one["map_index"] for one in cleared["task_instances"]] == [1], cleared
        assert server.wait_run("remap", run)["state"] == "success"
        assert [one["try_number"] for one in instances(server, "remap", run, "each")] == [1, 2, 1]
        count.write_text("2")
        server.cli("tasks", "clear", "remap", run, "list", "--downstream")
        assert server.wait_run("remap", run)["state"] == "success"
        assert states(server, "remap", run, "each") == ["success", "success", "removed"]
        assert value() == "[1,2]", value()
        count.write_text("0")
        server.cli("tasks", "clear", "remap", run, "list", "--downstream")
        assert server.wait_run("remap", run)["state"] == "success"
        assert states(server, "remap", run, "each") == ["skipped", "removed", "removed"]
        assert server.tasks("remap", run)["sum"]["state"] == "skipped"


def a_map_of_5000_expands_at_once_and_stays_within_its_limits():
    """5,000 instances come in one step, run within their limit, and are collected"""
    with Folder("wide") as folder:
        wide = dag("wide", [
            mock("list", **{"return": list(range(5000))}),
            mock("each", ["list"], expand={"return": "{{ ti.xcom_pull('list') }}"}, max_map_length=5000,
                 max_active_tis_per_dagrun=8),
            mock("sum", ["each"], **{"return": "{{ ti.xcom_pull('each') | length }}"}),
            mock("short", ["list"], expand={"return": "{{ ti.xcom_pull('list') }}"}, max_map_length=4999)],
            max_active_tasks=64)
        server = folder.server({"wide": wide}, arguments=["--slots", "4"]).start()
        start = time.monotonic()
        run = server.trigger("wide")["dag_run_id"]
        server.wait_run("wide", run, seconds=240)
        print(f"5,000 instances in {time.monotonic() - start:.1f} s", flush=True)
        base = f"/api/v2/dags/wide/dagRuns/{run}/taskInstances"
        assert server.get(f"{base}/sum/xcomEntries/return_value")["value"] == 5000
        total = server.get(f"{base}/each/listMapped?limit=1&state=success")["total_entries"]
        assert total == 5000, total
        short = server.get(f"{base}/short")
        assert short["state"] == "failed" and short["map_index"] == -1, short
        reason = short["batuta"]["reason"]
        assert "5000 instances, more than its max_map_length of 4999" in reason, reason


if __name__ == "__main__":
    main([maps_over_a_result_through_a_kill_of_the_scheduler, clears_one_instance_and_expands_anew,
          a_map_of_5000_expands_at_once_and_stays_within_its_limits])
