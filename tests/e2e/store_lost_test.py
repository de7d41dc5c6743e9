#!/usr/bin/env python3
"""A store that is taken away, missing, empty or damaged: nothing acknowledged is lost, nothing is made anew unasked."""
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, Folder, Refused, dag, eventually, main, shell  # noqa: E402

LOAD = dag("load", [shell("a", "true")])


def end_of(server):
    """The exit code of a server that ends by itself, and its last words."""
    server.process.wait(20)
    return server.process.returncode, server.log_tail()


def refused_start(server, *more):
    done = subprocess.run([*server.command, *more], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr


def a_deleted_store_is_noticed_and_what_was_acknowledged_comes_back():
    """rm of the database, or of its log, under a running server: it ends, and its copy has every trigger"""
    for gone in ("batuta.db", "batuta.db-wal", "batuta.db*"):
        with Folder("lost") as folder:
            server = folder.server({"load": LOAD}).start()
            runs = [server.trigger("load", run_id=f"before_{n}")["dag_run_id"] for n in range(3)]
            for file in server.home.glob(gone):
                file.unlink()
            for n in range(100):  # the first commit behind it ends the server; its caller is not told yes
                try:
                    runs.append(server.trigger("load", run_id=f"after_{n}")["dag_run_id"])
                except (Refused, OSError):
                    break
            code, words = end_of(server)
            assert code == 3, (gone, code, words)
            assert "was removed or replaced" in words and "batuta db restore" in words, words
            copy = next((server.home / "backups").glob("rescued-*.db"))
            code, words = refused_start(server)
            assert code == 5 and str(copy) in words, (code, words)
            print(server.cli("db", "restore", copy).stdout.strip(), flush=True)
            server.start()
            for run in runs:
                assert server.wait_run("load", run)["state"] == "success", run
            server.stop()


def a_replaced_store_is_noticed():
    """another file in the place of the database ends the server, too"""
    with Folder("replaced") as folder:
        server = folder.server({"load": LOAD}).start()
        server.wait_run("load", server.trigger("load")["dag_run_id"])
        copy = json.loads(server.cli("db", "backup", "--output", "json").stdout)
        os.replace(next(iter(copy.values())) if isinstance(copy, dict) else copy, server.home / "batuta.db")
        try:
            server.trigger("load", run_id="after")
        except (Refused, OSError):
            pass
        code, words = end_of(server)
        assert code == 3 and "was removed or replaced" in words, words


def a_home_that_was_in_use_gets_no_new_store_unasked():
    """a missing and an empty database beside a key are refused, admin.json stays; --new-store begins anew"""
    with Folder("missing") as folder:
        server = folder.server({"load": LOAD}).start()
        server.stop()
        admin = (server.home / "admin.json").read_text()
        code, words = refused_start(server, "--new-store")
        assert code == 7 and "a new store is made only where it is gone" in words, words
        for file in server.home.glob("batuta.db*"):
            file.unlink()
        code, words = refused_start(server)
        assert code == 5 and "is missing" in words and "--new-store" in words, words
        (server.home / "batuta.db").touch()
        code, words = refused_start(server)
        assert code == 5 and "is empty" in words, words
        assert (server.home / "admin.json").read_text() == admin
        server.command.append("--new-store")
        server.start()
        assert server.get("/api/v2/dags/load/dagRuns")["total_entries"] == 0
        assert (server.home / "admin.json").read_text() != admin
        server.stop()


def a_damaged_store_is_refused_at_the_start():
    """a page of nonsense is found before anything runs, and a copy is put back in its place"""
    with Folder("damaged") as folder:
        server = folder.server({"load": LOAD}).start()
        for n in range(20):
            server.trigger("load", run_id=f"r{n}")
        for n in range(20):
            server.wait_run("load", f"r{n}")
        server.stop()
        copy = folder.path / "copy.db"
        server.cli("db", "backup", copy)
        database = server.home / "batuta.db"
        with sqlite3.connect(database) as open_database:
            page = open_database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'dag_run'").fetchone()[0]
        open_database.close()
        whole = database.read_bytes()
        with open(database, "r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)
        damaged = database.read_bytes()
        code, words = refused_start(server)
        assert code == 6 and "is damaged" in words and "batuta db restore" in words, (code, words)
        assert database.read_bytes() == damaged, "nothing was changed"
        server.cli("db", "restore", copy)
        assert next((server.home / "backups").glob("replaced-*.db")).read_bytes() == damaged
        server.start()
        assert server.get("/api/v2/dags/load/dagRuns")["total_entries"] == 20
        server.stop()
        (folder.path / "no.db").write_bytes(whole[:5000])
        refused = server.cli("db", "restore", folder.path / "no.db", check=False)
        assert refused.returncode == 1 and "was not restored" in refused.stderr, refused.stderr
        server.check_database()


def a_second_scheduler_is_refused_though_the_lock_file_is_gone():
    """without scheduler.lock a second scheduler is refused, too, and the first goes on"""
    with Folder("second") as folder:
        server = folder.server({"load": LOAD}).start()
        (server.home / "scheduler.lock").unlink()
        code, words = refused_start(server)
        assert code == 4 and "in use by another scheduler" in words, (code, words)
        assert server.wait_run("load", server.trigger("load")["dag_run_id"])["state"] == "success"
        server.stop()


def a_restore_needs_the_server_to_stop():
    """a copy is not put under a running server"""
    with Folder("running") as folder:
        server = folder.server({"load": LOAD}).start()
        refused = server.cli("db", "restore", "whatever.db", check=False)
        assert refused.returncode != 0 and "in use" in refused.stderr, refused.stderr
        server.stop()


main([a_deleted_store_is_noticed_and_what_was_acknowledged_comes_back, a_replaced_store_is_noticed,
      a_home_that_was_in_use_gets_no_new_store_unasked, a_damaged_store_is_refused_at_the_start,
      a_second_scheduler_is_refused_though_the_lock_file_is_gone, a_restore_needs_the_server_to_stop])
