"""The demo's quote service as a child process, and what it says the tables must hold."""
import json
import subprocess
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path

from harness import BATUTA, eventually


class QuoteService:
    """Serves a deterministic market for one window and writes the truth about it."""

    tickers = ["PETR4", "VALE3"]
    window = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-02T12:00:00Z"}
    conf = {**window, "tickers": tickers}

    def __init__(self, folder: Path, seed=1, arguments=()):
        self.folder, self.truth_file = folder, folder / "truth.json"
        self.log = open(folder / "quotes.log", "ab")
        command = [BATUTA, "demo", "quotes", "--port", "0", "--seed", str(seed), "--tickers", ",".join(self.tickers),
                   "--now", "2026-03-03T00:00:00Z", "--truth", self.truth_file,
                   "--start", self.window["start"], "--end", self.window["end"], *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = self.read_url()

    def read_url(self):
        for line in self.process.stdout:
            if "http://" in line:
                return line[line.index("http://"):].split()[0].removesuffix("/v1/quotes")
        raise AssertionError("the quote service did not start: " + (self.folder / "quotes.log").read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def connect(self, server):
        for body in ({"connection_id": "quotes_api", "conn_type": "http", "host": self.url},
                     {"connection_id": "slack_alerts", "conn_type": "slackwebhook",
                      "host": "http://127.0.0.1:9/none"}):
            server.call("POST", "/api/v2/connections", body)

    def truth(self):
        return eventually(lambda: json.loads(self.truth_file.read_text()), 10, "the truth is written")

    def check_tables(self, server):
        """Keys are unique in silver and gold, and gold is what the service says it must be."""
        for table, key in (("silver/financial/quotes", "ticker, date"),
                           ("gold/financial/financial_data_hour", "ticker, date")):
            doubled = server.sql(f'SELECT {key}, count(*) FROM "{table}" GROUP BY {key} HAVING count(*) > 1')
            assert not doubled, f"rows twice in {table}: {doubled[:3]}"
        truth = self.truth()
        silver = server.sql('SELECT count(*) FROM "silver/financial/quotes"')[0][0]
        assert int(silver) == truth["silver_rows"], f"silver has {silver} rows, truth {truth['silver_rows']}"
        gold = server.sql("SELECT ticker, date::VARCHAR, trades::VARCHAR, volume::VARCHAR, open::VARCHAR, "
                          "high::VARCHAR, low::VARCHAR, close::VARCHAR, vwap::VARCHAR, \"return\"::VARCHAR "
                          'FROM "gold/financial/financial_data_hour" ORDER BY ticker, date')
        expected = sorted(truth["gold"], key=lambda row: (row["ticker"], row["date"]))
        assert len(gold) == len(expected), f"gold has {len(gold)} rows, truth {len(expected)}"
        for row, true in zip(gold, expected):
            check_hour(row, true)


SIXTH = Decimal("0.000001")


def check_hour(row, true):
    """One gold row against exact decimal arithmetic."""
    ticker, date, trades, volume, *prices = row
    assert (ticker, date[:13].replace(" ", "T")) == (true["ticker"], true["date"][:13]), (row, true)
    assert (int(trades), int(volume)) == (int(true["trades"]), int(true["volume"])), (row, true)
    got = [None if price is None else Decimal(price) for price in prices]
    first, high, low, last = (Decimal(true[name]) for name in ("open", "high", "low", "close"))
    with localcontext() as context:
        context.prec, context.rounding = 60, ROUND_HALF_EVEN
        vwap = (Decimal(true["price_volume"]) / 3 / int(true["volume"])).quantize(SIXTH) if int(true["volume"]) else None
        change = (last / first - 1).quantize(SIXTH)
    assert got == [first, high, low, last, vwap, change], (row, true, vwap, change)
