#!/usr/bin/env python3
"""What contracts make of a table besides new rows: its history, and what its source no longer has."""
import hmac
import json
import sqlite3
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contracts_test import CLIENTS, ORDERS, both, contract, ended, known, write  # noqa: E402
from harness import Folder, dag, eventually, main, refused  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
# Bronze is published first, then silver, then its history.
STEPS = ["accept_after_commit:2", "publish_after_link:2", "publish_before_link:3", "publish_after_link:3"]


def clients_table(base, rows):
    with sqlite3.connect(base) as db:
        db.execute("CREATE TABLE IF NOT EXISTS CLIENTS (client_id INTEGER PRIMARY KEY, NAME TEXT, active INTEGER, updated_at TEXT)")
        db.executemany("INSERT OR REPLACE INTO CLIENTS VALUES (?, ?, ?, ?)", rows)


def broker(base):
    return {"server": "broker", "type": "custom", "format": "sqlite", "path": str(base)}


def a_history_survives_kill_9():
    """a client's states are kept with their times, each once, whenever the scheduler dies between accept and publish"""
    with Folder("contract-history") as folder:
        base = folder.path / "broker.db"
        clients_table(base, [(1, "Ana", 1, "2024-05-06 10:00:00"), (2, "Bia", 1, "2024-05-06 11:00:00")])
        write(folder, "clients", contract("clients", broker(base), CLIENTS, physical="CLIENTS", properties=[
            ("batuta.newest", "updated_at"), ("batuta.history", True)]))
        server = folder.server({"shop": dag("shop", both("clients"))}, env=TIMING).start()
        known(server, "shop")
        run_id = ended(server, "shop")
        assert "history: 2 states began, 0 ended" in server.log_text("shop", run_id, "clients_transform")
        expected = [[1, "Ana", "2024-05-06 10:00:00+00", None], [2, "Bia", "2024-05-06 11:00:00+00", None]]
        for day, step in enumerate(STEPS, 1):
            clients_table(base, [(1, step, 1, f"2024-06-0{day} 10:00:00")])
            server.stop()
            server.env["BATUTA_FAILPOINT"] = step
            server.start()
            run_id = server.trigger("shop")["dag_run_id"]
            eventually(lambda: server.process.poll() is not None, 60, f"the scheduler dies at {step}")
            del server.env["BATUTA_FAILPOINT"]
            server.start()
            assert server.wait_run("shop", run_id, 90)["state"] == "success", server.tasks("shop", run_id)
            expected[-2][3] = f"2024-06-0{day} 10:00:00+00"
            expected.insert(-1, [1, step, f"2024-06-0{day} 10:00:00+00", None])
            states = server.sql("SELECT client_id, name, CAST(valid_from AS VARCHAR), CAST(valid_to AS VARCHAR) "
                                "FROM silver.clients_hist ORDER BY client_id, valid_from")
            assert states == expected, (step, states)
        on_a_branch(server, base, expected)
        promoted(server, base)
        server.stop()
        server.check_database()


