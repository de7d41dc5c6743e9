"""A walk by plain HTTP, each answer held against Airflow's own document."""
import json
import urllib.error
import urllib.parse
import urllib.request

from airflow_document import Document
from airflow_steps import IDS
from harness import SOURCE

DOCUMENT = Document(SOURCE / "tests/fixtures/airflow-openapi-3.3.2.json")

# Answers that Airflow gives too, and that its document does not name.
UNNAMED = {("delete_dag", 204)}


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
