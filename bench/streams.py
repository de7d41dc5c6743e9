"""`./dev bench streams`: messages of a topic into bronze by a contract, beside plain librdkafka that only reads them, in turn.

The brokers are librdkafka's mock cluster in a process of its own, or `--kafka HOST:PORT`: a broker of one's own, in which a
topic bench-… is made and stays. Messages are some 145 bytes of JSON with five columns. Ingest is a whole run of the task: records
are fetched, judged by the contract, written as Parquet and committed with their offsets. The same from the embedded log is
printed, too."""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from server import Batuta, disk_sync_us, write_dag

HERE = Path(__file__).resolve().parent
PARTITIONS = 16
PER_PARTITION = 20_000  # the mock keeps 5 MB of a partition
PRODUCER, CONSUMER = 0, 1
COPY = 2

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: bench-{name}
version: 1.0.0
status: active
domain: bench
servers:
  - {{server: topic, {server}, customProperties: [{more}{{property: batuta.maxRecords, value: 1000000}}]}}
schema:
  - name: {name}
    physicalName: {topic}
    properties:
      - {{name: id, logicalType: integer, required: true, primaryKey: true}}
      - {{name: seen, logicalType: timestamp}}
      - {{name: ticker, logicalType: string}}
      - {{name: client, logicalType: string}}
      - {{name: note, logicalType: string}}
