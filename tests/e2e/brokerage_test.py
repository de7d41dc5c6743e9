#!/usr/bin/env python3
"""The brokerage pipeline whole: made-up clients, orders, quotes and postal codes become positions, to the cent."""
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bundles import PATIENT, Bundle, run_by_one_command  # noqa: E402
from harness import BATUTA, Folder, eventually, main, run  # noqa: E402
from storm import ROUNDS, generator  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
FIRST = {"start": "2025-01-01T00:00:00Z", "end": "2026-03-05T00:00:00Z"}
CLIENTS = "SELECT client_id, CAST(updated_at AS VARCHAR) FROM silver.brokerage.clients"
SECOND = {"start": "2026-03-05T00:00:00Z", "end": "2026-03-07T00:00:00Z"}


def one_command_runs_it_and_checks_every_number():
    """`batuta demo run brokerage --once --real` reads the clients from a PostgreSQL of its own, and ends with 0 when every number holds"""
    said = run_by_one_command("brokerage", ("client_profile", "client_position", "portfolio_daily", "ticker_daily", "trade_profit"), "--real")
    assert "holds silver/brokerage/clients" in said, said
    # Of a demo's own folder: beside this test another may run a server in a home of its own.
    left = [name for name in processes() if re.search(r"/batuta-\w{6}/demo/postgres/server/data", name)]
    assert not left, left


