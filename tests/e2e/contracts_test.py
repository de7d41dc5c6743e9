#!/usr/bin/env python3
"""Tables by data contract: from two YAML files and one DAG to silver, with made and with real data."""
import csv
import json
import re
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent))
from databases_test import Postgres  # noqa: E402
from harness import BATUTA, DATA, SOURCE, Folder, dag, eventually, main, run  # noqa: E402
from object_store import ACCESS_KEY, SECRET, ObjectStore  # noqa: E402

HEAD = """apiVersion: v3.1.0
kind: DataContract
id: {id}
version: {version}
status: active
domain: shop
servers:
  - {server}
schema:
  - name: {table}
    physicalName: {physical}
    properties:
"""


def contract(table, server, columns, version="1.0.0", quality=(), properties=(), physical=None):
    text = HEAD.format(id=f"shop-{table}", version=version, server=json.dumps(server), table=table,
                       physical=physical or table)
    text += "".join(f"      - {json.dumps(column)}\n" for column in columns)
    if quality:
        text += "    quality:\n" + "".join(f"      - {json.dumps(rule)}\n" for rule in quality)
    if properties:
        text += "    customProperties:\n" + "".join(
            f"      - {json.dumps({'property': name, 'value': value})}\n" for name, value in properties)
    return text


def write(folder, table, text):
    path = folder.path / "contracts" / "shop" / f"{table}.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_suffix(".new")
    staged.write_text(text)
    staged.rename(path)


def both(table, **more):
    return [{"task_id": f"{table}_extract", "type": "extract", "contract": f"shop/{table}", **more},
            {"task_id": f"{table}_transform", "type": "transform", "contract": f"shop/{table}",
             "depends_on": [f"{table}_extract"]}]


def ended(server, dag_id, state="success"):
    run_id = server.trigger(dag_id)["dag_run_id"]
    found = server.wait_run(dag_id, run_id)
    if found["state"] != state:
        for task in server.tasks(dag_id, run_id):
            print(task, server.log_text(dag_id, run_id, task), file=sys.stderr)
    assert found["state"] == state, found
    return run_id


def known(server, dag_id):
    eventually(lambda: server.get(f"/api/v2/dags/{dag_id}"), 20, "the DAG is known")


ORDERS = [{"name": "id", "logicalType": "integer", "primaryKey": True, "required": True},
          {"name": "day", "physicalName": "Order Day", "logicalType": "date", "required": True, "partitioned": True,
           "logicalTypeOptions": {"format": "dd/MM/yyyy"}},
          {"name": "amount", "logicalType": "number", "physicalType": "decimal(10,2)",
           "logicalTypeOptions": {"minimum": 0}},
          {"name": "country", "logicalType": "string", "logicalTypeOptions": {"maxLength": 2}}]
CLIENTS = [{"name": "client_id", "logicalType": "integer", "primaryKey": True, "required": True},
           {"name": "name", "physicalName": "NAME", "logicalType": "string"},
           {"name": "active", "logicalType": "boolean"},
           {"name": "updated_at", "logicalType": "timestamp", "required": True}]
EVENTS = [{"name": "sequence", "physicalName": "/SequenceNumber", "logicalType": "integer", "primaryKey": True, "required": True},
          {"name": "queued_at", "physicalName": "/EnqueuedTimeUtc", "logicalType": "timestamp", "logicalTypeOptions": {"format": "M/d/yyyy h:mm:ss a"}},
          {"name": "order_id", "physicalName": "/Body/order", "logicalType": "integer"},
          {"name": "client", "physicalName": "/Body/client", "logicalType": "string"}]


def columns_are_told(server, path):
    """What a transform wrote of its columns, read back from the events of lineage."""
    eventually(lambda: server.get("/api/batuta/outbox")["lineage"]["waiting"] == 0, 30, "nothing is owed")
    told = {}
    for line in path.read_text().splitlines():
        for output in json.loads(line).get("outputs", []):
            told.setdefault(output["name"], {}).update(output.get("facets", {}))
    fields = told["silver/shop/orders"]["columnLineage"]["fields"]
    ways = {column: [(one["name"], one["field"]) for one in field["inputFields"]] for column, field in fields.items()}
    assert all(ways[name] == [("bronze/shop/orders", name)] for name in ("id", "day", "amount", "country")), ways
    # It lies in the table's own log as it is told.
    metrics = [json.loads(line)["commitInfo"]["operationMetrics"] for line in
               sorted((server.home / "lake/silver/shop/orders/_delta_log").glob("*.json"))[0].read_text().splitlines() if "commitInfo" in line]
    kept = json.loads(metrics[0]["column_lineage"])
    assert {name: [tuple(one) for one in way["from"]] for name, way in kept.items() if "from" in way} == ways, (kept, ways)


