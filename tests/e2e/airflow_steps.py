"""A walk through every operation of Airflow's API, whoever calls them: plain HTTP, or Airflow's official client.

A walk has call(operation_id, status, body, query, headers, token, **path parameters), which gives the answer or None,
and every() for several operations alike.
"""
from harness import dag, eventually, mock

# What a path parameter is unless a call says otherwise.
IDS = {"dag_id": "walk", "dag_run_id": "one", "task_id": "a", "map_index": -1, "try_number": 1, "task_try_number": 1,
       "xcom_key": "return_value", "version_number": 1, "pool_name": "walkers", "variable_key": "v",
       "connection_id": "c", "asset_id": 1, "asset_alias_id": 1, "backfill_id": 1, "key": "k", "group_id": "g",
       "section": "core", "option": "lease", "import_error_id": 1, "event_log_id": 1, "file_token": "none"}


def definitions():
    return {"walk": dag("walk", [mock("a", **{"return": {"n": 1}}), mock("b", ["a"], expand={"print": ["x", "y"]}),
                                 mock("c", ["b"])],
                        schedule="@daily", start_date="2026-01-01T00:00:00Z", catchup=False, tags=["t"],
                        description="walked through", params={"p": {"type": "integer", "default": 3}}),
            "doomed": dag("doomed", [mock("a")]),
            # Its runs never end by themselves, so that what is done to a backfill of it meets it open, however slow the walk.
            "lasting": dag("lasting", [{"task_id": "wait", "type": "sensor", "wait_for": {"delay": "1h"}, "timeout": "2h"}],
                           schedule="@daily", start_date="2026-01-01T00:00:00Z", catchup=False,
                           params={"p": {"type": "integer", "default": 3}}),
            "asks": dag("asks", [{"task_id": "ask", "type": "approval", "subject": "Deploy?", "body": "all of *it*", "defaults": "Reject",
                                  "response_timeout": "1h", "params": {"n": {"type": "integer", "default": 1}}}]),
            "makes": dag("makes", [mock("make", outlets=[{"uri": "s3://walk/made", "name": "made", "extra": {"a": 1}}])]),
            "uses": dag("uses", [mock("use", inlets=["s3://walk/made"])], schedule={"assets": ["s3://walk/made", "s3://walk/never"]}),
            "broken": "{ not JSON"}


def walk_server(folder):
    """A server that knows all of them."""
    server = folder.server(definitions()).start()
    eventually(lambda: server.get("/api/v2/dags/walk"), 10, "the DAG is there")
    eventually(lambda: server.get("/api/v2/importErrors")["total_entries"] == 1, 10, "the broken file is told")
    return server


def monitor_and_installation(walk):
    walk.call("get_health", 200, token=False)
    walk.call("get_version", 200, token=False)
    walk.call("login", 307, token=False)
    walk.call("logout", 307, token=False)
    walk.every(["get_plugins", "import_errors", "get_providers", "get_jobs", "get_config"], 200)
    section = walk.call("get_config", 200)["sections"][0]
    walk.call("get_config_value", 200, section=section["name"], option=section["options"][0]["key"])
    walk.call("get_config_value", 404, section="none")


def dags(walk):
    for query in ({}, {"limit": 1, "order_by": "-dag_id"}, {"tags": "t", "tags_match_mode": "all"},
                  {"is_favorite": "true"}, {"dag_id_pattern": "w%", "paused": "false", "exclude_stale": "false"}):
        walk.call("get_dags", 200, query=query)
    token = walk.call("get_dag", 200)["file_token"]
    walk.call("get_dag_details", 200)
    walk.every(["get_dag", "get_dag_details", "get_tasks", "get_dag_versions", "get_dag_source"], 404, dag_id="none")
    walk.call("patch_dag", 200, {"is_paused": True})
    walk.call("patch_dag", 400, {"is_paused": True}, query={"update_mask": "tags"})
    walk.call("patch_dags", 200, {"is_paused": False}, query={"dag_id_pattern": "walk"})
    walk.call("patch_dags", 422, {})
    walk.call("favorite_dag", 204)
    walk.call("get_dags", 200, query={"is_favorite": "true"})
    walk.call("unfavorite_dag", 204)
    walk.call("unfavorite_dag", 409)
    walk.call("get_tasks", 200)
    walk.call("get_task", 200, task_id="b")
    walk.call("get_task", 404, task_id="none")
    walk.every(["get_dag_versions", "get_dag_version", "get_dag_source", "get_dag_tags", "get_dag_stats",
                "list_dag_warnings"], 200)
    walk.call("get_dag_version", 404, version_number=9)
    error = walk.call("get_import_errors", 200)["import_errors"][0]
    walk.call("get_import_error", 200, import_error_id=error["import_error_id"])
    walk.call("get_import_error", 404, import_error_id=999999)
    walk.call("reparse_dag_file", 201, file_token=token)
    walk.call("reparse_dag_file", 404)