"""


class Message(ctypes.Structure):
    """The beginning of rd_kafka_message_t."""
    _fields_ = [("error", ctypes.c_int), ("topic", ctypes.c_void_p), ("partition", ctypes.c_int32),
                ("payload", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Kafka:
    """librdkafka itself, a client of these brokers."""

    def __init__(self, kind, bootstrap, **settings):
        self.library = library = ctypes.CDLL("librdkafka.so.1")
        pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
        for name, result, arguments in (
                ("rd_kafka_conf_new", pointer, []), ("rd_kafka_topic_new", pointer, [pointer, text, pointer]),
                ("rd_kafka_conf_set", ctypes.c_int, [pointer, text, text, text, size]),
                ("rd_kafka_new", pointer, [ctypes.c_int, pointer, text, size]),
                ("rd_kafka_produce", ctypes.c_int, [pointer, ctypes.c_int32, ctypes.c_int, text, size, text, size, pointer]),
                ("rd_kafka_flush", ctypes.c_int, [pointer, ctypes.c_int]), ("rd_kafka_poll", ctypes.c_int, [pointer, ctypes.c_int]),
                ("rd_kafka_topic_partition_list_new", pointer, [ctypes.c_int]),
                ("rd_kafka_topic_partition_list_add", pointer, [pointer, text, ctypes.c_int32]),
                ("rd_kafka_assign", ctypes.c_int, [pointer, pointer]),
                ("rd_kafka_queue_get_consumer", pointer, [pointer]),
                ("rd_kafka_consume_batch_queue", ctypes.c_ssize_t, [pointer, ctypes.c_int, pointer, size]),
                ("rd_kafka_message_destroy", None, [pointer]), ("rd_kafka_topic_destroy", None, [pointer]),
                ("rd_kafka_topic_partition_list_destroy", None, [pointer]), ("rd_kafka_queue_destroy", None, [pointer]),
                ("rd_kafka_consumer_close", ctypes.c_int, [pointer]), ("rd_kafka_destroy", None, [pointer])):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        settings_of = library.rd_kafka_conf_new()
        said = ctypes.create_string_buffer(512)
        dotted = {name.replace("_", "."): value for name, value in settings.items()}
        for name, value in {"bootstrap.servers": bootstrap, "log_level": 0, **dotted}.items():
            done = library.rd_kafka_conf_set(settings_of, name.encode(), str(value).encode(), said, len(said))
            assert done == 0, said.value
        self.client = library.rd_kafka_new(kind, settings_of, said, len(said))
        assert self.client, said.value
        self.consumes = kind == CONSUMER

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        """Its threads and connections go: one that stays takes time of what is measured after it."""
        if self.consumes:
            self.library.rd_kafka_consumer_close(self.client)
        self.library.rd_kafka_destroy(self.client)


def message(i):
    return json.dumps({"id": i, "seen": f"2026-03-02T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}Z", "ticker": f"TICK{i % 20:02}",
                       "client": f"{i * 7919 % 10**11:011}", "note": "as it was sent by the one who makes them " + str(i % 97)}).encode()


def fill(bootstrap, topic, messages):
    with Kafka(PRODUCER, bootstrap, linger_ms=20, queue_buffering_max_messages=1_000_000) as kafka:
        to = kafka.library.rd_kafka_topic_new(kafka.client, topic.encode(), None)
        for i in range(messages):
            body = message(i)
            while kafka.library.rd_kafka_produce(to, i % PARTITIONS, COPY, body, len(body), None, 0, None) != 0:
                kafka.library.rd_kafka_poll(kafka.client, 100)
        told = kafka.library.rd_kafka_flush(kafka.client, 60_000)
        kafka.library.rd_kafka_topic_destroy(to)
    assert told == 0, "the brokers do not take the messages"


def plain(bootstrap, topic, messages):
    """Seconds until librdkafka has handed out every message, in batches, from a client that is made for it."""
    begun = time.perf_counter()
    with Kafka(CONSUMER, bootstrap, group_id="bench-plain", auto_offset_reset="earliest", enable_auto_commit="false") as kafka:
        library = kafka.library
        partitions = library.rd_kafka_topic_partition_list_new(PARTITIONS)
        for i in range(PARTITIONS):
            library.rd_kafka_topic_partition_list_add(partitions, topic.encode(), i)
        told = library.rd_kafka_assign(kafka.client, partitions)
        library.rd_kafka_topic_partition_list_destroy(partitions)
        assert told == 0, told
        queue = library.rd_kafka_queue_get_consumer(kafka.client)
        try:
            read(library, queue, messages, begun)
            return time.perf_counter() - begun  # without the end of the client
        finally:
            library.rd_kafka_queue_destroy(queue)


def read(library, queue, messages, begun):
    most = 20_000
    batch = (ctypes.POINTER(Message) * most)()
    destroy, seen = library.rd_kafka_message_destroy, 0
    while seen < messages:
        assert time.perf_counter() - begun < 120, f"{seen} of {messages} came"
        for i in range(library.rd_kafka_consume_batch_queue(queue, 100, batch, most)):
            seen += batch[i].contents.error == 0
            destroy(batch[i])


def ingest(server, dag, table, messages):
    """Seconds of the task, from its start in the slot to its end, and of the run."""
    begun = time.perf_counter()
    run = server.ask(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})["dag_run_id"]
    while True:
        state = server.ask(f"/api/v2/dags/{dag}/dagRuns/{run}")["state"]
        if state in ("success", "failed"):
            break
        time.sleep(0.005)
    wall = time.perf_counter() - begun
    task = server.ask(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"][0]
    assert state == "success", server.ask(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/extract/logs/1")
    rows = server.ask("/api/lake/sql", {"sql": f"SELECT count(*) FROM bronze.bench.{table}"})["rows"][0][0]
    assert int(rows) == messages, f"bronze has {rows} rows of {messages}"
    return task["duration"], wall


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--kafka", help="HOST:PORT of a broker, in the place of the mock cluster")
    parser.add_argument("--messages", type=int, default=PARTITIONS * PER_PARTITION)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    build, messages, topic = options.build.resolve(), options.messages, f"bench-{os.getpid()}"
    if not options.kafka and messages > PARTITIONS * PER_PARTITION:
        sys.exit(f"the mock cluster keeps no more than {PARTITIONS * PER_PARTITION} messages: name a broker with --kafka")
    brokers = None
    bootstrap = options.kafka
    if not bootstrap:
        brokers = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(HERE.parent / 'tests' / 'e2e')!r}); import kafka_mock\n"
             f"with kafka_mock.Brokers({{{topic!r}: {PARTITIONS}}}) as all: print(all.bootstrap, flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        bootstrap = brokers.stdout.readline().strip()
    with tempfile.TemporaryDirectory(prefix="batuta-bench-") as name:
        folder = Path(name)
        server = Batuta(build, folder, 2)
        try:
            if options.kafka:
                run_cli(build, server, "stream", "create", topic, "--partitions", PARTITIONS, "--connection", connect(build, server, bootstrap))
            else:
                connect(build, server, bootstrap)
            fill(bootstrap, topic, messages)
            run_cli(build, server, "stream", "create", topic, "--partitions", PARTITIONS)
            run_cli(build, server, "stream", "produce", topic, "--key-separator", "|",
                    stdin="".join(f"{i % 997}|{message(i).decode()}\n" for i in range(messages)))
            print(f"{messages:,} messages of {len(message(messages // 2))} bytes, {PARTITIONS} partitions, "
                  f"{'mock cluster' if brokers else bootstrap}; fdatasync {disk_sync_us(build, folder):.0f} us")
            measure(server, bootstrap, topic, messages, options.repeat)
        finally:
            server.stop()
            if brokers:
                brokers.stdin.close()
                brokers.wait(10)


def connect(build, server, bootstrap):
    run_cli(build, server, "connections", "add", "bench_broker", "--conn-type", "kafka", "--conn-host", bootstrap)
    return "bench_broker"


def run_cli(build, server, *words, stdin=None):
    done = subprocess.run([str(build / "batuta"), *map(str, words), "--home", str(server.home)], input=stdin, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr or done.stdout


def measure(server, bootstrap, topic, messages, repeat):
    kinds = {"broker": ("type: kafka, host: \"broker.example:9092\"", "{property: batuta.connection, value: bench_broker}, "),
             "log": ("type: custom, format: stream", "")}
    took = {"plain": [], "broker": [], "log": [], "broker wall": [], "log wall": []}
    contracts = server.dags.parent / "contracts" / "bench"
    contracts.mkdir(parents=True)
    for i in range(repeat):
        took["plain"].append(plain(bootstrap, topic, messages))
        for kind, (about, more) in kinds.items():
            table = f"{kind}{i}"
            (contracts / f"{table}.odcs.yaml").write_text(CONTRACT.format(name=table, topic=topic, server=about, more=more))
            dag = f"bench_{table}"
            write_dag(server.dags, dag, [{"task_id": "extract", "type": "extract", "contract": f"bench/{table}"}])
            server.wait_for_dag(dag)
            seconds, wall = ingest(server, dag, table, messages)
            took[kind].append(seconds)
            took[f"{kind} wall"].append(wall)
    rate = {kind: messages / statistics.median(seconds) for kind, seconds in took.items()}
    print(f"plain librdkafka, read and dropped      {rate['plain']:>10,.0f} messages/s")
    for kind, told in (("broker", "ingest into bronze, from the brokers"), ("log", "ingest into bronze, from the embedded log")):
        beside = f", {rate[kind] / rate['plain']:.2f} times plain librdkafka (goal 0.5)" if kind == "broker" else ""
        print(f"{told:<41} {rate[kind]:>8,.0f} messages/s{beside}; with trigger and commit {rate[kind + ' wall']:,.0f}")


main()
