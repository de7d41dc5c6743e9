#!/usr/bin/env python3
"""The financial pipeline whole: from a JSON file to gold, on made and on real quotes."""
import csv
import json
import subprocess
import sys
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, DATA, FINANCIAL, SOURCE, Folder, dag, eventually, main, run, shell  # noqa: E402
from quotes import SIXTH, QuoteService  # noqa: E402

AAPL = DATA / "quotes" / "AAPL_daily_2015-2017.csv"
GOLD = "gold/financial/financial_data_hour"


def financial_dag(**changes):
    definition = json.loads(FINANCIAL.read_text())
    definition["schedule"] = None
    definition.update(changes)
    return definition


class Receiver:
    """A Slack that keeps what it is told."""

    def __init__(self):
        self.messages = messages = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()


def check_control_files(server):
    """Every attempt's files stand in its control row, and are there."""
    files = {}
    for job, names in server.sql("SELECT job_name, filename FROM mngt.ingestion_job_execution"):
        files[job.removeprefix("financial.financial_")] = json.loads(names)
    lake = Path(server.home) / "lake"
    for job, starts in (("extract", ("raw/", "bronze/")), ("transform", ("silver/", "quarantine/")),
                        ("aggregate", ("gold/",))):
        assert {name.split("/")[0] + "/" for name in files[job]} == set(starts), (job, files[job])
        assert all((lake / name).stat().st_size > 0 for name in files[job]), files[job]


def check_reports(server, run_id):
    """What each layer told of its data is kept and read by API and command line."""
    for task in ("transform", "aggregate"):
        report = server.get(f"/api/batuta/dags/financial/dagRuns/{run_id}/taskInstances/financial_{task}/report")
        assert report["try_number"] == 1 and len(report["lineage"]) == 1, report
        assert report["quality"] and all(rule["passed"] for rule in report["quality"]), report
    said = server.cli("tasks", "report", "financial", run_id, "financial_transform", "--try", "1")
    assert all(name in said.stdout for name in ("silver/financial/quotes", "bronze/financial/quotes")), said.stdout
    told = json.loads(server.cli("tasks", "report", "financial", run_id, "financial_aggregate",
                                 "--output", "json").stdout)
    assert told == report, told


def made_quotes_become_gold():
    """a made market with late, doubled and bad rows: tables as the truth says, quarantine with reasons"""
    with Folder("made") as folder, QuoteService(folder.path, seed=3, arguments=[
            "--rate-limit-rate", "0.1", "--error-rate", "0.05"]) as quotes:
        server = folder.server({"financial": financial_dag()}).start()
        quotes.connect(server)
        run = server.trigger("financial", conf=quotes.conf)
        assert server.wait_run("financial", run["dag_run_id"], 120)["state"] == "success", server.tasks(
            "financial", run["dag_run_id"])
        quotes.check_tables(server)
        truth = quotes.truth()
        bad = int(server.sql('SELECT count(*) FROM "quarantine/financial/quotes"')[0][0])
        assert bad >= sum(truth["bad"].values()) > 0, (bad, truth["bad"])
        assert not server.sql('SELECT 1 FROM "quarantine/financial/quotes" WHERE reason IS NULL OR reason = \'\'')
        # One identity through every layer and control row.
        execution = server.sql(f'SELECT DISTINCT execution_id FROM "{GOLD}"')
        bronze = server.sql('SELECT DISTINCT _run_id FROM "bronze/financial/quotes"')
        assert len(execution) == 1 and execution == bronze, (execution, bronze)
        control = server.get("/api/batuta/jobs/executions")["job_executions"]
        assert {row["execution_id"] for row in control} == {execution[0][0]}, control
        assert {row["status"] for row in control} == {"success"} and len(control) == 3, control
        check_control_files(server)
        check_control_columns(server)
        check_reports(server, run["dag_run_id"])
        before = server.sql(f'SELECT * EXCLUDE (execution_id) FROM "{GOLD}" ORDER BY ALL')
        # The same execution run again leaves the same tables.
        server.call("POST", f"/api/v2/dags/financial/dagRuns/{run['dag_run_id']}/clear",
                    {"dry_run": False, "only_failed": False})
        eventually(lambda: server.run("financial", run["dag_run_id"])["state"] != "success", 10, "it runs again")
        assert server.wait_run("financial", run["dag_run_id"], 120)["state"] == "success"
        assert server.sql(f'SELECT * EXCLUDE (execution_id) FROM "{GOLD}" ORDER BY ALL') == before
        quotes.check_tables(server)
        assert bad == int(server.sql('SELECT count(*) FROM "quarantine/financial/quotes"')[0][0])