def on_a_branch(server, base, expected):
    """a run on a branch reads the lake and writes beside it, once, whenever the scheduler dies; the lake shows nothing of it"""
    def triggered(**more):
        return server.call("POST", "/api/v2/dags/shop/dagRuns", {"logical_date": None, **more})

    states = "SELECT client_id, name, CAST(valid_from AS VARCHAR), CAST(valid_to AS VARCHAR) FROM silver.clients_hist " \
        "ORDER BY client_id, valid_from"
    assert "there is no branch fix" in refused(422, lambda: triggered(branch="fix"))
    assert "not a branch's name" in refused(422, lambda: triggered(branch="../fix"))
    assert "--branch fix" in server.cli("lake", "branch", "create", "fix", "--note", "a try").stdout
    assert "already" in server.cli("lake", "branch", "create", "fix", check=False).stderr
    dated = {"branch": "fix", "logical_date": "2024-01-01T00:00:00Z"}
    assert "exclude each other" in refused(422, lambda: triggered(**dated))
    clients_table(base, [(3, "Caio", 1, "2024-07-01 10:00:00")])
    server.stop()
    server.env["BATUTA_FAILPOINT"] = "publish_after_link:2"
    server.start()
    run_id = triggered(branch="fix")["dag_run_id"]
    eventually(lambda: server.process.poll() is not None, 60, "the scheduler dies while it publishes on the branch")
    del server.env["BATUTA_FAILPOINT"]
    server.start()
    assert server.wait_run("shop", run_id, 90)["state"] == "success", server.tasks("shop", run_id)
    assert server.run("shop", run_id)["batuta"]["branch"] == "fix"
    listed = server.get("/api/v2/dags/shop/dagRuns?branch=fix")["dag_runs"]
    assert [one["dag_run_id"] for one in listed] == [run_id], listed
    assert server.sql(states) == expected, server.sql(states)
    seen = server.cli("lake", "sql", "SELECT name FROM silver.clients WHERE client_id = 3", "--branch", "fix", "-o", "json").stdout
    assert json.loads(seen) == [{"name": "Caio"}], seen
    assert server.sql("SELECT name FROM silver.clients WHERE client_id = 3") == []
    shown = json.loads(server.cli("lake", "branch", "show", "fix", "-o", "json").stdout)["tables"]
    names = [f"{layer}/shop/{table}" for layer, table in (("bronze", "clients"), ("silver", "clients"), ("silver", "clients_hist"))]
    assert [one["table"] for one in shown] == names and not any(one["has_moved"] for one in shown), shown
    assert all(one["version"] == one["base_version"] + 1 for one in shown), shown
    told = json.loads(server.cli("lake", "branch", "diff", "fix", "silver.shop.clients", "-o", "json").stdout)
    assert [told[one] for one in ("added", "removed", "changed", "key")] == [1, 0, 0, ["client_id"]], told
    assert [(row["what"], row["key"], row["values"]["name"]) for row in told["rows"]] == \
        [("added", {"client_id": 3}, {"lake": None, "branch": "Caio"})], told
    # The lake's own run takes it all in, as if there had been no other.
    ended(server, "shop")
    assert [row[1] for row in server.sql(states)] == [row[1] for row in expected] + ["Caio"], server.sql(states)
    assert all(one["has_moved"] for one in server.get("/api/lake/branches/fix")["tables"])
    # The lake goes on to versions that the branch has not reached: its next run publishes all the same, at its first try.
    for day in (2, 3):
        clients_table(base, [(4, f"Duda {day}", 1, f"2024-07-0{day} 10:00:00")])
        ended(server, "shop")
    clients_table(base, [(5, "Eva", 1, "2024-07-04 10:00:00")])
    second = triggered(branch="fix")["dag_run_id"]
    assert server.wait_run("shop", second, 90)["state"] == "success", server.tasks("shop", second)
    assert {one["try_number"] for one in server.tasks("shop", second).values()} == {1}, server.tasks("shop", second)
    late = "SELECT name FROM silver.clients WHERE client_id >= 3 ORDER BY client_id"
    seen = server.cli("lake", "sql", late, "--branch", "fix", "-o", "json").stdout
    assert [row["name"] for row in json.loads(seen)] == ["Caio", "Duda 3", "Eva"], seen
    assert server.sql(late) == [["Caio"], ["Duda 3"]], server.sql(late)
    # A run that is cleared goes on on its branch, from what the branch has.
    server.call("POST", f"/api/v2/dags/shop/dagRuns/{run_id}/clear", {"dry_run": False})
    assert server.wait_run("shop", run_id, 90)["state"] == "success", server.tasks("shop", run_id)
    lake = server.sql(states)
    assert "the lake has moved since the branch fix began" in server.cli("lake", "branch", "promote", "fix", "--yes", check=False).stderr
    assert server.sql(states) == lake
    server.cli("lake", "branch", "drop", "fix", "--yes")
    assert server.get("/api/lake/branches")["branches"] == [] and server.sql(states) == lake
    assert not list((Path(server.home) / "lake" / "_branches").iterdir())
    server.call("POST", f"/api/v2/dags/shop/dagRuns/{run_id}/clear", {"dry_run": False})
    assert server.wait_run("shop", run_id, 90)["state"] == "failed"
    tries = server.tasks("shop", run_id)["clients_extract"]["try_number"]
    assert "has been dropped" in server.log_text("shop", run_id, "clients_extract", tries)