def runs(walk):
    server = walk.server
    for run_id in ("one", "two", "three", "four"):
        walk.call("trigger_dag_run", 200, {"dag_run_id": run_id, "logical_date": None, "conf": {"p": 4}, "note": "n"})
    walk.call("trigger_dag_run", 409, {"dag_run_id": "one", "logical_date": None})
    walk.call("trigger_dag_run", 422, {"dag_run_id": 7})
    walk.call("trigger_dag_run", 404, {"logical_date": None}, dag_id="none")
    walk.call("get_dag_runs", 200, query={"limit": 2, "order_by": "-run_after", "cursor": ""})
    for run_id in ("one", "two", "three", "four"):
        server.wait_run("walk", run_id, 30)
    walk.call("wait_dag_run_until_finished", 200, query={"interval": 1, "result": "a"})
    walk.call("wait_dag_run_until_finished", 404, query={"interval": 1}, dag_run_id="none")
    walk.call("get_dag_runs", 200, dag_id="~", query={"state": "success"})
    walk.call("get_list_dag_runs_batch", 200, {"dag_ids": ["walk"], "states": ["success"], "order_by": "-run_after"},
              dag_id="~")
    walk.call("get_list_dag_runs_batch", 422, {"page_limit": -1}, dag_id="~")
    walk.call("get_dag_run", 200)
    walk.call("get_dag_run", 404, dag_run_id="none")
    walk.call("get_upstream_asset_events", 200)
    walk.call("patch_dag_run", 200, {"state": "success", "note": "looked at"})
    walk.call("patch_dag_run", 422, {"state": "running"})
    walk.call("bulk_dag_runs", 200, {"actions": [
        {"action": "update", "entities": [{"dag_run_id": "two", "note": "many"}, {"dag_run_id": "three"}]},
        {"action": "delete", "entities": ["four"]}, {"action": "create", "entities": [{"dag_run_id": "five"}]},
        {"action": "delete", "entities": ["none"]}]})
    walk.call("bulk_dag_runs", 422, {"actions": [{"action": "rename", "entities": []}]})
    walk.call("delete_dag_run", 204, dag_run_id="three")
    walk.call("delete_dag_run", 404, dag_run_id="three")
    walk.call("clear_dag_run", 200, {"dry_run": True})
    walk.call("clear_dag_run", 404, {"dry_run": True}, dag_run_id="none")
    walk.call("clear_dag_runs", 200, {"dag_runs": [{"dag_run_id": "one"}, {"dag_run_id": "two"}]})
    walk.call("clear_dag_runs", 200, {"dag_runs": [{"dag_run_id": "two"}], "dry_run": False, "note": "again"})
    walk.call("clear_dag_runs", 404, {"dag_runs": [{"dag_run_id": "none"}]})
    walk.call("clear_dag_runs", 422, {})
    walk.call("clear_dag_run_partitions", 200, {"dry_run": False, "partition_key": "k"})
    server.wait_run("walk", "two", 30)


