#!/usr/bin/env python3
"""Gold tables published to a PostgreSQL of the test's own: swap, merge, retries, refusals, lost connections."""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contracts_test import contract, write  # noqa: E402
from databases_test import Postgres, Wire  # noqa: E402
from harness import BATUTA, Folder, dag, main, shell  # noqa: E402
from receivers import connect  # noqa: E402


def publishes(task_id, table="gold/shop/sales", connection="pg", **params):
    return {"task_id": task_id, "type": "aggregate", "source": "postgres", "layer": "publish", "connections": [connection],
            "params": {"table": table, "connection": connection, "schema": "reports", **params}}


def query(postgres, text):
    return subprocess.run([postgres.bin / "psql", "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "batuta", "-d", "postgres", "-qAtc", text], check=True,
                          capture_output=True, text=True, env={"PGPASSWORD": "hunter22"}).stdout.strip()


def publications_are_whole_or_not_at_all():
    """swap keeps grants and comments, merge updates; a retry does nothing twice; views, types, older versions and masks are refused; a lost line is mended by another run"""
    with Folder("publish") as folder:
        postgres = Postgres(folder.path)
        try:
            def sql(text):
                return query(postgres, text)

            write(folder, "people", contract("people", {"server": "x", "type": "custom"}, [
                {"name": "id", "logicalType": "integer", "primaryKey": True, "required": True},
                {"name": "mail", "logicalType": "string", "customProperties": [{"property": "batuta.readMask", "value": "redact"}]}]))
            csv = folder.path / "sales.csv"
            wire = Wire(postgres.port, cut=b"COMMIT\0")

            def output(table):
                return [{"table": table, "file": "s.csv", "mode": "overwrite"}]

            one = {task["task_id"]: dag(task["task_id"], [task]) for task in (
                publishes("swap"), publishes("merge", target="merged", mode="merge", keys=["id"]), publishes("old", version=0),
                publishes("away", target="lost", connection="wire"), publishes("nowhere") | {"params": {**publishes("x")["params"], "schema": "absent"}},
                publishes("typed", table="gold/shop/typed"), publishes("mine", target="mine"),
                publishes("bare", table="gold/shop/people"), publishes("hidden", table="gold/shop/people", without=["mail"]))}
            one["make"] = dag("make", [shell("make", f"cp {csv} s.csv", outputs=output("gold/shop/sales"))])
            one["type"] = dag("type", [shell("type", "printf 'id,n\\n1,x\\n' >s.csv", outputs=output("gold/shop/typed"))])
            one["people"] = dag("people", [shell("people", "printf 'id,mail\\n1,a@b\\n' >s.csv", outputs=output("gold/shop/people"))])
            server = folder.server(one).start()
            for name, port in (("pg", postgres.port), ("wire", wire.port)):
                connect(server, name, "postgres", host="127.0.0.1", port=port, login="batuta", password="hunter22", schema="postgres")

            def run(name, state="success", said=""):
                run_id = server.trigger(name)["dag_run_id"]
                ended = server.wait_run(name, run_id)["state"]
                text = server.log_text(name, run_id, name) + server.cli("tasks", "explain", name, run_id, name).stdout
                assert ended == state and said in text, (name, ended, text)

            def make(*rows, columns="id,name,amount"):
                csv.write_text("\n".join([columns, *rows]) + "\n")
                run("make")

            sql("CREATE SCHEMA reports; CREATE ROLE reader; CREATE TABLE reports.mine (id int)")
            make("1,Ann,1.5", "2,\"a\\b\",2")
            run("nowhere", "failed", "there is no schema absent")
            run("mine", "failed", "no publication made it")
            run("swap")
            assert sql("SELECT id, name, amount FROM reports.sales ORDER BY id") == "1|Ann|1.5\n2|a\\b|2"
            sql("GRANT SELECT ON reports.sales TO reader; COMMENT ON TABLE reports.sales IS 'it''s sold'; COMMENT ON COLUMN reports.sales.name IS 'who'")
            first = sql("SELECT published_at FROM reports.batuta_publication WHERE target = 'sales'")
            run("swap", said="already: nothing was done")
            assert sql("SELECT published_at FROM reports.batuta_publication WHERE target = 'sales'") == first
            run("merge")

            make("1,Ann,3", "3,Cid,4")
            sql("CREATE VIEW reports.seen AS SELECT id FROM reports.sales")
            run("swap", "failed", "views read reports.sales and would be lost by a swap: reports.seen")
            sql("DROP VIEW reports.seen")
            run("swap")
            assert sql("SELECT id, amount FROM reports.sales ORDER BY id") == "1|3\n3|4"
            assert sql("SELECT has_table_privilege('reader', 'reports.sales', 'SELECT'), obj_description('reports.sales'::regclass), col_description('reports.sales'::regclass, "
                       "(SELECT attnum FROM pg_attribute WHERE attrelid = 'reports.sales'::regclass AND attname = 'name'))") == "t|it's sold|who"
            sql("CREATE VIEW reports.seen AS SELECT id FROM reports.merged")
            run("merge")
            assert sql("SELECT id, amount FROM reports.merged ORDER BY id") == "1|3\n2|2\n3|4"
            run("old", "failed", "which is newer than 0")

            # Committed, and the answer is lost: another run finds it done. Lost before: nothing is there.
            run("away", "failed")
            assert sql("SELECT count(*) FROM reports.lost") == "2"
            run("away", said="already: nothing was done")
            make("9,Zoe,9")
            wire.cut = b"DROP TABLE"
            wire.silent.clear()
            run("away", "failed")
            assert sql("SELECT count(*) FROM reports.lost; SELECT count(*) FROM pg_class WHERE relname LIKE 'batuta_staging%'") == "2\n0"
            wire.cut = b"never said"
            run("away")
            assert sql("SELECT id FROM reports.lost") == "9"

            run("type")
            sql("CREATE TABLE reports.typed (id text, n text); INSERT INTO reports.batuta_publication VALUES ('reports', 'typed', 'gold/shop/typed', -1, 'x', 0)")
            run("typed", "failed", "id: text is there, bigint would come")
            run("people")
            run("bare", "failed", "masks mail, which PostgreSQL")
            run("hidden")
            assert sql("SELECT id, to_jsonb(p) ? 'mail' FROM reports.people p") == "1|f"
            server.stop()
        finally:
            postgres.stop()


KINDS = """SELECT i AS id, 'row ' || i || repeat('x', 60) AS text, i::INTEGER AS n, i / 3 AS real, (i * 1.5)::DECIMAL(18,2) AS money, i % 2 = 0 AS even,
  DATE '2026-01-01' + (i % 28)::INTEGER AS day, TIMESTAMPTZ '2026-01-01 10:00:00.25+00' AS seen, encode('é') AS bytes,
  CASE WHEN i = 0 THEN NULL ELSE 'NaN'::DOUBLE END AS odd FROM range(60000) t(i)"""


def every_type_comes_in_many_pieces():
    """a table of many types, larger than one piece of COPY, comes exactly; a template in the place of the table is refused before anything runs"""
    with Folder("publish-types") as folder:
        postgres = Postgres(folder.path)
        try:
            kinds = {"task_id": "kinds", "type": "aggregate", "sql": KINDS, "table": "gold/shop/kinds", "mode": "overwrite"}
            loose = dag("loose", [publishes("loose", table="gold/shop/{{ params.table }}")], params={"table": "kinds"})
            server = folder.server({"kinds": dag("kinds", [kinds, publishes("out", table="gold/shop/kinds") | {"depends_on": ["kinds"]}])}).start()
            connect(server, "pg", "postgres", host="127.0.0.1", port=postgres.port, login="batuta", password="hunter22", schema="postgres")
            query(postgres, "CREATE SCHEMA reports")
            run = server.trigger("kinds")["dag_run_id"]
            assert server.wait_run("kinds", run)["state"] == "success", server.cli("tasks", "explain", "kinds", run, "out").stdout + server.cli("tasks", "explain", "kinds", run, "kinds").stdout
            assert query(postgres, "SELECT count(*), sum(id), sum(money), sum(length(text)) FROM reports.kinds") == "60000|1799970000|2699955000.00|4128890"
            got = query(postgres, "SET timezone = 'UTC'; SELECT id, n, money, even, day, seen, encode(bytes, 'hex'), odd, odd IS NULL FROM reports.kinds WHERE id IN (0, 7) ORDER BY id")
            assert got.splitlines() == ['0|0|0.00|t|2026-01-01|2026-01-01 10:00:00.25+00|c3a9||t',
                                        '7|7|10.50|f|2026-01-08|2026-01-01 10:00:00.25+00|c3a9|NaN|f'], got
            kept = query(postgres, "SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'reports.kinds'::regclass AND attnum BETWEEN 1 AND 10")
            assert kept == "bigint,text,integer,double precision,numeric(18,2),boolean,date,timestamp with time zone,bytea,double precision", kept
            file = folder.path / "loose.json"
            file.write_text(json.dumps(loose))
            told = subprocess.run([BATUTA, "dags", "validate", file], capture_output=True, text=True, timeout=60)
            assert "without a template" in told.stdout + told.stderr, told
            server.stop()
        finally:
            postgres.stop()


if __name__ == "__main__":
    main([publications_are_whole_or_not_at_all, every_type_comes_in_many_pieces])
