#!/usr/bin/env python3
"""Assets with real processes: DAGs that wait for what others make, the scheduler killed between the event and the run, tables of the lake."""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import FINANCIAL, Folder, dag, eventually, main, mock, refused, shell  # noqa: E402
from quotes import QuoteService  # noqa: E402

ORDERS = "s3://lake/orders"


def by_assets(dag_id, assets, tasks, **more):
    return dag(dag_id, tasks, schedule={"assets": assets}, **more)


def runs_of(server, dag_id):
    return server.get(f"/api/v2/dags/{dag_id}/dagRuns?order_by=id")["dag_runs"]


def ended(server, dag_id, count=1):
    def all_ended():
        runs = runs_of(server, dag_id)
        return len(runs) == count and all(run["state"] in ("success", "failed") for run in runs) and runs
    return eventually(all_ended, 30, f"{count} runs of {dag_id} have ended")


def tell(server, uri, **extra):
    return json.loads(server.cli("assets", "tell", uri, "--extra", json.dumps(extra), "-o", "json").stdout)


def one_dag_starts_another_with_what_it_made():
    """two assets are waited for; the run has their events in its templates, and each list tells of the other"""
    with Folder("assets") as folder:
        server = folder.server({
            "orders": dag("orders", [shell("load", "echo loaded", outlets=[{"uri": ORDERS, "name": "orders", "group": "sales", "extra": {"owner": "data"}}])]),
            "report": by_assets("report", [ORDERS, "calendar"], [
                shell("make", "echo rows={{ triggering_asset_events['calendar'][0].extra.rows }} "
                              "of={{ triggering_asset_events['%s'][0].source_run_id }}" % ORDERS, inlets=[ORDERS])])}).start()
        run = server.trigger("orders", run_id="first")["dag_run_id"]
        assert server.wait_run("orders", run)["state"] == "success"
        said = server.cli("dags", "explain", "report").stdout
        assert "it waits for calendar" in said and ORDERS in said, said
        assert runs_of(server, "report") == []
        told = tell(server, "calendar", rows=3)
        assert told["extra"] == {"rows": 3, "from_rest_api": True} and told["source_dag_id"] is None, told
        made = ended(server, "report")[0]
        assert made["state"] == "success" and made["run_type"] == "asset_triggered" and made["triggered_by"] == "asset", made
        assert made["logical_date"] is None and made["dag_run_id"].startswith("asset_triggered__"), made
        assert "rows=3 of=first" in server.log_text("report", made["dag_run_id"], "make")
        events = server.get(f"/api/v2/dags/report/dagRuns/{made['dag_run_id']}/upstreamAssetEvents")["asset_events"]
        assert sorted(one["uri"] for one in events) == ["calendar", ORDERS], events
        assert all(one["created_dagruns"][0]["run_id"] == made["dag_run_id"] for one in events), events
        shown = json.loads(server.cli("assets", "show", "orders", "-o", "json").stdout)
        assert shown["uri"] == ORDERS and shown["group"] == "sales" and shown["extra"] == {"owner": "data"}, shown
        assert [one["dag_id"] for one in shown["scheduled_dags"]] == ["report"], shown
        assert [one["task_id"] for one in shown["producing_tasks"]] == ["load"], shown
        assert [one["task_id"] for one in shown["consuming_tasks"]] == ["make"], shown
        assert made["dag_run_id"] in server.cli("assets", "events", ORDERS).stdout
        found = server.get("/api/v2/dags/~/dagRuns?consuming_asset_pattern=rders")["dag_runs"]
        assert [one["dag_run_id"] for one in found] == [made["dag_run_id"]], found
        assert server.get("/api/v2/dags/~/dagRuns?run_type=asset_triggered")["total_entries"] == 1
        assert server.get("/api/v2/dags?has_asset_schedule=true")["total_entries"] == 1
        details = server.get("/api/v2/dags/report/details")
        assert details["timetable_summary"] == "Asset" and len(details["asset_expression"]["all"]) == 2, details
        server.stop()
        server.check_database()


