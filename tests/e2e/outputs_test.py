#!/usr/bin/env python3
"""Scripts that hand in tables, in a running Batuta: judged, published with the success or not at all, an asset for others."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contracts_test import contract, write  # noqa: E402
from harness import Folder, dag, eventually, main, shell  # noqa: E402

SERVER = {"server": "x", "type": "custom"}
COLUMNS = [{"name": "id", "logicalType": "integer", "primaryKey": True, "required": True},
           {"name": "amount", "logicalType": "number", "physicalType": "decimal(10,2)",
            "logicalTypeOptions": {"minimum": 0}}]
CODE = """
import batuta, csv, os
with open(os.path.join(batuta.context.scratch, "orders.csv"), "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["id", "amount"])
    for n in range(int(batuta.params["rows"])):
        out.writerow([n, n / 2])
"""


def scripts_hand_in_tables():
    """a command and a Python task make tables by contract and without; one that fails leaves the old version; a DAG waits"""
    orders = {"table": "silver/shop/orders", "file": "orders.csv", "mode": "merge", "contract": "shop/orders"}
    days = {"table": "silver/shop/days", "file": "days.jsonl", "mode": "overwrite"}
    tasks = [{"task_id": "load", "type": "python", "code": CODE, "params": {"rows": "{{ params.rows }}"}, "outputs": [orders]},
             shell("days", "echo '{\"day\": \"2026-01-02\", \"n\": 1}' >days.jsonl; exit {{ params.code }}", outputs=[days])]
    follows = dag("follows", [shell("say", "echo seen")])
    follows["schedule"] = {"assets": ["lake://silver/shop/orders"]}
    with Folder("outputs") as folder:
        write(folder, "orders", contract("orders", SERVER, COLUMNS))
        server = folder.server({"scripts": dag("scripts", tasks, params={"rows": 3, "code": 0}), "follows": follows}).start()
        eventually(lambda: server.get("/api/v2/dags/scripts"), 20, "the DAG is known")

        def ended(conf, states):
            run = server.trigger("scripts", conf)["dag_run_id"]
            server.wait_run("scripts", run)
            seen = {name: task["state"] for name, task in server.tasks("scripts", run).items()}
            assert seen == states, (seen, server.log_text("scripts", run, "load"), server.log_text("scripts", run, "days"))
            return run

        good = {"load": "success", "days": "success"}
        ended({}, good)
        assert server.sql("SELECT count(*), CAST(sum(amount) AS DOUBLE) FROM silver.shop.orders") == [[3, 1.5]]
        assert server.sql("SELECT n FROM silver.shop.days") == [[1]]
        eventually(lambda: server.get("/api/v2/dags/follows/dagRuns")["dag_runs"], 20, "the asset's DAG runs")
        # The command fails after it wrote its file; the other task's table goes on.
        ended({"rows": 5, "code": 3}, {"load": "success", "days": "failed"})
        assert server.sql("SELECT count(*) FROM silver.shop.orders") == [[5]]
        assert server.sql("SELECT n FROM silver.shop.days") == [[1]]
        # What breaks the contract is not taken, with the counts in the reason.
        write(folder, "orders", contract("orders", SERVER, COLUMNS[:1] + [dict(COLUMNS[1], logicalTypeOptions={"minimum": 1})],
                                         version="1.1.0"))

        def refused():
            run = server.trigger("scripts", {"rows": 9})["dag_run_id"]
            server.wait_run("scripts", run)
            task = server.tasks("scripts", run)["load"]
            return task["state"] == "failed" and task["batuta"]["reason"]
        why = eventually(refused, 30, "a file that breaks its contract fails the task")
        assert "breaks the contract shop/orders" in why and "amount_below_minimum in 2 rows" in why, why


if __name__ == "__main__":
    main([scripts_hand_in_tables])
