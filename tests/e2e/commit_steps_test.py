#!/usr/bin/env python3
"""kill -9 at every step of accept, publish and settle: the tables come out the same."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import FINANCIAL, Folder, eventually, main  # noqa: E402
from quotes import QuoteService  # noqa: E402

STEPS = ["accept_before_commit", "accept_after_commit", "publish_before_write", "publish_before_link",
         "publish_after_link", "publish_before_return", "settle_before_commit", "settle_after_commit"]
TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}


def financial_dag():
    return FINANCIAL.read_text().replace('"2m"', '"1s"')


def dies_at(step, occurrence):
    with Folder("step") as folder, QuoteService(folder.path, seed=7) as quotes:
        server = folder.server({"financial": financial_dag()}, env=TIMING).start()
        quotes.connect(server)
        server.stop()
        server.env["BATUTA_FAILPOINT"] = f"{step}:{occurrence}"
        server.start()
        run = server.trigger("financial", conf=quotes.conf)["dag_run_id"]
        eventually(lambda: server.process.poll() is not None, 60, f"the scheduler dies at {step}")
        del server.env["BATUTA_FAILPOINT"]
        server.start()
        ended = server.wait_run("financial", run, 90)
        assert ended["state"] == "success", server.tasks("financial", run)
        quotes.check_tables(server)
        server.stop()
        server.check_database()


def step_test(step, occurrence):
    def test():
        dies_at(step, occurrence)
    test.__name__ = f"{step}_{occurrence}"
    test.__doc__ = f"the scheduler dies at {step}, time {occurrence}"
    return test


if __name__ == "__main__":
    # The first is bronze; the third is within silver, whose quarantine table goes first.
    main([step_test(step, occurrence) for step in STEPS for occurrence in (1, 3)])
