#!/usr/bin/env python3
"""SQL models with real processes: from a DAG file and a .sql file to tables; kills, retries and clears do not double."""
import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main  # noqa: E402
from harness import run as run_cli  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
STEPS = ["accept_before_commit", "accept_after_commit", "publish_before_write", "publish_before_link",
         "publish_after_link", "publish_before_return", "settle_before_commit", "settle_after_commit"]
ORDERS = "(VALUES (1, 'ana', 10, DATE '2026-11-20'), (2, 'bia', 5, DATE '2026-11-20'), (3, 'ana', 7, DATE '2026-11-21'))"
DAILY = """-- What was sold on each day.
SELECT day, client, CAST(sum(quantity) AS BIGINT) AS quantity
FROM silver.shop.orders
WHERE client <> {{ params.without }}
GROUP BY ALL
"""


def orders(**more):
    return {"task_id": "orders", "type": "aggregate", "sql": f"SELECT * FROM {ORDERS} o(id, client, quantity, day) WHERE id <= {{{{ params.upto }}}}",
            "table": "silver/shop/orders", "keys": ["id"], **more}


def daily(**more):
    return {"task_id": "daily", "type": "aggregate", "sql": {"$file": "gold/daily.sql"}, "table": "gold/shop/daily",
            "depends_on": ["orders"], "retries": 2, "retry_delay": "1s", **more}


def shop(*tasks):
    return dag("shop", list(tasks), params={"upto": 3, "without": "nobody's"}, default_args={"retries": 1, "retry_delay": "1s"})


def start(folder, *tasks, **more):
    (folder.path / "dags" / "gold").mkdir(parents=True)
    (folder.path / "dags" / "gold" / "daily.sql").write_text(DAILY)
    return folder.server({"shop": shop(*tasks)}, env=dict(TIMING), **more).start()


def run(server, state="success", **conf):
    run_id = server.trigger("shop", conf=conf)["dag_run_id"]
    ended = server.wait_run("shop", run_id, 90)
    assert ended["state"] == state, server.tasks("shop", run_id)
    return run_id


def rows(server, query='SELECT day, client, quantity FROM "gold/shop/daily" ORDER BY ALL'):
    return [[str(value) for value in row] for row in server.sql(query)]


ALL = [["2026-11-20", "ana", "10"], ["2026-11-20", "bia", "5"], ["2026-11-21", "ana", "7"]]


def a_sql_file_becomes_a_table():
    """a task of one SQL file becomes a table, with lineage, quality and inputs; unchanged inputs and partitions are computed once"""
    with Folder("models") as folder:
        days = {"task_id": "days", "type": "aggregate", "table": "gold/shop/days", "mode": "partitions", "partition_by": ["day"], "depends_on": ["orders"],
                "sql": "SELECT day, count(*) AS n FROM silver.shop.orders WHERE day IN {{ changed_partitions('silver/shop/orders') }} GROUP BY day"}
        server = start(folder, orders(partition_by=["day"]), days,
                       daily(keys=["day", "client"], partition_by=["day"], quality=[{"rule": "range", "column": "quantity", "min": 6, "severity": "warning"}]))
        first = run(server)
        assert rows(server) == ALL, rows(server)
        report = server.get(f"/api/batuta/dags/shop/dagRuns/{first}/taskInstances/daily/report")
        assert [(edge["from"], edge["to"]) for edge in report["lineage"]] == [("silver/shop/orders", "gold/shop/daily")], report
        failed = {rule["rule"]: rule["failed"] for rule in report["quality"]}
        assert failed == {"keys_not_null": 0, "keys_unique": 0, "range_quantity": 1}, report
        again = run(server)
        log = server.log_text("shop", again, "daily")
        assert "nothing to compute" in log, log
        told = server.get(f"/api/v2/dags/shop/dagRuns/{again}/taskInstances/daily/dependencies")["dependencies"]
        assert told[0]["reason"].startswith("unchanged since version 0, because"), told
        run(server, without="bia")
        assert rows(server) == [row for row in ALL if row[1] != "bia"], rows(server)
        # Only the day that lost a row was written, and what stayed in it is the first run's still.
        kept = server.sql('SELECT count(DISTINCT execution_id) FROM "gold/shop/daily"')
        assert int(list(kept[0])[0]) == 1, kept
        run(server, without="x'); DROP TABLE t; --")
        assert rows(server) == ALL, rows(server)
        days = server.sql('SELECT day, n FROM "gold/shop/days" ORDER BY 1')
        assert [[str(value) for value in row] for row in days] == [["2026-11-20", "2"], ["2026-11-21", "1"]], days
        fewer = run(server, upto=2)  # silver loses a day, and gold follows
        log = server.log_text("shop", fewer, "days")
        assert "partitions changed since version 0: 2026-11-21" in log, log
        assert len(server.sql('SELECT day FROM "gold/shop/days"')) == 1
        server.stop()
        server.check_database()


