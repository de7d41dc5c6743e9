#!/usr/bin/env python3
"""Secrets stay where they belong: not in logs, not in rendered fields, not in files after the server's end."""
import json
import sys
import threading
import urllib.error
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from oidc_provider import Browser, Provider  # noqa: E402
from harness import Folder, dag, eventually, main, refused, shell  # noqa: E402


def sensitive_variables_are_masked():
    """a variable with a sensitive name reaches the task, and neither its log nor its rendered fields"""
    with Folder("secrets") as folder:
        server = folder.server({"tell": dag("tell", [
            shell("say", "echo ${#X} {{ var.value.api_token }} {{ var.json.db_password.inner }} {{ var.value.plain }}",
                  env={"X": "{{ var.value.api_token }}"}),
            # As quoting writes them, and as a number.
            shell("odd", "echo ${#X} \"in {{ var.value.odd_secret }}\" {{ var.json.pin_secret.pin }}",
                  ["say"], env={"X": "{{ var.value.odd_secret }}"})])}).start()
        for key, value in {"api_token": "s3cret-token-value", "db_password": '{"inner":"s3cret-inner-value"}',
                           "plain": "shown-to-all", "odd_secret": "it's$s3cret!x",
                           "pin_secret": '{"pin":48151623}'}.items():
            server.cli("variables", "set", key, "-", stdin=value + "\n")
        run_id = server.trigger("tell")["dag_run_id"]
        assert server.wait_run("tell", run_id)["state"] == "success"
        log = server.cli("tasks", "log", "tell", run_id, "say").stdout
        fields = json.dumps(server.get(f"/api/v2/dags/tell/dagRuns/{run_id}/taskInstances/say")["rendered_fields"])
        for shown in (log, fields):
            assert "s3cret" not in shown and "***" in shown and "shown-to-all" in shown, shown
        assert "18 ***" in log, log  # the task itself had the value
        fields = json.dumps(server.get(f"/api/v2/dags/tell/dagRuns/{run_id}/taskInstances/odd")["rendered_fields"])
        assert "s3cret" not in fields and "48151623" not in fields and "***" in fields, fields
        assert "13 in ***" in (log := server.cli("tasks", "log", "tell", run_id, "odd").stdout), log
        assert "48151623" not in log, log
        logs = [file.read_bytes() for file in (server.home / "logs").rglob("*") if file.is_file()]
        assert logs and not any(b"s3cret" in text for text in logs)


def a_returned_secret_is_sealed():
    """a return value with a secret reaches the next task, and no page, log, rendered field, database or argument list"""
    with Folder("sealed") as folder:
        server = folder.server({"hand": dag("hand", [
            shell("give", "cat /proc/$$/cmdline | tr '\\0' ' '; echo; echo {{ var.value.api_token }}"),
            shell("take", "echo ${#X} {{ ti.xcom_pull('give') }}", ["give"], env={"X": "{{ ti.xcom_pull('give') }}"})
        ])}).start()
        server.cli("variables", "set", "api_token", "-", stdin="s3cret-token-value\n")
        run_id = server.trigger("hand")["dag_run_id"]
        assert server.wait_run("hand", run_id)["state"] == "success"
        base = f"/api/v2/dags/hand/dagRuns/{run_id}/taskInstances"
        log = server.cli("tasks", "log", "hand", run_id, "take").stdout
        assert "18 ***" in log, log  # the task itself had the value
        seen = [log, server.cli("tasks", "log", "hand", run_id, "give").stdout,
                json.dumps(server.get(f"{base}/give/xcomEntries/return_value")),
                json.dumps(server.get(f"{base}/take")), json.dumps(server.get(f"{base}/take/xcomEntries/return_value"))]
        assert not any("s3cret" in text for text in seen), seen
        assert server.get(f"{base}/give/xcomEntries/return_value")["value"] == "***"
        server.stop()
        files = [file.read_bytes() for file in server.home.rglob("*") if file.is_file()]
        assert files and not any(b"s3cret-token" in text for text in files)