def task_instances(walk):
    walk.call("get_task_instances", 200, query={"order_by": "-map_index", "limit": 2})
    walk.call("get_task_instances", 200, dag_id="~", dag_run_id="~", query={"state": "success", "cursor": ""})
    walk.call("get_task_instances", 404, dag_run_id="none")
    walk.call("get_task_instances_batch", 200, {"dag_run_ids": ["one"], "state": ["success", None]},
              dag_id="~", dag_run_id="~")
    walk.every(["get_task_instance", "get_task_instance_tries", "get_task_instance_try_details",
                "get_task_instance_dependencies", "get_extra_links", "get_log", "get_xcom_entries", "get_xcom_entry"],
               200)
    walk.call("get_external_log_url", 400)  # as Airflow's, whose logs are kept nowhere else
    walk.every(["get_task_instance", "get_task_instance_tries", "get_task_instance_dependencies", "get_log"], 404,
               task_id="none")
    walk.call("get_mapped_task_instances", 200, task_id="b")
    walk.every(["get_mapped_task_instance", "get_mapped_task_instance_tries",
                "get_mapped_task_instance_try_details", "get_task_instance_dependencies_by_map_index"], 200,
               task_id="b", map_index=1)
    for dry in ("_dry_run", ""):
        walk.call("patch_task_instance" + dry, 200, {"new_state": "failed", "note": "by hand"}, task_id="b")
        index = {"_dry_run": "patch_task_instance_dry_run_by_map_index", "": "patch_task_instance_by_map_index"}[dry]
        walk.call(index, 200, {"new_state": "success"}, task_id="b", map_index=1)
        walk.call(index, 404, {"new_state": "success"}, task_id="b", map_index=7)
    walk.call("patch_task_instance", 409, {"new_state": "success"})  # it is
    walk.call("patch_task_instance", 422, {"new_state": "running"})
    walk.call("bulk_task_instances", 200, {"actions": [
        {"action": "update", "entities": [{"task_id": "b", "new_state": "success"}, {"task_id": "a", "note": "n"}]},
        {"action": "create", "entities": [{"task_id": "x"}]}, {"action": "delete", "entities": ["none"]}]})
    walk.call("post_clear_task_instances", 200, {"dag_run_id": "one", "dry_run": True, "only_failed": False})
    walk.call("post_clear_task_instances", 404, {"dag_run_id": "none"})
    walk.call("create_xcom_entry", 201, {"key": "k", "value": {"n": [1, None, "x"]}})
    walk.call("create_xcom_entry", 409, {"key": "k", "value": 1})
    walk.call("create_xcom_entry", 422, {"key": "k"})
    walk.call("update_xcom_entry", 200, {"value": "text"}, xcom_key="k")
    walk.call("get_xcom_entry", 200, xcom_key="k", query={"stringify": "true"})
    walk.call("update_xcom_entry", 404, {"value": 1}, xcom_key="none")
    walk.call("delete_xcom_entry", 204, xcom_key="k")
    walk.call("delete_xcom_entry", 404, xcom_key="k")
    walk.call("get_xcom_entry", 404, xcom_key="k")
    walk.call("delete_task_instance", 200, task_id="c")
    walk.call("delete_task_instance", 404, task_id="c")


def pools_and_registry(walk):
    walk.call("post_pool", 201, {"name": "walkers", "slots": 3, "description": "d"})
    walk.call("post_pool", 409, {"name": "walkers", "slots": 3})
    walk.call("post_pool", 422, {"name": "x"})
    walk.every(["get_pools", "get_pool"], 200)
    walk.call("patch_pool", 200, {"slots": 5}, query={"update_mask": "slots"})
    walk.call("bulk_pools", 200, {"actions": [
        {"action": "create", "entities": [{"name": "more", "slots": 1}], "action_on_existence": "overwrite"},
        {"action": "update", "entities": [{"name": "more", "slots": -1}]}, {"action": "delete", "entities": ["more"]},
        {"action": "delete", "entities": ["none"]}]})
    walk.call("delete_pool", 204)
    walk.every(["get_pool", "delete_pool"], 404)
    walk.call("post_variable", 201, {"key": "v", "value": {"n": 1}})
    walk.call("post_variable", 409, {"key": "v", "value": "x"})
    walk.every(["get_variables", "get_variable"], 200)
    walk.call("patch_variable", 200, {"key": "v", "value": "2"})
    walk.call("bulk_variables", 200, {"actions": [{"action": "create", "entities": [{"key": "w", "value": "1"}]}]})
    walk.call("delete_variable", 204)
    walk.every(["get_variable", "delete_variable"], 404)
    walk.call("post_connection", 201, {"connection_id": "c", "conn_type": "http", "host": "localhost", "extra": "{}"})
    walk.call("post_connection", 409, {"connection_id": "c", "conn_type": "http"})
    walk.every(["get_connections", "get_connection"], 200)
    walk.call("patch_connection", 200, {"connection_id": "c", "conn_type": "http", "port": 8})
    walk.call("bulk_connections", 200, {"actions": [
        {"action": "create", "entities": [{"connection_id": "d", "conn_type": "http"}]}]})
    walk.call("create_default_connections", 204)
    walk.call("test_connection", 403, {"connection_id": "c", "conn_type": "http"})
    walk.call("enqueue_connection_test", 403, {"connection_id": "c", "conn_type": "http"})
    walk.call("get_connection_test", 403, headers={"Airflow-Connection-Test-Token": "t"})
    walk.call("delete_connection", 204)
    walk.every(["get_connection", "delete_connection"], 404)