def check_control_columns(server):
    """What was asked of each job in this run: parameters as rendered, its overlap, the data's window."""
    rows = server.sql("SELECT job_name, params, interval, overlap, start_time, end_time, created_at, updated_at "
                      "FROM mngt.ingestion_job_execution ORDER BY id")
    assert len(rows) == 3, rows
    for job, params, _, _, start, end, created, updated in rows:
        assert "{{" not in params, (job, params)
        assert start < end and created <= updated, (job, start, end, created, updated)
    extract = next(row for row in rows if row[0].endswith("financial_extract"))
    assert "tickers" in extract[1] and extract[3] == "15m", extract


def overlapping_runs_lose_no_late_row():
    """two overlapping windows: rows that came late are there, no row is there twice"""
    with Folder("overlap") as folder, QuoteService(folder.path, seed=5) as quotes:
        server = folder.server({"financial": financial_dag()}).start()
        quotes.connect(server)
        for start, end in (("00:00", "07:00"), ("05:00", "12:00")):
            conf = {"start": f"2026-03-02T{start}:00Z", "end": f"2026-03-02T{end}:00Z", "tickers": quotes.tickers}
            run = server.trigger("financial", conf=conf)["dag_run_id"]
            assert server.wait_run("financial", run, 120)["state"] == "success"
        quotes.check_tables(server)


def read_aapl():
    """{hour: exact expectations} of the real file: one bar a day, so an hour is a row."""
    rows = {}
    with open(AAPL, newline="") as file:
        for row in csv.DictReader(file):
            prices = [Decimal(row[f"AAPL.{name}"]) for name in ("Open", "High", "Low", "Close")]
            rows[row["Date"]] = (prices, int(row["AAPL.Volume"]))
    return rows


def real_quotes_become_gold():
    """506 real AAPL bars go through; gold agrees with sums computed apart from it"""
    if not AAPL.exists():
        print(f"skipped: no real quotes at {AAPL}; set BATUTA_TEST_DATA")
        return
    mapping = ("date=Date,open=AAPL.Open,high=AAPL.High,low=AAPL.Low,close=AAPL.Close,"
               "volume=AAPL.Volume,adj_close=AAPL.Adjusted")
    with Folder("real") as folder:
        service = subprocess.Popen([BATUTA, "demo", "quotes", "--port", "0", "--csv", AAPL, "--ticker", "AAPL",
                                    "--map", mapping, "--page-size", "100"], stdout=subprocess.PIPE, text=True)
        try:
            url = service.stdout.readline().strip().removesuffix("/v1/quotes")
            server = folder.server({"financial": financial_dag()}).start()
            server.call("POST", "/api/v2/connections",
                        {"connection_id": "quotes_api", "conn_type": "http", "host": url})
            run = server.trigger("financial", conf={"start": "2015-01-01T00:00:00Z", "end": "2017-12-31T00:00:00Z",
                                                    "tickers": ["AAPL"]})["dag_run_id"]
            assert server.wait_run("financial", run, 180)["state"] == "success", server.tasks("financial", run)
            check_aapl(server)
        finally:
            service.kill()


def check_aapl(server):
    expected = read_aapl()
    gold = server.sql("SELECT date::VARCHAR, open::VARCHAR, high::VARCHAR, low::VARCHAR, close::VARCHAR, "
                      "volume::VARCHAR, trades::VARCHAR, vwap::VARCHAR, \"return\"::VARCHAR "
                      f'FROM "{GOLD}" ORDER BY date')
    quarantined = int(server.sql('SELECT count(*) FROM "quarantine/financial/quotes"')[0][0]) if (
        "quarantine/financial/quotes" in server.cli("lake", "tables").stdout) else 0
    assert len(gold) + quarantined == len(expected), (len(gold), quarantined, len(expected))
    total_volume = 0
    with localcontext() as context:
        context.prec, context.rounding = 60, ROUND_HALF_EVEN
        for date, *values in gold:
            (first, high, low, last), volume = expected[date[:10]]
            vwap = ((high + low + last) * volume / 3 / volume).quantize(SIXTH)
            got = [Decimal(value) for value in values]
            assert got == [first, high, low, last, volume, 1, vwap, (last / first - 1).quantize(SIXTH)], (date, got)
            total_volume += volume
    assert total_volume == int(server.sql(f'SELECT sum(volume)::VARCHAR FROM "{GOLD}"')[0][0])