def promoted(server, base):
    """all that a branch has made becomes the lake's, each table once, whenever the scheduler dies; and the lake goes on from there"""
    def names(*more):
        told = server.cli("lake", "sql", "SELECT name FROM silver.clients WHERE client_id >= 6 ORDER BY client_id", *more, "-o", "json").stdout
        return [row["name"] for row in json.loads(told)]

    def versions():
        return {one["table"]: one["version"] for one in json.loads(server.cli("lake", "branch", "show", "trial", "-o", "json").stdout)["tables"]}

    clients_table(base, [(6, "Gil", 1, "2024-08-01 10:00:00")])
    server.cli("lake", "branch", "create", "trial")
    made = server.call("POST", "/api/v2/dags/shop/dagRuns", {"logical_date": None, "branch": "trial"})["dag_run_id"]
    assert server.wait_run("shop", made, 90)["state"] == "success", server.tasks("shop", made)
    before = {table: server.call("GET", f"/api/lake/tables/{table}")["version"] for table in versions()}
    ahead = server.call("POST", "/api/lake/branches/trial/promote", {"dry_run": True})
    assert ahead["may_promote"] and [one["expected_version"] for one in ahead["tables"]] == \
        [before[one["table"]] + 1 for one in ahead["tables"]], ahead
    assert [one["table"] for one in ahead["tables"]][0] == "bronze/shop/clients", ahead
    assert names() == [] and names("--branch", "trial") == ["Gil"]
    server.stop()
    server.env["BATUTA_FAILPOINT"] = "publish_after_link:2"
    server.start()
    run_id = server.call("POST", "/api/lake/branches/trial/promote", {"note": "found right"})["dag_run_id"]
    eventually(lambda: server.process.poll() is not None, 60, "the scheduler dies while it promotes")
    del server.env["BATUTA_FAILPOINT"]
    server.start()
    assert server.wait_run("lake_promotion", run_id, 90)["state"] == "success", server.tasks("lake_promotion", run_id)
    assert names() == ["Gil"], names()
    after = {table: server.call("GET", f"/api/lake/tables/{table}")["version"] for table in before}
    assert after == {table: version + 1 for table, version in before.items()}, (before, after)
    newest = json.loads(server.cli("lake", "history", "silver/shop/clients", "-o", "json").stdout)[0]
    assert newest["operation"] == "PROMOTE" and newest["info"]["batuta"]["run_id"] == run_id, newest
    events = server.get("/api/v2/assets/events?source_dag_id=lake_promotion&limit=100")["asset_events"]
    assert {one["uri"] for one in events} == {f"lake://{table}" for table in before}, events
    logged = server.get("/api/v2/eventLogs?event=lake_branch_promoted")["event_logs"]
    assert len(logged) == 1 and "silver/shop/clients" in logged[0]["extra"], logged
    # Nothing more is there to promote; the branch goes on, and so does the lake, which takes in once more what it has: no row twice.
    assert "nothing that the lake has not" in server.cli("lake", "branch", "promote", "trial", "--yes", check=False).stderr
    ended(server, "shop")
    assert names() == ["Gil"] and server.sql("SELECT count(*) FROM silver.clients_hist WHERE client_id = 6") == [[1]]
    server.cli("lake", "branch", "drop", "trial", "--yes")
    clients_table(base, [(7, "Hugo", 1, "2024-08-02 10:00:00")])
    server.cli("lake", "branch", "create", "trial")
    made = server.call("POST", "/api/v2/dags/shop/dagRuns", {"logical_date": None, "branch": "trial"})["dag_run_id"]
    assert server.wait_run("shop", made, 90)["state"] == "success", server.tasks("shop", made)
    said = server.cli("lake", "branch", "promote", "trial", "--yes", "--drop").stdout
    assert "the branch is gone" in said and names() == ["Gil", "Hugo"], said
    assert server.get("/api/lake/branches")["branches"] == []


