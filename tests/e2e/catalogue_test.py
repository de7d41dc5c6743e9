#!/usr/bin/env python3
"""The lake's catalogue over HTTP, on tables that a real server made by contract."""
import json
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent))
from contracts_test import ORDERS, both, contract, ended, known, write  # noqa: E402
from harness import Folder, dag, main, refused  # noqa: E402

TABLES = "/api/lake/tables"


def catalogue_of_what_runs_made():
    """tables, versions with their run, quality, lineage and rows of what a run published, and who may see them"""
    with Folder("catalogue") as folder:
        drop = folder.path / "drop"
        drop.mkdir()
        (drop / "orders-1.csv").write_text(
            "id;Order Day;amount;country\n1;06/05/2024;10.5;BR\n2;06/05/2024;3.25;BR\n3;32/05/2024;1;BR\n")
        text = contract("orders", {
            "server": "drop", "type": "local", "path": f"{drop}/orders-*.csv", "format": "csv",
            "customProperties": [{"property": "batuta.delimiter", "value": ";"}]}, ORDERS)
        text += '    quality:\n      - {metric: rowCount, mustBeGreaterThan: 0}\n'
        write(folder, "orders", text.replace("\nservers:", "\nslaProperties:\n  - property: freshness\n    value: 1\n"
                                             "    unit: d\nservers:"))
        server = folder.server({"shop": dag("shop", both("orders"))}).start()
        known(server, "shop")
        assert server.get(TABLES)["tables"] == []
        run_id = ended(server, "shop")
        time.sleep(1.1)  # new tables are looked for every second
        listed = {f"{one['layer']}/{one['domain']}/{one['table']}": one for one in server.get(TABLES)["tables"]}
        silver = listed["silver/shop/orders"]
        assert silver["rows"] == 2 and silver["contract"] == "shop/orders", silver
        assert silver["trust"]["badge"] == "trusted", silver["trust"]
        assert silver["is_fresh"] is True and silver["fresh_within_seconds"] == 86400, silver
        assert "bronze/shop/orders" in listed, listed

        path = TABLES + "/silver/shop/orders"
        table = server.get(path)
        columns = {one["name"]: one for one in table["columns"]}
        assert columns["id"]["is_key"] and columns["day"]["is_partition"], columns
        assert sum(one["rows"] for one in table["partitions"]) == 2, table["partitions"]
        assert table["contract_details"]["version"] == "1.0.0", table["contract_details"]

        versions = server.get(path + "/versions")
        newest = versions["versions"][0]
        assert (newest["dag_id"], newest["dag_run_id"], newest["task_id"]) == (
            "shop", run_id, "orders_transform"), newest
        assert newest["rows_added"] == 2 and newest["rows"] == 2, newest

        lineage = server.get(path + "/lineage")
        assert {"from": "bronze/shop/orders", "to": "silver/shop/orders"}.items() <= lineage["edges"][0].items(), lineage
        quality = server.get(path + "/quality")
        assert [one["dag_run_id"] for one in quality["reports"]] == [run_id], quality
        assert "rowCount" in [one["rule"] for one in quality["reports"][0]["results"]], quality

        rows = server.get(path + "/rows?limit=1")
        assert rows["version"] == newest["version"] and len(rows["rows"]) == 1 and rows["cut"], rows
        assert rows["columns"][0] == "id", rows
        refused(404, lambda: server.get(TABLES + "/silver/shop/nothing/rows"))
        refused(422, lambda: server.get(path + "/rows?version=99"))

        rows_and_files(server, folder, path)

        # Who may read one layer of a domain.
        server.cli("roles", "create", "shopper", "--grant", "read lake:shop/silver")
        server.cli("users", "create", "eve", "--role", "shopper", "--use-random-password")
        token = server.cli("tokens", "create", "eve").stdout.split()[0]
        bearer = {"Authorization": f"Bearer {token}"}
        seen = server.get(TABLES, headers=bearer)
        assert [one["layer"] for one in seen["tables"]] == ["silver"], seen
        refused(403, lambda: server.get(TABLES + "/bronze/shop/orders", headers=bearer))
        hidden = server.get(path + "/versions", headers=bearer)["versions"][0]
        assert hidden["dag_id"] is None and hidden["rows"] == 2, hidden
        assert json.dumps(server.get(path + "/lineage", headers=bearer)).find("bronze") < 0

        sql(server, bearer)


def raw(server, path, headers=None):
    request = urllib.request.Request(server.url + path, headers={"Authorization": f"Bearer {server.token}", **(headers or {})})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, dict(answer.headers), answer.read()