def a_password_of_a_conf_is_seen_by_the_task_alone():
    """a param of format password reaches the task, also after a new key; no answer, log, rendered field or file of the home has it"""
    password = {"type": "string", "format": "password"}
    with Folder("passwords") as folder:
        server = folder.server({"use": dag("use", [shell("say", "echo ${#T} $T; echo {{ params.t }}", env={"T": "{{ params.t }}"}),
                                                   shell("next", "echo {{ ti.xcom_pull('say') }}", ["say"])],
                                           params={"t": password, "day": "today"}, schedule=None),
                                "filled": dag("filled", [shell("say", "echo {{ params.t }} {{ params.day }}")],
                                              params={"t": password | {"type": ["string", "null"], "default": None}, "day": "x"},
                                              schedule="@daily", start_date="2024-01-01T00:00:00Z")}).start()
        conf = {"t": "s3cret-pass-word", "day": "monday"}
        stdin = json.dumps(conf)
        told = server.cli("dags", "trigger", "use", "--conf", "-", "--run-id", "one", stdin=stdin).stdout
        assert server.wait_run("use", "one")["state"] == "success"
        assert "16 ***" in (log := server.cli("tasks", "log", "use", "one", "say").stdout), log
        base = "/api/v2/dags/use/dagRuns"
        again = {"logical_date": None, "dag_run_id": "two"}
        # The same request is known again; one with another password is not the same.
        for _ in (1, 2):
            assert server.trigger("use", conf, run_id="two", key="k")["dag_run_id"] == "two"
        other = str(refused(422, lambda: server.call("POST", base, again | {"conf": conf | {"t": "s3cret-other"}},
                                                     headers={"Idempotency-Key": "k"})))
        # What people see cannot be sent back for what it was.
        stars = str(refused(422, lambda: server.call("POST", base, again | {"conf": server.run("use", "one")["conf"]})))
        assert "give the password itself" in stars, stars
        server.call("POST", "/api/v2/dags/use/clearTaskInstances", {"dag_run_id": "one", "dry_run": False, "only_failed": False})
        assert server.wait_run("use", "one")["state"] == "success"
        assert "16 ***" in server.cli("tasks", "log", "use", "one", "say", "--try", "2").stdout
        backfill = server.call("POST", "/api/v2/backfills", {"dag_id": "filled", "from_date": "2024-01-01T00:00:00Z",
                               "to_date": "2024-01-01T00:00:00Z", "dag_run_conf": conf, "run_on_latest_version": True})
        assert backfill["dag_run_conf"] == {"t": "***", "day": "monday"}, backfill
        filled = eventually(lambda: server.get("/api/v2/dags/filled/dagRuns?state=success&run_type=backfill")["dag_runs"], 60, "the backfill's run")
        assert filled[0]["conf"] == {"t": "***", "day": "monday"}, filled
        seen = [told, log, other, stars, json.dumps(filled),
                server.cli("tasks", "log", "filled", filled[0]["dag_run_id"], "say").stdout]
        for path in (base, base + "/one", base + "/one/taskInstances", base + "/one/taskInstances/next/xcomEntries/return_value",
                     "/api/v2/backfills?dag_id=filled", "/api/v2/eventLogs", "/api/v2/dags/use/details"):
            seen.append(json.dumps(server.get(path)))
        assert any('"t": "***"' in text for text in seen) and not any("s3cret" in text for text in seen), seen
        # A new key: not under a running server; and everything opens with it afterwards.
        running = server.cli("secrets", "rotate-key", check=False)
        assert running.returncode == 1 and "scheduler" in running.stderr, running
        server.stop()
        key = (server.home / "secret.key").read_bytes()
        rotated = server.cli("secrets", "rotate-key").stdout
        assert "sealed with a new" in rotated and "the old key is" in rotated, rotated
        kept = list(server.home.glob("secret.key.*"))
        assert len(kept) == 1 and kept[0].read_bytes() == key != (server.home / "secret.key").read_bytes(), kept
        server.start()
        server.call("POST", "/api/v2/dags/use/clearTaskInstances", {"dag_run_id": "one", "dry_run": False, "only_failed": False})
        assert server.wait_run("use", "one")["state"] == "success"
        assert "16 ***" in server.cli("tasks", "log", "use", "one", "say").stdout
        server.stop()
        files = [file.read_bytes() for file in server.home.rglob("*") if file.is_file()]
        assert files and not any(b"s3cret" in text for text in files)