def a_kill_between_the_event_and_the_run_loses_neither():
    """kill -9 with events queued, again and again: each event reaches one run of each DAG, and none two"""
    with Folder("killed") as folder:
        server = folder.server({
            "make": dag("make", [mock("a", outlets=["x"])], max_active_runs=16),
            "one": by_assets("one", ["x", "y"], [mock("use")]),
            "two": by_assets("two", {"any": ["x", "z"]}, [mock("use")], max_active_runs=1)}).start()
        sent = 0
        for _ in range(3):
            for _ in range(4):
                server.trigger("make", run_id=f"r{sent}")
                sent += 1
                time.sleep(0.05)
            server.kill()
            server.start()
            tell(server, "y")
            server.kill()
            server.start()
        for number in range(sent):
            server.wait_run("make", f"r{number}")

        def all_consumed():
            queued = [server.get(f"/api/v2/dags/{dag_id}/assets/queuedEvents")["queued_events"] for dag_id in ("one", "two")]
            return not queued[1] and all(one["batuta"]["uri"] == "x" for one in queued[0])
        eventually(all_consumed, 60, "all is consumed that can be")
        if server.get("/api/v2/dags/one/assets/queuedEvents")["queued_events"]:
            tell(server, "y")
        eventually(lambda: not server.get("/api/v2/dags/one/assets/queuedEvents")["queued_events"], 30, "the last are consumed")
        events = server.get("/api/v2/assets/events?limit=1000&name_pattern=x")["asset_events"]
        assert len(events) == sent, (len(events), sent)
        assert len({one["source_run_id"] for one in events}) == sent
        for event in events:
            consumers = sorted(one["dag_id"] for one in event["created_dagruns"])
            assert consumers == ["one", "two"], (event, consumers)
        server.stop()
        server.check_database()


def paused_dags_collect_and_queues_are_dropped_by_hand():
    """what comes while a DAG is paused starts one run; a queue that is deleted starts none; who may do what"""
    with Folder("queues") as folder:
        server = folder.server({"c": by_assets("c", ["x"], [mock("use")], is_paused_upon_creation=True),
                                "m": dag("m", [mock("a", outlets=["x"])])}).start()
        tell(server, "x", n=1)
        tell(server, "x", n=2)
        queued = server.get("/api/v2/dags/c/assets/queuedEvents")["queued_events"]
        assert len(queued) == 1 and queued[0]["batuta"]["events"] == 2, queued
        assert "paused" in server.cli("dags", "explain", "c").stdout
        assert "x" in server.cli("assets", "queued", "c").stdout
        server.call("DELETE", "/api/v2/dags/c/assets/queuedEvents")
        assert "was not found" in refused(404, lambda: server.call("DELETE", "/api/v2/dags/c/assets/queuedEvents"))
        tell(server, "x", n=3)
        tell(server, "x", n=4)
        server.cli("dags", "unpause", "c")
        run = ended(server, "c")[0]
        events = server.get(f"/api/v2/dags/c/dagRuns/{run['dag_run_id']}/upstreamAssetEvents")["asset_events"]
        assert [one["extra"]["n"] for one in events] == [3, 4], events
        made = json.loads(server.cli("assets", "materialize", "x", "--run-id", "made", "-o", "json").stdout)
        assert made["dag_id"] == "m" and made["run_type"] == "asset_materialization", made
        assert server.wait_run("m", "made")["state"] == "success"
        ended(server, "c", 2)
        names = [one["event"] for one in server.get("/api/v2/eventLogs?order_by=id&limit=100")["event_logs"]]
        assert names.count("create_asset_event") == 4 and "delete_queued_asset_events" in names, names
        server.stop()


