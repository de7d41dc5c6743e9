#!/usr/bin/env python3
"""Looking after tables from the command line: optimize, vacuum, restore, and tables as they were."""
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contracts_test import ORDERS, both, contract, ended, known, write  # noqa: E402
from harness import BATUTA, FINANCIAL, Folder, dag, eventually, main, refused  # noqa: E402
from object_store import Azurite, ObjectStore  # noqa: E402
from quotes import QuoteService  # noqa: E402
from receivers import Hooks, connect  # noqa: E402

SILVER = "silver/financial/quotes"
NOTICES = {"severity": "warning", "notifiers": {"notifier": "webhook", "connection": "pager"}}
TOTAL = f'SELECT count(*), sum(volume)::VARCHAR, max(date)::VARCHAR FROM "{SILVER}"'


def versions(server, table):
    return json.loads(server.cli("lake", "history", table, "--limit", 1000, "--output", "json").stdout)


def filled(folder, quotes, hours, **more):
    """A server whose tables have a version for each of the first hours."""
    financial = json.loads(FINANCIAL.read_text())
    financial["schedule"] = None
    server = folder.server({"financial": financial}, **more).start()
    quotes.connect(server)
    for hour in range(hours):
        conf = {**quotes.conf, "start": f"2026-03-02T{hour:02}:00:00Z", "end": f"2026-03-02T{hour + 1:02}:00:00Z"}
        run = server.trigger("financial", conf=conf)["dag_run_id"]
        assert server.wait_run("financial", run, 120)["state"] == "success", server.tasks("financial", run)
    return server


def alerts_are_told(monitors, server, hooks):
    """by a run of the server, once: of what it opened as grave as the setting says; a run that opened nothing tells nothing"""
    connect(server, "pager", "http", host=f"http://127.0.0.1:{hooks.port}/pager")
    grave = {"name": "gone", "kind": "freshness", "table": "silver/financial/absent", "within": "1h", "severity": "critical"}
    slight = {**grave, "name": "slight", "severity": "info"}
    (monitors / "financial.json").write_text(json.dumps({"monitors": [grave, slight]}))
    eventually(lambda: any(one["monitor_id"] == "financial/gone" for one in server.get("/api/lake/monitors")["monitors"]), 40, "the new monitors")

    def texts():
        return [one["text"] for told in hooks.taken("/pager") for one in told["alerts"]]
    for _ in range(2):
        run = server.trigger("lake_monitors")["dag_run_id"]
        assert server.wait_run("lake_monitors", run, 60)["state"] == "success", server.tasks("lake_monitors", run)
    last = {task["task_id"]: task["state"] for task in server.get(f"/api/v2/dags/lake_monitors/dagRuns/{run}/taskInstances")["task_instances"]}
    assert last == {"evaluate": "success", "tell": "skipped"}, last
    told = eventually(lambda: [text for text in texts() if "financial/gone" in text], 20, "the alert as a message")
    assert len(told) == 1 and "silver/financial/absent" in told[0] and not any("slight" in text for text in texts()), texts()


