#!/usr/bin/env python3
"""The users pipeline whole: events of made-up people become who lives where, how old they are, and who comes back."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bundles import Bundle, run_by_one_command  # noqa: E402
from harness import Folder, eventually, main  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
FIRST = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-05T00:00:00Z"}
SECOND = {"start": "2026-03-05T00:00:00Z", "end": "2026-03-14T00:00:00Z"}


def one_command_runs_it_and_checks_every_number():
    """`batuta demo run users --once` shows each gold table under its path and ends with 0 when every number holds"""
    run_by_one_command("users", ("users_by_region", "signups_hour", "age_band_uf"))


def days_come_in_two_runs_with_a_kill_between():
    """each run takes what is new since the last one; those who moved are counted where they are; kill -9 changes nothing"""
    with Folder("users") as folder, Bundle(folder, "users") as bundle:
        server = folder.server(env=TIMING)
        variables = bundle.simulate(3)
        server.start()
        bundle.known(server)
        bundle.set_variables(server, variables)
        bundle.wait(server, server.trigger("users", conf=FIRST)["dag_run_id"])
        bundle.check_truth(server)
        before = int(server.sql("SELECT count(*) FROM bronze.users.users_events")[0][0])
        bundle.simulate(12)
        run_id = server.trigger("users", conf=SECOND)["dag_run_id"]
        eventually(lambda: server.tasks("users", run_id)["users_events_transform"]["state"] in ("running", "publishing", "success"),
                   60, "silver is being made")
        server.kill()
        server.start()
        bundle.wait(server, run_id)
        bundle.check_truth(server)
        again = server.sql("SELECT count(*) FROM bronze.users.users_events WHERE created_at < '2026-03-05'")
        assert int(again[0][0]) == before, "what was read is not read again"
        server.stop()
        server.check_database()


def the_files_are_sound():
    """contract, DAG and models of the bundle are valid, the models' own tests pass, header and DAG say the same"""
    with Folder("users-files") as folder:
        Bundle(folder, "users").check_files()


main([the_files_are_sound, one_command_runs_it_and_checks_every_number, days_come_in_two_runs_with_a_kill_between])
