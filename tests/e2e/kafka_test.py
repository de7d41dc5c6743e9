#!/usr/bin/env python3
"""Apache Kafka itself (./dev test kafka): $KAFKA_HOME has its jars, or $BATUTA_KAFKA names a broker in plain text."""
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bundles import run_by_one_command  # noqa: E402
from harness import BATUTA, BUILD, Folder, main, run  # noqa: E402
from kafka_broker import EVENT_HUBS, Broker, TokenServer  # noqa: E402

HOME, NAMED = os.environ.get("KAFKA_HOME"), os.environ.get("BATUTA_KAFKA")
ECOMMERCE = ("sales_daily", "product_daily", "customer_rfm", "price_history", "cancel_rate")
USERS = ("users_by_region", "signups_hour", "age_band_uf")


@contextmanager
def broker_of_ones_own(name):
    """None where a broker was named: what follows needs one that it may stop, with listeners of its own."""
    if NAMED:
        print("skipped: the broker that was named has one listener, and is not ours to stop; without --kafka one is started")
        yield None
        return
    with Folder(name) as folder, Broker(folder.path / "kafka", Path(HOME)) as broker:
        yield broker.start()


def connections(broker, tokens):
    """A file of connections, by the way in."""
    oauth = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc",
             "sasl.oauthbearer.client.id": "batuta", "sasl.oauthbearer.client.secret": "gehe im/+", "sasl.oauthbearer.scope": "hub/.default",
             "sasl.oauthbearer.token.endpoint.url": tokens.url}
    each = lambda host, extra, **more: {"conn_type": "kafka", "host": host, "extra": json.dumps(extra), **more}  # noqa: E731
    ca = {"ca_file": str(broker.ca)}
    made = {"plain": each(broker.host, {}), "login": each(broker.login, ca, login="ana", password="pa$$ word"),
            "hubs": each(broker.login, ca, password=EVENT_HUBS), "tls": each(broker.tls, ca), "oauth": each(broker.oauth, oauth),
            "wrong_login": each(broker.login, ca, login="ana", password="nope"),
            "wrong_client": each(broker.oauth, {**oauth, "sasl.oauthbearer.client.secret": "nope"}),
            "unknown_ca": each(broker.tls, {"security_protocol": "SSL"})}
    path = broker.folder / "connections.json"
    path.write_text(json.dumps(made))
    path.chmod(0o600)
    return ["--connections", path]


def the_stream_is_kept_by_a_broker():
    """the conformance suite of streams on the broker: five megabytes, gaps, groups; compaction and tombstones, transactions, added partitions, rebalance"""
    test = BUILD / "tests" / "test_stream_broker"
    with broker_of_ones_own("kafka") as broker:
        done = subprocess.run([test], env={**os.environ, "BATUTA_KAFKA": NAMED or broker.host}, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        print(done.stdout.strip().splitlines()[-2])


def every_way_in_leads_to_the_same_topic():
    """SASL PLAIN, Event Hubs' connection string, a service's token (OAUTHBEARER) and TLS; who is refused is told so at once, and a spool does not wait for it"""
    with broker_of_ones_own("kafka-ways") as broker:
        if not broker:
            return
        with TokenServer("batuta", "gehe im/+") as tokens:
            file = connections(broker, tokens)
            run("stream", "create", "ways", "--partitions", "2", "--kafka", broker.host)
            ways = ("plain", "login", "hubs", "tls", "oauth")
            for way in ways:
                run("stream", "produce", "ways", *file, "--connection", way, input=way + "\n")
            told = run("stream", "tail", "ways", "--from", "earliest", *file, "--connection", "oauth").stdout
            assert sorted(json.loads(line)["value"] for line in told.splitlines()) == sorted(ways), told
            assert tokens.asked >= 3, "each handle asked for a token of its own"
            for way, why in (("wrong_login", "Invalid username or password"), ("wrong_client", "answered 401: invalid_client")):
                begun = time.monotonic()
                refused = run("stream", "tail", "ways", *file, "--connection", way, code=None)
                assert refused.returncode != 0 and why in refused.stderr and "nope" not in refused.stderr, refused
                assert time.monotonic() - begun < 10, "no time-out is waited for"
            spool = broker.folder / "spool"
            refused = run("stream", "produce", "ways", *file, "--connection", "wrong_login", "--spool", spool, input="x\n", code=1)
            assert "Invalid username or password" in refused.stdout + refused.stderr, refused
            unknown = run("stream", "tail", "ways", *file, "--connection", "unknown_ca", code=None)
            assert unknown.returncode != 0 and "certificate verify failed" in unknown.stderr, unknown


def a_broker_that_is_killed_costs_nothing():
    """kill -9 of the broker: who produces waits for it, and each record is there once"""
    with broker_of_ones_own("kafka-killed") as broker:
        if not broker:
            return
        at = ["--kafka", broker.host]
        run("stream", "create", "numbers", "--partitions", "2", *at)
        run("stream", "produce", "numbers", *at, input="".join(f"{i}\n" for i in range(1000)))
        broker.kill()
        waiting = subprocess.Popen([BATUTA, "stream", "produce", "numbers", *at], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        waiting.stdin.write("".join(f"{i}\n" for i in range(1000, 2000)))
        waiting.stdin.close()
        time.sleep(2)
        broker.start()
        assert waiting.wait(60) == 0, waiting.stdout.read()
        told = run("stream", "tail", "numbers", "--from", "earliest", "-n", 5000, *at).stdout.splitlines()
        assert sorted(int(json.loads(line)["value"]) for line in told) == list(range(2000)), len(told)


def the_pipelines_have_their_messages_from_it():
    """`batuta demo run` of ecommerce by a login over TLS and of users by a service's token: every number holds"""
    if NAMED:
        run_by_one_command("ecommerce", ECOMMERCE, "--kafka", NAMED)
        return
    with broker_of_ones_own("kafka-pipelines") as broker, TokenServer("batuta", "gehe im/+") as tokens:
        made = json.loads(Path(connections(broker, tokens)[1]).read_text())
        for pipeline, gold, way in (("ecommerce", ECOMMERCE, "login"), ("users", USERS, "oauth")):
            told = {name: value for name, value in made[way].items() if name != "conn_type"}
            file = broker.folder / f"{way}.json"
            file.write_text(json.dumps({**told, "extra": json.loads(told["extra"])}))
            run_by_one_command(pipeline, gold, "--kafka", f"@{file}")
        groups = run("stream", "groups", "Pedidos", "--kafka", broker.host, "-o", "json").stdout
        assert "ecommerce" in groups, groups


if not HOME and not NAMED:
    print("skipped: neither KAFKA_HOME nor BATUTA_KAFKA is set; ./dev test kafka sets one")
    sys.exit(77)
main([the_stream_is_kept_by_a_broker, every_way_in_leads_to_the_same_topic, a_broker_that_is_killed_costs_nothing,
      the_pipelines_have_their_messages_from_it])