def monitors_are_judged(folder, server, hooks):
    """from a file beside the DAGs to an alert in the lake, by the server's own run"""
    monitors = folder.path / "monitors"
    monitors.mkdir()
    wrong = {"monitors": [{"name": "late", "kind": "freshnes", "table": SILVER, "within": "1h"}]}
    (monitors / "financial.json").write_text(json.dumps(wrong))
    said = server.cli("monitors", "validate", monitors, check=False)
    assert said.returncode == 1 and 'did you mean "freshness"?' in said.stderr, said.stderr
    late = {"name": "late", "kind": "freshness", "table": "silver/financial/nothing", "within": "1h"}
    fresh = {"name": "fresh", "kind": "freshness", "table": SILVER, "within": "1h"}
    (monitors / "financial.json").write_text(json.dumps({"monitors": [late, fresh]}))
    server.cli("monitors", "validate", monitors)
    eventually(lambda: any(dag["dag_id"] == "lake_monitors" for dag in server.get("/api/v2/dags")["dags"]), 40,
               "a DAG of the monitors")
    said = server.cli("monitors", "run").stdout
    assert "2 monitors: 1 well, 1 unwell, 0 unknown; 1 alert is open" in said, said
    assert "opened alert 1, financial/late: there is no table silver/financial/nothing" in said, said
    said = server.cli("monitors", "run").stdout
    assert "opened" not in said, said
    acked = json.loads(server.cli("monitors", "ack", 1, "--note", "on it", "--output", "json").stdout)
    assert acked["state"] == "acknowledged", acked
    shown = server.sql('SELECT monitor_id, ack_note FROM "mngt/platform/alert" WHERE is_open')
    assert shown == [["financial/late", "on it"]], shown
    rows = json.loads(server.cli("monitors", "list", "--output", "json").stdout)
    assert [(row["monitor_id"], row["status"], row["alert_id"]) for row in rows] == [
        ("financial/fresh", "well", None), ("financial/late", "unwell", 1)], rows
    said = refused(409, lambda: server.call("POST", "/api/lake/alerts/1", {"action": "ack", "note": "me too"}))
    assert acked["acked_by"] in said, said
    closed = server.call("POST", "/api/lake/alerts/1", {"action": "close", "note": "agreed"})
    assert (closed["state"], closed["close_note"]) == ("closed", "agreed"), closed
    server.cli("monitors", "run")
    again, = server.get("/api/lake/alerts?state=open")["alerts"]
    assert (again["monitor_id"], again["may_change"]) == ("financial/late", True), again
    acked = server.call("POST", f"/api/lake/alerts/{again['alert_id']}", {"action": "ack", "note": "over HTTP"})
    assert acked["state"] == "acknowledged", acked
    counts = server.get("/api/lake/alerts")["counts"]
    assert counts == {"open": 0, "acknowledged": 1, "closed": 1}, counts
    shown = server.sql('SELECT acked_by, ack_note FROM "mngt/platform/alert" WHERE is_open')
    assert shown == [[acked["acked_by"], "over HTTP"]], shown
    told = [row["event"] for row in server.get("/api/v2/eventLogs?limit=1000")["event_logs"]]
    assert told.count("ack_alert") == 1 and told.count("close_alert") == 1, told
    alerts_are_told(monitors, server, hooks)


def a_table_is_looked_after_while_its_server_runs():
    """bronze becomes one file, a run beside it goes on from it, what is old goes, and a restore takes rows and progress back"""
    with Folder("maintenance") as folder, QuoteService(folder.path, seed=7) as quotes:
        hooks = Hooks()
        server = filled(folder, quotes, 3, env={"BATUTA_LAKE_MONITOR_NOTICES": json.dumps(NOTICES)})
        bronze = "bronze/financial/quotes"
        rows = server.sql(f'SELECT count(*) FROM "{bronze}"')
        small = server.cli("lake", "optimize", bronze, "--dry-run").stdout
        assert "would become 1 file" in small, small
        said = server.cli("lake", "optimize", bronze).stdout
        assert "3 files (" in said and "became 1 file (" in said, said
        newest = versions(server, bronze)[0]
        assert newest["operation"] == "OPTIMIZE", newest
        assert newest["info"]["batuta"]["dag_id"] == "server" and not newest["info"]["batuta"]["run_id"], newest
        told = server.get(f"/api/lake/tables/{bronze}/versions")["versions"][0]
        assert told["dag_id"] == "server" and told["dag_run_id"] is None, told
        ordered = server.get("/api/lake/maintenance")["orders"]
        assert [(one["action"], one["dry_run"], one["state"]) for one in ordered] == [("optimize", False, "ended"), ("optimize", True, "ended")], ordered
        assert server.sql(f'SELECT count(*) FROM "{bronze}"') == rows
        again = server.cli("lake", "optimize", bronze, "--files").stdout
        assert "nothing to hold together" in again, again

        # The next hour: silver takes in what is new, and only that, though bronze's files are others.
        before = server.sql(TOTAL)
        conf = {**quotes.conf, "start": "2026-03-02T03:00:00Z", "end": "2026-03-02T04:00:00Z"}
        run = server.trigger("financial", conf=conf)["dag_run_id"]
        assert server.wait_run("financial", run, 120)["state"] == "success"
        after = server.sql(TOTAL)
        assert after[0][0] > before[0][0], (before, after)

        short = server.cli("lake", "vacuum", bronze, "--retain", "1h", check=False)
        assert short.returncode == 1 and "--force" in short.stderr, short.stderr
        (server.home / "lake" / bronze / "notes.txt").write_text("mine")
        said = server.cli("lake", "vacuum", bronze, "--retain", "0s", "--force", "--dry-run").stdout
        assert "3 files" in said and "would be deleted" in said and "notes.txt" in said, said
        said = server.cli("lake", "vacuum", bronze, "--retain", "0s", "--force").stdout
        assert "3 files" in said and "deleted" in said and "has a checkpoint" in said, said
        assert (server.home / "lake" / bronze / "notes.txt").exists()
        assert server.sql(f'SELECT count(*) FROM "{bronze}"')[0][0] > rows[0][0]

        version = versions(server, SILVER)[0]["version"]
        was = server.sql(f"SELECT count(*) FROM silver.financial.quotes@v{version - 1}")[0][0]
        assert was == before[0][0], (was, before)
        assert json.loads(server.cli("lake", "head", SILVER, "--version", version - 1, "--limit", 1000,
                                     "--output", "json").stdout)
        back = server.cli("lake", "restore", SILVER, "--version", version - 1).stdout
        assert f"is what version {version - 1} was" in back, back
        assert server.sql(TOTAL) == before
        already = server.cli("lake", "restore", SILVER, "--version", version - 1).stdout
        assert "already" in already, already
        forth = server.cli("lake", "restore", SILVER, "--version", version, "--output", "json").stdout
        assert json.loads(forth)["changed"] is True, forth
        moved = server.cli("lake", "restore", SILVER, "--version", version - 1, "--expected-version", version, check=False)
        assert moved.returncode == 1 and "look again" in moved.stderr, moved.stderr
        assert server.sql(TOTAL) == after
        monitors_are_judged(folder, server, hooks)
        both = server.cli("lake", "restore", SILVER, "--version", 1, "--at", "2026-01-01", check=False)
        assert both.returncode == 2, both.stderr
        never = server.cli("lake", "restore", SILVER, "--at", "2001-01-01", check=False)
        assert never.returncode == 1 and "no version that old" in never.stderr, never.stderr
        server.stop()
        server.check_database()