def a_table_that_is_published_is_an_asset():
    """versions of the financial tables start the DAG that waits for the last of them, though the scheduler dies while it settles; and one that is stale"""
    gold = "lake://gold/financial/financial_data_hour"
    with Folder("table") as folder, QuoteService(folder.path, seed=7) as quotes:
        financial = FINANCIAL.read_text().replace('"2m"', '"1s"')
        server = folder.server({"financial": financial, "use": by_assets("use", [gold], [
            shell("read", "echo version={{ triggering_asset_events['%s'][0].extra.version }}" % gold)]),
            "late": dag("late", [shell("make", "echo made", outlets=["s3://lake/report"])], schedule={"assets": {"stale": "s3://lake/report", "of": [gold]}})},
            env={"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}).start()
        quotes.connect(server)
        server.stop()
        server.env["BATUTA_FAILPOINT"] = "settle_before_commit:1"
        server.start()
        run = server.trigger("financial", conf=quotes.conf)["dag_run_id"]
        eventually(lambda: server.process.poll() is not None, 60, "the scheduler dies while it settles")
        del server.env["BATUTA_FAILPOINT"]
        server.start()
        assert server.wait_run("financial", run, 90)["state"] == "success"
        used = ended(server, "use")[0]
        assert used["state"] == "success", used
        assert "version=0" in server.log_text("use", used["dag_run_id"], "read")
        events = server.get("/api/v2/assets/events?source_dag_id=financial&order_by=id")["asset_events"]
        uris = [one["uri"] for one in events]
        assert uris.count(gold) == 1 and len(uris) == len(set(uris)), uris
        assert any(uri.startswith("lake://bronze/") for uri in uris) and any(uri.startswith("lake://silver/") for uri in uris), uris
        assert all(one["extra"] == {"version": 0} for one in events), events
        # What is older than its table is made: once, and again when the table has changed, and by nobody meanwhile.
        late = ended(server, "late")[0]
        assert late["state"] == "success" and late["run_type"] == "asset_triggered", late
        by_hand = server.trigger("late")["dag_run_id"]
        assert server.wait_run("late", by_hand)["state"] == "success"
        tell(server, gold)
        assert ended(server, "late", 3)[2]["run_type"] == "asset_triggered"
        listed = server.cli("assets", "list", "lake://").stdout
        assert gold in listed, listed
        server.stop()
        server.check_database()


def what_tasks_tell_of_assets_starts_who_waits_for_their_alias():
    """a command and a Python task tell what their alias stands for; a file that is watched is an event, without a task"""
    with Folder("told") as folder:
        watched = folder.path / "landing.csv"
        python = {"task_id": "more", "type": "python", "depends_on": ["make"], "outlets": [{"alias": "daily"}],
                  "code": "import batuta\nbatuta.asset('s3://b/2', alias='daily', extra={'rows': 2}, partition_key='eu')\n"}
        server = folder.server({
            "make": dag("make", [shell("make", "echo 'daily s3://b/1' >>\"$BATUTA_ASSETS\"", outlets=[{"alias": "daily"}]), python]),
            "whole": by_assets("whole", [{"alias": "daily"}], [mock("use")]),
            "parts": dag("parts", [shell("use", "echo part={{ dag_run.partition_key }}")], schedule={"assets": [{"alias": "daily"}], "partitions": True}),
            "rolls": dag("rolls", [mock("use")], schedule={"assets": ["s3://b/1"], "partitions": {"roll_up": "all", "of": ["us", "eu"]}}),
            "lands": by_assets("lands", [{"uri": "file://landing", "watchers": [{"wait_for": {"file": str(watched)}, "poke_interval": "1s"}]}],
                               [mock("use")])}).start()
        server.trigger("make", run_id="first")
        assert ended(server, "whole")[0]["partition_key"] is None
        part = ended(server, "parts")[0]
        assert part["partition_key"] == "eu" and "part=eu" in server.log_text("parts", part["dag_run_id"], "use"), part
        assert server.get("/api/v2/assets/aliases")["asset_aliases"][0]["name"] == "daily"
        listed = server.cli("assets", "aliases").stdout
        assert "daily" in listed and "s3://b/1, s3://b/2" in listed, listed
        of_alias = json.loads(server.cli("assets", "events", "--alias", "daily", "--partition-key", "eu", "-o", "json").stdout)
        assert [one["uri"] for one in of_alias] == ["s3://b/2"], of_alias
        server.cli("assets", "tell", "s3://b/1", "--partition-key", "us")
        assert [run["partition_key"] for run in ended(server, "parts", 2)] == ["eu", "us"]
        server.cli("dags", "trigger", "make", "--partition-key", "asia", "--wait")
        assert sorted(run["partition_key"] for run in ended(server, "parts", 4)) == ["asia", "eu", "eu", "us"]
        waits = server.cli("assets", "partitions", "rolls").stdout
        assert "all" in waits and "s3://b/1 (1 of 2 parts have come; eu has not)" in waits, waits
        watched.write_text("1")
        ended(server, "lands")
        extra = server.get("/api/v2/assets/events?order_by=-id")["asset_events"][0]["extra"]
        assert extra["from_trigger"] is True and extra["watcher"] == "watcher", extra
        server.stop()
        server.check_database()


if __name__ == "__main__":
    main([one_dag_starts_another_with_what_it_made, a_kill_between_the_event_and_the_run_loses_neither,
          paused_dags_collect_and_queues_are_dropped_by_hand, a_table_that_is_published_is_an_asset,
          what_tasks_tell_of_assets_starts_who_waits_for_their_alias])