def a_clear_replaces_what_its_run_appended():
    """append: two runs add, a clear of one replaces its rows and no others, with the versions its own run wrote"""
    with Folder("append") as folder:
        server = start(folder, orders(), daily(mode="append"))
        first, second = run(server, upto=2), run(server, upto=3)
        assert len(rows(server)) == 5, rows(server)
        for run_id, count in ((second, 5), (first, 5)):
            server.call("POST", f"/api/v2/dags/shop/dagRuns/{run_id}/clear", {"dry_run": False, "only_failed": False})
            eventually(lambda: server.run("shop", run_id)["state"] != "success", 10, "it runs again")
            assert server.wait_run("shop", run_id, 60)["state"] == "success"
            assert len(rows(server)) == count, rows(server)
        by_run = rows(server, 'SELECT count(*) FROM "gold/shop/daily" GROUP BY execution_id ORDER BY 1')
        assert by_run == [["2"], ["3"]], by_run
        server.stop()


def a_broken_rule_publishes_nothing():
    """a broken blocking rule fails the task for good, names the rule, and leaves the table as it was"""
    with Folder("quality") as folder:
        server = start(folder, orders(), daily(quality=[{"rule": "sql", "condition": "quantity < 10", "name": "small"}]))
        good = run(server, without="ana")
        bad = run(server, state="failed")
        task = server.tasks("shop", bad)["daily"]
        assert task["state"] == "failed" and task["try_number"] == 1, task
        assert "1 rows break small" in server.log_text("shop", bad, "daily")
        assert rows(server) == [["2026-11-20", "bia", "5"]], rows(server)
        assert good != bad
        server.stop()


def a_killed_slot_is_tried_again_on_the_same_rows():
    """kill -9 of the process that computes: the next try reads what the first one did, and nothing is there twice"""
    with Folder("slot") as folder:
        slow = daily(mode="append")
        slow["sql"] = ("SELECT client, sum(quantity)::BIGINT AS quantity FROM silver.shop.orders GROUP BY client "
                       "HAVING (SELECT max(hash(a.range, b.range)) FROM range(20000) a, range(20000) b) > 0")
        server = start(folder, orders(), slow)
        run_id = server.trigger("shop")["dag_run_id"]
        eventually(lambda: "reads silver/shop/orders version 0" in server.log_text("shop", run_id, "daily"), 30, "it computes")
        for pid in server.pids("slot"):
            os.kill(pid, signal.SIGKILL)
        assert server.wait_run("shop", run_id, 120)["state"] == "success", server.tasks("shop", run_id)
        assert server.tasks("shop", run_id)["daily"]["try_number"] == 2
        assert "as the run's first attempt did" in server.log_text("shop", run_id, "daily", 2)
        assert rows(server, 'SELECT client, quantity FROM "gold/shop/daily" ORDER BY 1') == [["ana", "17"], ["bia", "5"]]
        server.stop()


