#!/usr/bin/env python3
"""Backfills with real processes: the scheduler is killed in the middle, the command line begins, watches and ends one."""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, mock, shell  # noqa: E402

RANGE = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-01T11:00:00Z"}


def hourly(dag_id, task, **more):
    return dag(dag_id, [task], schedule="@hourly", start_date="2026-01-01T00:00:00Z", catchup=False, **more)


def progress(server, backfill):
    return server.get(f"/api/batuta/backfills/{backfill}")["batuta"]


def goes_on_after_kills_and_makes_nothing_twice():
    """a backfill of twelve dates, the scheduler killed twice: each date has one run, and never more than two run at once"""
    with Folder("backfill") as folder:
        server = folder.server({"past": hourly("past", shell("t", "sleep 0.3; echo {{ ds }} {{ params.x }}"),
                                               params={"x": {"type": "integer", "default": 1}})}).start()
        body = {"dag_id": "past", **RANGE, "max_active_runs": 2, "dag_run_conf": {"x": 7}}
        backfill = server.call("POST", "/api/v2/backfills", body)["id"]
        for done in (3, 7):
            eventually(lambda: progress(server, backfill)["done"] >= done, 20, f"{done} dates are handled")
            server.kill()
            server.start()
        most = 0
        deadline = time.monotonic() + 60
        while not progress(server, backfill)["ended"]:
            most = max(most, progress(server, backfill)["runs"].get("running", 0))
            assert time.monotonic() < deadline, progress(server, backfill)
            time.sleep(0.05)
        assert most <= 2, most
        runs = server.get("/api/v2/dags/past/dagRuns?run_type=backfill&limit=100")["dag_runs"]
        dates = sorted(run["logical_date"] for run in runs)
        assert dates == [f"2026-01-01T{hour:02}:00:00Z" for hour in range(12)], dates
        assert all(run["state"] == "success" and run["conf"] == {"x": 7} and run["triggered_by"] == "backfill"
                   for run in runs), runs
        ticks = server.get(f"/api/batuta/backfills/{backfill}/ticks")["ticks"]
        assert [(tick["ordinal"], tick["outcome"]) for tick in ticks] == [(n + 1, "created") for n in range(12)], ticks
        told = [event["event"] for event in server.get("/api/v2/eventLogs?dag_id=past&limit=100")["event_logs"]]
        assert told.count("create_backfill") == 1 and told.count("backfill_completed") == 1, told
        server.stop()
        server.check_database()


def is_begun_watched_and_ended_from_the_command_line():
    """dry run, create --wait, list, show, reprocess on the newest version, pause and cancel"""
    with Folder("backfill-cli") as folder:
        server = folder.server({"past": hourly("past", mock("old"))}).start()
        span = ("past", "--from-date", "2026-01-01T00:00:00Z", "--to-date", "2026-01-01T02:00:00Z")
        plan = json.loads(server.cli("backfill", "create", *span, "--dry-run", "-o", "json").stdout)
        assert [row["action"] for row in plan] == ["create"] * 3, plan
        assert server.get("/api/v2/backfills")["total_entries"] == 0
        done = server.cli("backfill", "create", *span, "--wait")
        assert "has ended: 3 of 3 dates (3 created), runs: 3 success" in done.stderr, done.stderr
        again = server.cli("backfill", "create", *span, "--dry-run").stdout
        assert again.count("none: already exists") == 3, again

        (server.dags / "past.json").write_text(json.dumps(hourly("past", mock("new"))))
        eventually(lambda: server.get("/api/v2/dags/past/tasks")["tasks"][0]["task_id"] == "new", 10, "it was edited")
        server.cli("backfill", "create", *span, "--reprocess-behavior", "completed", "--run-backwards", "--wait")
        ticks = server.cli("backfill", "show", "2", "--ticks", "-o", "plain").stdout
        assert ticks.count("reprocessed") == 3 and ticks.index("T02:00") < ticks.index("T00:00"), ticks
        run = server.get("/api/v2/dags/past/dagRuns/backfill__2026-01-01T00:00:00Z")
        assert run["state"] == "success", run
        tasks = server.get("/api/v2/dags/past/dagRuns/backfill__2026-01-01T00:00:00Z/taskInstances")["task_instances"]
        assert [(task["task_id"], task["state"]) for task in tasks] == [("new", "success")], tasks

        server.cli("dags", "pause", "past")
        held = server.cli("backfill", "create", "past", "-s", "2026-02-01T00:00:00Z", "-e", "2026-02-02T00:00:00Z")
        assert "past is paused" in held.stderr, held.stderr
        assert server.cli("backfill", "pause", "3", "-o", "json").stdout
        assert server.get("/api/v2/backfills/3")["is_paused"]
        listed = json.loads(server.cli("backfill", "list", "--unfinished", "-o", "json").stdout)
        assert len(listed) == 1, listed
        server.cli("backfill", "unpause", "3")
        server.cli("backfill", "cancel", "3")
        ended = server.cli("backfill", "wait", "3", check=False)
        assert ended.returncode == 1 and "was cancelled: 0 of 25 dates" in ended.stderr, ended.stderr
        refused = server.cli("backfill", "cancel", "3", check=False)
        assert refused.returncode != 0 and "already completed" in refused.stderr, refused.stderr
        server.stop()


main([
    goes_on_after_kills_and_makes_nothing_twice,
    is_begun_watched_and_ended_from_the_command_line,
])
