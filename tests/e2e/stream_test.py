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


def records_come_in_the_form_that_is_asked_for():
    """tail prints what -o and --columns say, and without -o a JSON object a line; -f prints a list, and no table"""
    with Folder("stream-forms") as folder:
        stream(folder, "create", "orders")
        stream(folder, "produce", "orders", "--key-separator", ":", "--header", "from.shop=a", input="c1:one\nc2:two\n")

        def tail(*arguments, **more):
            return stream(folder, "tail", "orders", *arguments, **more).stdout
        whole = json.loads(tail("-o", "json"))
        assert [(row["offset"], row["key"], row["value"]) for row in whole] == [(0, "c1", "one"), (1, "c2", "two")], whole
        assert [json.loads(line) for line in tail().splitlines()] == whole
        assert tail("--columns", "value,key").splitlines() == ['{"value":"one","key":"c1"}', '{"value":"two","key":"c2"}']
        chosen = ["--columns", "offset,headers.from.shop,value"]
        assert tail("-o", "plain", *chosen) == "offset\theaders.from.shop\tvalue\n0\ta\tone\n1\ta\ttwo\n"
        assert tail("-o", "yaml", "--columns", "value") == '- {"value":"one"}\n- {"value":"two"}\n'
        assert tail("-o", "table", "--columns", "key,value") == "key  value\nc1   one\nc2   two\n"
        assert json.loads(tail("-o", "json", "-n", 0)) == []
        assert "headers.NAME" in stream(folder, "tail", "orders", "--columns", "nonsense", code=2).stderr
        assert "when it is whole" in stream(folder, "tail", "orders", "-f", "-o", "table", code=2).stderr
        follower = subprocess.Popen([BATUTA, "stream", "tail", "orders", "-f", "-o", "json", "--home", folder.path / "home"],
                                    stdout=subprocess.PIPE, text=True)
        try:
            lines = [follower.stdout.readline() for _ in range(2)]
            assert json.loads(lines[1].rstrip().rstrip(","))["key"] == "c1", lines
            follower.terminate()
            lines += follower.stdout.readlines()  # what was read ahead is in its buffer
            assert follower.wait(10) == 0 and [row["value"] for row in json.loads("".join(lines))] == ["one", "two"], lines
        finally:
            follower.kill()
            follower.wait()


def what_is_wrong_is_said():
    """what cannot be is refused with a reason and an exit code"""
    with Folder("stream-wrong") as folder:
        for verb in (["topics"], ["tail", "nothing"], ["groups", "nothing"], ["lag", "nothing", "--group", "g"], ["produce", "nothing"]):
            assert "there is no folder" in stream(folder, *verb, code=1, input="").stderr, verb
        for verb in (["list"], ["list", "nothing"], ["show", "nothing"], ["discard", "nothing", "--all"]):
            assert "there is no folder" in run("dlq", *verb, "--home", folder.path / "home", code=1).stderr, verb
        assert not (folder.path / "home").exists()
        (folder.path / "home").mkdir()
        assert json.loads(stream(folder, "topics", "-o", "json").stdout) == []
        assert json.loads(run("dlq", "list", "-o", "json", "--home", folder.path / "home").stdout) == []
        assert "no topic nothing" in stream(folder, "tail", "nothing", code=1).stderr
        assert not list((folder.path / "home").iterdir())
        stream(folder, "create", "orders")
        assert "no topic nothing" in stream(folder, "tail", "nothing", code=1).stderr
        assert "already" in stream(folder, "create", "orders", code=1).stderr
        assert "begins with no" in stream(folder, "create", "../x", code=2).stderr
        assert "bytes, the limit is" in stream(folder, "produce", "orders", input="x" * (9 << 20), code=1).stderr
        assert "without \":\"" in stream(folder, "produce", "orders", "--key-separator", ":", input="no key\n", code=2).stderr
        told = stream(folder, "produce", "orders", "--key-separator", ":", input="k:v\n" * 1001 + "no key\n", code=2).stderr
        assert 'line 1002 is without ":" between key and value (1000 records were produced before)' in told, told
        assert "no scheme" in stream(folder, "topics", "--kafka", "http://x", code=2).stderr
        connections = folder.path / "connections.json"
        connections.write_text(json.dumps({
            "hub": {"conn_type": "kafka", "password": "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a"},
            "web": {"conn_type": "http", "host": "x"}}))
        told = stream(folder, "topics", "--connections", connections, "--connection", "hub", code=2).stderr
        assert "SharedAccessKey; copy it whole" in told, told
        assert "type http, not kafka" in stream(folder, "topics", "--connections", connections, "--connection", "web", code=2).stderr


