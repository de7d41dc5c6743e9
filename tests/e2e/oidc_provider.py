"""A small OpenID provider, faithful where a client can be wrong: it checks the client, the address that people come back to,
PKCE and that a code is used once, and signs by the `openssl` command."""
import base64
import hashlib
import http.server
import json
import secrets
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


class Provider:
    """`person` is who is logged in there: the claims that a token gets. `refuse`: an OAuth error instead of a code."""

    def __init__(self, folder: Path, client="batuta", secret="pa$$ w0rd/+", redirect="http://batuta.test/auth/oidc/callback"):
        self.client, self.secret, self.redirect = client, secret, redirect
        self.folder, self.codes, self.issued, self.asked = folder, {}, [], []
        self.person = {"sub": "17", "preferred_username": "ana", "groups": ["staff"]}
        self.refuse = None
        self.away = False  # it answers 503
        self.change = lambda header, claims: None  # spoils a token before it is signed
        self.new_key("key-1")
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                provider.answer(self, None)

            def do_POST(self):
                provider.answer(self, self.rfile.read(int(self.headers["Content-Length"])).decode())

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/realms/staff"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def new_key(self, name):
        self.key_id, self.key = name, self.folder / f"{name}.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        said = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True)
        self.modulus = bytes.fromhex(said.stdout.decode().strip().split("=")[1])

    def token(self, nonce):
        now = int(time.time())
        header = {"alg": "RS256", "kid": self.key_id}
        claims = {"iss": self.issuer, "aud": self.client, "iat": now, "exp": now + 300, "nonce": nonce, **self.person}
        self.change(header, claims)
        text = f"{b64(json.dumps(header))}.{b64(json.dumps(claims))}"
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True,
                                capture_output=True).stdout
        self.issued.append(f"{text}.{b64(signed)}")
        return self.issued[-1]

    def answer(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        path = url.path.removeprefix("/realms/staff")
        query = dict(urllib.parse.parse_qsl(url.query if body is None else body))
        self.asked.append(path)
        if self.away:
            return self.say(handler, {}, 503)
        if path == "/.well-known/openid-configuration":
            return self.say(handler, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks",
                                      "authorization_endpoint": f"{self.issuer}/authorize",
                                      "token_endpoint": f"{self.issuer}/token",
                                      "end_session_endpoint": f"{self.issuer}/end"})
        if path == "/jwks":
            return self.say(handler, {"keys": [{"kty": "RSA", "kid": self.key_id, "alg": "RS256", "use": "sig",
                                                "n": b64(self.modulus), "e": "AQAB"}]})
        if path == "/authorize":
            return self.authorize(handler, query)
        if path == "/token" and body is not None:
            return self.redeem(handler, query)
        return self.say(handler, {"error": "not_found"}, 404)

    def authorize(self, handler, query):
        assert query["client_id"] == self.client and query["redirect_uri"] == self.redirect, query
        assert query["response_type"] == "code" and query["code_challenge_method"] == "S256", query
        assert "openid" in query["scope"].split(), query
        back = {"state": query["state"], "session_state": "something of the provider's own"}
        if self.refuse:
            back["error"] = self.refuse
        else:
            back["code"] = secrets.token_urlsafe(24)
            self.codes[back["code"]] = (query["nonce"], query["code_challenge"])
        handler.send_response(302)
        handler.send_header("Location", f"{self.redirect}?{urllib.parse.urlencode(back)}")
        handler.end_headers()

    def redeem(self, handler, query):
        login = f"{urllib.parse.quote(self.client, safe='')}:{urllib.parse.quote(self.secret, safe='')}"
        if handler.headers["Authorization"] != f"Basic {base64.b64encode(login.encode()).decode()}":
            return self.say(handler, {"error": "invalid_client"}, 401)
        nonce, challenge = self.codes.pop(query["code"], (None, None))
        proven = b64(hashlib.sha256(query["code_verifier"].encode()).digest()) == challenge
        if not proven or query["redirect_uri"] != self.redirect or query["grant_type"] != "authorization_code":
            return self.say(handler, {"error": "invalid_grant"}, 400)
        return self.say(handler, {"access_token": "at", "token_type": "Bearer", "id_token": self.token(nonce)})

    def say(self, handler, answer, status=200):
        text = json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)


class Browser:
    """Follows links as a browser does, and keeps cookies; where the page would be it stops and says the address."""

    def __init__(self, server):
        self.server, self.cookies = server, {}

    def get(self, url):
        import http.client
        inside = url.startswith(("/", "http://batuta.test"))
        parts = urllib.parse.urlsplit(self.server.url if inside else url)
        link = http.client.HTTPConnection(parts.netloc, timeout=30)
        path = url.removeprefix("http://batuta.test") if inside else url.split(parts.netloc, 1)[1]
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items()) if inside else ""
        link.request("GET", path, headers={"Cookie": cookies} if cookies else {})
        answer = link.getresponse()
        text = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, value = cookie.split(";")[0].split("=", 1)
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        link.close()
        return answer.status, answer.headers.get("Location"), text

    def begin(self, next_path="/"):
        """From our button to where the provider leads back to."""
        status, at, text = self.get(f"/auth/oidc/login?next={urllib.parse.quote(next_path, safe='')}")
        assert status == 303, (status, text)
        if at.startswith("http://batuta.test"):
            return at
        status, back, text = self.get(at)
        assert status == 302, (status, text)
        return back

    def login(self, next_path="/"):
        """The whole way; where it ends on our page."""
        back = self.begin(next_path)
        status, page, text = self.get(back)
        assert status == 303 and page.startswith("http://batuta.test/"), (status, page, text)
        return page.removeprefix("http://batuta.test")

    def session(self):
        status, _, text = self.get("/api/batuta/session")
        return json.loads(text) if status == 200 else None
