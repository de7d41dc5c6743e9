#!/usr/bin/env python3
"""The users pipeline whole: events of made-up people become who lives where, how old they are, and who comes back."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bundles import Bundle, run_by_one_command  # noqa: E402
from harness import Folder, main  # noqa: E402
from storm import ROUNDS, generator  # noqa: E402

TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}
PATIENT = {"retries": 50, "retry_delay": "100ms"}


def one_command_runs_it_and_checks_every_number():
    """`batuta demo run users --once` shows each gold table under its path and ends with 0 when every number holds"""
    run_by_one_command("users", ("users_by_region", "signups_hour", "age_band_uf"))


def days_come_in_two_runs_with_a_kill_between():
    """each run takes what the topic has since the last one; those who moved are counted where they are; kill -9 of the producer,
    and a storm of them on scheduler, agent and slots, changes nothing"""
    rng = generator()
    with Folder("users") as folder, Bundle(folder, "users", size=200, defects=4, default_args=PATIENT) as bundle:
        server = folder.server(env=TIMING)
        # The producer is there before the log is: its spool keeps what it has to say.
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
        for days in range(12, 13 + ROUNDS):
            bundle.simulate(days)
            bundle.storm(server, rng, server.trigger("users")["dag_run_id"], kills=6 + ROUNDS)
        bundle.check_topic(server, "users", "users", "users.users_events")
        server.stop()
        server.check_database()


def the_files_are_sound():
    """contract, DAG and models of the bundle are valid, the models' own tests pass, header and DAG say the same"""
    with Folder("users-files") as folder:
        Bundle(folder, "users").check_files()


main([the_files_are_sound, one_command_runs_it_and_checks_every_number, days_come_in_two_runs_with_a_kill_between])
