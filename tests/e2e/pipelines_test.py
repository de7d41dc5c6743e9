#!/usr/bin/env python3
"""The pipelines of tests/pipelines, whole, with real processes."""
import gzip
import json
import os
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import SOURCE, Folder, eventually, main, run  # noqa: E402

PIPELINES = SOURCE / "tests" / "pipelines"


def start(folder, *names, arguments=("--slots", "2")):
    """A server with these DAG files and the scripts that they name."""
    server = folder.server({name: (PIPELINES / f"{name}.json").read_text() for name in names}, arguments=list(arguments))
    shutil.copytree(PIPELINES / "scripts", server.dags / "scripts")
    return server.start()


def trigger(server, dag, run_id, date, **conf):
    server.call("POST", f"/api/v2/dags/{dag}/dagRuns", {"dag_run_id": run_id, "logical_date": f"{date}T01:00:00Z", "conf": conf})


def states(server, dag, run_id):
    return {name: task["state"] for name, task in server.tasks(dag, run_id).items()}


def nightly_deduplication():
    """17 tasks wait for a task of another DAG without a slot, go through, and the second day builds on the first"""
    with Folder("nightly") as folder:
        server = start(folder, "nightly_deduplication", "main_summary", arguments=("--slots", "1"))
        warehouse = folder.path / "warehouse"
        for day, run_id in (("2024-05-01", "first"), ("2024-05-02", "second")):
            trigger(server, "nightly_deduplication", run_id, day, warehouse=str(warehouse))
        # With one slot in all, everything else goes on while it waits.
        waiting = {"wait_for_main_events": "deferred", "experiment_enrollment_aggregates": None, "done": None}
        eventually(lambda: all(state == waiting.get(name, "success") for name, state in
                               states(server, "nightly_deduplication", "first").items()), 15, "all but what waits")
        assert server.run("nightly_deduplication", "second")["state"] == "queued", "one run at a time"
        for day, run_id in (("2024-05-01", "first"), ("2024-05-02", "second")):
            trigger(server, "main_summary", run_id, day, warehouse=str(warehouse))
            assert server.wait_run("nightly_deduplication", run_id)["state"] == "success"
        assert len(states(server, "nightly_deduplication", "second")) == 17
        read = lambda name: (warehouse / name).read_text()  # noqa: E731
        assert read("generated/2024-05-02") == "select count(*) from events where day = date 2024-05-02\n"
        assert read("experiment_enrollment_aggregates/2024-05-01") == (
            "experiment_enrollment_aggregates of 2024-05-01\n  event_events of 2024-05-01\n  main_events of 2024-05-01\n")
        assert read("core_last_seen/2024-05-02") == (
            "core_last_seen of 2024-05-02\n  core_clients_daily of 2024-05-02\n  core_last_seen of 2024-05-01\n"
            "    core_clients_daily of 2024-05-01\n    no core_last_seen/2024-04-30\n")
        assert all(f"{product}_last_seen of 2024-05-02" in read("forecast/2024-05-02") for product in ("core", "fenix", "vr"))
        assert read("copy/2024-05-01") == "copied 2024-05-01 in 100 slices, all but events.main\n"


def tour():
    """preconditions, retries, parts, a called DAG; handlers of success, failure and exit leave the run's state as it was"""
    with Folder("tour") as folder:
        server = start(folder, "tour", "tour_report")
        files = folder.path / "files"
        files.mkdir()
        trigger(server, "tour", "good", "2026-03-09", folder=str(files), day="today")
        assert server.wait_run("tour", "good")["state"] == "success"
        seen = server.tasks("tour", "good")
        assert seen["fetch"]["try_number"] == 2, seen["fetch"]
        assert {name: task["state"] for name, task in seen.items() if task["state"] != "success"} == {"on_failure": "skipped"}
        entry = server.get("/api/v2/dags/tour/dagRuns/good/taskInstances/fetch/xcomEntries/where")
        assert entry["value"] == "/tmp/tour", entry
        assert (files / "on_success").read_text() == "report of today: a b c\n"
        assert server.run("tour_report", "of_good")["state"] == "success"
        for file in files.iterdir():
            file.unlink()

        trigger(server, "tour", "bad", "2026-03-10", folder=str(files), breaks=True)
        trigger(server, "tour", "sunday", "2026-03-08", folder=str(files))
        assert server.wait_run("tour", "bad")["state"] == "failed"
        ended = states(server, "tour", "bad")
        del ended["transform"]  # three instances, of which one has failed
        assert ended == {
            "weekday": "success", "fetch": "success", "is_ready": "success", "report": "upstream_failed",
            "summary": "upstream_failed", "on_success": "upstream_failed", "on_failure": "success", "on_exit": "success",
            "end": "upstream_failed"}, ended
        assert sorted(file.name for file in files.iterdir()) == ["b", "c", "on_exit", "on_failure"]
        assert server.wait_run("tour", "sunday")["state"] == "success"
        left_out = states(server, "tour", "sunday")
        assert left_out.pop("weekday") == "success" and set(left_out.values()) == {"skipped"}, left_out


