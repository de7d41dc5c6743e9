#!/usr/bin/env python3
"""Streams from the command line: topics of the embedded log, what is produced, read and told of groups."""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, Folder, main, run  # noqa: E402


def stream(folder, verb, *arguments, **more):
    return run("stream", verb, *arguments, "--home", folder.path / "home", **more)


def tailed(folder, topic, *arguments):
    return [json.loads(line) for line in stream(folder, "tail", topic, *arguments).stdout.splitlines()]


def lines_become_records():
    """lines become records with keys, headers and partitions, and are read back from any end"""
    with Folder("stream-lines") as folder:
        stream(folder, "create", "orders", "--partitions", 3)
        told = json.loads(stream(folder, "produce", "orders", "--key-separator", ":", "--header", "from=shop", "-o", "json",
                                 input="".join(f"c{i % 5}:{{\"n\": {i}}}\n" for i in range(2500))).stdout)
        assert told == {"topic": "orders", "produced": 2500}, told
        stream(folder, "produce", "orders", "--key", "c1", "--tombstone")
        records = tailed(folder, "orders", "--from", "earliest")
        assert len(records) == 2501, len(records)
        by_key = {}
        for record in records:
            by_key.setdefault(record["key"], []).append(record)
        for key, of_key in by_key.items():
            assert len({record["partition"] for record in of_key}) == 1, key
            numbers = [json.loads(record["value"])["n"] for record in of_key if record["value"] is not None]
            assert numbers == sorted(numbers) and len(numbers) == 500, key
        assert by_key["c1"][-1]["value"] is None
        assert by_key["c2"][0]["headers"] == {"from": "shop"}, by_key["c2"][0]
        assert len(tailed(folder, "orders", "-n", 2, "--partition", by_key["c1"][0]["partition"])) == 2
        topics = json.loads(stream(folder, "topics", "-o", "json").stdout)
        assert topics == [{"topic": "orders", "partitions": 3, "records": 2501}], topics
        stream(folder, "create", "orders", "--partitions", 4, "--grow")
        assert json.loads(stream(folder, "topics", "-o", "json").stdout)[0]["partitions"] == 4
        lag = json.loads(stream(folder, "lag", "orders", "--group", "shop", "-o", "json").stdout)
        assert sum(row["lag"] for row in lag) == 2501 and lag[0]["committed"] is None, lag
        assert json.loads(stream(folder, "groups", "orders", "-o", "json").stdout) == []


def a_follower_sees_what_comes():
    """tail -f prints what is produced meanwhile, and ends at SIGTERM"""
    with Folder("stream-follow") as folder:
        stream(folder, "create", "orders")
        follower = subprocess.Popen([BATUTA, "stream", "tail", "orders", "-f", "--home", folder.path / "home"],
                                    stdout=subprocess.PIPE, text=True)
        try:
            stream(folder, "produce", "orders", input="one\ntwo\n")
            lines = [json.loads(follower.stdout.readline())["value"] for _ in range(2)]
            assert lines == ["one", "two"], lines
            follower.terminate()
            assert follower.wait(10) == 0
        finally:
            follower.kill()
            follower.wait()


def what_is_wrong_is_said():
    """what cannot be is refused with a reason and an exit code"""
    with Folder("stream-wrong") as folder:
        assert "no topic nothing" in stream(folder, "tail", "nothing", code=1).stderr
        stream(folder, "create", "orders")
        assert "already" in stream(folder, "create", "orders", code=1).stderr
        assert "begins with no" in stream(folder, "create", "../x", code=2).stderr
        assert "bytes, the limit is" in stream(folder, "produce", "orders", input="x" * (9 << 20), code=1).stderr
        assert "without \":\"" in stream(folder, "produce", "orders", "--key-separator", ":", input="no key\n", code=2).stderr
        assert "no scheme" in stream(folder, "topics", "--kafka", "http://x", code=2).stderr
        connections = folder.path / "connections.json"
        connections.write_text(json.dumps({
            "hub": {"conn_type": "kafka", "password": "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a"},
            "web": {"conn_type": "http", "host": "x"}}))
        told = stream(folder, "topics", "--connections", connections, "--connection", "hub", code=2).stderr
        assert "SharedAccessKey; copy it whole" in told, told
        assert "type http, not kafka" in stream(folder, "topics", "--connections", connections, "--connection", "web", code=2).stderr


if __name__ == "__main__":
    main([lines_become_records, a_follower_sees_what_comes, what_is_wrong_is_said])
