"""A workspace of Databricks, as far as its documented Jobs API 2.1 goes: run-now, runs/submit, get, get-output, cancel."""
import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit

TOKEN = "dapi-0123456789abcdef"


class Workspace:
    def __init__(self):
        self.runs, self.tokens, self.asked, self.refuse = {}, {}, [], []
        self.hide_outputs, self.swallow = False, 0  # runs started whose answers get lost
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body, headers=()):
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(data))), *headers):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def handle_one(self, body):
                path = urlsplit(self.path)
                with outer.lock:
                    outer.asked.append((self.command, path.path))
                    if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                        return self.answer(403, {"error_code": "PERMISSION_DENIED", "message": "Invalid access token."})
                    if outer.refuse:
                        status = outer.refuse.pop(0)
                        return self.answer(status, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many requests."}, [("Retry-After", "0")])
                    query = {name: values[0] for name, values in parse_qs(path.query).items()}
                    answer = outer.serve(self.command, path.path, query, body)
                    if outer.swallow and path.path.endswith("/run-now"):
                        outer.swallow -= 1
                        self.close_connection = True
                        return None
                    self.answer(*answer)

            def do_GET(self):
                self.handle_one(None)

            def do_POST(self):
                self.handle_one(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, method, path, query, body):
        if (method, path) in (("POST", "/api/2.1/jobs/run-now"), ("POST", "/api/2.1/jobs/runs/submit")):
            token = body.get("idempotency_token", "")
            if len(token) > 64:
                return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "idempotency_token is too long"}
            if path.endswith("run-now") and body.get("job_id") == 404:
                return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Job 404 does not exist."}
            if token not in self.tokens:  # else: the run that is there
                run = 1000 + 10 * len(self.runs)
                keys = [task["task_key"] for task in body.get("tasks", [])] or ["main"]
                self.tokens[token] = run
                self.runs[run] = {"body": body, "state": {"life_cycle_state": "PENDING", "state_message": ""},
                                  "tasks": [{"task_key": key, "run_id": run + 1 + i} for i, key in enumerate(keys)], "output": {}}
            return 200, {"run_id": self.tokens[token], "number_in_job": self.tokens[token]}
        run = self.runs.get(int(query.get("run_id", 0) or (body or {}).get("run_id", 0)))
        if (method, path) == ("GET", "/api/2.1/jobs/runs/get") and run:
            number = int(query["run_id"])
            return 200, {"run_id": number, "job_id": 7, "state": run["state"], "tasks": run["tasks"],
                         "run_page_url": f"{self.url}/?o=1#job/7/run/{number}", "format": "MULTI_TASK"}
        if (method, path) == ("GET", "/api/2.1/jobs/runs/get-output") and not self.hide_outputs:
            for parent in self.runs.values():
                for task in parent["tasks"]:
                    if task["run_id"] == int(query["run_id"]):
                        return 200, {"metadata": {}, **parent["output"].get(task["task_key"], {})}
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Retrieving the output of runs with multiple tasks is not supported."}
        if (method, path) == ("POST", "/api/2.1/jobs/runs/cancel") and run:
            run["state"] = {"life_cycle_state": "TERMINATED", "result_state": "CANCELED", "state_message": "Run cancelled."}
            return 200, {}
        return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": f"nothing for {method} {path}"}

    def end(self, run, result="SUCCESS", life="TERMINATED", message="", **output):
        with self.lock:
            self.runs[run]["output"] = output
            self.runs[run]["state"] = {"life_cycle_state": life, "state_message": message, **({"result_state": result} if life == "TERMINATED" else {})}

    def stop(self):
        self.server.shutdown()
