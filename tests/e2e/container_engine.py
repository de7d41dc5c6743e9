"""A server of the Docker Engine API on a local socket, as much as tasks use: containers are processes of this host."""
import http.server
import itertools
import json
import os
import re
import signal
import socketserver
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROUTES = [("GET", r"/_ping", "ping"), ("GET", r"/info", "info"), ("GET", r"/images/(.+)/json", "image"),
          ("POST", r"/images/create", "pull"), ("POST", r"/containers/create", "create"),
          ("GET", r"/containers/json", "list"), ("POST", r"/containers/([^/]+)/start", "start"),
          ("GET", r"/containers/([^/]+)/logs", "logs"), ("POST", r"/containers/([^/]+)/wait", "wait"),
          ("GET", r"/containers/([^/]+)/json", "inspect"), ("POST", r"/containers/([^/]+)/kill", "kill"),
          ("DELETE", r"/containers/([^/]+)", "remove")]


class Container:
    def __init__(self, name, config):
        self.id = os.urandom(32).hex()
        self.name, self.config = name, config
        self.frames, self.changed = [], threading.Condition()
        self.process, self.state = None, "created"

    def start(self):
        mounts = {mount["Target"]: mount["Source"] for mount in self.config["HostConfig"].get("Mounts", [])}

        def local(text):
            for target, source in mounts.items():
                text = text.replace(target, source)
            return text

        words = [local(word) for word in (self.config.get("Entrypoint") or []) + (self.config.get("Cmd") or [])]
        env = dict(local(variable).split("=", 1) for variable in self.config["Env"])
        self.process = subprocess.Popen(words, env={"PATH": os.environ["PATH"], **env}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                        cwd=tempfile.gettempdir())
        self.state = "running"
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        readers = [threading.Thread(target=self.read, args=(number, pipe), daemon=True)
                   for number, pipe in ((1, self.process.stdout), (2, self.process.stderr))]
        for reader in readers:
            reader.start()
        self.process.wait()
        for reader in readers:
            reader.join()
        with self.changed:
            self.state = "exited"
            self.changed.notify_all()

    def read(self, number, pipe):
        while chunk := os.read(pipe.fileno(), 4096):
            with self.changed:
                self.frames.append(struct.pack(">BxxxI", number, len(chunk)) + chunk)
                self.changed.notify_all()

    def exit_code(self):
        code = self.process.returncode if self.process else 0
        return 128 - code if code < 0 else code

    def signal(self, number):
        os.killpg(self.process.pid, number)


