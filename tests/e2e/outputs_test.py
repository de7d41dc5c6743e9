#!/usr/bin/env python3
"""Scripts that hand in tables, in a running Batuta: judged, published with the success or not at all, an asset for others, told as lineage."""
import gzip
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contracts_test import contract, write  # noqa: E402
from harness import Folder, dag, eventually, main, shell  # noqa: E402
from receivers import Hooks  # noqa: E402

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


class Collector(Hooks):
    """Of OpenLineage events, compressed and with a token."""

    def __init__(self):
        super().__init__()
        self.env = {"BATUTA_LINEAGE_URL": f"http://127.0.0.1:{self.port}", "BATUTA_LINEAGE_GZIP": "true",
                    "BATUTA_LINEAGE_TOKEN": '{"$env": "LINEAGE_TOKEN"}', "BATUTA_SECRETS_ENV": "LINEAGE_TOKEN",
                    "LINEAGE_TOKEN": "s3cret", "BATUTA_LINEAGE_NAMESPACE": "e2e"}

    def events(self, run):
        """What was taken of a run, each once, in the order in which it came first."""
        out = []
        for path, headers, body, status in self.seen:
            assert path == "/api/v1/lineage" and headers["Authorization"] == "Bearer s3cret", (path, headers)
            event = json.loads(gzip.decompress(body))
            if status == 200 and event not in out and event["run"]["facets"]["batuta"]["dag_run_id"] == run:
                out.append(event)
        return out

    def moments(self, run):
        return [event["eventType"] + " " + event["job"]["name"] for event in self.events(run)]


class Spans(Hooks):
    """A collector of OTLP over HTTP."""

    def of(self, run):
        """The spans of a run by name, each once."""
        out = {}
        for path, headers, body, status in self.seen:
            assert path == "/v1/traces" and headers["Content-Type"] == "application/json", (path, headers)
            if status != 200:
                continue
            for span in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
                told = {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}
                if told["batuta.run_id"] == run:
                    out[span["name"]] = {**span, "told": told}
        return out


def traces_are_told(server, spans, run):
    """A run is a trace with its tries below it, owed through a kill -9 too; a command knows the span that its try becomes."""
    told = eventually(lambda: len(spans.of(run)) == 3 and spans.of(run), 40, "the spans of the run and its two tries")
    assert set(told) == {"scripts", "scripts.load", "scripts.days"}, told
    whole, days = told["scripts"], told["scripts.days"]
    assert days["parentSpanId"] == whole["spanId"] and days["traceId"] == whole["traceId"], told
    assert days["status"] == {"code": 1} and days["told"]["batuta.plugin"] == "shell", days
    line = f"00-{days['traceId']}-{days['spanId']}-01"
    assert line in server.log_text("scripts", run, "days"), (line, server.log_text("scripts", run, "days"))
    eventually(lambda: "batuta_traces_held 0" in server.cli("metrics").stdout, 20, "no span is owed")


def lineage_is_told(server, collector, run):
    """What was owed through a kill -9 came, in order, and says which version of which table was made."""
    eventually(lambda: "COMPLETE scripts" in collector.moments(run), 40, "the run's events")
    moments = collector.moments(run)
    assert moments[0] == "START scripts" and moments[-1] == "COMPLETE scripts", moments
    for task in ("load", "days"):
        assert moments.index(f"START scripts.{task}") < moments.index(f"COMPLETE scripts.{task}"), moments
    made = {table["name"]: table for event in collector.events(run) for table in event["outputs"]}
    orders = made["silver/shop/orders"]
    assert orders["namespace"] == f"file://{server.home}/lake" and orders["facets"]["version"]["datasetVersion"] == "0", orders
    assert [field["name"] for field in orders["facets"]["schema"]["fields"]][:2] == ["id", "amount"], orders
    assert orders["outputFacets"]["outputStatistics"]["rowCount"] == 3 and "silver/shop/days" in made, made
    eventually(lambda: server.get("/api/batuta/outbox")["lineage"]["waiting"] == 0, 20, "nothing is owed")
    eventually(lambda: "batuta_lineage_held 0" in server.cli("metrics").stdout, 20, "no event is held")