def files_and_a_database_become_tables():
    """CSV files, here and in a store, and an SQLite table go raw, bronze, silver by YAML files and one DAG; bad rows are in quarantine"""
    with Folder("contracts") as folder, ObjectStore() as store:
        store.control(objects={"drops/2024-05/items-1.csv": "id,Order Day,amount,country\n1,06/05/2024,1,BR\n",
                               "drops/2024-06/items-2.csv": "id,Order Day,amount,country\n2,07/06/2024,2,PT\n",
                               "drops/2024-06/other.csv": "no,items\n", "drops/2024-06/deep/items-3.csv": "no,items\n"})
        drop = folder.path / "drop"
        drop.mkdir()
        (drop / "orders-1.csv").write_text(
            "id;Order Day;amount;country;note\n1;06/05/2024;10,5;BR;x\n2;06/05/2024;3.25;BR;\n"
            "2;06/05/2024;4.25;PT;\n3;32/05/2024;1;BR;\n4;07/05/2024;-1;BR;\n;07/05/2024;2;BR;\n5;07/05/2024;7;BRA;\n")
        (drop / "orders-2.csv").write_text("id;Order Day;amount;country\n6;08/05/2024;;PT\n")
        base = folder.path / "broker.db"
        with sqlite3.connect(base) as db:
            db.execute("CREATE TABLE CLIENTS (client_id INTEGER, NAME TEXT, active INTEGER, updated_at TEXT)")
            db.executemany("INSERT INTO CLIENTS VALUES (?, ?, ?, ?)", [
                (1, "Ana", 1, "2024-05-06 10:00:00"), (2, "João", 0, "2024-05-06T11:00:00Z"),
                (2, "João Silva", 1, "2024-05-07 09:00:00"), (3, "x", 1, "never")])
        write(folder, "orders", contract("orders", {
            "server": "drop", "type": "local", "path": f"{drop}/orders-*.csv", "format": "csv",
            "customProperties": [{"property": "batuta.delimiter", "value": ";"}]}, ORDERS))
        write(folder, "clients", contract("clients", {
            "server": "broker", "type": "custom", "format": "sqlite", "path": str(base)}, CLIENTS,
            physical="CLIENTS", properties=[("batuta.newest", "updated_at")]))
        # What Event Hubs Capture left, and another program wrote: a body that is an object, a text, bytes, none.
        write(folder, "events", contract("events", {
            "server": "avro files", "type": "local", "format": "avro", "path": f"{SOURCE}/tests/fixtures/avro/capture.avro"}, EVENTS))
        write(folder, "items", contract("items", {
            "server": "store", "type": "s3", "location": "s3://lake/drops/2024-*/items-*.csv", "format": "csv",
            "customProperties": [{"property": "batuta.connection", "value": "drops"}]}, ORDERS))
        server = folder.server({"shop": dag("shop", both("orders") + both("clients") + both("items") + both("events"))},
                               env={"BATUTA_LINEAGE_FILE": str(folder.path / "lineage.jsonl")}).start()
        known(server, "shop")
        server.call("POST", "/api/v2/connections", {
            "connection_id": "drops", "conn_type": "generic", "login": ACCESS_KEY, "password": SECRET,
            "extra": json.dumps({"BATUTA_STORE_ENDPOINT": store.address, "AWS_REGION": "eu-west-1"})})
        run_id = ended(server, "shop")
        silver = server.sql("SELECT id, CAST(day AS VARCHAR), CAST(amount AS VARCHAR), country "
                            "FROM silver.orders ORDER BY id")
        assert silver == [[2, "2024-05-06", "4.25", "PT"], [6, "2024-05-08", None, "PT"]], silver
        reasons = dict(server.sql("SELECT coalesce(id, '-'), reason FROM quarantine.orders"))
        assert reasons == {"1": "bad_amount", "3": "bad_day", "4": "amount_below_minimum", "-": "missing_id",
                           "5": "country_too_long"}, reasons
        assert server.sql("SELECT count(*) FROM bronze.orders")[0] == [8]
        clients = server.sql("SELECT client_id, name, active, CAST(updated_at AS VARCHAR) FROM silver.clients ORDER BY 1")
        assert [row[:3] for row in clients] == [[1, "Ana", True], [2, "João Silva", True]], clients
        items = server.sql("SELECT id, CAST(day AS VARCHAR), country FROM silver.items ORDER BY id")
        assert items == [[1, "2024-05-06", "BR"], [2, "2024-06-07", "PT"]], items
        events = server.sql("SELECT sequence, CAST(queued_at AS VARCHAR), order_id, client FROM silver.events ORDER BY 1")
        assert events[0] == [0, "2026-03-01 10:00:00+00", 1, "ana"] and [row[2:] for row in events[1:]] == [[None, None]] * 3, events
        assert len(list((server.home / "lake/raw/shop/events").rglob("part-*.avro"))) == 1
        places = server.sql("SELECT DISTINCT _source_file FROM bronze.items ORDER BY 1")
        assert places == [["s3://lake/drops/2024-05/items-1.csv"], ["s3://lake/drops/2024-06/items-2.csv"]], places
        assert len(list((server.home / "lake/raw/shop/items").rglob("part-*.csv"))) == 2
        assert {method for method, _ in store.asked()} <= {"GET", "HEAD"}, "a source is only read"
        assert "has columns that the contract does not name: note" in server.log_text("shop", run_id, "orders_extract")
        raw = sorted((server.home / "lake/raw/shop/orders").rglob("part-*.csv"))
        assert len(raw) == 2 and raw[0].read_bytes() == (drop / "orders-1.csv").read_bytes(), raw
        history = json.loads(server.cli("lake", "history", "silver/shop/orders", "-o", "json").stdout)
        assert "1.0.0" in json.dumps(history[0]), history[0]
        columns_are_told(server, folder.path / "lineage.jsonl")
        # The same again changes nothing; a row that changed does.
        ended(server, "shop")
        assert len(json.loads(server.cli("lake", "history", "silver/shop/orders", "-o", "json").stdout)) == 1
        with sqlite3.connect(base) as db:
            db.execute("UPDATE CLIENTS SET NAME = 'Ana B', updated_at = '2024-06-01 00:00:00' WHERE client_id = 1")
        ended(server, "shop")
        assert server.sql("SELECT name FROM silver.clients WHERE client_id = 1") == [["Ana B"]]
        # Late news of an older state changes nothing.
        with sqlite3.connect(base) as db:
            db.execute("UPDATE CLIENTS SET NAME = 'Ana old', updated_at = '2024-05-20 00:00:00' WHERE client_id = 1")
        ended(server, "shop")
        assert server.sql("SELECT name FROM silver.clients WHERE client_id = 1") == [["Ana B"]]