def processes():
    """The command lines of all processes that still are when they are looked at."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")


def a_pipeline_that_nobody_knows_is_refused_with_the_list():
    """`batuta demo run` of another name ends with 2 and says which there are"""
    assert "there are financial, brokerage" in run("demo", "run", "nothing", "--once", code=2).stderr


def days_come_in_two_runs_with_a_kill_between():
    """three days, then two more: increments and late records join, kill -9 in the midst doubles and loses nothing"""
    with Folder("brokerage") as folder, Bundle(folder, "brokerage") as bundle:
        server = folder.server(env=TIMING)
        server.start()
        variables = bundle.simulate(3)
        bundle.known(server)
        bundle.set_variables(server, variables)
        bundle.connect(server, "brokerage_api", bundle.serve(3))
        bundle.wait(server, server.trigger("brokerage", conf=FIRST)["dag_run_id"])
        bundle.check_truth(server)
        clients = set(map(tuple, server.sql(CLIENTS)))
        bundle.simulate(5)
        bundle.connect(server, "brokerage_api", bundle.serve(5))
        run_id = server.trigger("brokerage", conf=SECOND)["dag_run_id"]
        eventually(lambda: any(task["state"] in ("running", "publishing", "success") and name.endswith("_transform")
                               for name, task in server.tasks("brokerage", run_id).items()), 60, "silver is being made")
        for pid in server.pids("slot") + server.pids("agent"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.kill()
        server.start()
        bundle.wait(server, run_id)
        bundle.check_truth(server)
        bundle.check_topic(server, "orders", "brokerage", "brokerage.orders")
        # Every client that changed has a state that ended; the others have one.
        changed = len(clients - set(map(tuple, server.sql(CLIENTS))))
        ended = server.sql("SELECT count(*) FROM silver.brokerage.clients_hist WHERE NOT is_current AND valid_to > valid_from")
        assert changed > 0 and int(ended[0][0]) == changed, (changed, ended)
        ended = server.sql("SELECT count(*) FROM gold.brokerage.client_position_hist WHERE NOT is_current")
        assert int(ended[0][0]) > 0, "positions of two days before have ended"
        named = server.sql("SELECT DISTINCT cpf, name, email, phone, street FROM silver.brokerage.clients")
        assert named == [["***"] * 5], "silver names nobody"
        # A run that finds nothing new changes nothing.
        versions = server.sql("SELECT count(*) FROM silver.brokerage.orders")
        bundle.wait(server, server.trigger("brokerage", conf=SECOND)["dag_run_id"])
        assert server.sql("SELECT count(*) FROM silver.brokerage.orders") == versions
        bundle.check_truth(server)
        # Three days later nobody has sent anything.
        run_id = server.trigger("brokerage", conf={"start": SECOND["end"], "end": "2026-03-10T00:00:00Z"})["dag_run_id"]
        bundle.wait(server, run_id)
        alerts = server.sql("SELECT source, state FROM gold.brokerage.alerts WHERE execution_id = "
                            "(SELECT arg_max(execution_id, _computed_at) FROM gold.brokerage.alerts) ORDER BY source")
        assert alerts == [[name, "stale"] for name in ("clients", "orders", "stockquotes")], alerts
        server.stop()
        server.check_database()


def end_of(days):
    """The midnight behind the last of so many days of trading."""
    at = datetime(2026, 3, 2)
    while days := days - (at.weekday() < 5):
        at += timedelta(days=1)
    return (at + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z")


def a_storm_of_kills():
    """many kill -9 of scheduler, agent and slots while days of trading come in: every number is as it must be (./dev test long)"""
    rng = generator()
    with Folder("brokerage-storm") as folder, Bundle(folder, "brokerage", default_args=PATIENT) as bundle:
        server = folder.server(env=TIMING).start()
        variables = bundle.simulate(1)
        bundle.known(server)
        bundle.set_variables(server, variables)
        bundle.storm_of_days(server, rng, ROUNDS, end_of,
                             lambda days: bundle.connect(server, "brokerage_api", bundle.serve(days)))
        bundle.check_topic(server, "orders", "brokerage", "brokerage.orders")
        server.stop()
        server.check_database()


def a_source_that_has_sent_nothing_is_an_empty_table():
    """no split yet: silver has the table all the same, and the models that read it go through"""
    with Folder("brokerage-empty") as folder, Bundle(folder, "brokerage") as bundle:
        server = folder.server()
        server.start()
        variables = bundle.simulate(1)
        bundle.known(server)
        bundle.set_variables(server, variables)
        bundle.connect(server, "brokerage_api", bundle.serve(1))
        bundle.wait(server, server.trigger("brokerage", conf={**FIRST, "end": "2026-03-03T00:00:00Z"})["dag_run_id"])
        assert server.sql("SELECT * FROM silver.brokerage.splits") == []
        bundle.check_truth(server)


def what_is_wrong_is_shown_row_by_row():
    """who changes a copied model keeps it at the next start, and the rows that are wrong then are shown; --clean leaves it, too"""
    with Folder("brokerage-wrong") as folder:
        home = folder.path / "home"
        model = home / "bundles/brokerage/models/gold/brokerage/ticker_daily.sql"
        model.parent.mkdir(parents=True)
        text = (Path(os.environ.get("BATUTA_SOURCE_DIR", ".")) / "pipelines/brokerage/models/gold/brokerage/ticker_daily.sql").read_text()
        model.write_text(text.replace("CAST(sum(volume) AS BIGINT) AS volume", "CAST(sum(volume) + 1 AS BIGINT) AS volume"))
        process = subprocess.Popen([BATUTA, "demo", "run", "brokerage", "--home", home, "--port", "0"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        stop = threading.Timer(240, process.kill)
        stop.start()
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C stops it" in line:
                break
        stop.cancel()
        busy = run("demo", "run", "--clean", "--home", home, code=None)
        process.terminate()
        process.wait(60)
        said = "".join(lines)
        assert "WRONG gold/brokerage/ticker_daily: every row" in said and "      missing [" in said, said
        assert "      unexpected [" in said and "holds gold/brokerage/client_position: every row" in said, said
        assert model.read_text() != text
        check_cleaning(home, busy, model)


def check_cleaning(home, busy, model):
    """Of a demo that has ended: what it made goes and is told; what is somebody's own stays and is told, too."""
    assert busy.returncode != 0 and "removed" not in busy.stdout and "scheduler" in busy.stderr, busy
    mine = home / "demo" / "dags" / "mine.json"
    mine.write_text("{}")
    (home / "domains").mkdir(exist_ok=True)  # as a domain that was destroyed leaves it
    done = run("demo", "run", "--clean", "--home", home).stdout
    told = {line.split()[1]: line.split()[0] for line in done.splitlines()[1:]}
    assert {name for name, what in told.items() if what == "kept"} == {str(path.relative_to(home)) for path in (model, mine)}, done
    assert {"lake", "stream", "secret.key", "batuta.db", "demo/brokerage"} <= {name for name, what in told.items() if what == "removed"}, done
    assert sorted(path for path in home.rglob("*") if path.is_file()) == sorted([model, mine]), list(home.rglob("*"))
    assert not (home / "domains").exists(), list(home.rglob("*"))
    # Again: there is nothing more; and with the last file of one's own, the folder is all that is left.
    assert "nothing to remove" in run("demo", "run", "--clean", "--home", home).stdout
    assert mine.is_file() and model.is_file()
    (home / "batuta.db").write_text("somebody's")
    refused = run("demo", "run", "--clean", "--home", home, code=None)
    assert refused.returncode != 0 and "no demo made the installation in" in refused.stderr, refused
    assert (home / "batuta.db").read_text() == "somebody's"


def the_files_are_sound():
    """contracts, DAG and models of the bundle are valid, the models' own tests pass, header and DAG say the same"""
    with Folder("brokerage-files") as folder:
        Bundle(folder, "brokerage").check_files()


assert [end_of(days)[:10] for days in (1, 5, 6)] == ["2026-03-03", "2026-03-07", "2026-03-10"]
main([the_files_are_sound, a_pipeline_that_nobody_knows_is_refused_with_the_list, one_command_runs_it_and_checks_every_number,
      days_come_in_two_runs_with_a_kill_between, a_source_that_has_sent_nothing_is_an_empty_table, what_is_wrong_is_shown_row_by_row] + ([a_storm_of_kills] if ROUNDS else []))