def a_failing_source_is_told_once():
    """retries, then one Slack message for the task that failed, none for those that never ran"""
    with Folder("alert") as folder:
        definition = financial_dag()
        definition["default_args"]["retry_delay"] = "1s"
        server = folder.server({"financial": definition}).start()
        receiver = Receiver()
        for body in ({"connection_id": "quotes_api", "conn_type": "http", "host": "http://127.0.0.1:9"},
                     {"connection_id": "slack_alerts", "conn_type": "slackwebhook", "host": receiver.url}):
            server.call("POST", "/api/v2/connections", body)
        for key, value in (("SLACK_ETL_ALERT_CHANNEL", "#etl"), ("SLACK_ETL_ALERT_USERNAME", "batuta")):
            server.call("POST", "/api/v2/variables", {"key": key, "value": value})
        run = server.trigger("financial", conf={**QuoteService.conf})["dag_run_id"]
        assert server.wait_run("financial", run, 180)["state"] == "failed"
        tasks = server.tasks("financial", run)
        assert tasks["financial_extract"]["state"] == "failed", tasks
        assert tasks["financial_extract"]["try_number"] == 3, tasks["financial_extract"]
        assert {tasks[name]["state"] for name in ("financial_transform", "financial_aggregate")} == {
            "upstream_failed"}, tasks
        eventually(lambda: receiver.messages, 20, "a message arrives")
        outbox = eventually(lambda: server.get("/api/batuta/outbox")["outbox"] == [] or None, 20, "nothing is left")
        assert outbox and len(receiver.messages) == 1, receiver.messages
        message = receiver.messages[0]
        assert message["channel"] == "#etl" and message["username"] == "batuta", message
        assert "financial_extract" in message["text"], message


def a_storm_is_a_few_messages():
    """200 failures of one DAG are a few messages that name each, and another DAG's alert does not wait behind them"""
    slack = {"notifier": "slack", "connection": "slack_alerts"}
    with Folder("storm") as folder:
        storm = dag("storm", [shell(f"t{n:03}", "exit 1", on_failure=slack) for n in range(200)], max_active_tasks=64)
        quiet = dag("quiet", [shell("alone", "exit 1", on_failure=slack)])
        server = folder.server({"storm": storm, "quiet": quiet}, arguments=["--slots", "4"]).start()
        receiver = Receiver()
        server.call("POST", "/api/v2/connections", {"connection_id": "slack_alerts", "conn_type": "slackwebhook",
                                                    "host": receiver.url})
        run = server.trigger("storm")["dag_run_id"]
        eventually(lambda: len(receiver.messages) >= 2, 30, "the storm is told")
        server.wait_run("quiet", server.trigger("quiet")["dag_run_id"])
        eventually(lambda: any("alone" in m["text"] for m in receiver.messages), 5, "the other DAG's alert comes")
        server.wait_run("storm", run)
        named = lambda: {f"t{n:03}" for n in range(200)  # noqa: E731
                         if any(f"t{n:03}" in m["text"] for m in receiver.messages)}
        eventually(lambda: len(named()) == 200, 30, "each is named")
        print(f"{len(receiver.messages)} messages", flush=True)
        assert len(receiver.messages) <= 40, len(receiver.messages)


def the_demo_runs_once():
    """standalone --demo --once ends with exit code 0 and prints the gold table and the monitors"""
    result = subprocess.run([BATUTA, "standalone", "--demo", "--once", "--dags", SOURCE / "dags"],
                            capture_output=True, text=True, timeout=180)
    assert result.returncode == 0, result.stdout + result.stderr
    run("contracts", "validate", FINANCIAL.parents[1] / "contracts")
    run("dags", "validate", FINANCIAL.parent)
    assert "1 passed, 0 failed" in run("models", "test", FINANCIAL.parents[1] / "models").stdout
    assert "WRONG" not in result.stdout, result.stdout
    assert f"holds {GOLD}: every row (3 rows)" in result.stdout or "is not compared" in result.stdout, result.stdout
    assert "run success" in result.stdout and GOLD in result.stdout and "vwap" in result.stdout, result.stdout
    told = [line.split() for line in result.stdout.split("\nmonitors (")[1].splitlines() if line.startswith("financial/")]
    assert len(told) == 7 and {row[3] for row in told if row[1] != "volume"} == {"well"}, result.stdout


if __name__ == "__main__":
    main([the_demo_runs_once, made_quotes_become_gold, overlapping_runs_lose_no_late_row,
          real_quotes_become_gold, a_failing_source_is_told_once, a_storm_is_a_few_messages])