def an_odd_date_is_one_row_in_quarantine():
    """a date of five digits, one before Christ and one that is none cost no other row of their batch"""
    columns = [ORDERS[0], {"name": "day", "logicalType": "date", "required": True, "partitioned": True}]
    with Folder("contract-dates") as folder:
        drop = folder.path / "days.csv"
        drop.write_text("id,day\n1,2024-05-06\n2,20024-05-06\n3,notadate\n4,2024-05-06 (BC)\n5,05/06/24\n6,1999-12-31\n")
        write(folder, "days", contract("days", {"server": "drop", "type": "local", "path": str(drop), "format": "csv"}, columns))
        server = folder.server({"shop": dag("shop", both("days"))}).start()
        known(server, "shop")
        ended(server, "shop")
        assert server.sql("SELECT id FROM silver.days ORDER BY id") == [[1], [6]]
        rejected = server.sql("SELECT id, reason FROM quarantine.days ORDER BY id")
        assert rejected == [[n, "bad_day"] for n in "2345"], rejected


def no_number_loses_a_digit():
    """numbers of more digits than a double has come from JSON as they were written, and texts that look like them stay;
    a list is kept as its text, a file lands byte for byte, bronze has its records in their order, and silver each once,
    also where a column has the engine's own name for a row"""
    columns = [{"name": "id", "logicalType": "integer", "required": True},
               {"name": "paid", "logicalType": "number", "physicalType": "decimal(19,6)"},
               {"name": "parts", "logicalType": "array"}, {"name": "rowid", "physicalName": "note", "logicalType": "string"}]
    rows = [f'{{"id":{n},"paid": {PAID},"note":"a \\"{PAID}, \\\\","parts":[{n % 10},null]}}' for n in (12345678901234567, 1, 12345678901234567)]
    forms = {"lines": ("jsonl", "\n".join(rows)), "list": ("json", "[" + ",".join(rows) + "]")}
    with Folder("contract-digits") as folder:
        for name, (form, text) in forms.items():
            drop = folder.path / f"{name}.{form}"
            drop.write_text(text)
            write(folder, name, contract(name, {"server": "drop", "type": "local", "path": str(drop), "format": form}, columns))
        server = folder.server({"shop": dag("shop", [task for name in forms for task in both(name)])}).start()
        known(server, "shop")
        ended(server, "shop")
        for name in forms:
            found = server.sql(f"SELECT CAST(id AS VARCHAR), CAST(paid AS VARCHAR), rowid, parts FROM silver.{name} ORDER BY id")
            assert found == [[str(n), PAID, f'a "{PAID}, \\', f"[{n % 10},null]"] for n in (1, 12345678901234567)], (name, found)
            order = server.sql(f"SELECT id FROM bronze.{name} ORDER BY _record_no")
            assert order == [["12345678901234567"], ["1"], ["12345678901234567"]], order
            landed = [file.read_text() for file in (server.home / "lake" / "raw" / "shop" / name).glob(f"*/*/part-*.{forms[name][0]}*")]
            assert landed == [forms[name][1]], landed


def contracts_change_under_a_running_server():
    """a contract saved anew is live; a new column is added, another type is refused with the list, a broken file keeps the DAG"""
    with Folder("contract-changes") as folder:
        drop = folder.path / "orders.csv"
        drop.write_text("id,Order Day,amount,country,channel\n1,06/05/2024,1,BR,web\n")
        place = {"server": "drop", "type": "local", "path": str(drop), "format": "csv"}
        write(folder, "orders", contract("orders", place, ORDERS))
        server = folder.server({"shop": dag("shop", both("orders"))}).start()
        known(server, "shop")
        ended(server, "shop")

        def version():
            return server.get("/api/v2/dags/shop/dagVersions")["total_entries"]
        first = version()
        channel = {"name": "channel", "logicalType": "string"}
        write(folder, "orders", contract("orders", place, ORDERS[:2] + [channel] + ORDERS[2:], "1.1.0"))
        drop.write_text("id,Order Day,amount,country,channel\n2,06/05/2024,2,BR,shop\n")
        eventually(lambda: version() > first, 20, "the new contract is live")
        ended(server, "shop")
        rows = server.sql("SELECT id, channel FROM silver.orders ORDER BY id")
        assert rows == [[1, None], [2, "shop"]], rows
        history = json.loads(server.cli("lake", "history", "silver/shop/orders", "-o", "json").stdout)
        assert "1.1.0" in json.dumps(history) and "1.0.0" in json.dumps(history), history
        before = version()
        wrong = [dict(column) for column in ORDERS + [channel]]
        wrong[2] = {"name": "amount", "logicalType": "string"}
        write(folder, "orders", contract("orders", place, wrong, "2.0.0"))
        eventually(lambda: version() > before, 20, "the next contract is live")
        run_id = ended(server, "shop", "failed")
        told = server.log_text("shop", run_id, "orders_transform")
        assert "its column amount is decimal(10,2) and would be string" in told, told
        write(folder, "orders", "kind: [")
        eventually(lambda: server.get("/api/v2/importErrors")["import_errors"], 20, "the broken contract is told")
        told = server.get("/api/v2/importErrors")["import_errors"][0]["stack_trace"]
        assert "/tasks/0/contract: contract" in told and "orders.odcs.yaml:2:" in told, told
        assert server.get("/api/v2/dags/shop")["dag_id"] == "shop"