class Engine:
    """`images`: those that are there; `registry`: what a pull of a name does, words of "slow", "torn", "login";
    `failing_removals`: by task, how often the removal of its container fails yet."""

    def __init__(self, path, images, registry):
        self.images, self.registry = set(images), registry
        self.containers, self.lock = {}, threading.Lock()
        self.calls, self.created, self.refuse_names, self.failing_removals = [], [], 0, {}
        engine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                engine.handle(self)

            do_GET = do_POST = do_DELETE = answer

            def address_string(self):
                return "local"

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        for container in self.containers.values():
            if container.state == "running":
                container.signal(signal.SIGKILL)

    # ---- HTTP ----------------------------------------------------------------------------------
    def handle(self, http_request):
        parts = urllib.parse.urlsplit(http_request.path)
        path = urllib.parse.unquote(re.sub(r"^/v1\.\d+", "", parts.path))
        body = http_request.rfile.read(int(http_request.headers.get("Content-Length") or 0))
        query = {name: values[-1] for name, values in urllib.parse.parse_qs(parts.query).items()}
        self.calls.append(f"{http_request.command} {path}")
        for method, pattern, name in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == http_request.command:
                return getattr(self, name)(http_request, query, body, *match.groups())
        return self.refuse(http_request, 404, "page not found")

    @staticmethod
    def send(request, status, value, headers=()):
        body = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"
        request.send_response(status)
        for name, text in headers:
            request.send_header(name, text)
        if status != 204:
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(body)))
        try:
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            request.close_connection = True  # who asked is gone

    def refuse(self, request, status, message):
        self.send(request, status, {"message": message})

    @staticmethod
    def stream(request, kind, chunks):
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        try:
            for chunk in chunks:
                if chunk:
                    request.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                    request.wfile.flush()
            request.wfile.write(b"0\r\n\r\n")
        except OSError:
            request.close_connection = True

    def find(self, name):
        with self.lock:
            return next((c for c in self.containers.values() if name in (c.id, c.name)), None)

    # ---- images --------------------------------------------------------------------------------
    def ping(self, request, *_):
        self.send(request, 200, b"OK", [("Api-Version", "1.45")])

    def info(self, request, *_):
        self.send(request, 200, {"SecurityOptions": ["name=seccomp,profile=builtin"]})

    def image(self, request, _query, _body, name):
        if name in self.images:
            return self.send(request, 200, {"Id": "sha256:0", "RepoTags": [name]})
        return self.refuse(request, 404, f"No such image: {name}")

    def pull(self, request, query, _body):
        name = query["fromImage"] + ("@" if query["tag"].startswith("sha256:") else ":") + query["tag"]
        kind = self.registry.get(query["fromImage"])
        login = request.headers.get("X-Registry-Auth")
        if kind is None or ("login" in kind and not login):
            return self.refuse(request, 404, f"pull access denied for {query['fromImage']}, repository does not exist "
                                             "or may require 'docker login'")

        def lines():
            yield {"status": f"Pulling from {query['fromImage']}", "id": query["tag"]}
            for at in range(1, 11):
                if "slow" in kind:
                    time.sleep(0.02)
                yield {"status": "Downloading", "progressDetail": {"current": at, "total": 10}, "id": "a1b2",
                       "progress": f"[{'=' * at}>] {at}MB/10MB"}
            if "torn" in kind:
                yield {"errorDetail": {"message": "connection reset by peer"}, "error": "connection reset by peer"}
                return
            self.images.add(name)
            yield {"status": f"Status: Downloaded newer image for {name}"}

        return self.stream(request, "application/json", (json.dumps(line).encode() + b"\r\n" for line in lines()))

    # ---- containers ----------------------------------------------------------------------------
    def create(self, request, query, body):
        config = json.loads(body)
        if config["Image"] not in self.images:
            return self.refuse(request, 404, f"No such image: {config['Image']}")
        if 0 < config["HostConfig"].get("Memory", 0) < 6 << 20:
            return self.refuse(request, 400, "Minimum memory limit allowed is 6MB")
        if self.refuse_names:
            self.refuse_names -= 1
            stale = Container(query["name"], {**config, "Labels": {**config["Labels"], "batuta.fence": "0",
                                                                        "batuta.task_id": "stale"}})
            self.containers[stale.id] = stale
        other = self.find(query["name"])
        if other:
            return self.refuse(request, 409, f'Conflict. The container name "/{query["name"]}" is already in use by '
                                             f'container "{other.id}".')
        made = Container(query["name"], config)
        with self.lock:
            self.containers[made.id] = made
            self.created.append(config)
        return self.send(request, 201, {"Id": made.id, "Warnings": []})

    def start(self, request, _query, _body, name):
        try:
            self.find(name).start()
        except FileNotFoundError as error:
            return self.refuse(request, 400, f'failed to create task for container: exec: "{error.filename}": executable '
                                             "file not found in $PATH: unknown")
        return self.send(request, 204, None)

    def logs(self, request, query, _body, name):
        container = self.find(name)
        assert query == {"follow": "true", "stdout": "true", "stderr": "true"}, query

        def chunks():
            for at in itertools.count():
                with container.changed:
                    container.changed.wait_for(lambda: len(container.frames) > at or container.state == "exited")
                    if len(container.frames) <= at:
                        return
                    frame = container.frames[at]
                yield frame[:3]  # chunks know nothing of frames
                yield frame[3:11]
                yield frame[11:]

        return self.stream(request, "application/vnd.docker.multiplexed-stream", chunks())

    def wait(self, request, _query, _body, name):
        container = self.find(name)

        def answer():
            with container.changed:
                container.changed.wait_for(lambda: container.state == "exited")
            yield json.dumps({"StatusCode": container.exit_code(), "Error": None}).encode()

        return self.stream(request, "application/json", answer())

    def inspect(self, request, _query, _body, name):
        container = self.find(name)
        if not container:
            return self.refuse(request, 404, f"No such container: {name}")
        oom = "oom" in container.config["Image"]
        return self.send(request, 200, {
            "Id": container.id, "Name": "/" + container.name, "Config": container.config,
            "State": {"Status": container.state, "ExitCode": container.exit_code(), "OOMKilled": oom, "Error": ""}})

    def kill(self, request, query, _body, name):
        container = self.find(name)
        if not container or container.state != "running":
            return self.refuse(request, 409, f"container {name} is not running")
        container.signal(getattr(signal, query["signal"]))
        return self.send(request, 204, None)

    def list(self, request, query, _body):
        wanted = [label.split("=", 1) for label in json.loads(query["filters"])["label"]]
        with self.lock:
            found = [c for c in self.containers.values() if all(c.config["Labels"].get(n) == v for n, v in wanted)]
        assert query["all"] == "true", query
        return self.send(request, 200, [{"Id": c.id, "Names": ["/" + c.name], "Labels": c.config["Labels"],
                                         "State": c.state} for c in found])

    def remove(self, request, query, _body, name):
        container = self.find(name)
        if not container:
            return self.refuse(request, 404, f"No such container: {name}")
        if self.failing_removals.get(container.config["Labels"]["batuta.task_id"], 0) > 0:
            self.failing_removals[container.config["Labels"]["batuta.task_id"]] -= 1
            return self.refuse(request, 500, "driver failed to remove root filesystem: device or resource busy")
        if container.state == "running":
            if query.get("force") != "true":
                return self.refuse(request, 409, f"cannot remove container {name}: container is running")
            container.signal(signal.SIGKILL)
        with self.lock:
            self.containers.pop(container.id, None)
        return self.send(request, 204, None)