def rows_that_are_gone_leave_silver():
    """a snapshot takes away what the source no longer has, unless it is too much; an incremental table goes by a list of keys"""
    with Folder("contract-deletes") as folder:
        drop, base = folder.path / "orders.csv", folder.path / "broker.db"
        lines = [f"{n},0{n}/05/2024,1,BR\n" for n in range(1, 6)]
        head = "id,Order Day,amount,country\n"
        drop.write_text(head + "".join(lines))
        clients_table(base, [(n, f"c{n}", 1, f"2024-05-0{n} 10:00:00") for n in range(1, 5)])
        write(folder, "orders", contract("orders", {"server": "drop", "type": "local", "path": str(drop), "format": "csv"}, ORDERS,
                                         properties=[("batuta.mode", "snapshot"), ("batuta.history", True)]))
        write(folder, "clients", contract("clients", broker(base), CLIENTS, physical="CLIENTS", properties=[
            ("batuta.mode", "incremental"), ("batuta.watermark", "updated_at"), ("batuta.overlap", "1h"), ("batuta.deletes", "mark")]))
        server = folder.server({"shop": dag("shop", both("orders")), "broker": dag("broker", both("clients"))}).start()
        known(server, "shop")
        known(server, "broker")
        ended(server, "shop")
        ended(server, "broker")
        drop.write_text(head + "".join(lines[:3]))
        run_id = ended(server, "shop")
        assert "2 silver rows that the source no longer has taken away" in server.log_text("shop", run_id, "orders_transform")
        assert server.sql("SELECT id FROM silver.orders ORDER BY id") == [[1], [2], [3]]
        past = server.sql("SELECT id, is_current FROM silver.orders_hist ORDER BY id")
        assert past == [[1, True], [2, True], [3, True], [4, False], [5, False]], past
        drop.write_text(head + lines[0])
        run_id = ended(server, "shop", "failed")
        assert "2 of the 3 rows of silver/shop/orders (66.7 %)" in server.log_text("shop", run_id, "orders_transform")
        assert server.sql("SELECT count(*) FROM silver.orders") == [[3]]
        drop.write_text(head)
        run_id = ended(server, "shop", "failed")
        assert "an empty source is not taken for one that was emptied" in server.log_text("shop", run_id, "orders_extract")
        # The database deletes without a word; the increment has nothing of it.
        with sqlite3.connect(base) as db:
            db.execute("DELETE FROM CLIENTS WHERE client_id = 2")
        ended(server, "broker")
        gone = "SELECT client_id FROM silver.clients WHERE _deleted_at IS NOT NULL"
        assert server.sql(gone) == [[2]] and server.sql("SELECT count(*) FROM silver.clients") == [[4]]
        clients_table(base, [(2, "c2 is back", 1, datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S"))])
        ended(server, "broker")
        assert server.sql(gone) == [], server.sql(gone)
        assert server.sql("SELECT name FROM silver.clients WHERE client_id = 2") == [["c2 is back"]]
        assert server.sql("SELECT count(*) FROM bronze.clients_keys") == [[4 + 3 + 4]]


def rows_in_quarantine_are_decided_on_once():
    """rows are repaired, replayed and discarded, each in one publication, whenever the scheduler dies between accept and publish"""
    with Folder("contract-quarantine") as folder:
        drop = folder.path / "orders.csv"
        drop.write_text("id,Order Day,amount,country,fix\n1,01/05/2024,1,BR,a\n2,01/05/2024,-2,BR,b\n3,01/05/2024,3,BRA,c\n"
                        "4,01/05/2024,x,BR,d\n5,01/05/2024,-50,BR,e\n")

        def described(least):
            columns = [dict(one) for one in ORDERS]
            columns[2]["logicalTypeOptions"] = {"minimum": least}
            columns.append({"name": "fix", "logicalType": "string"})
            write(folder, "orders", contract("orders", {"server": "drop", "type": "local", "path": str(drop), "format": "csv"},
                                             columns, properties=[("batuta.history", True)]))
        described(0)
        server = folder.server({"shop": dag("shop", both("orders"))}, env=TIMING).start()
        known(server, "shop")
        ended(server, "shop")

        def decided(verb, *more):
            return json.loads(server.cli("lake", "quarantine", verb, "shop/orders", *more, "-o", "json").stdout)
        held = {row["id"]: row for row in decided("show")}
        assert sorted(held) == ["2", "3", "4", "5"], held
        right = ["--reason", "country_too_long", "--set", "country=BR"]
        would = decided("repair", *right, "--dry-run")
        assert [(one["row"], one["outcome"]) for one in would["rows"]] == [(held["3"]["_row_id"], "published")], would
        corrected = folder.path / "corrected.csv"
        corrected.write_text(f"\ufeff_row_id,amount,fix\n{held['4']['_row_id']},4,\"d, \"\"e\"\"\"\n{held['2']['_row_id']},z,\n")
        would = decided("repair", "--file", str(corrected), "--dry-run")
        assert {(one["row"], one["outcome"]) for one in would["rows"]} == \
            {(held["4"]["_row_id"], "published"), (held["2"]["_row_id"], "kept")}, would
        one = folder.path / "one.json"
        one.write_text(json.dumps({"_row_id": held["4"]["_row_id"], "amount": 4}))
        would = decided("repair", "--file", str(one), "--dry-run")
        assert [row["outcome"] for row in would["rows"]] == ["published"], would
        assert server.sql("SELECT id FROM silver.orders") == [[1]]
        # Silver, its history and the quarantine are one publication: it dies before, between and after them.
        for step, row, value in (("accept_after_commit:1", "3", {"country": "BR"}), ("publish_after_link:2", "4", {"amount": "4"})):
            body = {"action": "repair", "operation": "op-" + row, "corrections": {held[row]["_row_id"]: value}, "note": "typing"}
            server.stop()
            server.env["BATUTA_FAILPOINT"] = step
            server.start()
            order = server.call("POST", "/api/lake/quarantine/shop/orders", body)
            eventually(lambda: server.process.poll() is not None, 60, f"the scheduler dies at {step}")
            del server.env["BATUTA_FAILPOINT"]
            server.start()
            assert server.wait_run("shop", order["dag_run_id"], 90)["state"] == "success", server.tasks("shop", order["dag_run_id"])
            again = server.call("POST", "/api/lake/quarantine/shop/orders", body)
            assert again["repeated"] and again["dag_run_id"] == order["dag_run_id"], again
        conf = server.get(f"/api/v2/dags/shop/dagRuns/{order['dag_run_id']}")["conf"]
        assert conf["batuta:quarantine_values"] == "***" and conf["batuta:quarantine"]["operation"] == "op-4", conf
        other = server.cli("lake", "quarantine", "replay", "shop/orders", "--all", "--operation", "op-3", check=False)
        assert other.returncode == 1 and "operation 'op-3' was another order" in other.stderr, other
        assert server.sql("SELECT id, CAST(amount AS VARCHAR), fix FROM silver.orders ORDER BY id") == \
            [[1, "1.00", "a"], [3, "3.00", "c"], [4, "4.00", "d"]]
        assert server.sql("SELECT count(*), count(DISTINCT id) FROM silver.orders_hist") == [[3, 3]]
        assert server.sql("SELECT id, _tries, _note FROM quarantine.orders WHERE _status = 'published' ORDER BY id") == \
            [["3", 1, "typing"], ["4", 1, "typing"]]
        # The contract changes: what is good now is taken, the rest stays with its count of tries.
        described(-10)
        eventually(lambda: server.get("/api/v2/dags/shop/dagVersions")["total_entries"] == 2, 20, "the contract is live")
        told = decided("replay", "--all")
        assert (told["published"], told["kept"], told["chosen"]) == (1, 1, 2), told
        assert [row["_tries"] for row in decided("show")] == [1]
        refused = server.cli("lake", "quarantine", "discard", "shop/orders", "--all", "--yes", check=False)
        assert refused.returncode == 2 and "--note" in refused.stderr, refused
        assert "1 discarded" in server.cli("lake", "quarantine", "discard", "shop/orders", held["5"]["_row_id"], "--note", "a test", "--yes").stdout
        refused = server.cli("lake", "quarantine", "replay", "shop/orders", held["5"]["_row_id"], check=False)
        assert refused.returncode == 1 and "is no longer open, it was discarded" in refused.stderr, refused
        assert decided("show") == [] and [row["id"] for row in decided("show", "--status", "discarded")] == ["5"]
        # A run that reads it all again brings none of them back.
        ended(server, "shop")
        assert decided("show") == [] and server.sql("SELECT count(*) FROM silver.orders") == [[4]]
        events = {one["event"] for one in server.get("/api/v2/eventLogs?limit=1000")["event_logs"]}
        assert {"lake_quarantine_repair", "lake_quarantine_replay", "lake_quarantine_discard"} <= events, events


KEY = b"a key of pseudonyms, 32 letters."
CARD = "1111222233334444"


def masked_values_stand_in_no_table_but_bronze():
    """pseudonyms join two tables and are HMACs of the key; plain values are in no file of silver, history and quarantine, nor in a log"""
    def pseudonym(text):
        return hmac.new(KEY, text.encode(), "sha256").hexdigest()

    def masked(name, kind, mask, **more):
        return {"name": name, "logicalType": kind, "customProperties": [{"property": "batuta.mask", "value": mask}], **more}
    people = [masked("cpf", "string", "pseudonym", primaryKey=True, required=True), masked("name", "string", "redact"),
              masked("born", "date", "year"), masked("cep", "string", "prefix:5"),
              masked("income", "number", "band:1000", logicalTypeOptions={"minimum": 0})]
    orders = [ORDERS[0], masked("cpf", "string", "pseudonym"),
              {"name": "card", "logicalType": "string", "customProperties": [{"property": "batuta.readMask", "value": "partial:4"}]}]
    rows = [("11122233344", "Ana Souza", "1990-05-06", "01310-100", "5432.1"),
            ("55566677788", "Bia Prado", "1971-12-31", "20040-020", "999"), ("99988877766", "Caio Lima", "1980-01-01", "70040-010", "-7")]
    with Folder("contract-masks") as folder:
        for name, head, lines in (("people", "cpf,name,born,cep,income", rows), ("orders", "id,cpf,card", [("1", rows[1][0], CARD), ("2", "", "")])):
            (folder.path / f"{name}.csv").write_text("\n".join([head] + [",".join(row) for row in lines]) + "\n")
        for name, columns, more in (("people", people, [("batuta.history", True)]), ("orders", orders, [])):
            write(folder, name, contract(name, {"server": "drop", "type": "local", "path": str(folder.path / f"{name}.csv"),
                                                "format": "csv"}, columns, properties=[("batuta.maskKey", "pii")] + more))
        server = folder.server({"shop": dag("shop", both("people") + both("orders"))}).start()
        server.call("POST", "/api/v2/connections", {"connection_id": "pii", "conn_type": "generic", "password": KEY.decode()})
        known(server, "shop")
        run_id = ended(server, "shop")
        silver = "SELECT cpf, name, born, cep, income FROM silver.people ORDER BY born"
        expected = [[pseudonym(rows[1][0]), "***", 1971, "20040", 0], [pseudonym(rows[0][0]), "***", 1990, "01310", 5000]]
        assert server.sql(silver) == expected, server.sql(silver)
        assert server.sql(silver.replace("people", "people_hist")) == expected
        assert server.sql("SELECT id, born FROM silver.orders LEFT JOIN silver.people USING (cpf) ORDER BY id") == [[1, 1971], [2, None]]
        rejected = server.sql("SELECT cpf, name, born, income, reason FROM quarantine.people")
        assert rejected == [[pseudonym(rows[2][0]), "***", "***", "***", "income_below_minimum"]], rejected
        assert server.sql("SELECT count(*) FROM bronze.people WHERE cpf = '11122233344'") == [[1]]
        plain = [value.encode() for row in rows for value in row[:4]] + [KEY]
        for layer in ("silver", "quarantine"):
            for path in (server.home / "lake" / layer).rglob("*"):
                held = [value for value in plain if path.is_file() and value in path.read_bytes()]
                assert not held, (path, held)
        assert server.sql("SELECT card FROM silver.orders WHERE id = 1") == [[CARD]]  # of who owns the files
        masked_for_readers(server)
        logs = "".join(server.log_text("shop", run_id, task["task_id"]) for task in both("people") + both("orders"))
        assert not [value for value in plain if value.decode() in logs], logs
        # The same again changes nothing; a key that is too short makes nothing.
        ended(server, "shop")
        assert len(json.loads(server.cli("lake", "history", "silver/shop/people", "-o", "json").stdout)) == 1
        a_person_is_erased(folder, server, rows[1][0])
        the_key_is_rotated(folder, server, rows[0][0])
        server.call("PATCH", "/api/v2/connections/pii", {"connection_id": "pii", "conn_type": "generic", "password": "short"})
        run_id = ended(server, "shop", "failed")
        assert "it needs 16 characters at least" in server.log_text("shop", run_id, "people_transform")


def masked_for_readers(server):
    """over HTTP a reader is shown masks, in bronze also of what silver holds masked; the right to unmask is of a layer, and is written down"""
    def bearer(name, *rights):
        server.cli("roles", "create", name, *(part for right in rights for part in ("--grant", right)))
        server.cli("users", "create", name, "--role", name, "--use-random-password")
        return {"Authorization": "Bearer " + server.cli("tokens", "create", name).stdout.split()[0]}
    reader, trusted = bearer("reader", "read lake:shop/*"), bearer("trusted", "read lake:shop/*", "unmask lake:shop/silver")

    def sql(query, who):
        return server.call("POST", "/api/lake/sql", {"sql": query}, headers=who)["rows"]
    path = "/api/lake/tables/silver/shop/orders"
    assert sql("SELECT card FROM silver.shop.orders ORDER BY id", reader) == [["***" + CARD[-4:]], [None]]
    assert sql(f"SELECT count(*) FROM silver.shop.orders WHERE card LIKE '{CARD[:4]}%'", reader) == [[0]]
    assert sql("SELECT card FROM silver.shop.orders WHERE id = 1", trusted) == [[CARD]]
    assert sql("SELECT length(card), length(cpf) FROM bronze.shop.orders WHERE id = '1'", trusted) == [[7, 64]]
    assert CARD not in json.dumps(server.get(path + "/rows", headers=reader))
    assert CARD in json.dumps(server.get(path + "/rows", headers=trusted))
    # The command line asks the server as whoever calls it; the files' owner sees them as they are.
    server.env.update(BATUTA_URL=server.url, BATUTA_TOKEN=bearer("caller", "read lake:shop/silver")["Authorization"].split()[1])
    asked = server.cli("lake", "sql", "SELECT card FROM silver.shop.orders ORDER BY id", "-o", "json")
    assert json.loads(asked.stdout)[0] == {"card": "***" + CARD[-4:]} and "card of silver/shop/orders" in asked.stderr, asked
    head = server.cli("lake", "head", "silver.shop.orders", "-o", "json")
    assert CARD not in head.stdout and "masked" in head.stderr and len(json.loads(head.stdout)) == 2, head
    assert "lake:shop/bronze" in server.cli("lake", "head", "bronze.shop.orders", check=False).stderr
    listed = {row["table"].split("/")[0] for row in json.loads(server.cli("lake", "tables", "-o", "json").stdout)}
    assert "silver" in listed and "bronze" not in listed, listed
    assert CARD in server.cli("lake", "head", "silver.shop.orders", "--files", "-o", "json").stdout
    plan = server.cli("lake", "explain", "SELECT card FROM silver.shop.orders WHERE card > 'A'", "--analyze")
    assert "READ_PARQUET" in plan.stdout and "card" not in plan.stdout, plan.stdout
    assert "is left out" in plan.stderr, plan.stderr
    told = json.loads(server.cli("lake", "diff", "silver.shop.orders", "--from", "0", "-o", "json").stdout)
    assert told["key"] == ["id"] and "card" in told["masked"] and CARD not in json.dumps(told), told
    whole = server.cli("lake", "diff", "silver.shop.orders", "--from", "0", "--files").stdout
    assert "whole rows" in whole and "version 0" in whole, whole
    file = Path(server.home).parent / "cards.parquet"
    server.cli("lake", "sql", "SELECT card FROM silver.shop.orders", "--to", file)
    assert file.read_bytes()[:4] == b"PAR1" and CARD.encode() not in file.read_bytes()
    del server.env["BATUTA_URL"], server.env["BATUTA_TOKEN"]
    groups = server.get("/api/lake/quarantine/shop/people", headers=reader)["groups"]
    assert [(one["reason"], one["rows"]) for one in groups] == [("income_below_minimum", 1)], groups
    told = json.loads(server.cli("lake", "quarantine", "list", "shop/people", "-o", "json").stdout)
    assert told[0]["run_id"] == groups[0]["run_id"], told
    held = json.loads(server.cli("lake", "quarantine", "show", "shop/people", "--reason", "income_below_minimum", "-o", "json").stdout)
    assert [one["name"] for one in held] == ["***"] and not json.loads(
        server.cli("lake", "quarantine", "show", "quarantine.shop.people", "--until", "2000-01-01T00:00:00Z", "-o", "json").stdout), held
    assert "domain/table" in server.cli("lake", "quarantine", "show", "people", check=False).stderr
    column = next(one for one in server.get(path, headers=reader)["columns"] if one["name"] == "card")
    assert column["mask"] == "partial:4" and column["is_masked"], column
    events = server.get("/api/v2/eventLogs?event=lake_rows_unmasked")["event_logs"]
    assert [one["owner"] for one in events] == ["trusted"] and "card" in events[0]["extra"], events


def a_person_is_erased(folder, server, cpf):
    """from raw to silver and history, by the value and its pseudonym; the next run does not bring them back from there"""
    (folder.path / "key").write_bytes(KEY + b"\n")
    who = ["lake", "erase", "--key", "cpf", "--mask-key", f"file:{folder.path / 'key'}", "--contracts", folder.path / "contracts"]
    blind = server.cli("lake", "erase", "--key", f"cpf={cpf}", "--contracts", folder.path / "contracts").stdout
    assert "silver/shop/people: its cpf is a pseudonym and the key of it was not given: --mask-key" in blind, blind
    plan = server.cli(*who, stdin=cpf + "\n").stdout
    assert "Nothing was changed. With --apply it is done." in plan and "backups" in plan, plan
    # By the server: contracts and keys are its own.
    by_server = json.loads(server.cli("lake", "erase", "--key", "cpf", "-o", "json", stdin=cpf + "\n").stdout)
    told = json.loads(server.cli(*who, "--apply", "--yes", "--operation", "lgpd-1", "-o", "json", stdin=cpf + "\n").stdout)
    rows = {one["table"]: one["rows"] for one in told["tables"]}
    assert rows == {"bronze/shop/people": 2, "bronze/shop/orders": 2, "silver/shop/people": 1, "silver/shop/people_hist": 1,
                    "silver/shop/orders": 1}, told
    assert {one["table"]: one["rows"] for one in by_server["tables"]} == rows and not by_server["applied"], by_server
    assert told["raw_records"] == 4 and told["subject"].startswith("person-") and cpf not in json.dumps(told), told
    for path in (server.home / "lake").rglob("*"):
        if path.is_file() and "_delta_log" not in path.parts:  # whose statistics the report speaks of
            assert cpf.encode() not in path.read_bytes(), path
    for name in ("people", "orders"):
        source = folder.path / f"{name}.csv"
        source.write_text("".join(line for line in source.read_text().splitlines(True) if cpf not in line))
    ended(server, "shop")
    assert server.sql("SELECT born FROM silver.people") == [[1990]] and server.sql("SELECT born FROM silver.people_hist") == [[1990]]
    again = json.loads(server.cli(*who, "--apply", "--yes", "--operation", "lgpd-1", "-o", "json", stdin=cpf + "\n").stdout)
    assert again["done_before"] and again["tables"] == told["tables"], again


def the_key_is_rotated(folder, server, cpf):
    """all tables turn to another key of pseudonyms, the connection has that one alone, and the next run goes on by it"""
    key = b"another key of pseudonyms, from elsewhere"
    (folder.path / "new").write_bytes(key)
    turned = server.cli("lake", "rotate-key", "pii", "--key", f"file:{folder.path / 'new'}", "--previous", f"file:{folder.path / 'key'}",
                        "--contracts", folder.path / "contracts", "--apply", "--yes").stdout
    assert "silver/shop/people_hist" in turned, turned
    made = [[hmac.new(key, cpf.encode(), "sha256").hexdigest()]]
    states = "SELECT cpf FROM silver.people_hist WHERE is_current"
    assert server.sql("SELECT cpf FROM silver.people") == made and server.sql(states) == made
    (folder.path / "people.csv").write_text((folder.path / "people.csv").read_text().replace("5432.1", "7432.1"))
    ended(server, "shop")
    assert server.sql("SELECT cpf, income FROM silver.people") == [made[0] + [7000]] and server.sql(states) == made


if __name__ == "__main__":
    main([a_history_survives_kill_9, rows_that_are_gone_leave_silver, rows_in_quarantine_are_decided_on_once,
          masked_values_stand_in_no_table_but_bronze])