def quality_keeps_a_version_back():
    """rules of a contract: a blocking one keeps the version back, a warning is told, and a query reads the new rows alone"""
    with Folder("contract-quality") as folder:
        drop = folder.path / "orders.jsonl"
        rows = [{"id": 1, "Order Day": "06/05/2024", "amount": 1.5, "country": "BR"},
                {"id": 2, "Order Day": "06/05/2024", "amount": None, "country": "XX"}]
        drop.write_text("".join(json.dumps(row) + "\n" for row in rows))
        place = {"server": "drop", "type": "local", "path": str(drop), "format": "jsonl"}
        columns = [dict(column) for column in ORDERS]
        columns[3]["quality"] = [{"metric": "invalidValues", "arguments": {"validValues": ["BR", "PT"]}, "mustBe": 0,
                                  "severity": "warning"}]
        lenient = [{"metric": "rowCount", "mustBeGreaterThan": 0},
                   {"type": "sql", "name": "cheap", "query": "SELECT max(amount) FROM {object}", "mustBeLessThan": 100}]
        write(folder, "orders", contract("orders", place, columns, quality=lenient))
        server = folder.server({"shop": dag("shop", both("orders"))}).start()
        known(server, "shop")
        run_id = ended(server, "shop")
        assert "country_invalidValues is 1, and must be exactly 0" in server.log_text("shop", run_id, "orders_transform")
        assert server.sql("SELECT count(*) FROM silver.orders") == [[2]]
        before = server.get("/api/v2/dags/shop/dagVersions")["total_entries"]
        strict = lenient + [{"type": "sql", "name": "dear", "query": "SELECT min(amount) FROM {object}", "mustBeGreaterThan": 2}]
        write(folder, "orders", contract("orders", place, columns, "1.1.0", quality=strict))
        eventually(lambda: server.get("/api/v2/dags/shop/dagVersions")["total_entries"] > before, 20, "the rule is live")
        run_id = ended(server, "shop", "failed")
        assert "dear is 1.5, and must be more than 2" in server.log_text("shop", run_id, "orders_transform")
        assert server.sql("SELECT count(*) FROM silver.orders") == [[2]]


def real_days_of_a_shop():
    """two days of a real shop go through by contract alone, row for row"""
    retail = DATA / "online_retail"
    if not retail.is_dir():
        print(f"skipped: no {retail} (BATUTA_TEST_DATA)")
        return
    columns = [{"name": "invoice_no", "physicalName": "InvoiceNo", "logicalType": "string", "required": True},
               {"name": "stock_code", "physicalName": "StockCode", "logicalType": "string", "required": True},
               {"name": "description", "physicalName": "Description", "logicalType": "string"},
               {"name": "quantity", "physicalName": "Quantity", "logicalType": "integer", "required": True},
               {"name": "invoice_at", "physicalName": "InvoiceDate", "logicalType": "timestamp", "required": True},
               {"name": "day", "physicalName": "InvoiceDate", "logicalType": "date", "required": True, "partitioned": True,
                "logicalTypeOptions": {"format": "yyyy-MM-dd HH:mm:ss"}},
               {"name": "unit_price", "physicalName": "UnitPrice", "logicalType": "number", "physicalType": "decimal(12,3)",
                "required": True},
               {"name": "customer_id", "physicalName": "CustomerID", "logicalType": "string"},
               {"name": "country", "physicalName": "Country", "logicalType": "string", "required": True}]
    with Folder("contract-retail") as folder:
        write(folder, "retail", contract("retail", {"server": "drop", "type": "local", "path": f"{retail}/*.csv",
                                                    "format": "csv"}, columns))
        server = folder.server({"shop": dag("shop", both("retail"))}).start()
        known(server, "shop")
        ended(server, "shop")
        lines = []
        for path in sorted(retail.glob("*.csv")):
            with open(path, newline="", encoding="utf-8") as file:
                lines += [tuple(row) for row in list(csv.reader(file))[1:]]
        assert server.sql("SELECT count(*) FROM bronze.retail") == [[len(lines)]]
        found = server.sql("SELECT count(*), sum(quantity), count(DISTINCT invoice_no) FROM silver.retail")[0]
        distinct = set(lines)
        assert found[0] == len(distinct), (found, len(distinct))
        assert int(found[1]) == sum(int(line[3]) for line in distinct), found
        assert found[2] == len({line[0] for line in lines}), found


PAID = "1234567890123.123456"