def refused_lineage_is_kept(server, collector, run):
    """Events that the collector refuses are kept for people, and raise no alert of what else leaves."""
    outbox = lambda: server.get("/api/batuta/outbox?dead=true&limit=100")  # noqa: E731
    eventually(lambda: outbox()["total_entries"] >= 6, 20, "the events of a run and its two tasks, beside those of who follows")
    # Those of the DAG that follows are told beside them, and may come later.
    eventually(lambda: "batuta_outbox_pending 0" in server.cli("metrics").stdout, 20, "nothing is on its way")
    metrics = server.cli("metrics").stdout
    assert "batuta_outbox_dead 0" in metrics, metrics
    assert "answers 422" in server.cli("outbox", "list", "--output", "json").stdout
    collector.status = 200
    for row in outbox()["outbox"]:
        server.cli("outbox", "retry", row["id"])
    eventually(lambda: outbox()["total_entries"] == 0 and len(collector.events(run)) == 6, 20, "they are sent again")


def scripts_hand_in_tables():
    """a command and a Python task make tables by contract and without; one that fails leaves the old version; a DAG waits; lineage tells"""
    orders = {"table": "silver/shop/orders", "file": "orders.csv", "mode": "merge", "contract": "shop/orders"}
    days = {"table": "silver/shop/days", "file": "days.jsonl", "mode": "overwrite"}
    tasks = [{"task_id": "load", "type": "python", "code": CODE, "params": {"rows": "{{ params.rows }}"}, "outputs": [orders]},
             shell("days", "echo $TRACEPARENT; echo '{\"day\": \"2026-01-02\", \"n\": 1}' >days.jsonl; exit {{ params.code }}", outputs=[days])]
    follows = dag("follows", [shell("say", "echo seen")])
    follows["schedule"] = {"assets": ["lake://silver/shop/orders"]}
    collector = Collector()
    spans = Spans()
    collector.status = spans.status = 503
    collector.env["BATUTA_TRACES_URL"] = f"http://127.0.0.1:{spans.port}"
    with Folder("outputs") as folder:
        write(folder, "orders", contract("orders", SERVER, COLUMNS))
        server = folder.server({"scripts": dag("scripts", tasks, params={"rows": 3, "code": 0}), "follows": follows}, env=collector.env).start()
        eventually(lambda: server.get("/api/v2/dags/scripts"), 20, "the DAG is known")

        def ended(conf, states):
            run = server.trigger("scripts", conf)["dag_run_id"]
            server.wait_run("scripts", run)
            seen = {name: task["state"] for name, task in server.tasks("scripts", run).items()}
            assert seen == states, (seen, server.log_text("scripts", run, "load"), server.log_text("scripts", run, "days"))
            return run

        good = {"load": "success", "days": "success"}
        first = ended({}, good)
        eventually(lambda: "answers 503" in server.cli("doctor").stdout, 20, "doctor tells why lineage waits")
        server.kill()  # owed, and the collector is away
        collector.status = spans.status = 200
        server.start()
        lineage_is_told(server, collector, first)
        traces_are_told(server, spans, first)
        assert server.sql("SELECT count(*), CAST(sum(amount) AS DOUBLE) FROM silver.shop.orders") == [[3, 1.5]]
        assert server.sql("SELECT n FROM silver.shop.days") == [[1]]
        eventually(lambda: server.get("/api/v2/dags/follows/dagRuns")["dag_runs"], 20, "the asset's DAG runs")
        # The command fails after it wrote its file; the other task's table goes on.
        second = ended({"rows": 5, "code": 3}, {"load": "success", "days": "failed"})
        eventually(lambda: "FAIL scripts" in collector.moments(second), 20, "the failure is told")
        why = next(event for event in collector.events(second) if event["eventType"] == "FAIL" and event["job"]["name"] == "scripts.days")
        assert "code 3" in why["run"]["facets"]["errorMessage"]["message"], why
        assert server.sql("SELECT count(*) FROM silver.shop.orders") == [[5]]
        assert server.sql("SELECT n FROM silver.shop.days") == [[1]]
        collector.status = 422
        refused_lineage_is_kept(server, collector, ended({"rows": 5}, good))
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