def rows_and_files(server, folder, path):
    """rows page by page, files that are resumed, and the same from the command line"""
    ask = "/rows?limit=1&columns=id&columns=amount&order_by=-id&where="
    first = server.get(path + ask + quote("amount > 3"))
    assert first["rows"] == [[2, "3.25"]] or first["rows"] == [["2", "3.25"]], first
    last = server.get(path + ask + quote("amount > 3") + "&cursor=" + first["next_cursor"])
    assert str(last["rows"][0][0]) == "1" and last["next_cursor"] is None, last
    assert "did you mean" in refused(422, lambda: server.get(path + "/rows?where=" + quote("amuont > 3")))

    choice = "&columns=id&columns=country&order_by=id"
    status, headers, text = raw(server, path + "/export?format=csv" + choice)
    assert (status, text) == (200, b"id,country\r\n1,BR\r\n2,BR\r\n"), (status, text)
    assert headers["Content-Length"] == str(len(text)) and headers["Batuta-Rows"] == "2", headers
    resume = {"Range": "bytes=12-", "If-Range": headers["ETag"]}
    status, part, rest = raw(server, path + "/export?format=csv" + choice, resume)
    assert (status, rest) == (206, text[12:]) and part["Content-Range"] == f"bytes 12-{len(text) - 1}/{len(text)}", part
    _, _, parquet = raw(server, path + "/export")
    assert parquet[:4] == b"PAR1" and parquet[-4:] == b"PAR1", parquet[:8]
    assert server.get("/api/v2/eventLogs?event=lake_export")["total_entries"] == 3

    out = folder.path / "out"
    out.mkdir()
    table = ["lake", "export", "silver/shop/orders"]
    told = json.loads(server.cli(*table, "--format", "csv", "--columns", "id,country", "--order-by", "id", "--to", out, "-o", "json").stdout)
    assert told["rows"] == 2 and (out / "orders.csv").read_bytes() == text, told
    again = server.cli(*table, "--format", "csv", "--to", out, check=False)
    assert again.returncode == 1 and "nothing is overwritten" in again.stderr, again
    server.cli(*table, "--hive", "--where", "country = BR", "--to", out / "hive")
    assert [one.name for one in (out / "hive").iterdir()] == ["day=2024-05-06"], list((out / "hive").iterdir())
    wrong = server.cli(*table, "--where", "id is nothing", "--to", out / "x", check=False)
    assert wrong.returncode == 1 and "is no condition" in wrong.stderr, wrong
    assert sorted(one.name for one in out.iterdir()) == ["hive", "orders.csv"], list(out.iterdir())


def sql(server, bearer):
    """SQL of people: rows as JSON and CSV, refusals by name and place, cancelled, written down"""
    console = "/api/lake/sql"
    told = server.call("POST", console, {"sql": "SELECT id, amount FROM silver.shop.orders ORDER BY id", "limit": 1}, headers=bearer)
    assert told["columns"] == ["id", "amount"] and told["row_count"] == 1 and told["cut_by"] == "rows", told
    assert told["tables"][0]["table"] == "silver/shop/orders", told
    hidden = refused(403, lambda: server.call("POST", console, {"sql": "FROM bronze.shop.orders"}, headers=bearer))
    assert "read lake:shop/bronze" in str(hidden), hidden
    wrong = refused(422, lambda: server.call("POST", console, {"sql": "SELECT 1,\n  nothing FROM silver.orders"}, headers=bearer))
    assert "nothing" in str(wrong), wrong
    refused(422, lambda: server.call("POST", console, {"sql": "COPY (SELECT 1) TO '/tmp/x'"}))
    # More than its process may have (RLIMIT_DATA): it is told, and that is all that comes of it.
    huge = refused(422, lambda: server.call("POST", console, {"sql": "SELECT repeat('x', 2000000000)"}))
    assert "Memory" in huge, huge
    slow = {"sql": "SELECT count(*) FROM range(1000000000) a, range(1000) b", "query_id": "slow"}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: refused(409, lambda: server.call("POST", console, slow)))
        end, running = time.time() + 20, {}
        try:
            while time.time() < end and running.get("progress") is None:
                running = next((one for one in server.get(console)["queries"] if one["query_id"] == "slow"), {})
                time.sleep(0.1)
            assert running.get("state") == "running" and running["progress"] is not None and 0 <= running["progress"] < 100, running
        finally:  # or a failure would be told when the statement has run into its time limit
            server.call("DELETE", console + "/slow")
        assert "cancelled" in str(answer.result()), answer.result()
    events = server.get("/api/v2/eventLogs?event=lake_sql&order_by=-when")["event_logs"]
    assert any("FROM bronze.shop.orders" in one["extra"] and one["owner"] == "eve" for one in events), events


if __name__ == "__main__":
    sys.exit(main([catalogue_of_what_runs_made]))