class Service:
    """Five items, two a page: by number, by cursor and by link, for whoever has the token."""

    def __init__(self):
        self.asked = asked = []
        items = [{"id": n, "at": f"2024-05-0{n}T00:00:00Z", "who": {"name": f"n{n}"}, "paid": "PAID"} for n in range(1, 6)]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                """The token endpoint: a token for the client alone, the second one is good."""
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked.append((self.path, body, self.headers.get("Authorization")))
                tokens = len([1 for path, *_ in asked if path == "/token"])
                good = self.headers.get("Authorization") == "Basic " + b64encode(b"client:s3cret%2F1").decode()
                self.answer(200 if good else 401, {"access_token": "secret-token" if tokens > 1 else "called-back", "expires_in": 3600}
                            if good else {"error": "invalid_client"})

            def do_GET(self):
                url = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                asked.append((url.path, query, self.headers.get("Authorization")))
                if self.headers.get("Authorization") != "Bearer secret-token":
                    return self.answer(401, {})
                page = int(query.get("page", query.get("cursor", "1")))
                part = items[2 * page - 2:2 * page]
                more = 2 * page < len(items)
                if url.path == "/same":
                    return self.answer(200, items)
                if url.path == "/ends" and not part:
                    return self.answer(404, {})
                if url.path == "/split":
                    links = ['<?page=1>; rel="first"'] + ([f'<?page={page + 1}>; rel="next"'] if more else [])
                    return self.answer(200, part, {"Link": links})
                if url.path in ("/pages", "/ends", "/tokens"):
                    return self.answer(200, part)
                if url.path == "/cursor":
                    return self.answer(200, {"data": part, "next": str(page + 1) if more else None})
                if url.path == "/busy" and len([1 for path, *_ in asked if path == "/busy"]) == 1:
                    return self.answer(429, {}, {"Retry-After": "1"})
                link = {"Link": f'</{url.path[1:]}?page={page + 1}>; rel="next"'} if more else {}
                return self.answer(200, part, link)

            def answer(self, status, body, headers=None):
                text = json.dumps(body).replace('"PAID"', PAID).encode()  # a number, with more digits than a double has
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                for name, values in (headers or {}).items():
                    for value in values if isinstance(values, list) else [values]:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        Thread(target=self.server.serve_forever, daemon=True).start()


def a_rest_service_becomes_tables():
    """REST sources by page, cursor and link, with a token of a connection, a busy service asked again, and a refused login told"""
    service = Service()
    columns = [{"name": "id", "logicalType": "integer", "primaryKey": True, "required": True},
               {"name": "at", "logicalType": "timestamp", "required": True},
               {"name": "who", "physicalName": "/who/name", "logicalType": "string"},
               {"name": "paid", "logicalType": "number", "physicalType": "decimal(19,6)"}]
    ways = {"pages": [("batuta.paging", "page")],
            "cursor": [("batuta.paging", "cursor"), ("batuta.records", "/data"), ("batuta.nextCursor", "/next")],
            "ends": [("batuta.paging", "page")],
            "busy": [("batuta.paging", "link")],
            "split": [("batuta.paging", "link")],
            "tokens": [("batuta.paging", "page"), ("batuta.requestsPerMinute", 600)]}
    with Folder("contract-rest") as folder:
        for name, properties in [*ways.items(), ("same", ways["pages"])]:
            given = [("batuta.connection", "client" if name == "tokens" else "items")] + properties
            write(folder, name, contract(name, {"server": "api", "type": "api", "location": f"/{name}", "customProperties": [
                {"property": key, "value": value} for key, value in given]}, columns))
        tasks = [task for name in ways for task in both(name)]
        server = folder.server({"shop": dag("shop", tasks), "same": dag("same", both("same"))}).start()
        server.call("POST", "/api/v2/connections", {"connection_id": "items", "conn_type": "http", "host": "127.0.0.1",
                                                    "port": service.port, "password": "secret-token"})
        server.call("POST", "/api/v2/connections", {
            "connection_id": "client", "conn_type": "http", "host": "127.0.0.1", "port": service.port, "login": "client", "password": "s3cret/1",
            "extra": json.dumps({"login_url": f"http://127.0.0.1:{service.port}/token", "scope": "orders.read"})})
        known(server, "shop")
        ended(server, "shop")
        tokens = [row for row in service.asked if row[0] == "/token"]
        assert len(tokens) == 2 and tokens[0][1] == "grant_type=client_credentials&scope=orders.read", tokens
        assert {login for path, _, login in service.asked if path == "/tokens"} == {"Bearer called-back", "Bearer secret-token"}, service.asked
        for name in ways:
            rows = server.sql(f"SELECT id, who, CAST(paid AS VARCHAR) FROM silver.{name} ORDER BY id")
            assert rows == [[n, f"n{n}", PAID] for n in range(1, 6)], (name, rows)
        run_id = ended(server, "same", "failed")
        assert "does not go by the parameter page" in server.log_text("same", run_id, "same_extract")
        server.call("PATCH", "/api/v2/connections/items", {"connection_id": "items", "conn_type": "http", "host": "127.0.0.1",
                                                           "port": service.port, "password": "wrong"})
        run_id = ended(server, "shop", "failed")
        assert "the source refused the request: HTTP 401" in server.log_text("shop", run_id, "pages_extract")


