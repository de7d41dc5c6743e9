#!/usr/bin/env python3
"""A spark-submit as far as spark tasks use it, and, for who imports it, the REST interfaces of YARN's ResourceManager and of a Spark master."""
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from urllib.parse import parse_qs, urlsplit


# As a real ResourceManager writes its maps: one name, twice.
YARN_MAP = '"used": {"entry": {"key": "memory-mb", "value": "1"}, "entry": {"key": "vcores", "value": "1"}}'


class Cluster:
    """Applications by id: {"state", "finalStatus", "diagnostics", "tags"}; drivers likewise, by driverState."""

    def __init__(self):
        self.apps, self.asked, self.lock, self.refuse, self.logs = {}, [], threading.Lock(), 0, True
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with outer.lock:
                    outer.asked.append((self.command, self.path))
                    if outer.refuse and self.command == "GET":
                        outer.refuse -= 1
                        status, answer = 403, {"RemoteException": {"message": "denied"}}
                    else:
                        status, answer = outer.serve(self.command, urlsplit(self.path), json.loads(body or "null"))
                data = answer.encode() if isinstance(answer, str) else json.dumps(answer).replace('"used": null', YARN_MAP).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = handle_one

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()

    def serve(self, method, url, body):
        *_, before, last = url.path.split("/")
        if (method, url.path) == ("POST", "/submit"):  # of the stub alone
            number = len(self.apps) + 1
            name = f"application_1700000000000_{number:04}" if body["yarn"] else f"driver-20261128100000-{number:04}"
            self.apps[name] = {"state": "ACCEPTED", "finalStatus": "UNDEFINED", "driverState": "RUNNING", "tags": body["tags"], "tag": body["tag"], "started": number,
                               "began": str(int(time.time() * 1000)), "workerId": "worker-1"}
            return 200, {"id": name}
        if url.path == "/ws/v1/cluster/apps":
            tag = parse_qs(url.query)["applicationTags"][0]
            found = [{"id": name, "startedTime": app["started"], "used": None} for name, app in self.apps.items() if tag in app["tags"]]
            return 200, {"apps": {"app": found} if found else None}
        if url.path.startswith("/ws/v1/cluster/apps/"):
            name = before if last == "state" else last
            if name not in self.apps:
                return 404, {"RemoteException": {"message": "not there"}}
            if method == "PUT":
                self.apps[name].update(state=body["state"], finalStatus="KILLED")
                return 202, {"state": "ACCEPTED"}
            if last == "state":
                return 200, {"state": self.apps[name]["state"]}
            return 200, {"app": {"id": name, "used": None, "trackingUrl": f"{self.url}/proxy/{name}", **self.apps[name]}}
        if url.path == "/json/":  # a master's page, of which a worker is one, too
            listed = [{"id": name, "starttime": app["began"], "mainclass": "org.example.Score", "worker": app["workerId"]} for name, app in self.apps.items() if name.startswith("driver-")]
            return 200, {"workers": [{"id": "worker-1", "webuiaddress": self.url}], "activedrivers": listed, "completeddrivers": []}
        if url.path == "/log/":
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            if not self.logs:
                return 404, {}
            if asked.get("offset") == "0":
                tag = self.apps[asked["driverId"]]["tag"]
                return 200, f'==== Bytes 0-9 of 9 ====\nLaunch Command: "java" "-Dspark.batuta.tag={tag}" "org.example.Score"\n====\n'
            return 200, f"==== Bytes 0-9 of 9 ====\n{asked['logType']} of the driver {asked['driverId']}\n"
        if before == "kill":
            self.apps[last]["driverState"] = "KILLED"
            return 200, {"submissionId": last, "success": True}
        if before == "status":
            return 200, {"submissionId": last, "success": last in self.apps, **self.apps.get(last, {})}
        return 404, {}

    def end(self, name, **how):
        with self.lock:
            self.apps[name].update(how)


def words_of(arguments):
    """({flag: [values]}, what is submitted, its arguments)."""
    flags, rest = {}, list(arguments)
    while rest and rest[0].startswith("--"):
        flag, value, *rest = rest
        flags.setdefault(flag, []).append(value)
    return flags, rest[0], rest[1:]


def main():
    flags, application, arguments = words_of(sys.argv[1:])
    with open(os.environ["STUB_LOG"], "a") as log:
        log.write(json.dumps({"flags": flags, "application": application, "arguments": arguments}) + "\n")
    if flags["--deploy-mode"] == ["client"]:
        return subprocess.run([sys.executable, application, *arguments]).returncode
    yarn = flags["--master"] == ["yarn"]
    conf = dict(each.split("=", 1) for each in flags.get("--conf", []))
    told = json.dumps({"yarn": yarn, "tags": conf.get("spark.yarn.tags", "").split(","),
                       "tag": conf.get("spark.batuta.tag")}).encode()
    answer = urllib.request.urlopen(urllib.request.Request(os.environ["STUB_CLUSTER"] + "/submit", data=told), timeout=10)
    name = json.loads(answer.read())["id"]
    while os.path.exists(os.environ["STUB_LOG"] + ".hang"):
        time.sleep(0.05)
    print(f"26/11/28 10:00:00 INFO YarnClientImpl: Submitted application {name}" if yarn
          else f"26/11/28 10:00:00 INFO ClientEndpoint: Driver successfully submitted as {name}", file=sys.stderr, flush=True)
    while os.path.exists(os.environ["STUB_LOG"] + ".linger"):
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main())
