#!/usr/bin/env python3
"""The risk pipeline whole: payments become features by account and hour, scores, alerts, and how right these were."""
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bundles import PATIENT, Bundle, run_by_one_command  # noqa: E402
from harness import Folder, eventually, main  # noqa: E402
from storm import ROUNDS, generator  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
FIRST = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-03T00:00:00Z"}
SECOND = {"start": "2026-03-03T00:00:00Z", "end": "2026-03-05T00:00:00Z"}
HOME, MIAMI = (-23.5505, -46.6333), (25.7617, -80.1918)


class Payments:
    """Ten accounts that pay at home, and what is told of them; account 2 is honest but for what `burst` adds."""

    def __init__(self, folder):
        self.folder, self.labels = folder, []
        (folder / "transactions").mkdir(parents=True)
        # The CPF of account 10 is too short: it is in no register, and counts all the same.
        self.write("accounts", "account_id,customer_id,cpf,opened_at,segment,limit,status,updated_at", [
            f"A{i:02},C{i:02},{'7' * (7 if i == 10 else 11)},2020-01-01,retail,5000.00,active,2020-01-01T12:00:00Z" for i in range(1, 11)])
        self.write("merchants", "merchant_id,name,mcc,uf,risk_tier", ["M1,Mercado,5411,SP,low", "M2,Jogos,7995,RJ,high"])
        self.write("fraud_labels", "transaction_id,label,reported_on", [])

    def write(self, name, head, lines):
        (self.folder / f"{name}.csv").write_text("".join(f"{line}\n" for line in [head, *lines]))

    def payment(self, id, account, at, **other):
        return {"transaction_id": id, "account_id": f"A{account:02}", "card_hash": "77", "merchant_id": "M1", "mcc": "5411",
                "amount": 10.25, "currency": "BRL", "channel": "pos", "device_id": "D1", "lat": HOME[0], "lon": HOME[1],
                "event_ts": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "auth_result": "approved", **other}

    def day(self, day):
        """Sent in that day: 40 honest payments, six of a burst of fraud, one fraud like any other, a spree that looks like fraud."""
        begins = datetime(2026, 3, 2, tzinfo=timezone.utc) + timedelta(days=day)
        rows = [self.payment(f"n{day}-{i}", 1 + i % 10, begins + timedelta(hours=12, minutes=15 * i)) for i in range(40)]
        rows += [self.payment(f"f{day}-{i}", 2, begins + timedelta(hours=4, minutes=4 * i), merchant_id="M2", channel="ecommerce",
                              currency="USD", amount=400, lat=MIAMI[0], lon=MIAMI[1],
                              auth_result="declined" if i % 2 else "approved") for i in range(6)]
        rows.append(self.payment(f"f{day}-lone", 3, begins + timedelta(hours=20), channel="ecommerce", amount=300))
        # 35 for the fifth payment within the hour, 5 for the network, and 20 for the one at a merchant of high risk.
        rows += [self.payment(f"s{day}-{i}", 10, begins + timedelta(hours=15, minutes=5 * i), channel="ecommerce",
                              merchant_id="M2" if i == 0 else "M1") for i in range(5)]
        rows += [self.payment(f"b{day}-1", 1, begins, channel="?"), self.payment(f"b{day}-2", 1, begins, amount="many"), rows[0]]
        (self.folder / "transactions" / f"{day}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.labels += [row["transaction_id"] for row in rows if row["transaction_id"][0] == "f"]
        self.write("fraud_labels", "transaction_id,label,reported_on", [f"{id},fraud,2026-03-09" for id in self.labels])

    def variables(self):
        return {"RISK_TRANSACTIONS": f"{self.folder}/transactions/*.jsonl", "RISK_ACCOUNTS": f"{self.folder}/accounts.csv",
                "RISK_MERCHANTS": f"{self.folder}/merchants.csv", "RISK_FRAUD_LABELS": f"{self.folder}/fraud_labels.csv"}


def check(server, days):
    """Every day finds its burst, misses what looks like any other payment, and takes one of a spree for fraud."""
    told = server.sql("SELECT model_id, transactions, frauds, alerts, hits, CAST(recall AS VARCHAR), CAST(precision AS VARCHAR) "
                      "FROM gold.risk.score_quality")
    assert told == [["points-1", 52 * days, 7 * days, 7 * days, 6 * days, "0.857143", "0.857143"]], told
    alerts = server.sql("SELECT transaction_id, customer_id FROM gold.risk.fraud_alert ORDER BY 1")
    assert alerts == sorted([[f"f{day}-{i}", "C02"] for day in range(days) for i in range(6)] +
                            [[f"s{day}-0", None] for day in range(days)]), alerts
    assert server.sql("SELECT count(*) FROM gold.risk.fraud_alert_hist WHERE is_current") == [[7 * days]]
    why = dict(server.sql("SELECT transaction_id, reasons FROM gold.risk.fraud_score WHERE transaction_id IN ('f0-0', 'f0-lone', 's0-0')"))
    assert why == {"f0-0": "velocity,foreign,merchant,declines,night,remote", "f0-lone": "remote",
                   "s0-0": "velocity,merchant,remote"}, why
    hour = server.sql("SELECT tx_count_1h, CAST(amount_1h AS VARCHAR), distinct_merchants_24h, CAST(declined_ratio AS VARCHAR) "
                      "FROM gold.risk.account_features_hour WHERE account_id = 'A02' AND hour = TIMESTAMPTZ '2026-03-02 04:00:00Z'")
    assert hour == [[6, "1200.00", 1, "0.500000"]], hour
    rejected = dict(server.sql("SELECT reason, count(*) FROM quarantine.risk.transactions GROUP BY ALL"))
    assert rejected == {"channel_mismatch": days, "bad_amount": days}, rejected


def one_command_runs_it_and_checks_every_number():
    """`batuta demo run risk --once` shows recall and precision last and ends with 0 when every number holds"""
    said = run_by_one_command("risk", ("account_features_hour", "fraud_score", "fraud_alert", "score_quality"))
    shown = said[said.index("\ngold/risk/score_quality\n"):]
    assert "recall" in shown and "precision" in shown and "points-1" in shown, shown


def days_come_in_two_runs_with_a_kill_between():
    """what is new since the last run is scored with what was there; recall and precision are what they must be; kill -9 changes nothing"""
    with Folder("risk") as folder, Bundle(folder, "risk") as bundle:
        payments = Payments(folder.path / "sources")
        payments.day(0)
        server = folder.server(env=TIMING)
        server.start()
        bundle.known(server)
        bundle.set_variables(server, payments.variables())
        bundle.wait(server, server.trigger("risk", conf=FIRST)["dag_run_id"])
        check(server, 1)
        payments.day(1)
        payments.day(2)
        run_id = server.trigger("risk", conf=SECOND)["dag_run_id"]
        eventually(lambda: server.tasks("risk", run_id)["account_features_hour"]["state"] in ("running", "publishing", "success"),
                   60, "features are being made")
        server.kill()
        server.start()
        bundle.wait(server, run_id)
        check(server, 3)
        assert server.sql("SELECT DISTINCT cpf FROM silver.risk.accounts") == [["***"]], "who it is stays in bronze"
        server.stop()
        server.check_database()


def a_storm_of_kills():
    """many kill -9 of scheduler, agent and slots while days of payments come in: every number is as it must be (./dev test long)"""
    rng = generator()
    with Folder("risk-storm") as folder, Bundle(folder, "risk", defects=3, default_args=PATIENT) as bundle:
        server = folder.server(env=TIMING).start()
        variables = bundle.simulate(1)
        bundle.known(server)
        bundle.set_variables(server, variables)
        first = datetime(2026, 3, 2)
        bundle.storm_of_days(server, rng, ROUNDS, lambda days: (first + timedelta(days=days)).strftime("%Y-%m-%dT00:00:00Z"))
        server.stop()
        server.check_database()


def the_files_are_sound():
    """contracts, DAG and models of the bundle are valid, the models' own tests pass, header and DAG say the same"""
    with Folder("risk-files") as folder:
        Bundle(folder, "risk").check_files()


main([the_files_are_sound, one_command_runs_it_and_checks_every_number, days_come_in_two_runs_with_a_kill_between]
     + ([a_storm_of_kills] if ROUNDS else []))