def postgresql_and_sqlite_are_read_by_window():
    """an incremental table of PostgreSQL and one of SQLite: the first run begins at the beginning, the next reads its window"""
    columns = [{"name": "id", "logicalType": "integer", "primaryKey": True, "required": True},
               {"name": "price", "logicalType": "number", "physicalType": "numeric(10,2)"},
               {"name": "details", "logicalType": "object"},
               {"name": "updated_at", "logicalType": "timestamp", "required": True}]
    modes = [("batuta.mode", "incremental"), ("batuta.watermark", "updated_at"), ("batuta.newest", "updated_at")]
    rows = "(1, 1.5, '{\"a\": 1}', '2024-04-01 00:00:00'), (2, 2, NULL, '2024-05-02 00:00:00'), (3, 3, NULL, '2024-06-01 00:00:00'), " \
           "(4, 4, NULL, '2024-07-01 00:00:00')"
    with Folder("contract-databases") as folder:
        postgres = Postgres(folder.path)
        base = folder.path / "lite.db"
        with sqlite3.connect(base) as db:
            db.execute("CREATE TABLE lite (id INTEGER, price REAL, details TEXT, updated_at TEXT)")
            db.execute(f"INSERT INTO lite VALUES {rows}")
        write(folder, "big", contract("big", {"server": "pg", "type": "postgres", "host": "127.0.0.1", "port": postgres.port,
                                              "database": "postgres", "schema": "public", "customProperties": [
                                                  {"property": "batuta.connection", "value": "pg"}]}, columns, properties=modes))
        write(folder, "lite", contract("lite", {"server": "l", "type": "custom", "format": "sqlite", "path": str(base)}, columns,
                                       properties=modes))
        hand = contract("hand", {"server": "l", "type": "custom", "format": "sqlite", "path": str(base)}, columns,
                        properties=modes, physical="lite")
        write(folder, "hand", hand)
        # Rows 1 and 2 lie in the windows below, row 3 behind them.
        at = [("2024-04-30 21:30:00", "2024-05-01"), ("2024-05-31 21:30:00", "2024-06-01"), ("2024-06-30 22:00:00", "2024-06-02")]
        zoned = [{"name": "id", "logicalType": "integer", "primaryKey": True, "required": True},
                 {"name": "at", "logicalType": "timestamp", "logicalTypeOptions": {"defaultTimezone": "America/Sao_Paulo"}}]
        days = [zoned[0], {"name": "day", "logicalType": "date"}]
        times = [("batuta.mode", "incremental"), ("batuta.watermark", "at")]
        lite = {"server": "l", "type": "custom", "format": "sqlite", "path": str(base)}
        pg = {"server": "pg", "type": "postgres", "host": "127.0.0.1", "port": postgres.port, "database": "postgres", "schema": "public",
              "customProperties": [{"property": "batuta.connection", "value": "pg"}]}
        fill = "CREATE TABLE times (id INTEGER, at {}, day {}); INSERT INTO times VALUES " + ", ".join(
            str((n + 1, *row)) for n, row in enumerate(at))
        with sqlite3.connect(base) as db:
            db.executescript(fill.format("TEXT", "TEXT"))
        write(folder, "local", contract("local", pg, zoned, properties=times, physical="times"))
        write(folder, "local_lite", contract("local_lite", lite, zoned, properties=times, physical="times"))
        for name, place in (("days", pg), ("days_lite", lite)):
            write(folder, name, contract(name, place, days, properties=[times[0], ("batuta.watermark", "day")], physical="times"))
        # How rows come is told by the database itself: by COPY, and by SELECT where it knows no COPY of a query.
        read = [{"name": "id", "logicalType": "integer"}, {"name": "how", "logicalType": "string"}, {"name": "note", "logicalType": "string"},
                {"name": "good", "logicalType": "boolean"}, {"name": "weight", "logicalType": "number"}]
        for name in ("copied", "selected"):
            write(folder, name, contract(name, pg, read))
        asked = "CREATE VIEW {} AS SELECT 7 AS id, {} AS how, E'a\\tb\\\\c\\nd\"é' AS note, true AS good, 1e300::float8 AS weight; "
        views = asked.format("copied", "split_part(current_query(), ' ', 1)") + \
            "CREATE FUNCTION no_copy() RETURNS text LANGUAGE plpgsql AS 'BEGIN IF current_query() LIKE ''COPY%'' THEN RAISE EXCEPTION " \
            "USING ERRCODE = ''0A000'', MESSAGE = ''no COPY here''; END IF; RETURN split_part(current_query(), '' '', 1); END'; " + \
            asked.format("selected", "no_copy()") + "ALTER DATABASE postgres SET client_encoding = 'LATIN1'; "
        windows = ["local", "local_lite", "days", "days_lite"]
        server = folder.server({"hand": dag("hand", both("hand")), "windows": dag("windows", [
            task for name in windows for task in both(name)]), "shop": dag("shop", both("big") + both("lite")), "copy": dag("copy", [both(name)[0] for name in ("copied", "selected")]), "fill": dag("fill", [
            {"task_id": "fill", "type": "sql", "connection": "pg", "sql":
             "CREATE TABLE big (id BIGINT, price NUMERIC(10,2), details JSONB, updated_at TIMESTAMPTZ); "
             f"INSERT INTO big VALUES {rows.replace('00:00:00', '00:00:00+00')}; " + views + fill.format("TIMESTAMP", "DATE")}])}).start()
        server.call("POST", "/api/v2/connections", {"connection_id": "pg", "conn_type": "postgres", "host": "127.0.0.1",
                                                    "port": postgres.port, "login": "batuta", "password": "hunter22",
                                                    "schema": "postgres"})
        known(server, "shop")
        ended(server, "fill")

        def take(start, end):
            run_id = server.trigger("shop", {"start": start, "end": end})["dag_run_id"]
            found = server.wait_run("shop", run_id)
            if found["state"] != "success":
                for task in server.tasks("shop", run_id):
                    print(task, server.log_text("shop", run_id, task), file=sys.stderr)
            assert found["state"] == "success", found
            return [[row[0] for row in server.sql(f"SELECT id FROM silver.{name} ORDER BY id")] for name in ("big", "lite")]
        assert take("2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z") == [[1, 2], [1, 2]]
        assert take("2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z") == [[1, 2, 3], [1, 2, 3]]
        assert server.sql("SELECT count(*) FROM bronze.big") == [[3]]
        kinds = server.sql("SELECT DISTINCT typeof(id), typeof(price), typeof(details), typeof(updated_at) FROM bronze.big")
        assert kinds == [["BIGINT", "DECIMAL(18,2)", "VARCHAR", "TIMESTAMP WITH TIME ZONE"]], kinds
        # A run without an interval: a first load begins at the beginning, the next one where that ended.
        for row, count in [(None, 4), ("(5, 5, NULL, '2024-01-01 00:00:00')", 4), ("(6, 6, NULL, strftime('%Y-%m-%d %H:%M:%f', 'now'))", 5)]:
            with sqlite3.connect(base) as db:
                if row:
                    db.execute(f"INSERT INTO lite VALUES {row}")
            ended(server, "hand")
            assert server.sql("SELECT count(*) FROM bronze.hand") == [[count]], (row, count)
        # Times without a zone are the watermark's: 21:30 of Sao Paulo is 00:30 of the next day in UTC. And a window
        # within a day takes in the whole day so far.
        for start, end in (("2024-05-31T12:00:00Z", "2024-06-01T00:00:00Z"), ("2024-06-01T00:00:00Z", "2024-06-01T12:00:00Z")):
            run_id = server.trigger("windows", {"start": start, "end": end})["dag_run_id"]
            assert server.wait_run("windows", run_id)["state"] == "success", server.tasks("windows", run_id)
            counts = [server.sql(f"SELECT count(*) FROM bronze.{name}")[0][0] for name in windows]
            assert counts == ([1, 1, 1, 1] if end.startswith("2024-06-01T00") else [2, 2, 2, 2]), (start, counts)
        run_id = server.trigger("windows", {"start": "2024-06-02T09:00:00Z", "end": "2024-06-02T10:00:00Z"})["dag_run_id"]
        assert server.wait_run("windows", run_id)["state"] == "success", server.tasks("windows", run_id)
        for name in windows:
            ids = [row[0] for row in server.sql(f"SELECT id FROM silver.{name} ORDER BY id")]
            assert ids == ([1, 2, 3] if name.startswith("days") else [1, 2]), (name, ids)
        assert server.sql("SELECT CAST(price AS VARCHAR), details FROM silver.big WHERE id = 1") == [["1.50", '{"a":1}']]
        ended(server, "copy")
        for name, how in (("copied", "COPY"), ("selected", "SELECT")):
            found = server.sql(f"SELECT id, how, note, good, weight FROM bronze.{name}")
            assert found == [[7, how, 'a\tb\\c\nd"é', True, 1e300]], found
            line, = next((server.home / "lake" / "raw" / "shop" / name).rglob("part-*.jsonl")).read_text().splitlines()
            assert json.loads(line) == {"id": 7, "how": how, "note": 'a\tb\\c\nd"é', "good": True, "weight": 1e300}, line
        postgres.stop()


