#!/usr/bin/env python3
"""Contracts that read a topic, with real processes: trigger-once runs, kills at every step of the commit, dead letters."""
import json
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contracts_test import contract, ended, known, write  # noqa: E402
from harness import Folder, dag, eventually, main  # noqa: E402

COLUMNS = [{"name": "id", "logicalType": "integer", "primaryKey": True, "required": True},
           {"name": "note", "logicalType": "string"}]
TASKS = [{"task_id": "extract", "type": "extract", "contract": "shop/orders", "retries": 5, "retry_delay": "1s"},
         {"task_id": "transform", "type": "transform", "contract": "shop/orders", "depends_on": ["extract"], "retries": 5,
          "retry_delay": "1s"}]
STEPS = ["accept_before_commit", "accept_after_commit", "publish_before_write", "publish_after_link",
         "publish_before_return", "settle_before_commit", "settle_after_commit"]


def start(folder, properties=(), env=None):
    given = [{"property": name, "value": value} for name, value in properties]
    write(folder, "orders", contract("orders", {"server": "log", "type": "custom", "format": "stream",
                                                **({"customProperties": given} if given else {})}, COLUMNS, physical="Pedidos"))
    server = folder.server({"shop": dag("shop", TASKS)}, env=env or {}).start()
    server.cli("stream", "create", "Pedidos", "--partitions", "3")
    known(server, "shop")
    return server


def send(server, first, last, note="x"):
    lines = "".join(f"c{i % 7}|" + json.dumps({"id": i, "note": note}) + "\n" for i in range(first, last))
    server.cli("stream", "produce", "Pedidos", "--key-separator", "|", stdin=lines)


def taken(server):
    """How many rows bronze has, how many ids, and how many places in the topic."""
    return [int(value) for value in server.sql(
        "SELECT count(*), count(DISTINCT id), count(DISTINCT (_source_partition, _source_offset)) FROM bronze.orders")[0]]


def lag(server):
    rows = json.loads(server.cli("stream", "lag", "Pedidos", "--group", "batuta-shop-orders", "-o", "json").stdout)
    return sum(row["lag"] for row in rows)


def each_run_takes_what_is_new():
    """a run takes what the topic has, silver follows, the lag is told; bad messages are dead letters with their history"""
    with Folder("stream-contract") as folder:
        server = start(folder)
        send(server, 0, 500)
        assert lag(server) == 500
        ended(server, "shop")
        assert taken(server) == [500, 500, 500] and lag(server) == 0
        assert server.sql("SELECT count(*) FROM silver.orders")[0] == [500]
        ended(server, "shop")
        assert taken(server) == [500, 500, 500]
        server.cli("stream", "produce", "Pedidos", stdin="no JSON\n{\"note\": \"no id\"}\n")
        send(server, 499, 510, "again")
        run_id = ended(server, "shop")
        assert taken(server) == [511, 510, 511]
        assert server.sql("SELECT note, count(*) FROM silver.orders GROUP BY 1 ORDER BY 1") == [["again", 11], ["x", 499]]
        dead = server.sql('SELECT reason, value, attempt, contract_version FROM "dlq/shop/orders" ORDER BY 1')
        assert dead == [["missing_id", '{"note": "no id"}', 1, "1.0.0"], ["not_json", "no JSON", 1, "1.0.0"]], dead
        letters = [json.loads(line) for line in server.cli("stream", "tail", "Pedidos.dlq").stdout.splitlines()]
        assert sorted(letter["headers"]["batuta-dlq-reason"] for letter in letters) == ["missing_id", "not_json"], letters
        assert "2 of 13 records went to dlq/shop/orders" in server.log_text("shop", run_id, "extract")
        assert lag(server) == 0
        server.stop()
        server.check_database()


def killed_at_every_step_of_the_commit():
    """kill -9 at every step between taking records and their publication: nothing is lost, nothing is there twice"""
    with Folder("stream-kill") as folder:
        server = start(folder, [("batuta.maxRecords", 120)], env={"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"})
        sent = 0
        for step in STEPS:
            server.stop()
            server.env["BATUTA_FAILPOINT"] = step
            server.start()
            known(server, "shop")
            send(server, sent, sent + 100)
            sent += 100
            run_id = server.trigger("shop")["dag_run_id"]
            assert server.process.wait(60) == -signal.SIGKILL, step
            del server.env["BATUTA_FAILPOINT"]
            server.start()
            assert server.wait_run("shop", run_id, 90)["state"] == "success", (step, server.tasks("shop", run_id))
        ended(server, "shop")
        assert taken(server) == [sent] * 3, (taken(server), sent)
        assert server.sql("SELECT count(*) FROM silver.orders")[0] == [sent]
        assert lag(server) == 0
        server.stop()
        server.check_database()


def killed_slots_while_messages_come():
    """slots are killed while a producer goes on: every message is in bronze once, in runs of bounded size"""
    with Folder("stream-slots") as folder:
        server = start(folder, [("batuta.maxRecords", 400)], env={"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"})
        over = threading.Event()
        failed = []

        def produce():
            try:
                for first in range(0, 3000, 100):
                    send(server, first, first + 100)
            except AssertionError as error:
                failed.append(error)
            over.set()

        producer = threading.Thread(target=produce)
        producer.start()
        runs = 0
        while not over.is_set() or runs < 4:
            run_id = server.trigger("shop")["dag_run_id"]
            if runs % 2 == 0:
                eventually(lambda: server.tasks("shop", run_id)["extract"]["state"] == "running", 20, "it runs")
                for pid in server.pids("slot"):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            assert server.wait_run("shop", run_id, 90)["state"] == "success", server.tasks("shop", run_id)
            runs += 1
        producer.join()
        assert not failed, failed
        for _ in range(20):
            ended(server, "shop")
            if taken(server)[0] == 3000:
                break
        assert taken(server) == [3000] * 3, taken(server)
        server.stop()


def a_sensor_starts_what_takes_the_messages():
    """a sensor on the topic holds no slot and lets the extract run when there are messages that bronze has not"""
    with Folder("stream-sensor") as folder:
        server = start(folder)
        waits = {"task_id": "messages", "type": "sensor", "poke_interval": "1s", "timeout": "60s",
                 "wait_for": {"topic": {"name": "Pedidos", "group": "batuta-shop-orders", "at_least": 10}}}
        server.write_dag("waiting", dag("waiting", [waits, dict(TASKS[0], depends_on=["messages"]), TASKS[1]]))
        known(server, "waiting")
        run_id = server.trigger("waiting")["dag_run_id"]
        send(server, 0, 9)
        eventually(lambda: "9 new messages of 10" in server.cli("tasks", "explain", "waiting", run_id, "messages").stdout, 20,
                   "it has looked, and says what there is")
        assert server.tasks("waiting", run_id)["messages"]["state"] == "deferred"
        send(server, 9, 10)
        assert server.wait_run("waiting", run_id)["state"] == "success", server.tasks("waiting", run_id)
        assert taken(server) == [10, 10, 10] and lag(server) == 0
        server.stop()


if __name__ == "__main__":
    main([each_run_takes_what_is_new, killed_at_every_step_of_the_commit, killed_slots_while_messages_come, a_sensor_starts_what_takes_the_messages])
