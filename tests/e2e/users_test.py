#!/usr/bin/env python3
"""The users pipeline whole: events of made-up people become who lives where, how old they are, and who comes back."""
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bundles import PATIENT, Bundle, run_by_one_command  # noqa: E402
from harness import BATUTA, SOURCE, Folder, eventually, main, run  # noqa: E402
from storm import ROUNDS, generator, kill_many  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}


GOLD = ("users_by_region", "signups_hour", "age_band_uf")
AZURITE = SOURCE / "tests" / "stores" / "node_modules" / ".bin" / "azurite-blob"


def one_command_runs_it_and_checks_every_number():
    """`batuta demo run users --once` shows each gold table under its path and ends with 0 when every number holds"""
    if not AZURITE.exists():  # else the next test has the same numbers
        run_by_one_command("users", GOLD)


def azurites(home):
    """The pids of those that have a lake below this home."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(home / "demo" / "azurite").encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def the_lake_is_in_azurite():
    """`batuta demo run users --real`: Azurite has the lake and every number holds; kill -9 ends it, too, a home keeps its lake where it is, --clean removes it"""
    if not AZURITE.exists():
        print("skipped: azurite is not installed (npm ci in tests/stores)")
        return
    with Folder("users-azurite") as folder:
        home, env = folder.path / "home", {**os.environ, "BATUTA_AZURITE": str(AZURITE)}
        process = subprocess.Popen([BATUTA, "demo", "run", "users", "--real", "--home", home, "--port", "0"], env=env,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            stop = threading.Timer(200, process.kill)
            stop.start()
            said = ""
            for line in process.stdout:
                said += line
                if "Ctrl-C stops it" in line:
                    break
            stop.cancel()
            for table in GOLD:
                assert f"holds gold/users/{table}: every row" in said, said
            assert "the lake is azblob://batuta/lake/demo" in said and "AZURE_STORAGE_KEY" in said and "WRONG" not in said, said
            assert not list((home / "lake").rglob("*.parquet")) or (home / "lake" / "_store").exists(), list((home / "lake").iterdir())
            assert azurites(home), "it is a process of its own"
            busy = run("demo", "run", "users", "--real", "--kafka", "127.0.0.1:9", "--home", home, "--port", "0", code=None, env=env)
            assert busy.returncode != 0 and azurites(home), (busy, "another start leaves it alone")
            contract = (home / "bundles/users/contracts/users/users_events.odcs.yaml").read_text()
            assert "value: embedded}" in contract and "value: broker}" not in contract, (busy, "and what it reads")
        finally:
            process.kill()
            process.wait()
        eventually(lambda: not azurites(home), 20, "it ends with the demo")
        refused = run("demo", "run", "users", "--home", home, code=2, env=env)
        assert "is in an Azurite of its own: say --real" in refused.stderr, refused
        run("demo", "run", "--clean", "--home", home, env=env)
        assert not home.exists(), list(home.rglob("*"))


def simulated_by_a_task(folder, bundle, server):
    """A day more by the plugin, set by a file as the command is: the command then finds nothing to send, and the same truth."""
    settings = folder.path / "dags" / "users.settings"
    settings.write_text(json.dumps({"seed": 7, "size": 200, "defects": 4, "days": 4, "speed": "x1000000", "interval": "1h"}))
    server.write_dag("users_sources", {
        "dag_id": "users_sources", "schedule": None, "start_date": "2026-01-01T00:00:00Z", "is_paused_upon_creation": False,
        "tasks": [{"task_id": "sources", "type": "extract", "source": "simulated", "layer": "sources",
                   "params": {"pipeline": "users", "to": str(bundle.sources), "settings": {"$file": "users.settings"}}}]})
    eventually(lambda: server.get("/api/v2/dags/users_sources"), 20, "the DAG is known")
    run_id = server.trigger("users_sources")["dag_run_id"]
    ended = server.wait_run("users_sources", run_id, 60)
    assert ended["state"] == "success", server.log_text("users_sources", run_id, "sources", 1)[-3000:]
    assert re.search(r"topic users: [1-9]\d* new messages", server.log_text("users_sources", run_id, "sources", 1))
    truth = (bundle.sources / "truth.json").read_bytes()
    bundle.simulate(4)
    assert "topic users: 0 new messages\n" in bundle.said and (bundle.sources / "truth.json").read_bytes() == truth, bundle.said
    by_file = run("demo", "simulate", "users", "--to", bundle.sources, "--home", folder.path / "home", "--settings", settings)
    assert "topic users: 0 new messages\n" in by_file.stderr, by_file


def days_come_in_two_runs_with_a_kill_between():
    """each run takes what the topic has since the last one; those who moved are counted where they are; kill -9 of the producer,
    and a storm of them on scheduler, agent and slots, changes nothing"""
    rng = generator()
    with Folder("users") as folder, Bundle(folder, "users", size=200, defects=4, default_args=PATIENT) as bundle:
        server = folder.server(env=TIMING)
        # The producer is there before the log is, and is killed while it sends: its spool keeps what it has to say.
        for _ in range(3):
            bundle.kill_generator(3, rng.uniform(0.1, 0.4), "--rate", 1000)
        bundle.simulate(3)
        assert "wait in" in bundle.said and "there is no installation in" in bundle.said, bundle.said
        server.start()
        bundle.known(server)
        bundle.simulate(3, code=-9, env={"BATUTA_FAILPOINT": "spool_before_note"})
        bundle.simulate(3)
        assert "topic users: 0 new messages\n" in bundle.said, bundle.said
        bundle.wait(server, server.trigger("users")["dag_run_id"])
        bundle.check_truth(server)
        rows, events = map(int, server.sql("SELECT count(*), count(DISTINCT event_id) FROM bronze.users.users_events")[0])
        assert rows >= 2 * events > 0, "the producer was killed between sending and noting: all of it came twice"
        simulated_by_a_task(folder, bundle, server)
        for days in range(12, 13 + ROUNDS):
            bundle.simulate(days)
            bundle.storm(server, rng, server.trigger("users")["dag_run_id"], kills=6 + ROUNDS)
        bundle.check_topic(server, "users", "users", "users.users_events")
        server.stop()
        server.check_database()


MINUTES = float(os.environ.get("BATUTA_MINUTES", "10"))


def minutes_without_a_broker():
    """ten minutes of 1,000 messages a second with the broker away and kill -9 of the generator, then of all: nothing lost, nothing twice in silver (./dev test long)"""
    rng = generator()
    days = 20  # of so many people: 600,000 messages and more
    with Folder("users-spool") as folder, Bundle(folder, "users", size=int(10_000 * MINUTES), defects=4, default_args=PATIENT) as bundle:
        server = folder.server(env=TIMING)
        begun = time.monotonic()
        while time.monotonic() - begun < 30 * MINUTES:
            bundle.kill_generator(days, rng.uniform(2, 6 * MINUTES), "--rate", 1000)
        bundle.kill_generator(days, 600 * MINUTES, "--rate", 1000)  # this one comes to its end
        took = time.monotonic() - begun
        bundle.simulate(days, timeout=1200)
        waiting = int(re.search(r"; (\d+) wait in", bundle.said)[1])
        print(f"{waiting} messages in {took:.0f} s without a broker", flush=True)
        assert "topic users: 0 new messages; " in bundle.said and waiting > 55_000 * MINUTES and took > waiting / 1100, bundle.said
        server.start()
        bundle.known(server)
        for _ in range(5):  # while it hands on what waits
            bundle.kill_generator(days, rng.uniform(0.2, 2 * MINUTES))
        bundle.simulate(days, timeout=1200)
        assert "topic users: 0 new messages\n" in bundle.said, bundle.said
        # A run takes 100,000 records at most (batuta.maxRecords): as many of them as it needs, the first through kills.
        lag = lambda: sum(row["lag"] for row in json.loads(server.cli("stream", "lag", "users", "--group", "users", "-o", "json").stdout))  # noqa: E731
        for turn in range(2 + waiting // 50_000):
            run_id = server.trigger("users")["dag_run_id"]
            if turn == 0:
                kill_many(server, rng, 5, longest_pause=3)
                eventually(lambda: server.get("/api/v2/monitor/health"), 30, "the server is back")
            bundle.wait(server, run_id, seconds=1800)
            if lag() == 0:
                break
        bundle.check_truth(server)
        bundle.check_topic(server, "users", "users", "users.users_events")
        server.stop()
        server.check_database()


def the_files_are_sound():
    """contract, DAG and models of the bundle are valid, the models' own tests pass, header and DAG say the same"""
    with Folder("users-files") as folder:
        Bundle(folder, "users").check_files()


main([the_files_are_sound, one_command_runs_it_and_checks_every_number, the_lake_is_in_azurite, days_come_in_two_runs_with_a_kill_between]
     + ([minutes_without_a_broker] if ROUNDS else []))
