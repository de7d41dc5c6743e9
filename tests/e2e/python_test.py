#!/usr/bin/env python3
"""Python tasks in a running Batuta: code in the DAG file and beside it, results, secrets, retries, the page's log."""
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, Folder, dag, main  # noqa: E402


def python(task_id, code, depends_on=(), **more):
    return {"task_id": task_id, "type": "python", "code": code, "depends_on": list(depends_on), **more}


LIST = """
import batuta
batuta.log.info("looking at %s", batuta.params["market"])
batuta.result([{"ticker": t, "rows": {"n": len(t)}} for t in batuta.params["tickers"]])
"""
# Braces of its own, also doubled ones: code is no template.
COUNT = """
import batuta
rows = batuta.xcom("list")
text = f"{{{len(rows)}}} {{{{ds}}}} {{%"
batuta.result({"count": len(rows), "text": text, "day": batuta.params["day"]})
"""
FLAKY = """
import batuta
if batuta.context.try_number < 2:
    raise RuntimeError("the service is busy")
print("password is", batuta.connection("api")["password"])
"""


def a_dag_of_python_tasks():
    """Params, results of one for the next, doubled braces, a file beside the DAG, a retry, a skip, a final failure"""
    with Folder("python") as folder:
        (folder.path / "dags").mkdir(exist_ok=True)
        (folder.path / "dags" / "list.py").write_text(LIST)
        pipeline = dag("pipeline", [
            python("list", {"$file": "list.py"}, params={"market": "{{ params.market }}", "tickers": ["A", "BB"]}),
            python("count", COUNT, ["list"], params={"day": "{{ ds }}"}),
            python("flaky", FLAKY, connections=["api"], retries=1, retry_delay="100ms"),
            python("nothing", "import batuta\nraise batuta.Skip('no news')"),
            python("final", "import batuta\nraise batuta.Fail('wrong format')", retries=3, retry_delay="100ms"),
        ], params={"market": "B3"})
        server = folder.server({"pipeline": pipeline}).start()
        server.call("POST", "/api/v2/connections",
                    {"connection_id": "api", "conn_type": "http", "password": "hunter22-and-more"})
        server.call("POST", "/api/v2/dags/pipeline/dagRuns",
                    {"dag_run_id": "one", "logical_date": "2026-01-02T00:00:00Z"})
        server.wait_run("pipeline", "one")
        tasks = server.tasks("pipeline", "one")
        states = {name: (task["state"], task["try_number"]) for name, task in tasks.items()}
        assert states == {"list": ("success", 1), "count": ("success", 1), "flaky": ("success", 2),
                          "nothing": ("skipped", 1), "final": ("failed", 1)}, states
        value = server.get("/api/v2/dags/pipeline/dagRuns/one/taskInstances/count/xcomEntries/return_value")["value"]
        assert value == {"count": 2, "text": "{2} {{ds}} {%", "day": "2026-01-02"}, value
        assert "looking at B3" in server.log_text("pipeline", "one", "list")
        first = server.log_text("pipeline", "one", "flaky", 1)
        assert "RuntimeError: the service is busy" in first, first
        second = server.log_text("pipeline", "one", "flaky", 2)
        assert "password is ***" in second and "hunter22" not in second, second


def a_python_task_that_cannot_be_is_refused_when_the_file_is_read():
    """`dags validate` names the field and the remedy"""
    with Folder("python-bad") as folder:
        (folder.path / "dags").mkdir(exist_ok=True)
        folder.server({"bad": dag("bad", [
            {"task_id": "none", "type": "python"},
            {"task_id": "missing", "type": "python", "code": {"$file": "gone.py"}},
            {"task_id": "option", "type": "python", "code": "pass", "requirements": ["-r x.txt"]}])})
        text = subprocess.run([BATUTA, "dags", "validate", folder.path / "dags"], capture_output=True, text=True,
                              check=False)
        assert text.returncode == 1, text
        said = text.stdout + text.stderr
        for words in ('needs "code", or a "file"', 'gone.py', "list of packages as pip names them"):
            assert words in said, said


if __name__ == "__main__":
    main([a_dag_of_python_tasks, a_python_task_that_cannot_be_is_refused_when_the_file_is_read])
