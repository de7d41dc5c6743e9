#!/usr/bin/env python3
"""`batuta clone`: an installation to look at elsewhere, taken from a running server, without its secrets."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, FINANCIAL, Folder, Server, dag, eventually, main, shell  # noqa: E402
from quotes import QuoteService  # noqa: E402

GOLD = "gold/financial/financial_data_hour"


def a_running_server_is_cloned():
    """runs, DAGs and a chosen table are there; secrets, users, live runs are not; the clone starts and runs on its own"""
    with Folder("clone") as folder, QuoteService(folder.path, seed=5) as quotes:
        financial = json.loads(FINANCIAL.read_text())
        financial["schedule"] = None
        server = folder.server({"financial": financial, "waits": dag("waits", [shell("a", "sleep 600")]),
                                "quick": dag("quick", [shell("a", "echo done")])})
        # One bundle that the settings name, and one that is dropped in.
        server.home.mkdir(mode=0o700)
        (server.home / "batuta.json").write_text(json.dumps(
            {"bundles": [{"name": "sales", "path": str(folder.path / "sales")}, {"name": "away", "git": "/no/repository"}]}))
        for bundle in (folder.path / "sales", server.home / "bundles" / "risk"):
            (bundle / "dags").mkdir(parents=True)
            (bundle / "dags" / "side.json").write_text(json.dumps(dag(f"of_{bundle.name}", [shell("a", "true")])))
        server.start()
        quotes.connect(server)
        server.call("POST", "/api/v2/variables", {"key": "api_token", "value": "the-secret-of-all"})
        server.call("POST", "/api/v2/variables", {"key": "channel", "value": "#etl"})
        run = server.trigger("financial", conf=quotes.conf)["dag_run_id"]
        assert server.wait_run("financial", run, 120)["state"] == "success"
        live = server.trigger("waits")["dag_run_id"]
        eventually(lambda: server.tasks("waits", live)["a"]["state"] == "running", 20, "it runs")
        rows = server.sql(f'SELECT count(*), sum(volume)::VARCHAR FROM "{GOLD}"')

        to = folder.path / "copy"
        said = server.cli("clone", "--to", to, "--dags", server.dags, "--table", GOLD, GOLD).stdout
        print(said.strip(), flush=True)
        assert "1 run that has not ended" in said and "the secret of variable api_token" in said, said
        assert "taken along: dags, contracts, models\n" in said and "taken along: bundles sales, risk\n" in said, said
        assert "no file is here: away" in said, said
        again = server.cli("clone", "--to", to, check=False)
        assert again.returncode == 1 and "not empty" in again.stderr, again.stderr
        nothing = server.cli("clone", "--to", folder.path / "other", "--table", "gold/no/table", check=False)
        assert nothing.returncode == 1 and "no table" in nothing.stderr, nothing.stderr
        assert not (folder.path / "other").exists()
        outside = server.cli("clone", "--to", folder.path / "other", "--table", "../run", check=False)
        assert outside.returncode == 1 and "is no table" in outside.stderr, outside.stderr
        for inside in (server.home / "copy", server.dags / "copy"):
            itself = server.cli("clone", "--to", inside, "--dags", server.dags, check=False)
            assert itself.returncode == 1 and "elsewhere" in itself.stderr and not inside.exists(), itself.stderr
        (folder.path / "empty").mkdir()
        twice = server.cli("clone", "--to", folder.path / "empty", "--table", GOLD, GOLD, "gold/no/table", check=False)
        assert twice.returncode == 1 and not list((folder.path / "empty").iterdir()), twice.stderr
        for file in to.rglob("*"):
            assert not file.is_file() or b"the-secret-of-all" not in file.read_bytes(), file
        assert server.tasks("waits", live)["a"]["state"] == "running", "the original goes on"

        copy = Server(folder.path / "elsewhere", home=to)
        copy.command[copy.command.index("--dags") + 1] = to / "dags"
        copy.start()
        try:
            assert copy.run("financial", run)["state"] == "success"
            assert copy.get("/api/v2/dags/waits/dagRuns")["total_entries"] == 0
            assert copy.get("/api/v2/importErrors")["import_errors"] == [], "contracts and models came along"
            for bundle in ("sales", "risk"):
                assert copy.get(f"/api/v2/dags/of_{bundle}")["bundle_name"] == bundle
            assert all(d["is_paused"] for d in copy.get("/api/v2/dags")["dags"])
            assert copy.sql(f'SELECT count(*), sum(volume)::VARCHAR FROM "{GOLD}"') == rows
            assert copy.get("/api/v2/variables/channel")["value"] == "#etl"
            copy.call("PATCH", "/api/v2/dags/quick", {"is_paused": False})
            done = copy.trigger("quick")["dag_run_id"]
            assert copy.wait_run("quick", done)["state"] == "success"
        finally:
            copy.stop()
        copy.check_database()
        server.stop()


main([a_running_server_is_cloned])
