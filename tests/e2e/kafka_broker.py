"""Apache Kafka itself: one broker of its published jars ($KAFKA_HOME/libs), with a listener for each way in."""
import base64
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import quote

# As a connection string of Event Hubs is its password.
EVENT_HUBS = "Endpoint=sb://127.0.0.1/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0"
LISTENERS = {"PLAIN": "PLAINTEXT", "LOGIN": "SASL_SSL", "OAUTH": "SASL_PLAINTEXT", "TLS": "SSL", "CONTROLLER": "PLAINTEXT"}


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class Broker:
    """Ends with this process. `host` holds plain text; `login`, `oauth` and `tls` are the other listeners."""

    def __init__(self, folder: Path, home: Path):
        self.folder, self.process = folder, None
        self.jars = f"{home}/libs/*"
        self.java = shutil.which("java")
        assert self.java, "there is no java"
        self.ports = dict(zip(LISTENERS, free_ports(len(LISTENERS))))
        self.host, self.login, self.oauth, self.tls = (f"127.0.0.1:{self.ports[name]}" for name in list(LISTENERS)[:4])
        folder.mkdir()
        self.ca = folder / "ca.pem"
        run = lambda *words: subprocess.run(words, check=True, capture_output=True, cwd=folder)  # noqa: E731
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", self.ca)
        (folder / "server.pem").write_text((folder / "key.pem").read_text() + self.ca.read_text())
        each = [f"{name}://127.0.0.1:{port}" for name, port in self.ports.items()]
        security = "org.apache.kafka.common.security"
        (folder / "server.properties").write_text("\n".join((
            "process.roles=broker,controller", "node.id=1", "controller.listener.names=CONTROLLER",
            f"controller.quorum.voters=1@127.0.0.1:{self.ports['CONTROLLER']}", "listeners=" + ",".join(each),
            "advertised.listeners=" + ",".join(each[:4]), "inter.broker.listener.name=PLAIN",
            "listener.security.protocol.map=" + ",".join(f"{name}:{how}" for name, how in LISTENERS.items()),
            f"log.dirs={folder}/data", "num.partitions=1", "auto.create.topics.enable=true",
            "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4", "transaction.state.log.replication.factor=1",
            "transaction.state.log.num.partitions=4", "transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0",
            "log.cleaner.backoff.ms=200", "log.cleaner.dedupe.buffer.size=16777216", "log.retention.check.interval.ms=1000",
            "log.segment.delete.delay.ms=1000",
            "listener.name.login.sasl.enabled.mechanisms=PLAIN",
            f'listener.name.login.plain.sasl.jaas.config={security}.plain.PlainLoginModule required '
            f'user_ana="pa$$ word" user_$ConnectionString="{EVENT_HUBS}";',
            "listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER",
            f"listener.name.oauth.oauthbearer.sasl.jaas.config={security}.oauthbearer.OAuthBearerLoginModule required;",
            *(f"listener.name.{name}.ssl.keystore.{what}" for name in ("login", "tls")
              for what in ("type=PEM", f"location={folder}/server.pem")), "")))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def run_java(self, *words):
        heap = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return [self.java, *heap, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", self.jars, *words]

    def start(self):
        properties = self.folder / "server.properties"
        if not (self.folder / "data").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            made = subprocess.run(self.run_java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", properties), capture_output=True, text=True)
            assert made.returncode == 0, made
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.run_java("kafka.Kafka", properties), stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 90
        while True:
            assert self.process.poll() is None, "the broker ended: " + (self.folder / "log").read_text()[-3000:]
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.ports["PLAIN"])) == 0:
                    return self
            assert time.monotonic() < deadline, "the broker does not start: " + (self.folder / "log").read_text()[-3000:]
            time.sleep(0.1)

    def kill(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class TokenServer:
    """Gives who knows the secret an access token that nobody signed, as brokers take it where nothing else is said."""

    def __init__(self, client, secret):
        self.asked, outer = 0, self
        # RFC 6749, 2.3.1: each is escaped as in a form before they become HTTP Basic.
        expected = "Basic " + base64.b64encode(f"{quote(client, safe='')}:{quote(secret, safe='')}".encode()).decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                b64 = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")  # noqa: E731
                now = int(time.time())
                good = self.headers.get("Authorization") == expected
                answer = {"access_token": b64({"alg": "none", "typ": "JWT"}) + "." + b64({"sub": client, "iat": now, "exp": now + 3600}) + ".",
                          "token_type": "Bearer", "expires_in": 3600} if good else {"error": "invalid_client"}
                body = json.dumps(answer).encode()
                self.send_response(200 if good else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
