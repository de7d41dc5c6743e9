#!/usr/bin/env python3
"""Callbacks by all channels, with real receivers: what is told and how, signed and at least once, through kill -9."""
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, mock, shell  # noqa: E402
from receivers import Hooks, Mails, Proxy, certificate, connect, text_of  # noqa: E402


def slack_and_webhook_tell_failure_and_recovery():
    """a run and its task fail and recover: Slack's blocks with facts, log and link; a signed webhook; nothing lost in a kill"""
    with Folder("alerts") as folder:
        hooks = Hooks()
        flag = folder.path / "good"
        slack = {"notifier": "slack", "connection": "slack", "channel": "#ops"}
        hook = {"notifier": "webhook", "connection": "pager"}
        task = shell("load", f"test -e {flag} || {{ echo no disk; exit 3; }}", on_failure={**slack, "text": "alas <!here> {{ params.who }}"}, on_recovery=slack)
        server = folder.server({"etl": dag("etl", [task], params={"who": "<!channel>"}, on_failure=hook, on_recovery=hook)},
                               env={"BATUTA_BASE_URL": "https://batuta.example.org"}).start()
        connect(server, "slack", "slackwebhook", host=f"http://127.0.0.1:{hooks.port}/services", password="T0/s3cret")
        connect(server, "pager", "http", host=f"http://127.0.0.1:{hooks.port}/pager", password="key")
        hooks.status = 503
        run = server.trigger("etl")["dag_run_id"]
        assert server.wait_run("etl", run)["state"] == "failed"
        eventually(lambda: len(hooks.seen) >= 2, 20, "both channels were tried")
        server.kill()  # owed, and the receivers are away
        hooks.status = 200
        server.start()
        told = eventually(lambda: hooks.taken("/services/T0/s3cret"), 40, "Slack was told after the kill")[0]
        assert told["channel"] == "#ops" and told["text"].startswith("alas <!here> &lt;!channel&gt;\n"), told
        blocks = json.dumps(told["blocks"])
        for part in ("*DAG*\\netl", "*Task*\\nload", f"*Run*\\n{run}", "*Reason*", "no disk", "https://batuta.example.org/#/dags/etl/runs/"):
            assert part in blocks, (part, blocks)
        eventually(lambda: hooks.taken("/pager"), 40, "the webhook was told after the kill")
        for path, headers, body, _ in hooks.seen:
            if path == "/pager":
                seconds, signature = (part.split("=")[1] for part in headers["X-Batuta-Signature"].split(","))
                assert hmac.new(b"key", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest() == signature
                assert abs(time.time() - int(seconds)) < 60
        alert = hooks.taken("/pager")[0]["alerts"][0]
        assert alert["on"] == "failure" and alert["dag_id"] == "etl" and alert["dag_run_id"] == run and "load" in alert["reason"], alert
        flag.touch()
        assert server.wait_run("etl", server.trigger("etl")["dag_run_id"])["state"] == "success"
        eventually(lambda: any("Task succeeded again: etl.load" in told["text"] for told in hooks.taken("/services/T0/s3cret")), 20, "the recovery in Slack")
        eventually(lambda: any(one["on"] == "recovery" for told in hooks.taken("/pager") for one in told["alerts"]), 20, "the recovery by webhook")
        assert "s3cret" not in server.log_tail(100_000)
        server.stop()
        server.check_database()


def mail_goes_by_starttls_and_login_of_a_private_authority():
    """a missed deadline by mail: STARTTLS, login, a CA of one's own; without the CA, or with a wrong password, it waits and says why; its connection is tried"""
    with Folder("mails") as folder:
        mails = Mails(certificate(folder.path), ("batuta@example.org", "hunter22"))
        mail = {"notifier": "mail", "connection": "smtp", "to": ["ops@example.org", "b@example.org"], "subject": "late: {{ dag.dag_id }} ção"}
        server = folder.server({"slow": dag("slow", [shell("work", "sleep 30")], deadline="1s", on_deadline=mail)}, env={"BATUTA_CONNECTIONS_TEST": "true"}).start()
        connect(server, "smtp", "email", host="localhost", port=mails.port, login="batuta@example.org", password="wrong")
        run = server.trigger("slow")["dag_run_id"]

        def last_error(part):
            return part in server.cli("outbox", "list").stdout
        eventually(lambda: last_error("certificate"), 20, "an unknown authority is refused")
        extra = json.dumps({"ca_file": str(folder.path / "cert.pem")})
        server.call("PATCH", "/api/v2/connections/smtp", {"connection_id": "smtp", "conn_type": "email", "extra": extra})
        eventually(lambda: last_error("refused the connection's login"), 40, "a wrong password is told")
        server.call("PATCH", "/api/v2/connections/smtp", {"connection_id": "smtp", "conn_type": "email", "password": "hunter22"})
        got = eventually(lambda: mails.mails, 60, "the mail")[0]
        kept = {"connection_id": "smtp", "conn_type": "email"}
        where, sent = f"localhost:{mails.port}: ", len(mails.mails)
        told = server.call("POST", "/api/v2/connections/test", kept)
        assert told == {"status": True, "message": where + "the mail server takes the login"}, told
        told = server.call("POST", "/api/v2/connections/test", {**kept, "password": "wrong-one"})
        assert not told["status"] and "refused the connection's login" in told["message"] and "wrong-one" not in told["message"], told
        assert "takes the login" in server.cli("connections", "test", "smtp").stdout
        assert len(mails.mails) == sent, "a trial begins no message"
        assert got["secure"] and got["to"] == ["ops@example.org", "b@example.org"], got
        assert "=?UTF-8?B?" in got["data"] and "Auto-Submitted: auto-generated" in got["data"]
        text = text_of(got)
        assert "Run missed its deadline: slow" in text and run in text and "after its queued_at" in text, text
        events = server.get("/api/v2/eventLogs?event=deadline_missed")["event_logs"]
        assert len(events) == 1 and events[0]["run_id"] == run, events
        assert 'batuta_deadlines_missed_total{dag_id="slow"} 1' in server.cli("metrics").stdout
        server.call("PATCH", f"/api/v2/dags/slow/dagRuns/{run}", {"state": "failed"})
        server.stop()


def a_storm_is_a_few_messages_by_the_proxy():
    """fifty failures are a few digests that name each, through the proxy that the installation sets"""
    with Folder("storm") as folder:
        proxy = Proxy()
        tasks = [mock(f"t{i}", exit=1, on_failure={"notifier": "webhook", "connection": "pager", "every": "1h"}) for i in range(5)]
        tasks += [mock(f"s{i}", exit=1, on_failure={"notifier": "webhook", "connection": "pager"}) for i in range(50)]
        server = folder.server({"storm": dag("storm", tasks)}, env={"BATUTA_OUTGOING_PROXY": proxy.url}).start()
        connect(server, "pager", "http", host="http://pager.invalid/in")
        assert server.wait_run("storm", server.trigger("storm")["dag_run_id"])["state"] == "failed"

        def named():
            return {one["task_id"] for _, body in proxy.asked for one in json.loads(body)["alerts"]}
        eventually(lambda: sum(name.startswith("s") for name in named()) == 50 and len(named()) > 50, 40, "each is named")
        assert all(path == "http://pager.invalid/in" for path, _ in proxy.asked)
        assert len(proxy.asked) <= 30, len(proxy.asked)
        before, limited = len(proxy.asked), len(named()) - 50
        server.wait_run("storm", server.trigger("storm")["dag_run_id"])
        eventually(lambda: len(proxy.asked) > before, 20, "the next storm is told")
        owed = lambda: server.get("/api/batuta/outbox")["total_entries"]
        eventually(lambda: owed() == 10 - limited, 30, "all but those that are held for the hour")
        time.sleep(1)
        again = {one["task_id"] for _, body in proxy.asked[before:] for one in json.loads(body)["alerts"]}
        assert not any(name.startswith("t") for name in again), again  # held for the hour, not dropped
        assert owed() == 10 - limited, (owed(), limited)
        server.stop()


main([slack_and_webhook_tell_failure_and_recovery, mail_goes_by_starttls_and_login_of_a_private_authority, a_storm_is_a_few_messages_by_the_proxy])
