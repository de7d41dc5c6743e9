"""Logging in by a real OpenID provider, npm's oidc-provider: what a stand-in of our own would get wrong with us.

Opt-in: ./dev test oidc. It needs a `node` and that package, which that installs beside tests/oidc/provider/server.mjs.
"""
import html
import http.client
import http.cookies
import json
import re
import socket
import subprocess
import sys
import urllib.parse

from harness import SKIPPED, SOURCE, Folder, main

PROVIDER = SOURCE / "tests" / "oidc" / "provider"
PAGE = "http://batuta.test"
SECRET = "pa$$ w0rd/+"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Provider:
    def __init__(self, folder):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        given = {"port": self.port, "redirect": f"{PAGE}/auth/oidc/callback", "page": f"{PAGE}/", "secret": SECRET}
        self.log = open(folder / "provider.log", "wb")
        self.process = subprocess.Popen(["node", PROVIDER / "server.mjs", json.dumps(given)], stdout=subprocess.PIPE, stderr=self.log)

    def __enter__(self):
        line = self.process.stdout.readline()
        assert line == b"ready\n", line
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Person:
    """A browser with one person before it, who fills in the provider's forms: with `name`, or by going back from them."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.cookies = {}  # (origin, path, name) -> value
        self.asked = []  # which forms
        self.seen = []  # every address

    def send(self, method, url, form=None):
        parts = urllib.parse.urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        address = urllib.parse.urlsplit(self.server.url).netloc if origin == PAGE else parts.netloc
        path = parts.path or "/"
        sent = "; ".join(f"{name}={value}" for (of, below, name), value in self.cookies.items() if of == origin and path.startswith(below))
        headers = {**({"Cookie": sent} if sent else {}), **({"Content-Type": "application/x-www-form-urlencoded"} if form else {})}
        link = http.client.HTTPConnection(address, timeout=30)
        link.request(method, path + ("?" + parts.query if parts.query else ""), urllib.parse.urlencode(form) if form else None, headers)
        answer = link.getresponse()
        text = answer.read().decode()
        link.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(line).items():
                key = (origin, morsel["path"] or "/", name)
                self.cookies.pop(key, None)
                if morsel.value and "1970" not in morsel["expires"]:
                    self.cookies[key] = morsel.value
        self.seen.append(url)
        return answer.status, urllib.parse.urljoin(url, answer.headers.get("Location", "")), text

    def go(self, url):
        """Follows links and fills in forms until the page is there; its address."""
        for _ in range(20):
            status, to, text = self.send("GET", url)
            while status == 200 and not url.startswith(PAGE):
                status, to, text = self.fill_in(url, text)
            assert status in (302, 303), (status, url, text)
            if to.startswith(f"{PAGE}/") and not urllib.parse.urlsplit(to).path.startswith("/auth/"):
                return to.removeprefix(PAGE)
            url = to
        raise AssertionError(self.seen)

    def fill_in(self, url, text):
        action = html.unescape(re.search(r'<form[^>]* action="([^"]+)"', text)[1])
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text))
        asked = fields.get("prompt", "logout")
        self.asked.append(asked)
        if asked == "login" and self.name is None:
            return self.send("GET", urllib.parse.urljoin(url, html.unescape(re.search(r'href="([^"]+/abort)"', text)[1])))
        fields.update({"login": {"login": self.name, "password": "any"}, "logout": {"logout": "yes"}}.get(asked, {}))
        return self.send("POST", urllib.parse.urljoin(url, action), fields)

    def log_in(self, next_path="/"):
        return self.go(f"{PAGE}/auth/oidc/login?next={urllib.parse.quote(next_path, safe='')}")

    def session(self):
        status, _, text = self.send("GET", f"{PAGE}/api/batuta/session")
        return json.loads(text) if status == 200 else None

    def log_out(self):
        """Here, then there: as the page does it."""
        session = self.session()
        cookie = next(value for (of, _, name), value in self.cookies.items() if (of, name) == (PAGE, "batuta_session"))
        link = http.client.HTTPConnection(urllib.parse.urlsplit(self.server.url).netloc, timeout=30)
        link.request("POST", "/api/batuta/logout", headers={"Cookie": f"batuta_session={cookie}", "X-CSRF-Token": session["csrf_token"]})
        answer = link.getresponse()
        assert answer.status == 204, (answer.status, answer.read())
        link.close()
        return self.go(session["logout_url"])


def people_log_in_and_out_by_a_real_provider():
    """npm's oidc-provider: discovery, PKCE, claims by userinfo, groups to roles, one account for each subject, logout at both"""
    with Folder("oidc-login") as folder, Provider(folder.path) as provider:
        (folder.path / "client.secret").write_text(SECRET + "\n")
        secret = json.dumps({"$file": str(folder.path / "client.secret")})
        server = folder.server({}, env={
            "BATUTA_OIDC_ISSUER": provider.issuer, "BATUTA_OIDC_CLIENT_ID": "batuta", "BATUTA_OIDC_CLIENT_SECRET": secret,
            "BATUTA_OIDC_SCOPES": "openid,profile,groups", "BATUTA_OIDC_ROLES": "chiefs=admin,staff=viewer",
            "BATUTA_OIDC_GROUPS": "staff=desk", "BATUTA_OIDC_LABEL": "Example", "BATUTA_BASE_URL": PAGE}).start()
        server.call("POST", "/api/batuta/groups", {"name": "desk", "roles": ["operator"]})
        assert "login provider healthy" in " ".join(server.cli("doctor").stdout.split())

        ana = Person(server, "ana")
        assert ana.log_in("/#/runs") == "/#/runs"
        assert ana.asked == ["login", "consent"], ana.asked
        assert (ana.session()["username"], ana.session()["role"]) == ("ana", "admin")
        began = urllib.parse.parse_qs(urllib.parse.urlsplit(next(url for url in ana.seen if "/auth?" in url)).query)
        assert began["code_challenge_method"] == ["S256"] and len(began["code_challenge"][0]) == 43, began
        back = next(url for url in ana.seen if "/callback?" in url)
        assert f"iss={urllib.parse.quote(provider.issuer, safe='')}" in back, back

        bob = Person(server, "bob")
        assert bob.log_in() == "/"
        assert bob.session()["role"] == "viewer"
        groups = server.get("/api/batuta/groups")["groups"]
        assert groups[0]["users"] == ["ana", "bob"], groups
        assert Person(server, "eve").log_in() == "/#login_error=role"
        assert Person(server, "ana-again").log_in() == "/#login_error=taken", "another subject of the same name"
        assert Person(server, None).log_in() == "/#login_error=denied", "who goes back from the form"
        users = {user["username"]: user["provider"] for user in server.get("/api/batuta/users")["users"]}
        assert users == {"admin": None, "ana": provider.issuer, "bob": provider.issuer}, users

        # Who is logged in there comes in without a form; a code that is used is worth nothing.
        ana.asked.clear()
        assert ana.log_in() == "/" and ana.asked == [], ana.asked
        assert ana.send("GET", back)[1].endswith("#login_error=stale")
        assert ana.log_out() == "/" and ana.asked == ["logout"], ana.asked
        assert ana.session() is None
        ana.asked.clear()
        assert ana.log_in() == "/" and ana.asked[0] == "login", "the provider's session ended, too"


if __name__ == "__main__":
    if not (PROVIDER / "node_modules" / "oidc-provider").is_dir():
        print("oidc-provider is not installed: ./dev test oidc installs it")
        sys.exit(SKIPPED)
    main([people_log_in_and_out_by_a_real_provider])