def the_page_for_a_new_source_works_as_written():
    """docs/new-source.md: every command of it, as it is written, ends with the rows"""
    text = (SOURCE / "docs" / "new-source.md").read_text()
    shells = re.findall(r"```sh\n(.*?)```", text, re.S)
    assert len(shells) == 5, shells
    definition, gold = re.findall(r"```json\n(.*?)```", text, re.S)
    statement = re.search(r"```sql\n(.*?)```", text, re.S).group(1)
    begun = time.monotonic()
    with Folder("new-source") as folder:
        home = folder.path / "home"
        script = "set -e\nbatuta() { " + f"BATUTA_HOME={home} {BATUTA}" + ' "$@"; }\n' + "\n".join(shells[:3])
        script += f"\ncat > dags/shop.json <<'END'\n{definition}END\n" + shells[3]
        said = subprocess.run(["bash", "-c", script], cwd=folder.path, capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stdout + said.stderr
        assert "shop.json: ok" in said.stdout, said.stdout
        shop = folder.path / "shop"
        server = folder.server({}, home=home)
        server.command[server.command.index("--dags") + 1] = shop / "dags"
        server.start()
        known(server, "shop")
        assert "batuta dags trigger shop --wait" in shells[4] and "SELECT * FROM silver.orders" in shells[4]
        server.cli("dags", "trigger", "shop", "--wait")
        rows = server.sql("SELECT id, CAST(order_day AS VARCHAR), CAST(amount AS VARCHAR), country FROM silver.orders ORDER BY id")
        assert rows == [[1, "2024-05-06", "10.50", "BR"], [2, "2024-05-31", "3.25", "PT"]], rows
        (shop / "dags" / "gold").mkdir()
        (shop / "dags" / "gold" / "by_country.sql").write_text(statement)
        whole = json.loads(definition)
        whole["tasks"].append(json.loads(gold))
        (shop / "dags" / "shop.json").write_text(json.dumps(whole))
        eventually(lambda: server.get("/api/v2/dags/shop/tasks")["total_entries"] == 3, 30, "the task for gold is known")
        server.cli("dags", "trigger", "shop", "--wait")
        assert server.sql("SELECT country, orders, CAST(amount AS VARCHAR) FROM gold.by_country ORDER BY 1") == [["BR", 1, "10.50"], ["PT", 1, "3.25"]]
        took = time.monotonic() - begun
        print(f"docs/new-source.md took {took:.1f} s as it is typed")
        assert took < 600, took


def contracts_are_made_from_what_is_there():
    """contracts new looks at CSV, JSON, SQLite; contracts convert takes the older specification"""
    with Folder("contract-new") as folder:
        lines = folder.path / "items.jsonl"
        lines.write_text('{"sku": "a", "price": 1.5, "tags": ["x"]}\n{"sku": "b", "price": 2, "tags": []}\n')
        made = folder.path / "contracts" / "shop" / "items.odcs.yaml"
        said = run("contracts", "new", lines, "--domain", "shop", "--to", made)
        assert said.stdout.strip() == str(made) and '"sku" is another in each row' in said.stderr, said
        assert "--overwrite" in run("contracts", "new", lines, "--to", made, code=1).stderr
        shown = json.loads(run("contracts", "show", made, "-o", "json").stdout)["tables"][0]
        assert {column["name"]: column["type"] for column in shown["columns"]} == {
            "sku": "string", "price": "decimal(18,1)", "tags": "string"}, shown
        base = folder.path / "broker.db"
        with sqlite3.connect(base) as db:
            db.execute("CREATE TABLE CLIENTS (clientId INTEGER PRIMARY KEY, born TEXT)")
            db.execute("CREATE TABLE other (x)")
            db.execute("INSERT INTO CLIENTS VALUES (1, '2000-01-31'), (2, NULL)")
        assert "name a table with --table; there is CLIENTS, other" in run("contracts", "new", base, code=1).stderr
        text = run("contracts", "new", base, "--table", "CLIENTS", "--domain", "brokerage", "--name", "clients").stdout
        (folder.path / "clients.odcs.yaml").write_text(text)
        shown = json.loads(run("contracts", "show", folder.path / "clients.odcs.yaml", "-o", "json").stdout)["tables"][0]
        assert shown["primary_key"] == ["client_id"] and shown["columns"][1]["type"] == "date", shown
        old = folder.path / "old.yaml"
        old.write_text("dataContractSpecification: 1.1.0\nid: x\ninfo: {title: X, version: 1.0.0}\n"
                       "models: {t: {fields: {a: {type: long, required: true}}}}\nservicelevels: {latency: {threshold: 1h}}\n")
        assert "contracts convert" in run("contracts", "validate", old, code=1).stderr
        said = run("contracts", "convert", old, "--to", folder.path / "new.odcs.yaml")
        assert "servicelevels.latency" in said.stderr, said.stderr
        assert ": ok" in run("contracts", "validate", folder.path / "new.odcs.yaml").stdout


def contract_files_are_checked_without_a_server():
    """contracts validate, show, diff: places, names and what the tables that stand can follow"""
    with Folder("contract-cli") as folder:
        place = {"server": "drop", "type": "local", "path": "/in/x.csv", "format": "csv"}
        write(folder, "orders", contract("orders", place, ORDERS))
        path = folder.path / "contracts" / "shop" / "orders.odcs.yaml"
        assert "ok, contract shop-orders version 1.0.0, orders with 4 columns" in run("contracts", "validate", folder.path / "contracts").stdout
        shown = json.loads(run("contracts", "show", path, "-o", "json").stdout)
        assert shown["tables"][0]["columns"][2]["type"] == "decimal(10,2)", shown
        assert "decimal(10,2)" in run("contracts", "show", path).stdout
        newer = folder.path / "newer.odcs.yaml"
        newer.write_text(contract("orders", place, ORDERS + [{"name": "channel", "logicalType": "string"}], "1.1.0"))
        assert "is new, string" in run("contracts", "diff", path, newer).stdout
        assert run("contracts", "diff", path, path).stdout == "no change\n"
        newer.write_text(contract("orders", place, ORDERS[:3], "2.0.0"))
        assert "is gone" in run("contracts", "diff", path, newer, code=1).stdout
        newer.write_text(contract("orders", place, [{"name": "id", "logicaltype": "integer"}]))
        told = run("contracts", "validate", newer, code=1).stderr
        assert f"{newer}:13:" in told and "/schema/0/properties/0/logicaltype" in told and 'did you mean "logicalType"' in told, told
        (folder.path / "none").mkdir()
        assert "holds no contracts" in run("contracts", "validate", folder.path / "none", code=1).stderr


if __name__ == "__main__":
    main([contract_files_are_checked_without_a_server, contracts_are_made_from_what_is_there, files_and_a_database_become_tables,
          an_odd_date_is_one_row_in_quarantine, no_number_loses_a_digit, contracts_change_under_a_running_server, quality_keeps_a_version_back, a_rest_service_becomes_tables,
          postgresql_and_sqlite_are_read_by_window, the_page_for_a_new_source_works_as_written, real_days_of_a_shop])
