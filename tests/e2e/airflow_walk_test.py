"""Every operation of Airflow's API against a running server, every answer held against Airflow's own document."""
import json
import time
import urllib.error
import urllib.parse
import urllib.request

from airflow_document import Document
from airflow_steps import IDS, PARTS, definitions
from harness import SOURCE, Folder, dag, eventually, main, mock

DOCUMENT = Document(SOURCE / "tests/fixtures/airflow-openapi-3.3.2.json")

# Answers that Airflow gives too, and that its document does not name.
UNNAMED = {("delete_dag", 204)}
BOUND = 60  # seconds, for all of it


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Walk:
    """Calls operations by their id; what of an answer is not as the document says is kept."""

    def __init__(self, server):
        self.server, self.visited, self.wrong = server, set(), []
        self.opener = urllib.request.build_opener(NoRedirect)

    def send(self, method, path, body, token, headers):
        request = urllib.request.Request(self.server.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with self.opener.open(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def call(self, operation_id, status, body=None, query=None, headers=None, token=True, **ids):
        method, pattern, _ = DOCUMENT.operations[operation_id]
        path = pattern
        for name, value in {**IDS, **ids}.items():
            path = path.replace("{" + name + "}", urllib.parse.quote(str(value), safe="~"))
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        got, answer_headers, text = self.send(method, path, body, self.server.token if token else None, headers)
        self.visited.add(operation_id)
        wrong = self.judge(operation_id, status, got, answer_headers, text)
        if wrong:
            self.wrong.append(f"{operation_id} ({method} {path}): {wrong}")
            return None
        return json.loads(text) if text else None

    def judge(self, operation_id, status, got, headers, text):
        if got != status:
            return f"{got} instead of {status}: {text[:300]!r}"
        known, schema = DOCUMENT.schema_of(operation_id, got)
        if not known and got == 404:  # whatever names something may not find it
            known, schema = True, {"$ref": "#/components/schemas/HTTPExceptionResponse"}
        if not known and (operation_id, got) not in UNNAMED:
            return f"the document knows no {got} of it"
        if got == 204:
            return f"a body where there is none: {text[:80]!r}" if text else ""
        if not headers.get_content_type() == "application/json":
            return f"it is {headers.get_content_type()}"
        return DOCUMENT.mismatch(json.loads(text), schema or {})

    def every(self, operation_ids, status, **more):
        for operation_id in operation_ids:
            self.call(operation_id, status, **more)


def every_operation_answers_as_airflows_document_says():
    """All operations of Airflow's API, each with what it answers to a mistake, by Airflow's own schemas."""
    started = time.monotonic()
    with Folder("walk") as folder:
        server = folder.server(definitions()).start()
        eventually(lambda: server.get("/api/v2/dags/walk"), 10, "the DAG is there")
        eventually(lambda: server.get("/api/v2/importErrors")["total_entries"] == 1, 10, "the broken file is told")
        walk = Walk(server)
        for part in PARTS:
            part(walk)
        for operation_id in sorted(set(DOCUMENT.operations) - {"get_health", "get_version", "login", "logout"}):
            walk.call(operation_id, 401, token=False)
        assert walk.visited == set(DOCUMENT.operations), set(DOCUMENT.operations) - walk.visited
        assert not walk.wrong, "\n" + "\n".join(walk.wrong)
    assert time.monotonic() - started < BOUND, "the walk takes too long to be a standing test"


def a_deleted_dag_whose_file_stays_comes_back_without_its_history():
    """A DAG deleted over the API is gone with its runs, and comes back when its folder is read again."""
    with Folder("deleted") as folder:
        server = folder.server({"kept": dag("kept", [mock("a")])}).start()
        eventually(lambda: server.get("/api/v2/dags/kept"), 10, "the DAG is there")
        token = server.get("/api/v2/dags/kept")["file_token"]
        server.trigger("kept", run_id="r")
        server.wait_run("kept", "r", 30)
        server.call("DELETE", "/api/v2/dags/kept")
        server.call("PUT", f"/api/v2/parseDagFile/{token}")
        eventually(lambda: server.get("/api/v2/dags/kept"), 10, "the DAG is back")
        assert server.get("/api/v2/dags/kept/dagRuns")["total_entries"] == 0
        server.trigger("kept", run_id="r")
        server.wait_run("kept", "r", 30)
        events = server.get("/api/v2/eventLogs?event=delete_dag")["event_logs"]
        assert [event["dag_id"] for event in events] == ["kept"], events
        server.stop()
        server.check_database()


def an_xcom_changed_by_hand_is_what_a_cleared_mapped_task_is_mapped_over():
    """After an XCom was changed, a clear of the task mapped over it makes as many instances as it has now."""
    with Folder("edited") as folder:
        each = mock("each", ["list"], expand={"return": "{{ ti.xcom_pull('list') }}"})
        server = folder.server({"m": dag("m", [mock("list", **{"return": ["a", "b"]}), each])}).start()
        eventually(lambda: server.get("/api/v2/dags/m"), 10, "the DAG is there")
        run = "/api/v2/dags/m/dagRuns/r"
        server.trigger("m", run_id="r")
        server.wait_run("m", "r", 30)
        for value in (["c", "d", "e"], ["f"]):
            server.call("PATCH", run + "/taskInstances/list/xcomEntries/return_value", {"value": value})
            server.call("POST", "/api/v2/dags/m/clearTaskInstances",
                        {"dag_run_id": "r", "dry_run": False, "only_failed": False, "task_ids": ["each"]})
            server.wait_run("m", "r", 30)
            entries = server.get(run + "/taskInstances/each/xcomEntries?order_by=map_index")["xcom_entries"]
            values = [server.get(f"{run}/taskInstances/each/xcomEntries/return_value?map_index={one['map_index']}")["value"]
                      for one in entries]
            assert values == value, (values, value)


main([every_operation_answers_as_airflows_document_says,
      a_deleted_dag_whose_file_stays_comes_back_without_its_history,
      an_xcom_changed_by_hand_is_what_a_cleared_mapped_task_is_mapped_over])