def backfills(walk):
    body = {"dag_id": "lasting", "from_date": "2026-01-02T00:00:00Z", "to_date": "2026-01-04T00:00:00Z",
            "max_active_runs": 1, "reprocess_behavior": "completed", "run_backwards": False,
            "run_on_latest_version": True, "dag_run_conf": {"p": 4}}
    plan = walk.call("create_backfill_dry_run", 200, body)
    assert [run["logical_date"] for run in plan["backfills"]] == [
        f"2026-01-0{day}T00:00:00Z" for day in (2, 3, 4)], plan
    made = walk.call("create_backfill", 200, body)
    walk.call("create_backfill", 409, body)
    walk.call("pause_backfill", 200, backfill_id=made["id"])
    assert walk.call("get_backfill", 200, backfill_id=made["id"])["is_paused"]
    walk.call("unpause_backfill", 200, backfill_id=made["id"])
    walk.call("list_backfills", 200, query={"dag_id": "lasting", "order_by": "-id", "limit": 1})
    walk.call("cancel_backfill", 200, backfill_id=made["id"])
    walk.every(["cancel_backfill", "pause_backfill", "unpause_backfill"], 409, backfill_id=made["id"])
    walk.every(["get_backfill", "cancel_backfill", "pause_backfill", "unpause_backfill"], 404, backfill_id=99)
    walk.every(["create_backfill", "create_backfill_dry_run"], 404, body={**body, "dag_id": "none"})
    for wrong in ({"from_date": "2026-02-01T00:00:00Z"}, {"from_date": "2999-01-01T00:00:00Z",
                                                        "to_date": "2999-01-02T00:00:00Z"}, {"dag_id": "doomed"}):
        walk.every(["create_backfill", "create_backfill_dry_run"], 422, body={**body, **wrong})
    walk.call("get_dag_runs", 200, dag_id="lasting", query={"run_type": "backfill"})


def questions(walk):
    asked = {"dag_id": "asks", "dag_run_id": "q", "task_id": "ask"}
    walk.server.trigger("asks", run_id="q")
    eventually(lambda: walk.server.tasks("asks", "q")["ask"]["state"] == "deferred", 20, "it waits for an answer")
    for query in ({}, {"response_received": "false", "state": "deferred", "subject_search": "deploy"}, {"order_by": "-created_at"},
                  {"body_search": "it", "task_id": "ask", "map_index": -1, "created_at_gte": "2026-01-01T00:00:00Z"}):
        found = walk.call("get_hitl_details", 200, dag_id="asks", dag_run_id="q", query=query)
        assert found["total_entries"] == 1, (query, found)
    walk.call("get_hitl_detail", 200, **asked)
    walk.call("get_hitl_detail", 404)  # it asks nothing
    walk.call("get_hitl_detail", 404, **{**asked, "map_index": 7})
    walk.call("update_hitl_detail", 404, {"chosen_options": ["Approve"]})
    walk.call("update_hitl_detail", 400, {"chosen_options": ["Maybe"]}, **asked)
    walk.call("update_hitl_detail", 422, {"chosen_options": []}, **asked)
    given = walk.call("update_hitl_detail", 200, {"chosen_options": ["Approve"], "params_input": {"n": 2}}, **asked)
    assert given["params_input"] == {"n": 2}, given
    walk.call("update_hitl_detail", 409, {"chosen_options": ["Reject"]}, **asked)
    walk.server.wait_run("asks", "q", 30)
    walk.call("get_hitl_detail_try_detail", 200, try_number=1, **asked)
    walk.call("get_hitl_detail_try_detail", 404, try_number=2, **asked)
    walk.call("get_hitl_details", 200, dag_id="~", dag_run_id="~", query={"response_received": "true", "responded_by_user_id": "admin"})