def a_killed_optimize_leaves_the_table_whole():
    """kill -9 at moments through its work: readers see the same rows, and the next one does what is left"""
    with Folder("maintenance-kill") as folder, QuoteService(folder.path, seed=8) as quotes:
        server = filled(folder, quotes, 2)
        bronze = "bronze/financial/quotes"
        rows = server.sql(f'SELECT count(*), max(date)::VARCHAR FROM "{bronze}"')
        for moment in (0.05, 0.15, 0.3, 0.5):
            process = subprocess.Popen([BATUTA, "lake", "optimize", bronze, "--files", "--home", server.home], env=server.env,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert server.sql(f'SELECT count(*), max(date)::VARCHAR FROM "{bronze}"') == rows

        def settled():
            said = server.cli("lake", "optimize", bronze).stdout
            return "nothing to hold together" in said or None
        eventually(settled, 30, "it is compact")
        tables = json.loads(server.cli("lake", "tables", "--output", "json").stdout)
        assert next(t for t in tables if t["table"] == bronze)["files"] == 1, tables
        assert server.sql(f'SELECT count(*), max(date)::VARCHAR FROM "{bronze}"') == rows
        server.stop()


def runs_are_tables(server):
    """what ended is in mngt/platform once, though the scheduler dies between two of its tables; a deleted run stays"""
    def report():
        run = server.trigger("lake_report")["dag_run_id"]
        assert server.wait_run("lake_report", run, 60)["state"] == "success", server.tasks("lake_report", run)

    def kept():
        return server.sql('SELECT dag_id, count(*), count(DISTINCT run_uuid) FROM "mngt/platform/dag_run" '
                          "WHERE dag_id <> 'lake_report' GROUP BY ALL ORDER BY 1")

    report()
    assert kept() == [["financial", 3, 3], ["lake_maintenance", 1, 1]], kept()
    told = server.sql("""SELECT count(*) > 0, bool_and(passed), min(r.state) FROM "mngt/platform/dq_result"
                         JOIN "mngt/platform/dag_run" r USING (run_uuid) WHERE table_name LIKE 'silver/%'""")
    assert told == [[True, True, "success"]], told
    edges = server.sql("""SELECT DISTINCT from_table FROM "mngt/platform/lineage_edge"
                          WHERE to_table = 'silver/financial/quotes'""")
    assert ["bronze/financial/quotes"] in edges, edges
    cost = server.sql("""SELECT domain, count(*) FILTER (busy_seconds > 0) > 0 FROM "mngt/platform/task_cost"
                         WHERE dag_id = 'financial' GROUP BY ALL""")
    assert cost == [["financial", True]], cost
    # As Spark or Power BI would: from the files alone, which one reader of Delta after another finds.
    columns = json.loads(server.cli("lake", "describe", "mngt/platform/task_instance", "--output", "json").stdout)
    assert "created_on" in json.dumps(columns), columns
    gone, *_ = server.get("/api/v2/dags/financial/dagRuns")["dag_runs"]
    server.call("DELETE", f"/api/v2/dags/financial/dagRuns/{gone['dag_run_id']}")
    server.stop()
    server.env["BATUTA_FAILPOINT"] = "publish_before_return:3"
    server.start()
    run = server.trigger("lake_report")["dag_run_id"]
    eventually(lambda: server.process.poll() is not None, 60, "the scheduler dies between two tables")
    del server.env["BATUTA_FAILPOINT"]
    server.start()
    assert server.wait_run("lake_report", run, 90)["state"] == "success", (server.tasks("lake_report", run), server.log_tail())
    report()
    assert kept() == [["financial", 3, 3], ["lake_maintenance", 1, 1]], kept()
    twice = server.sql("""SELECT run_uuid, task_id, map_index, try_number FROM "mngt/platform/task_instance"
                          GROUP BY ALL HAVING count(*) > 1""")
    assert twice == [], twice
    listed = server.sql("""SELECT max(rows) FILTER (table_name = 'silver/financial/quotes') > 0, count(*) = count(DISTINCT table_name)
                           FROM "mngt/platform/table_registry"
                            WHERE told_on = (SELECT max(told_on) FROM "mngt/platform/table_registry")""")
    assert listed == [[True, True]], listed


def tables_are_looked_after_by_themselves():
    """the DAGs that come with the server run through a slot, are seen in its runs, and leave the same rows"""
    with Folder("maintenance-dag") as folder, QuoteService(folder.path, seed=9) as quotes:
        more = {"BATUTA_LAKE_MAINTENANCE": "@daily", "BATUTA_LAKE_MAINTENANCE_SMALL_FILES": "2",
                "BATUTA_LAKE_REPORT": "@daily", "BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
        server = filled(folder, quotes, 3, env=more)
        bronze = "bronze/financial/quotes"
        rows = server.sql(f'SELECT count(*), max(date)::VARCHAR FROM "{bronze}"')
        # Once the workers have said what they offer, its plugin is judged as any other's.
        eventually(lambda: server.get("/api/v2/dagWarnings")["total_entries"] == 0, 30, "its plugin is offered")
        assert server.get("/api/v2/importErrors")["total_entries"] == 0, server.get("/api/v2/importErrors")
        run = server.trigger("lake_maintenance")["dag_run_id"]
        assert server.wait_run("lake_maintenance", run, 60)["state"] == "success", server.tasks("lake_maintenance", run)
        log = server.log_text("lake_maintenance", run, "maintain")
        assert f"{bronze}: version 3 holds together 3 files" in log, log
        newest = versions(server, bronze)[0]
        assert newest["operation"] == "OPTIMIZE" and newest["info"]["batuta"]["dag_id"] == "lake_maintenance", newest
        assert server.sql(f'SELECT count(*), max(date)::VARCHAR FROM "{bronze}"') == rows
        configured = server.sql("SELECT count(*) FROM mngt.ingestion_job_config WHERE job_name LIKE 'lake%'")
        assert configured == [[0]], configured
        runs_are_tables(server)
        server.stop()


BY_COUNTRY = 'SELECT country, sum(amount)::VARCHAR FROM gold.shop.by_country GROUP BY ALL ORDER BY country'


def day_of_orders(server, drop, day, step):
    """A file of orders through raw, bronze, silver and gold, with a scheduler that dies there and comes again."""
    (drop / f"orders-{day}.csv").write_text("id,Order Day,amount,country\n" + "".join(
        f"{10 * day + n},0{day}/05/2024,{n},{'BR' if n % 2 else 'PT'}\n" for n in range(4)) + f"9{day},no day,1,BR\n")
    server.stop()
    server.env["BATUTA_FAILPOINT"] = step
    server.start()
    run = server.trigger("shop")["dag_run_id"]
    eventually(lambda: server.process.poll() is not None, 60, f"the scheduler dies at {step}")
    del server.env["BATUTA_FAILPOINT"]
    server.start()
    assert server.wait_run("shop", run, 90)["state"] == "success", (step, server.tasks("shop", run), server.log_tail())
    orders = server.sql("SELECT count(*), count(DISTINCT id) FROM silver.orders")
    assert orders == [[4 * day, 4 * day]], (step, orders)
    assert server.sql(BY_COUNTRY) == [["BR", f"{4 * day}.00"], ["PT", f"{2 * day}.00"]], (step, server.sql(BY_COUNTRY))
    assert server.sql("SELECT count(*) FROM quarantine.orders") == [[day]], step


def shop(folder, drop):
    """raw, bronze, silver and gold of the orders in a folder"""
    write(folder, "orders", contract("orders", {"server": "drop", "type": "local", "path": f"{drop}/orders-*.csv",
                                                "format": "csv"}, ORDERS))
    gold = {"task_id": "by_country", "type": "aggregate", "table": "gold/shop/by_country", "mode": "overwrite",
            "sql": "SELECT country, sum(amount) AS amount FROM silver.shop.orders GROUP BY ALL",
            "depends_on": ["orders_transform"]}
    return dag("shop", both("orders", retries=2, retry_delay="1s") + [gold])


def a_branch_beside_it(server, drop):
    """a run on a branch of the store writes beside the lake, is compared with it, and becomes the lake's by copies within the store"""
    def french(*more):
        told = server.cli("lake", "sql", "SELECT id FROM silver.shop.orders WHERE country = 'FR'", *more, "-o", "json").stdout
        return [row["id"] for row in json.loads(told)]

    (drop / "orders-9.csv").write_text("id,Order Day,amount,country\n91,09/05/2024,7,FR\n")
    server.cli("lake", "branch", "create", "trial")
    before = server.sql(BY_COUNTRY)
    made = server.call("POST", "/api/v2/dags/shop/dagRuns", {"logical_date": None, "branch": "trial"})["dag_run_id"]
    assert server.wait_run("shop", made, 90)["state"] == "success", server.tasks("shop", made)
    assert french() == [] and french("--branch", "trial") == [91] and server.sql(BY_COUNTRY) == before
    told = json.loads(server.cli("lake", "branch", "diff", "trial", "silver.shop.orders", "-o", "json").stdout)
    assert [(row["what"], row["key"]) for row in told["rows"]] == [("added", {"id": 91})], told
    said = server.cli("lake", "branch", "promote", "trial", "--yes", "--drop").stdout
    assert "the branch is gone" in said and french() == [91], said
    assert ["FR", "7.00"] in server.sql(BY_COUNTRY), server.sql(BY_COUNTRY)
    assert server.get("/api/lake/branches")["branches"] == []


def a_lake_in_google_and_in_azure():
    """raw to gold, looked after by the server's own DAG, a branch promoted, a file exported: the same on every store"""
    for store in (ObjectStore("gs"), Azurite() if Azurite.there() else ObjectStore("azblob")):
        with Folder("store-others") as folder, store:
            drop = folder.path / "drop"
            drop.mkdir()
            more = {**store.env, "BATUTA_LAKE_MAINTENANCE": "@daily", "BATUTA_LAKE_MAINTENANCE_SMALL_FILES": "2"}
            server = folder.server({"shop": shop(folder, drop)}, env=more).start()
            known(server, "shop")
            for day in (1, 2, 3):
                (drop / f"orders-{day}.csv").write_text(f"id,Order Day,amount,country\n{day},0{day}/05/2024,5,DE\n")
                ended(server, "shop")
            assert server.sql(BY_COUNTRY) == [["DE", "15.00"]], server.sql(BY_COUNTRY)
            run = server.trigger("lake_maintenance")["dag_run_id"]
            assert server.wait_run("lake_maintenance", run, 60)["state"] == "success", server.tasks("lake_maintenance", run)
            newest = versions(server, "bronze/shop/orders")[0]
            assert newest["operation"] == "OPTIMIZE" and newest["info"]["batuta"]["dag_id"] == "lake_maintenance", newest
            a_branch_beside_it(server, drop)
            server.cli("lake", "vacuum", "bronze/shop/orders", "--retain", "0s", "--force")
            server.cli("lake", "export", "silver/shop/orders", "--format", "csv", "--columns", "id", "--order-by", "id",
                       "--to", folder.path / "out.csv")
            assert (folder.path / "out.csv").read_text().split() == ["id", "1", "2", "3", "91"]
            assert [one.name for one in (server.home / "lake").iterdir()] == ["_store"]
            server.stop()
            server.check_database()


def a_lake_in_an_object_store():
    """raw to gold in an S3 bucket, each row once through kills between put and commit; SQL, export, optimize, vacuum; no table in the home"""
    with Folder("store-lake") as folder, ObjectStore() as store:
        drop = folder.path / "drop"
        drop.mkdir()
        more = {**store.env, "BATUTA_LAKE_CACHE": "64MiB", "BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
        server = folder.server({"shop": shop(folder, drop)}, env=more).start()
        known(server, "shop")
        # Bronze, silver's quarantine and gold: the commit stands in the bucket, and the scheduler does not know.
        for day, step in enumerate(("publish_before_return:1", "publish_before_return:2", "settle_before_commit:3"), 1):
            day_of_orders(server, drop, day, step)
        (drop / "orders-4.csv").write_text("id,Order Day,amount,country\n41,04/05/2024,5,DE\n")
        store.control(page=2, faults=[{"method": "PUT", "status": 503, "times": 3, "after": True},
                                      {"method": "GET", "status": 0, "times": 2}])
        ended(server, "shop")
        assert server.sql(BY_COUNTRY)[0] == ["BR", "12.00"] and server.sql(BY_COUNTRY)[1] == ["DE", "5.00"]

        counted = server.cli("metrics").stdout
        for done in ('operation="put",outcome="ok"', 'operation="put",outcome="throttled"', 'operation="list",outcome="ok"'):
            assert f'batuta_storage_requests_total{{store="s3://lake",{done}}}' in counted, counted
        put = {path for method, path in store.asked() if method == "PUT"}
        for layer in ("raw", "bronze", "silver", "gold"):
            assert any(path.startswith(f"{layer}/shop/") for path in put), (layer, put)
        assert [one.name for one in (server.home / "lake").iterdir()] == ["_store"], list((server.home / "lake").iterdir())
        shown = server.get("/api/lake/tables/silver/shop/orders/versions")["versions"]
        assert len(shown) == 4 and shown[0]["dag_id"] == "shop", shown
        console = server.call("POST", "/api/lake/sql", {"sql": "SELECT count(*) FROM silver.shop.orders"})
        assert [str(value) for value in console["rows"][0]] == ["13"], console

        server.cli("lake", "export", "silver/shop/orders", "--format", "csv", "--columns", "id", "--order-by", "id",
                   "--to", folder.path / "out.csv")
        assert (folder.path / "out.csv").read_text().split()[:3] == ["id", "10", "11"]
        bronze = "bronze/shop/orders"
        rows = server.sql("SELECT count(*) FROM bronze.orders")
        said = server.cli("lake", "optimize", bronze).stdout
        assert "became 1 file (" in said, said
        store.asked()
        said = server.cli("lake", "vacuum", bronze, "--retain", "0s", "--force").stdout
        removed = [path for method, path in store.asked() if method == "DELETE" and path.endswith(".parquet")]
        assert "deleted" in said and len(removed) >= 4 and all(path.startswith(bronze) for path in removed), (said, removed)
        assert server.sql("SELECT count(*) FROM bronze.orders") == rows

        a_branch_beside_it(server, drop)
        gone = {path for method, path in store.asked() if method == "DELETE"}
        assert "_branches/trial.json" in gone and any("/_delta_log/" in path for path in gone), gone

        report = json.loads(server.cli("doctor", "--output", "json").stdout)
        assert report["lake"] == f"{store.url} answers, and keeps conditional puts", report
        refused_clone = server.cli("clone", "--to", folder.path / "copy", "--table", bronze, check=False)
        assert refused_clone.returncode != 0 and "lake.url" in refused_clone.stderr, refused_clone.stderr
        server.env["BATUTA_LAKE_URL"] = "s3://nobody/lake"
        report = json.loads(server.cli("doctor", "--output", "json").stdout)
        assert "nobody" in report["lake"] and "answers" not in report["lake"], report
        server.env["BATUTA_LAKE_URL"] = store.url
        server.stop()
        server.check_database()
        secret = store.env["AWS_SECRET_ACCESS_KEY"].encode()
        for file in [*server.home.rglob("*"), Path(server.log.name)]:
            assert not file.is_file() or secret not in file.read_bytes(), file

        # One that can hold no lake is told at the start, and nothing runs on it.
        store.control(ignore_conditions=True)
        server.start(wait=False)
        assert server.process.wait(60) != 0
        assert "lake.url: " in server.log_tail() and store.url in server.log_tail(), server.log_tail()


main([a_lake_in_an_object_store, a_lake_in_google_and_in_azure, a_table_is_looked_after_while_its_server_runs,
      a_killed_optimize_leaves_the_table_whole, tables_are_looked_after_by_themselves])
