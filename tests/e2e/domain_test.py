#!/usr/bin/env python3
"""A data domain from one contract: planned, applied, run, applied again, destroyed."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, eventually, main  # noqa: E402

ORDERS = """apiVersion: v3.1.0
kind: DataContract
id: risk-orders
version: 1.0.0
status: active
domain: risk
servers:
  - {{server: drop, type: local, path: "{drop}", format: csv}}
schema:
  - name: orders
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, required: true}}
      - {{name: client, logicalType: string, required: true, classification: confidential}}
      - {{name: amount, logicalType: number, physicalType: "decimal(10,2)"}}
slaProperties:
  - {{property: retention, value: 3, unit: y}}
  - {{property: latency, value: 1, unit: h}}
  - {{property: ingestionFailures, value: 2}}
"""
OLDER = """dataContractSpecification: 1.1.0
id: sales
info: {{title: Sales, version: 1.0.0, owner: shop}}
servers:
  drop: {{type: local, path: "{drop}", format: csv}}
models:
  orders:
    type: table
    fields:
      id: {{type: integer, required: true, primaryKey: true}}
      client: {{type: text}}
      amount: {{type: decimal, precision: 10, scale: 2}}
"""


def prepared(folder, text=ORDERS, name="risk.odcs.yaml"):
    drop = folder.path / "orders.csv"
    drop.write_text("id,client,amount\n1,ana,10.50\n2,bob,3.25\n")
    file = folder.path / name
    file.write_text(text.format(drop=drop))
    return file


def rows(server, path, plural):
    return {one["name"]: one for one in server.get(f"{path}?limit=100")[plural]}


def dags(server):
    """Without the one that judges monitors, which comes with the first of them."""
    return sorted(one["dag_id"] for one in server.get("/api/v2/dags?limit=100")["dags"] if one["dag_id"] != "lake_monitors")


def a_domain_from_a_contract():
    """plan changes nothing, apply makes a domain that runs, again it changes nothing, destroy leaves what was there"""
    with Folder("domain") as folder:
        server = folder.server()
        server.start()
        file = prepared(folder)
        verb = ["--contract", file, "--schedule", ""]
        roles, groups = rows(server, "/api/batuta/roles", "roles"), rows(server, "/api/batuta/groups", "groups")
        plan = server.cli("domain", "plan", "risk", *verb, "-o", "json", check=False)
        assert plan.returncode == 2, plan
        told = json.loads(plan.stdout)
        assert told["changes"] == len(told["steps"]) == 8, told
        assert any("masking" in note for note in told["not_carried_out"]), told
        assert any("retention of 3 y" in note for note in told["not_carried_out"]), told
        assert not (server.home / "bundles" / "risk").exists() and dags(server) == []
        assert rows(server, "/api/batuta/roles", "roles") == roles

        assert "8 of 8 would change" in server.cli("domain", "plan", "risk", *verb, check=False).stdout
        done = server.cli("domain", "apply", "risk", *verb).stdout
        assert "8 of 8 changed" in done and "would" not in done, done
        assert dags(server) == ["risk_ingestion", "risk_quality"]
        assert server.get("/api/v2/dags/risk_ingestion")["bundle_name"] == "risk"
        assert not server.get("/api/v2/importErrors")["import_errors"]
        listed = eventually(lambda: server.get("/api/lake/monitors?domain=risk")["monitors"], 10, "the domain's monitors are known")
        watched = {one["monitor_id"]: (one["kind"], one["target"]) for one in listed}
        assert watched == {"risk/orders_ingestion": ("failures", "risk_ingestion.orders_bronze"), "risk/orders_processing": ("failures", "risk_ingestion.orders_silver"),
                           "risk/orders_quality": ("quality", "silver/risk/orders"), "risk/orders_latency": ("freshness", "silver/risk/orders")}, watched
        run_id = server.trigger("risk_ingestion")["dag_run_id"]
        found = server.wait_run("risk_ingestion", run_id)
        assert found["state"] == "success", [server.log_text("risk_ingestion", run_id, t)
                                             for t in server.tasks("risk_ingestion", run_id)]
        quality = eventually(lambda: server.get("/api/v2/dags/risk_quality/dagRuns")["dag_runs"], 30,
                             "new rows start the quality DAG")[0]
        assert server.wait_run("risk_quality", quality["dag_run_id"])["state"] == "success"
        measured = dict(server.sql("SELECT measure, amount FROM gold.risk.quality"))
        assert measured == {"rows": 2, "missing id": 0, "missing client": 0, "duplicate keys": 0}, measured

        # Who asks from elsewhere asks the server, too: the list, and one that nobody has the right to.
        assert "risk_ingestion" in server.cli("domain", "list").stdout
        # What it holds and took: two tasks of the ingestion and one of the quality DAG, each once.
        cost = json.loads(server.cli("domain", "cost", "risk", "-o", "json").stdout)
        stored = {row["layer"]: row for row in cost["stored"]}
        assert stored["bronze"]["rows"] == stored["silver"]["rows"] == 2 and cost["unknown"] == [], cost
        assert cost["bytes"] == sum(row["bytes"] for row in stored.values()) > 0, cost
        assert {row["dag_id"]: (row["runs"], row["attempts"], row["failed"]) for row in cost["work"]} == {
            "risk_ingestion": (1, 2, 0), "risk_quality": (1, 1, 0)}, cost
        assert 0 < cost["busy_seconds"] < 120 and cost["work"][0]["peak_rss_kib"] > 0, cost
        assert 0 < cost["cpu_seconds"] < 240 and cost["read_bytes"] > 0 and cost["unmeasured"] == 0, cost
        assert cost["days"][-1]["stored_bytes"] == cost["bytes"] and sum(day["attempts"] for day in cost["days"]) == 3, cost
        shown = server.cli("domain", "cost", "risk", "--last", "1h").stdout
        assert "3 tries of 2 runs" in shown and "of a processor" in shown, shown
        nothing = server.cli("domain", "cost", "nobody", check=False)
        assert nothing.returncode == 1 and "no table of a domain nobody" in nothing.stderr, nothing
        assert server.cli("domain", "cost", "risk", "--last", "soon", check=False).returncode == 2

        # Who is in a group may what it is for, and nothing else.
        server.cli("groups", "edit", "risk_readers", "--user", "admin")
        assert server.cli("domain", "plan", "risk", *verb).returncode == 0
        assert "0 of 8 changed" in server.cli("domain", "apply", "risk", *verb).stdout
        server.cli("users", "create", "rita", "--role", "none", stdin="a long password 1\n")
        server.cli("groups", "edit", "risk_readers", "--user", "rita")
        assert server.cli("auth", "can-i", "rita", "read", "lake:risk/gold").returncode == 0
        assert server.cli("auth", "can-i", "rita", "read", "lake:risk/bronze", check=False).returncode == 1
        assert server.cli("auth", "can-i", "rita", "trigger", "dag:risk_ingestion", check=False).returncode == 1

        # The contract changes: what hangs on it is renewed. By hand: refused, and told.
        file.write_text(file.read_text().replace("version: 1.0.0", "version: 1.1.0"))
        told = json.loads(server.cli("domain", "plan", "risk", *verb, "-o", "json", check=False).stdout)
        assert [s["name"] for s in told["steps"] if s["action"] == "update"] == ["contracts/risk/orders.odcs.yaml"], told
        # One that fails half-way, after its record is written: the next goes on without --force.
        in_the_way = server.home / "bundles" / "risk" / "contracts" / "risk" / ".orders.odcs.yaml.new"
        in_the_way.mkdir()
        failed = server.cli("domain", "apply", "risk", *verb, check=False)
        assert failed.returncode == 1 and "cannot write" in failed.stderr, failed
        in_the_way.rmdir()
        assert "1 of 8 changed" in server.cli("domain", "apply", "risk", *verb).stdout
        assert "before" not in json.loads((server.home / "domains" / "risk.json").read_text())
        mine = server.home / "bundles" / "risk" / "dags" / "risk_ingestion.json"
        before = mine.read_text()
        mine.write_text(before.replace('"max_active_runs": 1', '"max_active_runs": 2'))
        refused = server.cli("domain", "apply", "risk", *verb, check=False)
        assert refused.returncode == 1 and "dags/risk_ingestion.json was changed since" in refused.stderr, refused
        server.cli("domain", "apply", "risk", *verb, "--force")
        assert mine.read_text() == before

        # Destroyed only when nothing of others is in it.
        (server.home / "bundles" / "risk" / "notes.txt").write_text("mine")
        refused = server.cli("domain", "destroy", "risk", "--yes", check=False)
        assert refused.returncode == 1, refused
        assert "notes.txt was not made by this domain" in refused.stderr, refused
        assert "the group risk_readers was changed" in refused.stderr, refused
        assert dags(server) == ["risk_ingestion", "risk_quality"]
        (server.home / "bundles" / "risk" / "notes.txt").unlink()
        server.cli("groups", "delete", "risk_readers")
        asked = server.cli("domain", "destroy", "risk", check=False, stdin="")
        assert asked.returncode == 2 and "--yes" in asked.stderr and "away" not in asked.stdout, asked
        done = server.cli("domain", "destroy", "risk", "--yes").stdout
        assert "7 of 8 taken away" in done and "would" not in done, done
        assert dags(server) == [] and not (server.home / "bundles" / "risk").exists()
        assert rows(server, "/api/batuta/roles", "roles") == roles
        assert rows(server, "/api/batuta/groups", "groups") == groups
        assert server.sql("SELECT count(*) FROM silver.risk.orders") == [[2]], "the rows stay"
        assert server.cli("domain", "destroy", "risk", "--yes", check=False).returncode == 1


def an_older_contract():
    """a contract of the Data Contract Specification is converted, and a half-made domain is made whole by another apply"""
    with Folder("domain-older") as folder:
        server = folder.server()
        server.start()
        file = prepared(folder, OLDER, "datacontract.yaml")
        server.cli("domain", "apply", "sales", "--contract", file, "--schedule", "")
        # As an apply that was killed leaves it: recorded, and not all of it there.
        (server.home / "bundles" / "sales" / "dags" / "sales_quality.json").unlink()
        server.cli("groups", "delete", "sales_engineers")
        again = server.cli("domain", "apply", "sales", "--contract", file, "--schedule", "").stdout
        assert "2 of 8 changed" in again, again
        run_id = server.trigger("sales_ingestion")["dag_run_id"]
        assert server.wait_run("sales_ingestion", run_id)["state"] == "success"
        server.cli("domain", "destroy", "sales", "--yes")
        assert dags(server) == []
        # Another's DAG of that name is in the way, and is told.
        server.write_dag("sales_quality", {"dag_id": "sales_quality", "tasks": [{"task_id": "a", "type": "empty"}]})
        eventually(lambda: dags(server) == ["sales_quality"], 5, "somebody has such a DAG")
        refused = server.cli("domain", "apply", "sales", "--contract", file, check=False)
        assert refused.returncode == 1 and "of the bundle default already" in refused.stderr, refused


if __name__ == "__main__":
    main([a_domain_from_a_contract, an_older_contract])