POSITION = """/* model
mode: merge
keys: [client]
contract: shop/position
params: {day: "2026-11-30"}
quality:
  - {rule: rows, min: 1}
*/
SELECT client, CAST(sum(quantity) AS BIGINT) AS quantity
FROM silver.shop.orders WHERE day <= {{ params.day }} GROUP BY client
"""
ORDERS_MODEL = """SELECT * FROM (VALUES (1, 'ana', 10, DATE '2026-11-20'), (2, 'bia', 5, DATE '2026-11-21')) o(id, client, quantity, day)
"""
TESTS = """model: gold/shop/position
tests:
  - name: sums by client until the day
    values: {params.day: 2026-11-20}
    inputs:
      silver/shop/orders:
        - {client: ana, quantity: 1, day: 2026-11-19}
        - {client: ana, quantity: 2, day: 2026-11-20}
        - {client: bia, quantity: 4, day: 2026-11-21}
    expected:
      - {client: ana, quantity: %d}
"""


MASKING = """apiVersion: v3.1.0
kind: DataContract
id: shop-orders
version: 1.0.0
status: active
domain: shop
servers: [{server: drop, type: local, path: /nowhere.csv, format: csv}]
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer}
      - {name: client, logicalType: string, customProperties: [{property: batuta.readMask, value: redact}]}
      - {name: quantity, logicalType: integer}
      - {name: day, logicalType: date}
"""


PROMISED = """apiVersion: v3.1.0
kind: DataContract
id: shop-position
version: 2.1.0
status: active
domain: shop
schema:
  - name: position
    properties:
      - {name: client, logicalType: string, required: true}
      - {name: quantity, logicalType: integer, logicalTypeOptions: {minimum: 0}}
"""


def a_test_is_made_of_real_rows(folder, server, models):
    """models test --create: what a contract masks is not in the file, and the test passes"""
    contract = folder.path / "masks" / "shop" / "orders.odcs.yaml"
    contract.parent.mkdir(parents=True)
    contract.write_text(MASKING)
    (models / "tests" / "position.yaml").unlink()
    create = ("models", "test", models, "--create", "gold/shop/position", "--value", "params.day=2026-11-21")
    made = server.cli(*create, "--contracts", folder.path / "masks", "--where", "silver/shop/orders: quantity >= 5").stdout.strip()
    text = Path(made).read_text()
    assert made.endswith("tests/position_real.yaml") and "ana" not in text and '"***"' in text and '"15"' in text, text
    assert "1 passed, 0 failed" in server.cli("models", "test", models).stdout
    bare = server.cli(*create, "--rows", 1, "--case", "one row")
    assert "no contract masks any of it" in bare.stderr and "_real2.yaml" in bare.stdout, (bare.stdout, bare.stderr)
    assert "2 passed, 0 failed" in server.cli("models", "test", models).stdout
    hidden = server.cli(*create, "--contracts", folder.path / "masks", "--where", "silver/shop/orders: client = ana", check=False)
    assert hidden.returncode == 1 and "client" in hidden.stderr and not (models / "tests" / "position_real3.yaml").exists(), hidden.stderr


