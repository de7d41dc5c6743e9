"""Every operation of Airflow's API against a running server, every answer held against Airflow's own document."""
import time

from airflow_http import DOCUMENT, Walk
from airflow_steps import PARTS, walk_server
from harness import Folder, dag, eventually, main, mock

BOUND = 60  # seconds, for all of it


def every_operation_answers_as_airflows_document_says():
    """All operations of Airflow's API, each with what it answers to a mistake, by Airflow's own schemas."""
    started = time.monotonic()
    with Folder("walk") as folder:
        server = walk_server(folder)
        walk = Walk(server)
        for part in PARTS:
            part(walk)
        for operation_id in sorted(set(DOCUMENT.operations) - {"get_health", "get_version", "login", "logout"}):
            walk.call(operation_id, 401, token=False)
        assert walk.visited == set(DOCUMENT.operations), set(DOCUMENT.operations) - walk.visited
        assert not walk.wrong, "\n" + "\n".join(walk.wrong)
    assert time.monotonic() - started < BOUND, "the walk takes too long to be a standing test"


def a_deleted_dag_whose_file_stays_comes_back_without_its_history():
    """A DAG deleted over the API is gone with its runs, and comes back when its folder is read again."""
    with Folder("deleted") as folder:
        server = folder.server({"kept": dag("kept", [mock("a")])}).start()
        eventually(lambda: server.get("/api/v2/dags/kept"), 10, "the DAG is there")
        token = server.get("/api/v2/dags/kept")["file_token"]
        server.trigger("kept", run_id="r")
        server.wait_run("kept", "r", 30)
        server.call("DELETE", "/api/v2/dags/kept")
        server.call("PUT", f"/api/v2/parseDagFile/{token}")
        eventually(lambda: server.get("/api/v2/dags/kept"), 10, "the DAG is back")
        assert server.get("/api/v2/dags/kept/dagRuns")["total_entries"] == 0
        server.trigger("kept", run_id="r")
        server.wait_run("kept", "r", 30)
        events = server.get("/api/v2/eventLogs?event=delete_dag")["event_logs"]
        assert [event["dag_id"] for event in events] == ["kept"], events
        server.stop()
        server.check_database()


def an_xcom_changed_by_hand_is_what_a_cleared_mapped_task_is_mapped_over():
    """After an XCom was changed, a clear of the task mapped over it makes as many instances as it has now."""
    with Folder("edited") as folder:
        each = mock("each", ["list"], expand={"return": "{{ ti.xcom_pull('list') }}"})
        server = folder.server({"m": dag("m", [mock("list", **{"return": ["a", "b"]}), each])}).start()
        eventually(lambda: server.get("/api/v2/dags/m"), 10, "the DAG is there")
        run = "/api/v2/dags/m/dagRuns/r"
        server.trigger("m", run_id="r")
        server.wait_run("m", "r", 30)
        for value in (["c", "d", "e"], ["f"]):
            server.call("PATCH", run + "/taskInstances/list/xcomEntries/return_value", {"value": value})
            server.call("POST", "/api/v2/dags/m/clearTaskInstances",
                        {"dag_run_id": "r", "dry_run": False, "only_failed": False, "task_ids": ["each"]})
            server.wait_run("m", "r", 30)
            entries = server.get(run + "/taskInstances/each/xcomEntries?order_by=map_index")["xcom_entries"]
            values = [server.get(f"{run}/taskInstances/each/xcomEntries/return_value?map_index={one['map_index']}")["value"]
                      for one in entries]
            assert values == value, (values, value)


main([every_operation_answers_as_airflows_document_says,
      a_deleted_dag_whose_file_stays_comes_back_without_its_history,
      an_xcom_changed_by_hand_is_what_a_cleared_mapped_task_is_mapped_over])
