#!/usr/bin/env python3
"""The ecommerce pipeline whole: messages of orders and cancellations become sales, made up and of a real shop."""
import csv
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bundles import PATIENT, Bundle, run_by_one_command  # noqa: E402
from harness import BATUTA, DATA, Folder, eventually, main, run  # noqa: E402
from kafka_mock import Brokers  # noqa: E402
from storm import ROUNDS, generator  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
RETAIL = DATA / "online_retail"


GOLD = ("sales_daily", "product_daily", "customer_rfm", "price_history", "cancel_rate")


def one_command_runs_it_and_checks_every_number():
    """`batuta demo run ecommerce --once --kafka HOST` has its messages from a broker, shows each gold table under its path, writes each as a file, and ends with 0 when every number holds"""
    refused = run("demo", "run", "risk", "--kafka", "127.0.0.1:9", "--once", code=2)
    assert "--kafka would change nothing" in refused.stderr, refused
    with Brokers({"Pedidos": 3, "Pedidos.dlq": 3}) as brokers:
        said = run_by_one_command("ecommerce", GOLD, "--kafka", brokers.bootstrap)
    for table in GOLD:
        assert f"\n  written {table}.parquet, " in said, said  # its folder is gone
    assert "(with --real: in PostgreSQL, too)" in said, said


