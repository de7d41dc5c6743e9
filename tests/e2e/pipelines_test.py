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
from container_engine import Engine  # noqa: E402
from harness import SOURCE, Folder, eventually, main, run  # noqa: E402
from receivers import Hooks, Mails, connect, text_of  # noqa: E402

PIPELINES = SOURCE / "tests" / "pipelines"


def start(folder, *names, arguments=("--slots", "2"), images=()):
    """A server with these DAG files, the scripts that they name, an engine with these images, and a mail server."""
    socket = folder.path / "engine.sock"
    folder.engine = Engine(socket, images, {}) if images else None
    server = folder.server({name: (PIPELINES / f"{name}.json").read_text() for name in names}, arguments=list(arguments),
                           env={"BATUTA_WORKER_CONTAINER_SOCKET": str(socket), "BATUTA_WORKER_CONTAINER_IMAGES": ",".join(images)} if images else {})
    shutil.copytree(PIPELINES / "scripts", server.dags / "scripts")
    server.start()
    folder.mails = Mails()
    connect(server, "smtp", "email", host="127.0.0.1", port=folder.mails.port, extra={"from": "batuta@example.org", "tls": "none"})
    return server


def told(folder, words):
    """The receivers of the mail that has these words."""
    return next((sorted(mail["to"]) for mail in list(folder.mails.mails) if words in text_of(mail)), None)


def trigger(server, dag, run_id, date, **conf):
    server.call("POST", f"/api/v2/dags/{dag}/dagRuns", {"dag_run_id": run_id, "logical_date": f"{date}T01:00:00Z", "conf": conf})


def states(server, dag, run_id):
    return {name: task["state"] for name, task in server.tasks(dag, run_id).items()}


def nightly_deduplication():
    """17 tasks wait for a task of another DAG without a slot, go through, and the second day builds on the first"""
    with Folder("nightly") as folder:
        tool = folder.path / "copy_deduplicate"  # what stands in the image
        tool.write_text("#!/bin/sh\necho \"$*\"\n")
        tool.chmod(0o755)
        os.environ["PATH"] = f"{folder.path}:{os.environ['PATH']}"
        server = start(folder, "nightly_deduplication", "main_summary", arguments=("--slots", "1"), images=["registry.example.org/etl/copy:1.4"])
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
        copied = server.get("/api/v2/dags/nightly_deduplication/dagRuns/first/taskInstances/copy_deduplicate_all/xcomEntries/return_value")
        assert copied["value"] == "--date 2024-05-01 --slices 100 --except events.main", copied
        # A try that fails is told to the list of all, the end of a task to that task's own.
        trigger(server, "nightly_deduplication", "third", "2024-05-03", warehouse="/dev/null/none")
        eventually(lambda: told(folder, "event_events") == ["events@example.org"], 15, "the mail of a retry")
        server.call("PATCH", "/api/v2/dags/nightly_deduplication/dagRuns/third/taskInstances/event_events", {"new_state": "failed"})
        both = ["events@example.org", "frontend@example.org"]
        eventually(lambda: any(sorted(mail["to"]) == both for mail in list(folder.mails.mails)), 15, "the mail of a failure")


def tour():
    """preconditions, retries by exit code, a failure passed over by its output, a container, parts, a called DAG, mail; handlers leave the run's state"""
    with Folder("tour") as folder:
        server = start(folder, "tour", "tour_report", images=["registry.example.org/etl/pack:2"])
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
        assert "continue_on" in seen["tidy"]["batuta"]["reason"], seen["tidy"]
        packed = server.get("/api/v2/dags/tour/dagRuns/good/taskInstances/packed/xcomEntries/return_value")
        assert packed["value"] == "today packed", packed
        eventually(lambda: told(folder, "report of today") == ["tour@example.org"], 10, "the mail of the tour")
        for file in files.iterdir():
            file.unlink()

        trigger(server, "tour", "bad", "2026-03-10", folder=str(files), breaks=True)
        trigger(server, "tour", "sunday", "2026-03-08", folder=str(files))
        assert server.wait_run("tour", "bad")["state"] == "failed"
        ended = states(server, "tour", "bad")
        del ended["transform"]  # three instances, of which one has failed
        assert ended == {
            "fetch": "success", "tidy": "success", "packed": "success", "report": "upstream_failed", "summary": "upstream_failed",
            "mail": "upstream_failed", "on_success": "upstream_failed", "on_failure": "success", "on_exit": "success",
            "end": "upstream_failed"}, ended
        eventually(lambda: told(folder, "transform") == ["tour@example.org"], 10, "the mail of the failed run")
        assert sorted(file.name for file in files.iterdir()) == ["b", "c", "on_exit", "on_failure"]
        assert server.wait_run("tour", "sunday")["state"] == "success"
        left_out = states(server, "tour", "sunday")
        assert set(left_out.values()) == {"skipped"}, left_out


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
        for file in (folder.path / "dags").glob("*.json"):
            made = json.loads(file.read_text())
            # Of two runs at a time flock lets one through, and a log has the lines of both: no tick beside ours.
            file.write_text(json.dumps({**made, "start_date": "2100-01-01T00:00:00Z"}))
        server = folder.server().start()
        listed = lambda: {one["dag_id"]: one for one in server.get("/api/v2/dags?limit=100&paused=true")["dags"]}
        dags = eventually(lambda: len(listed()) == 11 and listed(), 10, "the DAGs of the crontab")
        assert all(one["is_paused"] for one in dags.values()), "nothing runs twice"
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
    def log_message(self, *_):
        pass

    def do_GET(self):
        brands = ["Café", "Nord", "Nord"]
        products = [{"title": f"thing, no. {i}", "brand": brands[i % 3], "price": i, "of": "x" * 24} for i in range(4000)]
        text = json.dumps({"products": products, "total": 4000}, ensure_ascii=False)
        assert len(text) > 300_000
        self.answer(gzip.compress(text.encode("iso-8859-1")), "application/json; charset=iso-8859-1", "gzip")

    def answer(self, body, kind, encoding=None):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def products():
    """an API's answer of 300 KB, packed and with a charset of its own; fields of it in a script, SQL over its file, a message"""
    chat = Hooks()
    shop = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    with Folder("products") as folder:
        server = start(folder, "products")
        server.call("POST", "/api/v2/connections", {"connection_id": "shop", "conn_type": "http",
                                                    "host": f"http://127.0.0.1:{shop.server_port}"})
        connect(server, "chat", "slackwebhook", host=f"http://127.0.0.1:{chat.port}/services", password="T0/s3cret")
        trigger(server, "products", "r", "2026-03-09")
        assert server.wait_run("products", "r")["state"] == "success", server.tasks("products", "r")
        made = server.get("/api/v2/dags/products/dagRuns/r/taskInstances/to_csv/xcomEntries/return_value")["value"]
        table = Path(made["file"]).read_text(encoding="utf-8").splitlines()
        assert table[:2] == ["title,brand", '"thing, no. 0",Café'] and len(table) == 4001, table[:3]
        said = json.dumps(chat.taken("/services/T0/s3cret"), ensure_ascii=False)
        assert "brands of 2026-03-09, of 4000 products: Nord, Café; most: 2666" in said, said
    shop.shutdown()


if __name__ == "__main__":
    os.umask(0o022)
    main([nightly_deduplication, tour, a_crontab, products])