def a_folder_of_models_from_the_command_line():
    """models new, validate, test, dag, show, plan, apply and run: a folder of SQL files becomes a DAG that a scheduler runs"""
    with Folder("modelscli") as folder:
        models = folder.path / "dags" / "models"
        for path, text in (("gold/shop/position.sql", POSITION), ("silver/shop/orders.sql", ORDERS_MODEL), ("tests/position.yaml", TESTS % 3)):
            (models / path).parent.mkdir(parents=True, exist_ok=True)
            (models / path).write_text(text)
        home = ("--home", folder.path / "home")
        promised = folder.path / "contracts" / "shop" / "position.odcs.yaml"
        promised.parent.mkdir(parents=True)
        promised.write_text(PROMISED.replace("domain: shop", "domain: bank"))
        assert "is of the domain" in run_cli("models", "validate", models, *home, code=1).stderr
        promised.write_text(PROMISED)
        assert "2 models are fine" in run_cli("models", "validate", models, *home).stdout
        passed = run_cli("models", "test", models, *home).stdout
        assert "ok      gold/shop/position: sums by client until the day" in passed and "1 passed, 0 failed" in passed, passed
        (models / "tests" / "position.yaml").write_text(TESTS % 7)
        failed = run_cli("models", "test", models, *home, code=1).stdout
        assert "FAILED" in failed, failed
        for what, number in (("missing", "7"), ("unexpected", "3")):
            assert any(line.split() == [what, "ana", number] for line in failed.splitlines()), failed
        (models / "tests" / "position.yaml").write_text(
            "model: gold/shop/position\ntests:\n" + "".join(
                f"  - {{name: {'n' * 600}{n}, values: {{params.day: 2026-11-20}}, inputs: {{silver/shop/orders: [{{client: a, quantity: {n}, day: 2026-11-20}}]}}, expected: [{{client: a, quantity: {n}}}]}}\n"
                for n in range(130)))
        many = run_cli("models", "test", models, *home).stdout
        assert "130 passed, 0 failed" in many and many.count("ok      ") == 130, many
        shown = json.loads(run_cli("models", "show", "--folder", models, "-o", "json", *home).stdout)
        assert {row["table"]: row["reads"] for row in shown} == {"gold/shop/position": "silver/shop/orders", "silver/shop/orders": ""}, shown
        (models / "gold" / "shop" / "bad.sql").write_text("SELECT getenv('HOME') AS home\n")
        assert "getenv is not allowed" in run_cli("models", "validate", models, *home, code=1).stderr
        (models / "gold" / "shop" / "bad.sql").write_text("/* model\nquality:\n  - {rule: sql, condition: getenv('HOME') = n}\n*/ SELECT '1' AS n\n")
        assert "quality rule sql: the function getenv is not allowed" in run_cli("models", "validate", models, *home, code=1).stderr
        (models / "gold" / "shop" / "bad.sql").write_text("/* model\nmode: upsert\n*/ SELECT 1 AS n\n")
        assert "models/gold/shop/bad.sql: mode must be" in run_cli("models", "validate", models, *home, code=1).stderr
        (models / "gold" / "shop" / "bad.sql").unlink()
        changed = "changed_partitions('silver/shop/orders', 'day')"
        (models / "gold" / "shop" / "days.sql").write_text(
            f"/* model\nmode: partitions\npartition_by: [day]\n*/\nSELECT day, count(*) AS n FROM silver.shop.orders WHERE day IN {{{{ {changed} }}}} GROUP BY day\n")
        (models / "tests" / "position.yaml").write_text(
            "model: gold/shop/days\ntests:\n" + "".join(
                f"  - {{name: {name}, values: {values}, inputs: {{silver/shop/orders: [{{day: 2026-11-20}}, {{day: 2026-11-21}}]}}, expected: [{rows}]}}\n"
                for name, values, rows in (("all", "{}", "{day: 2026-11-20, n: 1}, {day: 2026-11-21, n: 1}"),
                                           ("one", '{"%s": [2026-11-21]}' % changed, "{day: 2026-11-21, n: 1}"))))
        assert "2 passed, 0 failed" in run_cli("models", "test", models, *home).stdout
        assert "3 models are fine" in run_cli("models", "validate", models, *home).stdout
        text = (models / "gold" / "shop" / "days.sql").read_text()
        (models / "gold" / "shop" / "days.sql").write_text(text.replace("FROM silver.shop.orders", "FROM silver.shop.others"))
        assert "changed_partitions('silver/shop/orders'): the statement does not read" in run_cli("models", "validate", models, *home, code=1).stderr
        (models / "gold" / "shop" / "days.sql").unlink()
        run_cli("models", "dag", models, "--dag-id", "shop", "--to", folder.path / "made.json", *home)
        made = json.loads((folder.path / "made.json").read_text())
        assert [task["task_id"] for task in made["tasks"]] == ["orders", "position"], made
        made.update(is_paused_upon_creation=False)
        server = folder.server({"shop": made}).start()
        run(server)
        assert rows(server, 'SELECT client, quantity FROM "gold/shop/position" ORDER BY 1') == [["ana", "10"], ["bia", "5"]]
        made_by = server.get("/api/lake/tables/gold/shop/position/versions")["versions"][0]
        assert (made_by["contract"], made_by["contract_version"]) == ("shop/position", "2.1.0"), made_by
        plan = lambda code, *more: json.loads(run_cli("models", "plan", models, "-o", "json", *more, *home, code=code).stdout)
        by_table = lambda planned: {one["table"]: one for one in planned["models"]}
        before = by_table(plan(0))
        assert all((one["change"], one["computes"], one["rows"]) == ("none", "nothing", 0) for one in before.values()), before
        other = by_table(plan(2, "--value", "params.day=2026-11-19"))["gold/shop/position"]
        assert "the values of the model's templates are not those" in other["why"], other
        source = models / "silver" / "shop" / "orders.sql"
        source.write_text(ORDERS_MODEL.replace("SELECT ", "SELECT 1 AS lot, ", 1))
        changed = plan(2)
        tables = by_table(changed)
        assert (tables["silver/shop/orders"]["change"], tables["silver/shop/orders"]["downstream"]) == ("additive", ["gold/shop/position"]), tables
        assert (tables["gold/shop/position"]["computes"], tables["gold/shop/position"]["change"]) == ("follows", "none"), tables
        assert "silver/shop/orders, which it reads, is made anew" in run_cli("models", "show", "gold/shop/position", "--folder", models, *home).stdout
        apply = lambda code, *more: run_cli("models", "apply", models, "--dag-id", "shop", *more, *home, code=code)
        assert "say --plan ID" in apply(2).stderr
        source.write_text(ORDERS_MODEL.replace("SELECT ", "SELECT 2 AS lot, ", 1))
        assert f"the plan is no longer {changed['plan']}" in apply(1, "--plan", changed["plan"]).stderr
        source.write_text(ORDERS_MODEL.replace("SELECT *", "SELECT id, client, 'x' || quantity AS quantity, day", 1))
        runs = len(server.get("/api/v2/dags/shop/dagRuns")["dag_runs"])
        assert "silver/shop/orders would fail" in apply(1, "--yes").stderr
        assert len(server.get("/api/v2/dags/shop/dagRuns")["dag_runs"]) == runs
        source.write_text(ORDERS_MODEL.replace("SELECT ", "SELECT 1 AS lot, ", 1))
        assert plan(2)["plan"] == changed["plan"]
        eventually(lambda: "1 AS lot" in json.dumps(server.get("/api/v2/dags/shop/tasks")), 30, "the scheduler reads the files anew")
        applied = json.loads(apply(0, "--plan", changed["plan"], "-o", "json").stdout)
        assert (applied["state"], applied["tables"]) == ("success", ["silver/shop/orders", "gold/shop/position"]), applied
        plan(0)
        assert "nothing to do" in apply(0, "--yes").stderr
        source.write_text(ORDERS_MODEL)
        ran = json.loads(server.cli("models", "run", "gold/shop/position", "--folder", models, "--value", "params.day=2026-11-20", "-o", "json").stdout)
        assert ran == [{"client": "ana", "quantity": "10"}], ran
        a_test_is_made_of_real_rows(folder, server, models)
        server.stop()
        fresh = folder.path / "fresh"
        run_cli("models", "new", "gold/shop/spent", "--folder", fresh)
        assert "1 passed, 0 failed" in run_cli("models", "test", fresh, *home).stdout
        assert "is there already" in run_cli("models", "new", "gold/shop/spent", "--folder", fresh, code=1).stderr


def dies_at(step):
    with Folder("step") as folder:
        server = start(folder, orders(), daily(mode="append"))
        server.stop()
        server.env["BATUTA_FAILPOINT"] = f"{step}:2"  # the first is of the orders
        server.start()
        run_id = server.trigger("shop")["dag_run_id"]
        eventually(lambda: server.process.poll() is not None, 60, f"the scheduler dies at {step}")
        del server.env["BATUTA_FAILPOINT"]
        server.start()
        assert server.wait_run("shop", run_id, 90)["state"] == "success", server.tasks("shop", run_id)
        assert rows(server) == ALL, rows(server)
        server.stop()
        server.check_database()


def kills_at_publication_double_nothing():
    """the scheduler dies at every step of accept, publish and settle of an append: each row is there once"""
    for step in STEPS:
        dies_at(step)


if __name__ == "__main__":
    main([a_sql_file_becomes_a_table, a_clear_replaces_what_its_run_appended, a_broken_rule_publishes_nothing,
          a_killed_slot_is_tried_again_on_the_same_rows, a_folder_of_models_from_the_command_line,
          kills_at_publication_double_nothing])