def what_dags_make_and_wait_for(walk):
    found = walk.call("get_assets", 200, query={"uri_pattern": "walk/made", "only_active": "true", "order_by": "-id"})["assets"]
    made = found[0]["id"]
    assert [one["dag_id"] for one in found[0]["scheduled_dags"]] == ["uses"], found
    walk.call("get_assets", 200, query={"dag_ids": "makes", "name_prefix_pattern": "ma"})
    walk.call("get_assets", 422, query={"limit": "many"})
    walk.call("get_asset", 200, asset_id=made)
    walk.call("get_asset", 404, asset_id=999)
    run = walk.call("materialize_asset", 200, {"dag_run_id": "made", "note": "by hand"}, asset_id=made)
    assert run["dag_id"] == "makes" and run["run_type"] == "asset_materialization", run
    walk.server.wait_run("makes", "made", 30)
    walk.call("materialize_asset", 404, {}, asset_id=999)
    event = walk.call("create_asset_event", 200, {"asset_id": made, "extra": {"rows": 3}})
    assert event["extra"] == {"rows": 3, "from_rest_api": True}, event
    walk.call("create_asset_event", 404, {"asset_id": 999})
    walk.call("create_asset_event", 422, {"extra": {}})
    events = walk.call("get_asset_events", 200, query={"asset_id": made, "order_by": "timestamp"})["asset_events"]
    assert [one["source_run_id"] for one in events] == ["made", None], events
    walk.call("get_asset_events", 200, query={"source_dag_id": "makes", "name_pattern": "made", "timestamp_gte": "2026-01-01T00:00:00Z"})
    walk.call("get_asset_queued_events", 200, asset_id=made)
    walk.call("get_asset_queued_events", 404, asset_id=999)
    queued = walk.call("get_dag_asset_queued_events", 200, dag_id="uses")
    assert queued["total_entries"] == 1, queued
    walk.call("get_dag_asset_queued_events", 404, dag_id="none")
    walk.call("get_dag_asset_queued_event", 200, dag_id="uses", asset_id=made)
    walk.call("get_dag_asset_queued_event", 404, dag_id="uses", asset_id=999)
    walk.call("delete_dag_asset_queued_event", 204, dag_id="uses", asset_id=made)
    walk.call("delete_dag_asset_queued_event", 404, dag_id="uses", asset_id=made)
    walk.call("create_asset_event", 200, {"asset_id": made})
    walk.call("delete_dag_asset_queued_events", 204, dag_id="uses")
    walk.call("delete_dag_asset_queued_events", 404, dag_id="uses")
    walk.call("create_asset_event", 200, {"asset_id": made})
    walk.call("delete_asset_queued_events", 204, asset_id=made)
    walk.call("delete_asset_queued_events", 404, asset_id=made)
    never = walk.call("get_assets", 200, query={"uri_pattern": "walk/never"})["assets"][0]["id"]
    for asset in (made, never):
        walk.call("create_asset_event", 200, {"asset_id": asset})
    used = eventually(lambda: walk.server.get("/api/v2/dags/uses/dagRuns?run_type=asset_triggered")["dag_runs"], 20, "uses runs")[0]
    walk.server.wait_run("uses", used["dag_run_id"], 30)
    upstream = walk.call("get_upstream_asset_events", 200, dag_id="uses", dag_run_id=used["dag_run_id"])
    assert upstream["total_entries"] == 2, upstream
    walk.call("get_upstream_asset_events", 404, dag_run_id="none")
    walk.call("list_asset_state_store", 200, asset_id=made)
    walk.call("clear_asset_state_store", 204, asset_id=made)
    walk.call("get_asset_state_store", 404, asset_id=made)
    walk.call("delete_asset_state_store", 404, asset_id=made)
    walk.call("set_asset_state_store", 404, {"value": 1}, asset_id=made)


def what_has_no_subject(walk):
    """Lists are empty and valid; one object is not found, in Airflow's shape; what would make one is refused."""
    walk.every(["get_asset_aliases", "list_task_state_store"], 200)
    walk.every(["get_asset_alias", "get_task_state_store", "delete_task_state_store"], 404)
    walk.call("clear_task_state_store", 204)
    walk.call("patch_task_state_store", 404, {"value": 1})
    walk.call("set_task_state_store", 404, {"value": 1}, dag_run_id="none")
    walk.every(["patch_task_group_instances", "patch_task_group_instances_dry_run"], 404,
               body={"new_state": "success"})


def events_and_the_end(walk):
    newest = walk.call("get_event_logs", 200, query={"order_by": "-event_log_id", "limit": 5})["event_logs"][0]
    walk.call("get_event_log", 200, event_log_id=newest["event_log_id"])
    walk.call("get_event_log", 404, event_log_id=999999)
    walk.server.trigger("doomed", run_id="r")
    walk.server.wait_run("doomed", "r", 30)
    (walk.server.dags / "doomed.json").unlink()
    walk.call("delete_dag", 204, dag_id="doomed")
    walk.call("delete_dag", 404, dag_id="doomed")
    walk.call("get_dag", 404, dag_id="doomed")


PARTS = (monitor_and_installation, dags, runs, task_instances, pools_and_registry, backfills, questions, what_dags_make_and_wait_for, what_has_no_subject,
         events_and_the_end)
