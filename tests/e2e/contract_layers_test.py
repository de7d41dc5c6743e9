#!/usr/bin/env python3
"""What contracts make of a table besides silver: its history."""
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contracts_test import CLIENTS, both, contract, ended, known, write  # noqa: E402
from harness import Folder, dag, eventually, main  # noqa: E402

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
        server.stop()
        server.check_database()


if __name__ == "__main__":
    main([a_history_survives_kill_9])