def a_spool_waits_for_the_topic():
    """what cannot be sent waits in a spool, in order, and is sent when the topic is there"""
    with Folder("stream-spool") as folder:
        spool = folder.path / "spool"
        told = stream(folder, "produce", "orders", "--spool", spool, "-o", "json", input="one\ntwo\n")
        assert json.loads(told.stdout) == {"topic": "orders", "put": 2, "waiting": 2} and "no topic orders" in told.stderr, told
        stream(folder, "create", "orders")
        told = stream(folder, "produce", "orders", "--spool", spool, "-o", "json", input="three\n")
        assert json.loads(told.stdout) == {"topic": "orders", "put": 1, "waiting": 0}, told
        assert [record["value"] for record in tailed(folder, "orders")] == ["one", "two", "three"]
        told = stream(folder, "drain", "orders", "--spool", spool, "-o", "json")
        assert json.loads(told.stdout) == {"topic": "orders", "sent": 0, "waiting": 0}, told
        stream(folder, "create", "others")
        told = stream(folder, "produce", "others", "--spool", spool, input="lost\n", code=1)
        assert "is for topic orders of the embedded log" in told.stderr, told
        told = stream(folder, "produce", "orders", "--spool", spool, "--partition", 7, input="bad\n", code=1)
        assert "record 3 of the spool" in told.stderr and "drain --skip" in told.stderr, told
        told = stream(folder, "drain", "orders", "--spool", spool, code=1)
        assert "record 3 of the spool" in told.stderr, told
        told = stream(folder, "drain", "orders", "--spool", spool, "--skip", "-o", "json")
        assert json.loads(told.stdout) == {"topic": "orders", "sent": 0, "waiting": 0}, told
        refused = run("stream", "tail", "refused", "--home", spool)
        assert json.loads(refused.stdout)["value"] == "bad", refused


def dead_letters_are_sent_again_or_given_up():
    """letters are listed with reasons, replayed within limits, repaired from standard input and given up, once each"""
    with Folder("stream-letters") as folder:
        def dlq(verb, *arguments, **more):
            return run("dlq", verb, *arguments, "--home", folder.path / "home", **more)

        def open_letters():
            return json.loads(dlq("list", "orders.dlq", "-o", "json").stdout)

        stream(folder, "create", "orders")
        stream(folder, "create", "orders.dlq")
        for offset, (reason, attempt) in enumerate([("not_json", 1), ("not_json", 5), ("missing_id", 1), ("missing_id", 1)]):
            headers = {"topic": "orders", "partition": 0, "offset": offset, "reason": reason, "attempt": attempt,
                       "first-seen": "2024-05-06T07:08:09Z", "message": "why"}
            stream(folder, "produce", "orders.dlq", *(part for name, value in headers.items()
                                                      for part in ("--header", f"batuta-dlq-{name}={value}")),
                   input=f"value {offset}\n")
        overview = json.loads(dlq("list", "-o", "json").stdout)
        assert overview == [{"dlq": "orders.dlq", "reason": "missing_id", "open": 2},
                            {"dlq": "orders.dlq", "reason": "not_json", "open": 2}], overview
        assert [(row["letter"], row["at"], row["reason"]) for row in open_letters()] == [
            ("0:0", "0:0", "not_json"), ("0:1", "0:1", "not_json"), ("0:2", "0:2", "missing_id"), ("0:3", "0:3", "missing_id")]
        assert "value 2" in dlq("show", "orders.dlq", "0:2").stdout
        assert "which letters?" in dlq("replay", "orders.dlq", code=2).stderr
        assert json.loads(dlq("replay", "orders.dlq", "--all", "--dry-run", "-o", "json").stdout) == {"would_replay": 3}
        told = dlq("replay", "orders.dlq", "--reason", "not_json", "-o", "json")
        assert json.loads(told.stdout) == {"replayed": 1} and "1 letters were tried 5 times" in told.stderr, told
        sent = tailed(folder, "orders")
        assert [record["value"] for record in sent] == ["value 0"], sent
        assert sent[0]["headers"] == {"batuta-dlq-attempt": "1", "batuta-dlq-first-seen": "2024-05-06T07:08:09Z"}, sent
        dlq("repair", "orders.dlq", "0:2", input='{"id": 3}')
        assert [record["value"] for record in tailed(folder, "orders")] == ["value 0", '{"id": 3}']
        assert "--yes" in dlq("discard", "orders.dlq", "--all", code=2).stderr
        assert json.loads(dlq("discard", "orders.dlq", "--all", "--yes", "--note", "tests", "-o", "json").stdout) == {"discarded": 2}
        assert open_letters() == [] and len(tailed(folder, "orders")) == 2
        assert "no open letter 0:2" in dlq("repair", "orders.dlq", "0:2", input="{}", code=1).stderr


if __name__ == "__main__":
    main([lines_become_records, a_follower_sees_what_comes, records_come_in_the_form_that_is_asked_for, what_is_wrong_is_said, a_spool_waits_for_the_topic, dead_letters_are_sent_again_or_given_up])