def gold_is_delivered_to_a_postgresql_of_its_own():
    """`--real`: gold tables are in PostgreSQL as in the lake; kill -9 ends that server, too, and --clean removes it; a home of somebody's own is refused"""
    refused = run("demo", "run", "users", "--real", "--once", code=2)
    assert "--real would change nothing" in refused.stderr, refused
    with Folder("ecommerce-postgres") as folder:
        folder.path.chmod(0o711)  # a user who is not root passes through it
        home = folder.path / "home"
        home.mkdir()
        (home / "secret.key").write_text("somebody's")
        refused = run("demo", "run", "ecommerce", "--real", "--home", home, code=2)
        assert "--real starts no PostgreSQL server there" in refused.stderr and not (home / "demo/postgres").exists(), refused
        shutil.rmtree(home)
        process = subprocess.Popen([BATUTA, "demo", "run", "ecommerce", "--real", "--home", home, "--port", "0"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        stop = threading.Timer(200, process.kill)
        stop.start()
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C stops it" in line:
                break
        stop.cancel()
        try:
            for table in GOLD:
                assert f"holds in PostgreSQL: reports.ecommerce.{table} has the" in said, said
            [command] = [line.strip() for line in said.splitlines() if "psql -h" in line]
            query = "SELECT sum(net), count(*) FROM ecommerce.sales_daily"
            told = subprocess.run(f'{command} -qAtc "{query}"', shell=True, capture_output=True, text=True, timeout=30)
            lake = json.loads(run("lake", "sql", query.replace("FROM ", "FROM gold."), "--home", home, "-o", "json").stdout)
            assert told.stdout.strip().split("|") == [str(value) for value in lake[0].values()], (told, lake)
            # Tasks made the tables as a role of their own, which is no more than somebody who may log in.
            about = ("SELECT DISTINCT tableowner, rolsuper OR rolcreatedb OR rolcreaterole FROM pg_tables JOIN pg_roles ON rolname = tableowner "
                     "WHERE schemaname = 'ecommerce'")
            owner = subprocess.run([*shlex.split(command.split("' ", 1)[1]), "-qAtc", about], capture_output=True, text=True, timeout=30,
                                   env={**os.environ, "PGPASSFILE": command.split("'")[1]})
            assert owner.stdout.strip() == "ecommerce_publisher|f", owner
            port = int(command.split(" -p ")[1].split()[0])
            postgres = int((home / "demo/postgres/server/data/postmaster.pid").read_text().split()[0])
            assert os.getpgid(postgres) != os.getpgid(process.pid), "a terminal's Ctrl-C would stop it under the tasks that use it"
            # Nobody else gets in without the password.
            stranger = subprocess.run([*command.split()[1:], "-w", "-c", "SELECT 1"], capture_output=True, text=True, timeout=30, env={"PATH": os.environ["PATH"], "HOME": "/nowhere"})
            assert stranger.returncode != 0 and "password" in stranger.stderr, stranger
        finally:
            process.kill()
            process.wait(60)
        done = eventually(lambda: run("demo", "run", "--clean", "--home", home, code=None).stdout, 30, "whatever the demo started ends with it")
        assert "removed  demo/postgres" in done and not home.exists(), done
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server ends with what started it"


def days_come_in_two_runs_with_a_kill_between():
    """three days, then two more that take back what was sold before them: kill -9 in the midst doubles and loses nothing"""
    with Folder("ecommerce") as folder, Bundle(folder, "ecommerce", defects=3) as bundle:
        server = folder.server(env=TIMING)
        server.start()
        variables = bundle.simulate(3)
        bundle.known(server)
        bundle.set_variables(server, variables)
        bundle.wait(server, server.trigger("ecommerce")["dag_run_id"])
        bundle.check_truth(server)
        bundle.simulate(5)
        run_id = server.trigger("ecommerce")["dag_run_id"]
        eventually(lambda: server.tasks("ecommerce", run_id)["pedidos_transform"]["state"] in ("running", "publishing", "success"),
                   60, "silver is being made")
        server.kill()
        server.start()
        bundle.wait(server, run_id)
        bundle.check_truth(server)
        bundle.check_topic(server, "Pedidos", "ecommerce", "ecommerce.pedidos")
        bundle.simulate(5)
        assert "topic Pedidos: 0 new messages" in bundle.said, bundle.said
        server.stop()
        server.check_database()


def a_storm_of_kills():
    """many kill -9 of scheduler, agent and slots while days come in: every number is as it must be (./dev test long)"""
    rng = generator()
    with Folder("ecommerce-storm") as folder, Bundle(folder, "ecommerce", defects=3, default_args=PATIENT) as bundle:
        server = folder.server(env=TIMING).start()
        variables = bundle.simulate(1)
        bundle.known(server)
        bundle.set_variables(server, variables)
        for days in range(1, 2 + ROUNDS):
            bundle.simulate(days)
            bundle.storm(server, rng, server.trigger("ecommerce")["dag_run_id"], kills=6 + ROUNDS)
        server.stop()
        server.check_database()


def message_of(row):
    """A line of the real shop as a message of the topic."""
    year, month, day = row["InvoiceDate"][:10].split("-")
    return {"TransactionNo": row["InvoiceNo"], "Date": f"{int(month)}/{int(day)}/{year}", "ProductNo": row["StockCode"],
            "Product": row["Description"] or None, "Price": row["UnitPrice"], "Quantity": int(row["Quantity"]),
            "CustomerNo": row["CustomerID"].removesuffix(".0") or None, "Country": row["Country"]}


def expected_sales(messages):
    """{(date, country of the file): [orders, items, gross, cancelled]} computed by hand."""
    sales = defaultdict(lambda: [set(), 0, Decimal(0), Decimal(0)])
    for text in sorted({json.dumps(message, sort_keys=True) for message in messages}):
        m = json.loads(text)
        cancels, quantity = m["TransactionNo"].startswith("C"), m["Quantity"]
        if cancels != (quantity < 0) or quantity == 0:
            continue  # in doubt
        month, day, year = m["Date"].split("/")
        row = sales[f"{year}-{int(month):02}-{int(day):02}", m["Country"]]
        total = Decimal(m["Price"]).quantize(Decimal("0.01"), ROUND_HALF_UP) * quantity
        if cancels:
            row[3] -= total
        else:
            row[0].add(m["TransactionNo"])
            row[1] += quantity
            row[2] += total
    return sales


def real_days_of_a_shop():
    """two days of a real shop, cancellations, corrections and odd codes included, give the sums that were made apart"""
    if not RETAIL.is_dir():
        print(f"skipped: no {RETAIL} (BATUTA_TEST_DATA)")
        return
    with Folder("ecommerce-real") as folder, Bundle(folder, "ecommerce") as bundle:
        messages = [message_of(row) for file in sorted(RETAIL.glob("*.csv")) for row in csv.DictReader(open(file, newline=""))]
        variables = bundle.simulate(1)
        assert "wait in" in bundle.said, "made-up messages stay in the spool: there is no home yet"
        server = folder.server().start()
        bundle.known(server)
        bundle.set_variables(server, variables)
        server.cli("stream", "create", "Pedidos", "--partitions", "3")
        lines = "".join(message["TransactionNo"] + "|" + json.dumps(message) + "\n" for message in messages)
        server.cli("stream", "produce", "Pedidos", "--key-separator", "|", stdin=lines)
        bundle.wait(server, server.trigger("ecommerce")["dag_run_id"])
        rejected = server.sql("SELECT reason, count(*) FROM quarantine.ecommerce.pedidos GROUP BY ALL") if any(
            row["table"] == "quarantine/ecommerce/pedidos" for row in
            json.loads(server.cli("lake", "tables", "-o", "json").stdout)) else []
        assert not rejected, rejected
        doubts = dict(server.sql("SELECT doubt, count(*) FROM silver.ecommerce.order_lines WHERE doubt IS NOT NULL GROUP BY ALL"))
        assert set(doubts) == {"negative_sale"}, doubts
        iso2 = dict(server.sql("SELECT written, iso2 FROM silver.ecommerce.country_names"))
        expected = sorted([date, iso2[country.upper().strip()], str(len(row[0])), str(row[1]), f"{row[2]:.2f}", f"{row[3]:.2f}",
                           f"{row[2] - row[3]:.2f}"] for (date, country), row in expected_sales(messages).items())
        found = server.sql("SELECT CAST(date AS VARCHAR), country, CAST(orders AS VARCHAR), CAST(items AS VARCHAR), "
                           "CAST(gross AS VARCHAR), CAST(cancelled AS VARCHAR), CAST(net AS VARCHAR) "
                           "FROM gold.ecommerce.sales_daily")
        assert sorted(found) == expected, [row for row in found if row not in expected][:5]
        odd = server.sql("SELECT count(DISTINCT product_no) FROM silver.ecommerce.order_items WHERE NOT product_code_valid")
        assert int(odd[0][0]) > 0, "codes such as POST and M are marked"


def the_files_are_sound():
    """contracts, DAG and models of the bundle are valid, the models' own tests pass, header and DAG say the same"""
    with Folder("ecommerce-files") as folder:
        Bundle(folder, "ecommerce").check_files()


main([the_files_are_sound, one_command_runs_it_and_checks_every_number, gold_is_delivered_to_a_postgresql_of_its_own, days_come_in_two_runs_with_a_kill_between,
      real_days_of_a_shop] + ([a_storm_of_kills] if ROUNDS else []))