STUBS = {"pg_dump": 'echo "dump of $1"', "psql": 'printf "%s|" "$@"', "collect": "echo collected", "report": 'echo "report $1"',
         "sync-files": 'echo synced >"$1"', "warm-up-caches": "echo warm"}


def a_crontab():
    """import-crontab: the DAGs do what cron did, a failed pipe fails, and what needs a hand is told"""
    with Folder("crontab") as folder:
        tools, out = folder.path / "bin", folder.path / "out"
        for made in (tools, out):
            made.mkdir()
        for name, text in STUBS.items():
            (tools / name).write_text(f"#!/bin/sh\n{text}\n")
            (tools / name).chmod(0o755)
        (out / "settings").write_text("COLOUR=green\n")
        (out / "renew").write_text(f"#!/bin/sh\necho \"$1\" >{out}/renewed\n")
        (out / "renew").chmod(0o755)
        table = (PIPELINES / "crontab").read_text().replace("/opt/shop/bin", str(tools)).replace("/var/lib/shop", str(out))
        said = run("dags", "import-crontab", "-", "--to", folder.path / "dags", input=table)
        for needs_a_hand in ("MAILTO=ops@example.com", "@reboot"):
            assert needs_a_hand in said.stderr, said.stderr
        server = folder.server().start()
        dags = {one["dag_id"]: one for one in server.get("/api/v2/dags?limit=100&paused=true")["dags"]}
        assert len(dags) == 11 and all(one["is_paused"] for one in dags.values()), "nothing runs twice"
        zones = {server.get(f"/api/v2/dags/{dag}/details")["timezone"] for dag in dags}
        assert zones == {"Europe/Oslo"}, zones
        for dag in dags:
            server.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
            server.trigger(dag, run_id="r")
        ends = {dag: server.wait_run(dag, "r")["state"] for dag in dags}
        assert {dag for dag, state in ends.items() if state != "success"} == {"false"}, ends
        dumps = [file for file in out.iterdir() if file.name.startswith("shop-")]
        assert len(dumps) == 1 and dumps[0].read_text() == "dump of shop\n" and "%" not in dumps[0].name, dumps
        assert dumps[0].stat().st_mode & 0o777 == 0o644, "a readable mode"
        assert (out / "parts.txt").read_text() == "part 1\npart 2\npart 3\n"
        assert (out / "colour.txt").read_text() == "green\n"
        assert (out / "renewed").read_text() == "-q\n"
        assert (out / "collect.log").read_text() == "collected\n"
        assert (out / "synced").read_text() == "synced\n"
        result = server.get("/api/v2/dags/psql/dagRuns/r/taskInstances/run/xcomEntries/return_value")["value"]
        assert result == "-h|db|-c|vacuum|shop|", result


class Shop(BaseHTTPRequestHandler):
    told = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        brands = ["Café", "Nord", "Nord"]
        products = [{"title": f"thing, no. {i}", "brand": brands[i % 3], "price": i} for i in range(500)]
        text = json.dumps({"products": products, "total": 500}, ensure_ascii=False)
        self.answer(gzip.compress(text.encode("iso-8859-1")), "application/json; charset=iso-8859-1", "gzip")

    def do_POST(self):
        Shop.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(b"ok", "text/plain")

    def answer(self, body, kind, encoding=None):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def products():
    """an API's answer, packed and with a charset of its own; fields of it in a script, SQL over its file, a message"""
    shop = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    with Folder("products") as folder:
        server = start(folder, "products")
        server.call("POST", "/api/v2/connections", {"connection_id": "shop", "conn_type": "http",
                                                    "host": f"http://127.0.0.1:{shop.server_port}"})
        trigger(server, "products", "r", "2026-03-09", folder=str(folder.path))
        assert server.wait_run("products", "r")["state"] == "success", server.tasks("products", "r")
        table = (folder.path / "2026-03-09.csv").read_text(encoding="utf-8").splitlines()
        assert table[:2] == ["title,brand", '"thing, no. 0",Café'] and len(table) == 501, table[:3]
        assert Shop.told == [{"text": "brands of 2026-03-09, of 500 products: Nord 333, Café 167"}], Shop.told
    shop.shutdown()


if __name__ == "__main__":
    os.umask(0o022)
    main([nightly_deduplication, tour, a_crontab, products])
