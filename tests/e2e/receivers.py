"""Servers that alerts and messages go to: a webhook, a mail server with STARTTLS and login, a proxy."""
import base64
import http.server
import json
import socketserver
import ssl
import subprocess
import threading


class Hooks:
    """Keeps what is posted; answers with `status`, per path if that is a dict."""

    def __init__(self):
        self.seen, self.status = [], 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.status
                outer.seen.append((self.path, dict(self.headers), body, status))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self, path="/"):
        return [json.loads(body) for at, _, body, status in self.seen if at == path and status == 200]


class Mails:
    """An SMTP server. `certificate`: offers STARTTLS, and wants it before a login."""

    def __init__(self, certificate=None, login=None):
        self.mails, self.refuse = [], None
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")
                self.wfile.flush()

            def handle(self):
                secure, known, mail = False, login is None, {"to": []}
                self.say("220 mail ready")
                while line := self.rfile.readline().decode().rstrip("\r\n"):
                    verb = line.split()[0].upper()
                    if verb == "EHLO":
                        offers = ["250-mail"]
                        if certificate and not secure:
                            offers.append("250-STARTTLS")
                        if login and (secure or not certificate):
                            offers.append("250-AUTH PLAIN")
                        self.say("\r\n".join(offers + ["250 8BITMIME"]))
                    elif verb == "STARTTLS":
                        self.say("220 go ahead")
                        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                        context.load_cert_chain(*certificate)
                        try:
                            self.connection = context.wrap_socket(self.connection, server_side=True)
                        except ssl.SSLError:  # the client does not believe the certificate
                            return
                        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
                        secure = True
                    elif verb == "AUTH":
                        words = line.split()
                        if len(words) == 2:
                            self.say("334 ")
                            words.append(self.rfile.readline().decode().strip())
                        known = base64.b64decode(words[2]).decode() == f"\0{login[0]}\0{login[1]}"
                        self.say("235 welcome" if known else "535 no")
                    elif verb == "MAIL":
                        mail = {"from": line, "to": [], "secure": secure}
                        self.say("250 ok" if known else "530 log in")
                    elif verb == "RCPT":
                        mail["to"].append(line.split("<")[1].split(">")[0])
                        self.say(outer.refuse or "250 ok")
                    elif verb == "DATA":
                        self.say("354 go on")
                        data = []
                        while (one := self.rfile.readline()) != b".\r\n":
                            data.append(one.decode())
                        mail["data"] = "".join(data)
                        outer.mails.append(mail)
                        self.say("250 taken")
                    elif verb == "QUIT":
                        return self.say("221 bye")
                    else:
                        self.say("250 ok")

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def text_of(mail):
    """The plain text of a mail of ours."""
    return base64.b64decode(mail["data"].split("\r\n\r\n", 1)[1].split("--")[0]).decode()


class Proxy:
    """An HTTP proxy that answers by itself, and keeps what it was asked for."""

    def __init__(self):
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def certificate(folder, name="localhost"):
    """A certificate of an authority of its own: (certificate, key); the first is what a client must believe."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"], check=True, capture_output=True)
    return str(cert), str(key)


def connect(server, name, conn_type, **fields):
    """A connection of that server by its API."""
    extra = fields.pop("extra", None)
    body = {"connection_id": name, "conn_type": conn_type, **fields}
    if extra:
        body["extra"] = json.dumps(extra)
    server.call("POST", "/api/v2/connections", body)
