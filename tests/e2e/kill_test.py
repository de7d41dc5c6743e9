#!/usr/bin/env python3
"""kill -9 of scheduler, agent and slots at random moments under load, with a ledger."""
import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import FINANCIAL, Folder, Refused, dag, eventually, main, shell  # noqa: E402
import ledger  # noqa: E402
from quotes import QuoteService  # noqa: E402
from storm import kill_many  # noqa: E402

KILLS = int(os.environ.get("BATUTA_KILLS", "210"))
# Short lease: what a kill costs should be the work of locks, not of waiting.
TIMING = {"BATUTA_HEARTBEAT": "500ms", "BATUTA_LEASE": "4s"}


class Clients(threading.Thread):
    """Triggers runs without pause, each with an idempotency key, again until it is acknowledged."""

    def __init__(self, server, seed):
        super().__init__(daemon=True)
        self.server, self.random = server, random.Random(seed)
        self.acknowledged, self.stopping, self.count = {}, False, 0

    def run(self):
        while not self.stopping:
            self.count += 1
            key = f"key-{self.count}"
            while not self.stopping:
                try:
                    answer = self.server.trigger("load", key=key)
                    self.acknowledged[key] = answer["dag_run_id"]
                    break
                except (OSError, Refused, ValueError):
                    time.sleep(0.02)
            time.sleep(0.05 + self.random.random() * 0.1)


def all_ended(server, runs):
    states = {}
    for offset in range(0, 100_000, 1000):
        page = server.get(f"/api/v2/dags/load/dagRuns?limit=1000&offset={offset}")["dag_runs"]
        states.update({run["dag_run_id"]: run["state"] for run in page})
        if len(page) < 1000:
            break
    lost = [run for run in runs if run not in states]
    assert not lost, f"{len(lost)} acknowledged triggers are lost: {lost[:3]}"
    return all(states[run] in ("success", "failed") for run in runs) and states


def survives_random_kills():
    """no trigger lost, no overlap, every success on the ledger, no row twice, database intact"""
    seed = int(os.environ.get("BATUTA_SEED", random.randrange(2**32)))
    print(f"seed {seed}, {KILLS} kills", flush=True)
    rng = random.Random(seed)
    with Folder("kill") as folder, QuoteService(folder.path, seed=seed % 1000) as quotes:
        book = folder.path / "ledger"
        book.touch()
        tasks = [shell("a", ledger.command(book, 0.05)),
                 shell("b", ledger.command(book, 0.02), ["a"]),
                 shell("c", ledger.command(book, 0.15), ["a"]),
                 shell("d", ledger.command(book, 0.01), ["b", "c"])]
        # So many kills may meet one task more often than a machine that is well loses one.
        load = dag("load", tasks, max_active_runs=8,
                   default_args={"retries": 50, "retry_delay": "100ms", "infrastructure_retries": min(KILLS, 1000)})
        financial = FINANCIAL.read_text().replace('"2m"', '"1s"').replace(
            '"retries": 2', '"retries": 50')
        server = folder.server({"load": load, "financial": financial}, env=TIMING,
                               arguments=["--slots", "4"]).start()
        quotes.connect(server)
        pipeline = server.trigger("financial", conf=quotes.conf)["dag_run_id"]
        clients = Clients(server, seed)
        clients.start()
        killed = kill_many(server, rng, KILLS)
        clients.stopping = True
        clients.join(30)
        print(f"killed {killed}, {len(clients.acknowledged)} triggers acknowledged", flush=True)

        runs = set(clients.acknowledged.values())
        assert len(runs) == len(clients.acknowledged), "two keys share a run"
        states = eventually(lambda: all_ended(server, runs), 180, "every acknowledged run ends")
        succeeded = []
        for run in runs:
            for task in server.tasks("load", run).values():
                if task["state"] == "success":
                    succeeded.append((run, task["task_id"], task["try_number"]))
        entries = ledger.read(book)
        ledger.check_no_overlap(entries)
        ledger.check_successes(entries, succeeded)
        failed = [run for run, state in states.items() if state == "failed" and run in runs]
        assert not failed, f"failed although retries remained: {failed[:3]}"

        run = server.wait_run("financial", pipeline, 120)
        if run["state"] == "failed":  # its retries were eaten by kills: cleared, it must go through
            server.call("POST", f"/api/v2/dags/financial/dagRuns/{pipeline}/clear",
                        {"dry_run": False, "only_failed": True})
            run = server.wait_run("financial", pipeline, 120)
        assert run["state"] == "success", server.tasks("financial", pipeline)
        quotes.check_tables(server)
        server.stop()
        server.check_database()


if __name__ == "__main__":
    main([survives_random_kills])