class Vault(BaseHTTPRequestHandler):
    """HashiCorp Vault's KV version 2, as far as one secret of it."""

    def do_GET(self):
        let_in = self.headers["X-Vault-Token"] == "s3cret-vault-token" and self.headers["X-Vault-Namespace"] == "team"
        there = self.path == "/v1/secret/data/batuta/app"
        answer = {"errors": []} if not (let_in and there) else {
            "lease_id": "", "data": {"data": {"pin": "s3cret-of-vault"}, "metadata": {"version": 1}}}
        body = json.dumps(answer).encode()
        self.send_response(200 if let_in and there else 404 if let_in else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def secrets_kept_elsewhere_reach_the_task_alone():
    """secrets kept elsewhere, in the environment, a file, a program and a vault, reach their task; people see the references, and why there is none"""
    with Folder("elsewhere") as folder, ThreadingHTTPServer(("127.0.0.1", 0), Vault) as asked:
        threading.Thread(target=asked.serve_forever, daemon=True).start()
        vault = folder.path / "vault"
        vault.mkdir()
        (vault / "pin").write_text("s3cret-of-file\n")
        (vault / "token").write_text("s3cret-vault-token\n")
        program = vault / "keep"
        program.write_text("#!/bin/sh\nsleep 0.3; echo s3cret-of-program-$1\n")
        program.chmod(0o755)
        server = folder.server({"use": dag("use", [
            shell("say", "echo $A $B $C; printf '%s' {{ var.value.key }} | wc -c; echo vault ${#C}",
                  env={"A": "{{ var.value.plain_name }}", "B": "{{ var.value.key }}", "C": "{{ var.value.kept }}"})]),
            "lost": dag("lost", [shell("say", "echo {{ var.value.gone }}")])})
        server.home.mkdir(parents=True, exist_ok=True)
        (server.home / "batuta.json").write_text(json.dumps({
            "secrets.vault_url": f"http://127.0.0.1:{asked.server_port}", "secrets.vault_paths": ["secret/data/batuta"],
            "secrets.vault_namespace": "team", "secrets.vault_token": {"$file": str(vault / "token")},
            "secrets.folders": [str(vault)], "secrets.programs": [str(program)], "secrets.env": ["NOT_SET_ANYWHERE"]}))
        server.start()
        server.cli("variables", "set", "plain_name", json.dumps({"$file": str(vault / "pin")}))
        server.cli("variables", "set", "key", json.dumps({"$command": [str(program), "x"]}))
        server.cli("variables", "set", "kept", json.dumps({"$vault": ["secret/data/batuta/app", "pin"]}))
        server.cli("variables", "set", "gone", '{"$env": "NOT_SET_ANYWHERE"}')
        other = server.cli("variables", "set", "other", '{"$env": "HOME"}', check=False)
        assert other.returncode == 1 and '"secrets.env" in batuta.json' in other.stderr, other
        run_id = server.trigger("use")["dag_run_id"]
        assert server.wait_run("use", run_id)["state"] == "success"
        log = server.cli("tasks", "log", "use", run_id, "say").stdout
        assert "*** *** ***" in log and "19" in log and "vault 15" in log, log  # the task itself had the values
        lost = server.trigger("lost")["dag_run_id"]
        assert server.wait_run("lost", lost)["state"] == "failed"
        why = server.cli("tasks", "explain", "lost", lost, "say").stdout + json.dumps(
            server.get(f"/api/v2/dags/lost/dagRuns/{lost}/taskInstances/say"))
        assert "has no variable" in why and "NOT_SET_ANYWHERE" in why, why
        server.cli("connections", "add", "db", "--conn-type", "postgres", "--conn-host", "127.0.0.1", "--conn-port", "1",
                   "--password-from", f"command:{program} y", "--conn-extra", json.dumps({"token": {"$env": "NOT_SET_ANYWHERE"}, "lost": {"$vault": ["secret/data/batuta/other", "x"]}}))
        tested = server.cli("connections", "test", "db", check=False)
        assert tested.returncode == 1 and "the server finds a value" in tested.stdout, tested
        assert "extra/token" in tested.stdout and "has no variable" in tested.stdout, tested
        assert "extra/lost" in tested.stdout and 'has nothing at "secret/data/batuta/other"' in tested.stdout, tested
        shown = [server.cli("connections", "export").stdout, server.cli("variables", "export").stdout,
                 json.dumps(server.get("/api/v2/connections")), json.dumps(server.get("/api/v2/variables")),
                 json.dumps(server.get("/api/v2/eventLogs"))]
        assert str(program) in shown[0] and "$file" in shown[1], shown
        fields = json.dumps(server.get(f"/api/v2/dags/use/dagRuns/{run_id}/taskInstances/say")["rendered_fields"])
        for text in (*shown, log, why, fields, tested.stdout, tested.stderr):
            assert "s3cret" not in text, text
        server.stop()
        files = [file.read_bytes() for file in server.home.rglob("*") if file.is_file()]
        assert files and not any(b"s3cret-of" in text for text in files)


def a_servers_own_token_ends_with_it():
    """the command line's token works while the server runs, and not after its end, killed or not"""
    with Folder("endpoint") as folder:
        server = folder.server({}).start()
        tokens = []
        for kill in (True, False, False):
            tokens.append(server.token)
            assert server.get("/api/v2/dags")["total_entries"] == 0
            server.kill() if kill else server.stop()
            assert kill or not (server.home / "run" / "endpoint.json").exists()
            server.start()
            for old in tokens:
                assert status_with(server, old) == 403, old
        assert len(set(tokens)) == 3


def people_log_in_by_their_provider():
    """a provider's login makes a user with the role and groups of the day; what is used, forged or another's gets nobody in"""
    with Folder("oidc") as folder, Provider(folder.path) as provider:
        (folder.path / "client.secret").write_text(provider.secret + "\n")
        server = folder.server({}, env={
            "BATUTA_OIDC_ISSUER": provider.issuer, "BATUTA_OIDC_CLIENT_ID": provider.client,
            "BATUTA_OIDC_CLIENT_SECRET": json.dumps({"$file": str(folder.path / "client.secret")}),
            "BATUTA_OIDC_ROLES": "chiefs=admin,staff=viewer", "BATUTA_OIDC_GROUPS": "staff=desk",
            "BATUTA_OIDC_LABEL": "Example", "BATUTA_BASE_URL": "http://batuta.test"}).start()
        server.call("POST", "/api/batuta/groups", {"name": "desk", "roles": ["operator"]})
        assert provider.secret not in server.cli("config", "list").stdout
        doctor = lambda: " ".join(server.cli("doctor").stdout.split())  # noqa: E731
        assert "login provider healthy" in (said := doctor()), said
        provider.away = True
        assert "login provider unhealthy" in (said := doctor()) and "openid-configuration: HTTP 503" in said, said
        provider.away = False

        ana = Browser(server)
        assert json.loads(ana.get("/api/batuta/login")[2]) == {"password": True, "provider": "Example"}
        assert ana.login("/#/runs") == "/#/runs"
        session = ana.session()
        assert (session["username"], session["role"]) == ("ana", "viewer"), session
        assert session["logout_url"].startswith(f"{provider.issuer}/end?client_id=batuta&post_logout_redirect_uri=http%3A"), session
        assert list(ana.cookies) == ["batuta_session"], ana.cookies
        assert server.get("/api/batuta/groups")["groups"][0]["users"] == ["ana"]
        assert Browser(server).get("/auth/oidc/login?next=//evil.example/")[0] == 422

        # The day after: another role, no group, and the old session goes by it.
        provider.person = {"sub": "17", "preferred_username": "renamed", "groups": ["chiefs"]}
        assert Browser(server).login() == "/"
        assert (ana.session()["username"], ana.session()["role"]) == ("ana", "admin")
        assert server.get("/api/batuta/groups")["groups"][0]["users"] == []

        # Whose login it is not.
        back = ana.begin()
        assert Browser(server).get(back)[1].endswith("/#login_error=stale"), "another browser's state"
        assert ana.get(back)[1] == "http://batuta.test/"
        assert ana.get(back)[1].endswith("/#login_error=stale"), "a state and code that were used"
        provider.person = {"sub": "18", "preferred_username": "ana", "groups": ["chiefs"]}
        assert Browser(server).login() == "/#login_error=taken", "another person of that name"
        provider.person["preferred_username"] = "admin"
        assert Browser(server).login() == "/#login_error=taken", "the name of one of our own"
        provider.person = {"sub": "19", "preferred_username": "eve", "groups": ["strangers"]}
        assert Browser(server).login() == "/#login_error=role"
        provider.refuse = "access_denied"
        assert Browser(server).login() == "/#login_error=denied"
        provider.refuse = None

        # What is not believed.
        provider.person = {"sub": "17", "preferred_username": "ana", "groups": ["staff"]}
        provider.change = lambda header, claims: claims.update(aud="other")
        assert Browser(server).login() == "/#login_error=token"
        provider.change = lambda header, claims: header.update(alg="none")
        assert Browser(server).login() == "/#login_error=token"
        provider.change = lambda header, claims: None

        users = {user["username"]: user for user in server.get("/api/batuta/users")["users"]}
        assert users["ana"]["provider"] == provider.issuer and users["admin"]["provider"] is None, users
        assert set(users) == {"ana", "admin"}, users
        refused(409, lambda: server.call("PATCH", "/api/batuta/users/ana", {"password": "a long password"}))
        refused(401, lambda: server.call("POST", "/api/batuta/login", {"username": "ana", "password": "a long password"}))
        server.call("DELETE", "/api/batuta/users/ana")
        assert ana.session() is None, "a deleted user's session has ended"

        events = json.dumps(server.get("/api/v2/eventLogs?limit=100"))
        assert "login_failed" in events and "taken" in events and '\\"by\\":\\"oidc\\"' in events, events
        said = events + Path(server.log.name).read_text() + "".join(
            file.read_text(errors="replace") for file in (server.home / "logs").rglob("*") if file.is_file())
        assert "for another client (aud)" in said and "alg none" in said
        for token in provider.issued:
            assert token.split(".")[2] not in said
        assert provider.secret not in said

        # Without passwords: the provider's people come in, and the owner of the machine by the command line.
        server.stop()
        server.env["BATUTA_AUTH_LOCAL_LOGIN"] = "false"
        server.env["BATUTA_OIDC_CLIENT_SECRET"] = json.dumps({"$env": "OF_THE_PROVIDER"})
        server.env["OF_THE_PROVIDER"] = provider.secret
        provider.new_key("key-2")
        server.start()
        admin = json.loads((server.home / "admin.json").read_text())
        said = refused(403, lambda: server.call("POST", "/api/batuta/login", admin))
        assert "sign in with Example at http://batuta.test" in said, said
        refused(403, lambda: server.call("POST", "/auth/token", admin))
        assert Browser(server).login() == "/"
        assert "admin" in server.cli("users", "list").stdout


def status_with(server, token):
    import urllib.request
    request = urllib.request.Request(server.url + "/api/v2/dags", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


main([sensitive_variables_are_masked, a_returned_secret_is_sealed, a_password_of_a_conf_is_seen_by_the_task_alone,
      secrets_kept_elsewhere_reach_the_task_alone, people_log_in_by_their_provider, a_servers_own_token_ends_with_it])
