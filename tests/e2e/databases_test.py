#!/usr/bin/env python3
"""sql, mail and slack tasks with real servers: SQLite, DuckDB over files, a PostgreSQL of its own, SMTP, a webhook."""
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, shell  # noqa: E402
from receivers import Hooks, Mails, certificate, connect  # noqa: E402

EVIL = "x'); DROP TABLE t; --"


def looks(task_id, text, **more):
    return {"task_id": task_id, "type": "sensor", "depends_on": ["load"], "poke_interval": "1s", "wait_for": {"sql": {"connection": "pg", "sql": text, **more}}}


def sql(task_id, text, depends_on=(), **more):
    return {"task_id": task_id, "type": "sql", "sql": text, "depends_on": list(depends_on), **more}


def value(server, dag_id, run, task):
    return server.get(f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value")["value"]


class Postgres:
    """A server of this test's own, as a user who is not root, on a free port of this machine. `encrypts`: a certificate and its key."""

    def __init__(self, folder, encrypts=None):
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert programs, "no PostgreSQL server: apt-get install postgresql (./dev test does)"
        self.bin, self.folder = programs[-1].parent, folder / "postgres"
        self.user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        self.folder.mkdir()
        folder.chmod(0o711)
        if self.user:
            shutil.chown(self.folder, "nobody")
        options = []
        for name, file in zip(("ssl_cert_file", "ssl_key_file"), encrypts or ()):
            mine = self.folder / name
            shutil.copy(file, mine)
            mine.chmod(0o600)
            if self.user:
                shutil.chown(mine, "nobody")
            options += ["-c", f"{name}={mine}", "-c", "ssl=on"]
        (folder / "pw").write_text("hunter22")
        (folder / "pw").chmod(0o644)
        self.run("initdb", "-D", self.folder / "data", "-U", "batuta", "--pwfile", folder / "pw", "-A", "scram-sha-256", "-N", "--locale=C", "-E", "UTF8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([self.bin / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder), "-F", *options],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self.user)
        eventually(lambda: socket.create_connection(("127.0.0.1", self.port), 1), 20, "PostgreSQL listens")

    def run(self, program, *arguments):
        subprocess.run([self.bin / program, *map(str, arguments)], check=True, capture_output=True, cwd="/", **self.user)

    def stop(self):
        self.process.send_signal(2)  # fast: nobody is waited for
        self.process.wait(20)


class Wire:
    """A line to the server that can break: what `mute` or `cut` is in what a client says ends it, without a word or closed."""

    def __init__(self, port, mute=b"mute the line", cut=b"cut the line"):
        self.port_behind, self.mute, self.cut, self.silent = port, mute, cut, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.kept = []  # a socket that is let go is closed, which would be a word
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            self.kept.append(client)
            if not self.silent.is_set():
                server, broken = socket.create_connection(("127.0.0.1", self.port_behind)), threading.Event()
                self.kept.append(server)
                threading.Thread(target=self.carry, args=(client, server, broken, True), daemon=True).start()
                threading.Thread(target=self.carry, args=(server, client, broken, False), daemon=True).start()

    def carry(self, source, target, broken, of_client):
        said = b""
        try:
            while data := source.recv(65536):
                said += data if of_client else b""
                if self.mute in said:
                    self.silent.set()  # for whoever comes to cancel, too
                if self.silent.is_set() or broken.is_set():
                    continue
                if self.cut in said:
                    broken.set()
                    target.sendall(data)
                    time.sleep(0.3)  # the server does it; its answer goes nowhere
                    source.shutdown(socket.SHUT_RDWR)
                    target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def sqlite_and_files_bind_values_and_bound_results():
    """SQLite and DuckDB over files: values are bound whatever they hold, one transaction, results of a bounded size"""
    with Folder("sqlite") as folder:
        database, csv = folder.path / "db.sqlite", folder.path / "orders.csv"
        with sqlite3.connect(database) as made:
            made.execute("CREATE TABLE t (a TEXT, n INTEGER)")
        csv.write_text("id,total\n1,2.5\n2,4\n")
        tasks = [
            sql("load", "INSERT INTO t VALUES ({{ params.who }}, :n); INSERT INTO t SELECT a, n + 1 FROM t", connection="lite", parameters={"n": "{{ params.n }}"}),
            sql("rows", "SELECT a, n FROM t WHERE a = {{ params.who }} ORDER BY n", ["load"], connection="lite", result="rows"),
            sql("first", "SELECT max(n) AS top FROM t", ["load"], connection="lite", result="first", multiple_outputs=True),
            sql("large", "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 200000) SELECT x FROM c", connection="lite", result="rows"),
            sql("half", "INSERT INTO t VALUES ('half', 0); INSERT INTO nowhere VALUES (1)", ["rows", "first"], connection="lite"),
            sql("long", "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c", connection="lite", timeout="300ms"),
            sql("files", "SELECT sum(total) AS total, {{ params.who }} AS who FROM orders WHERE total > :least", files={"orders": str(csv)}, parameters={"least": 2.4}, result="first"),
            sql("up", "SELECT * FROM o", files={"o": str(folder.path / "{{ params.up }}" / "orders.csv")}),
            sql("peeks", "SELECT * FROM read_csv('/etc/passwd')", files={"orders": str(csv)}, result="rows"),
            shell("says", "echo {{ ti.xcom_pull('first', key='top') }}", ["first"]),
        ]
        server = folder.server({"lite": dag("lite", tasks, params={"who": EVIL, "n": 1, "up": "../.."})}).start()
        connect(server, "lite", "sqlite", host=str(database))
        run = server.trigger("lite")["dag_run_id"]
        assert server.wait_run("lite", run)["state"] == "failed"
        states = {name: task["state"] for name, task in server.tasks("lite", run).items()}
        assert states == {"load": "success", "rows": "success", "first": "success", "says": "success", "files": "success",
                          "large": "failed", "half": "failed", "long": "failed", "peeks": "failed", "up": "failed"}, states
        assert value(server, "lite", run, "rows") == [{"a": EVIL, "n": 1}, {"a": EVIL, "n": 2}]
        assert value(server, "lite", run, "files") == {"total": 6.5, "who": EVIL}
        assert value(server, "lite", run, "says") in (2, "2")
        for task, part in (("large", "1 MiB"), ("half", "nowhere"), ("long", "longer than its timeout of 300 ms"), ("peeks", "ermission"), ("up", "may not bring / *")):
            log = server.log_text("lite", run, task) + server.cli("tasks", "explain", "lite", run, task).stdout
            assert part in log, (task, log)
        with sqlite3.connect(database) as left:
            assert left.execute("SELECT count(*) FROM t").fetchone() == (2,)  # nothing of "half"
        server.stop()


def postgres_binds_cancels_and_keeps_its_password():
    """PostgreSQL: typed results, one transaction, a wrong statement, a cancelled one that the server stops, no password anywhere; encrypted, by an authority where one is named"""
    with Folder("postgres") as folder:
        for name in ("own", "other"):
            (folder.path / name).mkdir()
        own, other = certificate(folder.path / "own"), certificate(folder.path / "other")
        postgres = Postgres(folder.path, own)
        try:
            make = "CREATE TABLE IF NOT EXISTS t (a text, n int, j jsonb); TRUNCATE t; INSERT INTO t VALUES ({{ params.who }}, :n, :j)"
            tasks = [
                sql("load", make, connection="pg", parameters={"n": "{{ params.n }}", "j": {"x": [1]}}),
                sql("read", "SELECT a, n, j, n::numeric / 3 AS third, n > 0 AS some, NULL AS nothing FROM t WHERE a = {{ params.who }}", ["load"], connection="pg", result="first"),
                sql("half", "INSERT INTO t VALUES ('half', 0, '{}'); SELECT 1 / (n - n) FROM t", ["read"], connection="pg"),
                sql("left", "SELECT count(*) AS n FROM t", ["half"], connection="pg", result="first", trigger_rule="all_done"),
                sql("slow", "SELECT pg_sleep(600)", connection="pg"),
                looks("seen", "SELECT n FROM t WHERE a = {{ params.who }}", equals=7),
                looks("changes", "WITH gone AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM gone"),
                *(sql(name, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", connection=name, result="first") for name in ("required", "believed", "doubted", "unseen")),
            ]
            server = folder.server({"pg": dag("pg", tasks, params={"who": EVIL, "n": 7})}).start()
            connect(server, "pg", "postgres", host="127.0.0.1", port=postgres.port, login="batuta", password="hunter22", schema="postgres")
            for name, extra in (("required", None), ("believed", {"ca_file": own[0]}), ("doubted", {"ca_file": other[0]}), ("unseen", {"ca_file": other[0], "sslmode": "require"})):
                # An address of this machine that does not look like one.
                connect(server, name, "postgres", host="0.0.0.0", port=postgres.port, login="batuta", password="hunter22", schema="postgres", extra=extra)
            run = server.trigger("pg")["dag_run_id"]
            ends = {"required": "success", "believed": "success", "unseen": "success", "doubted": "failed"}
            eventually(lambda: {task: server.tasks("pg", run)[task]["state"] for task in ends} == ends, 30, "the encrypted ones ended")
            for task in ("required", "believed", "unseen"):
                assert value(server, "pg", run, task) == {"ssl": True}, task
            assert "certificate verify failed" in server.log_text("pg", run, "doubted") + server.cli("tasks", "explain", "pg", run, "doubted").stdout
            eventually(lambda: server.tasks("pg", run)["left"]["state"] == "success", 30, "all but the slow one ended")
            got = value(server, "pg", run, "read")
            assert got.pop("third").startswith("2.333"), got
            assert got == {"a": EVIL, "n": 7, "j": {"x": [1]}, "some": True, "nothing": None}, got
            assert value(server, "pg", run, "left") == {"n": 1}
            eventually(lambda: server.tasks("pg", run)["seen"]["state"] == "success", 20, "a wait for what a SELECT finds")
            eventually(lambda: server.tasks("pg", run)["changes"]["state"] == "failed", 20, "a SELECT that would change something")
            assert "read-only transaction" in server.cli("tasks", "explain", "pg", run, "changes").stdout
            assert server.tasks("pg", run)["half"]["state"] == "failed"
            assert "division by zero" in server.log_text("pg", run, "half") + server.cli("tasks", "explain", "pg", run, "half").stdout
            begun = time.monotonic()
            server.call("PATCH", f"/api/v2/dags/pg/dagRuns/{run}", {"state": "failed"})
            eventually(lambda: server.tasks("pg", run)["slow"]["state"] == "failed", 9, "the slow one is cancelled before it is killed")
            assert time.monotonic() - begun < 9
            assert "hunter22" not in server.log_text("pg", run, "load") + server.log_tail(100_000)
            server.stop()
        finally:
            postgres.stop()


def postgres_that_breaks_off_ends_the_task():
    """COPY with a client, a silent server, a connection that is lost while it commits, one that must be encrypted: each fails soon, and says what is known"""
    with Folder("lost") as folder:
        postgres = Postgres(folder.path)
        try:
            mute, cut, commit = Wire(postgres.port), Wire(postgres.port), Wire(postgres.port, cut=b"COMMIT\0")
            again = {"retries": 2, "retry_delay": "100ms"}
            tasks = [
                sql("in", "COPY t FROM STDIN", ["make"], connection="pg", **again),
                sql("out", "INSERT INTO t VALUES (0, 'out'); COPY t TO STDOUT", ["make"], connection="pg", **again),
                sql("endless", "SELECT generate_series(1, 1000000000000)", connection="pg", timeout="1s", **again),
                sql("silent", "SELECT pg_sleep(600) -- mute the line", connection="mute", timeout="500ms"),
                sql("lost", "INSERT INTO t VALUES (1, 'lost'); SELECT 1 -- cut the line", ["make"], connection="cut", **again),
                sql("alone", "CREATE TABLE made (n int) -- cut the line", connection="cut", **again),
                sql("commit", "INSERT INTO t VALUES (2, 'commit'); SELECT 1", ["make"], connection="commit", **again),
                sql("row", "INSERT INTO t VALUES (3, 'row') RETURNING a", ["make"], connection="commit", result="first", **again),
                sql("large", "INSERT INTO t SELECT x, 'large' FROM generate_series(1, 200000) AS x RETURNING n, a", ["make"], connection="pg", result="rows", **again),
                sql("open", "SELECT 1 AS n", connection="elsewhere", **again),
                sql("meant", "SELECT 1 AS n", connection="meant", result="first"),
                sql("make", "CREATE TABLE t (n int, a text)", connection="pg"),
                sql("left", "SELECT a, count(*) AS n FROM t GROUP BY a ORDER BY a", ["in", "out", "lost", "commit", "row", "large"], connection="pg", result="rows", trigger_rule="all_done"),
            ]
            server = folder.server({"pg": dag("pg", tasks)}).start()
            for name, port, host, extra in (("pg", postgres.port, "127.0.0.1", None), ("mute", mute.port, "127.0.0.1", None), ("cut", cut.port, "127.0.0.1", None),
                                            ("commit", commit.port, "localhost", None), ("elsewhere", postgres.port, "0.0.0.0", None), ("meant", postgres.port, "0.0.0.0", {"sslmode": "disable"})):
                connect(server, name, "postgres", host=host, port=port, login="batuta", password="hunter22", schema="postgres", extra=extra)
            begun = time.monotonic()
            run = server.trigger("pg")["dag_run_id"]
            assert server.wait_run("pg", run, 50)["state"] == "failed"
            assert time.monotonic() - begun < 40
            ended = {name: (task["state"], task["try_number"]) for name, task in server.tasks("pg", run).items()}
            once = ("failed", 1)
            assert ended == {"make": ("success", 1), "left": ("success", 1), "meant": ("success", 1), "in": once, "out": once, "endless": once, "silent": once, "alone": once,
                             "commit": once, "row": once, "large": once, "open": once, "lost": ("failed", 3)}, ended
            done = "the connection was lost while it committed: it may have been done; look before clearing"
            for task, part in (("in", "COPY … FROM STDIN"), ("out", "use INSERT or SELECT"), ("endless", "longer than its timeout of 1000 ms"), ("silent", "did not answer within 5 s"),
                               ("alone", done), ("commit", done), ("row", done), ("large", "1 MiB"), ("open", '"sslmode": "disable"')):
                log = server.log_text("pg", run, task) + server.cli("tasks", "explain", "pg", run, task).stdout
                assert part in log, (task, log)
            log = server.log_text("pg", run, "lost")
            assert done not in log, log
            # What was said to be unknown had been done, once; what was rolled back is not there.
            assert value(server, "pg", run, "left") == [{"a": "commit", "n": 1}, {"a": "row", "n": 1}], value(server, "pg", run, "left")
            server.stop()
        finally:
            postgres.stop()


def mail_and_slack_tasks_say_what_they_are_told():
    """mail and slack tasks: templated, values mention nobody and add no header, what is refused is told"""
    with Folder("messages") as folder:
        mails, hooks = Mails(), Hooks()
        tasks = [
            {"task_id": "mail", "type": "mail", "connection": "smtp", "to": ["a@example.org", "{{ params.to }}"], "subject": "for {{ params.who }}", "text": "on {{ ds }}", "html": "<b>x</b>"},
            {"task_id": "nobody", "type": "mail", "connection": "smtp", "to": "{{ params.who }}@", "subject": "s", "text": "t"},
            {"task_id": "some", "type": "mail", "connection": "smtp", "to": ["{{ params.who }}@", "c@example.org"], "subject": "s", "text": "t"},
            {"task_id": "slack", "type": "slack", "connection": "hook", "text": "hello {{ params.who }}", "channel": "#x"},
            shell("says", "echo {{ ti.xcom_pull('mail').message_id }}", ["mail"]),
        ]
        server = folder.server({"say": dag("say", tasks, params={"who": "<!here>\r\nBcc: all@example.org", "to": "b@example.org"})}).start()
        connect(server, "smtp", "email", host="127.0.0.1", port=mails.port, extra={"from": "batuta@example.org", "tls": "none"})
        connect(server, "hook", "slackwebhook", host=f"http://127.0.0.1:{hooks.port}/services", password="T0/s3cret")
        run = server.call("POST", "/api/v2/dags/say/dagRuns", {"logical_date": "2024-05-01T00:00:00Z"})["dag_run_id"]
        assert server.wait_run("say", run)["state"] == "failed"
        states = {name: task["state"] for name, task in server.tasks("say", run).items()}
        assert states == {"mail": "success", "nobody": "failed", "slack": "success", "says": "success", "some": "success"}, states
        assert sorted(mail["to"] for mail in mails.mails) == [["a@example.org", "b@example.org"], ["c@example.org"]], mails.mails
        assert "is no mail address" in server.log_text("say", run, "some")
        some = value(server, "say", run, "some")
        assert some["to"] == ["c@example.org"] and len(some["missed"]) == 1, some
        mail = next(mail for mail in mails.mails if len(mail["to"]) == 2)
        assert "\nBcc:" not in mail["data"] and "multipart/alternative" in mail["data"], mail
        said = "hello &lt;!here&gt;\r\nBcc: all@example.org"  # and no link is made of what looks like one
        section = {"type": "section", "text": {"type": "mrkdwn", "text": said, "verbatim": True}}
        assert hooks.taken("/services/T0/s3cret") == [{"channel": "#x", "text": said, "blocks": [section]}]
        hooks.status = 404
        run = server.call("POST", "/api/v2/dags/say/dagRuns", {"logical_date": "2024-05-02T00:00:00Z"})["dag_run_id"]
        server.wait_run("say", run)
        assert "Slack answered 404" in server.log_text("say", run, "slack") + server.cli("tasks", "explain", "say", run, "slack").stdout
        server.stop()


if __name__ == "__main__":
    main([sqlite_and_files_bind_values_and_bound_results, postgres_binds_cancels_and_keeps_its_password, postgres_that_breaks_off_ends_the_task, mail_and_slack_tasks_say_what_they_are_told])
