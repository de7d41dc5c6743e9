#!/usr/bin/env python3
"""Large results and the folder of a run in a running Batuta: read by everybody, whole after kill -9, gone with the run."""
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, shell  # noqa: E402

# A list of 300,000 numbers: 1.9 MB as JSON, more than a template takes.
MAKE = "python3 -c 'import json; print(json.dumps(list(range(300000))))' >\"$BATUTA_RESULT\""
HALF = "python3 -c 'import json; print(json.dumps(list(range(30000))))' >\"$BATUTA_RESULT\""
SUM = "python3 -c 'import json, sys; print(sum(json.load(open(sys.argv[1]))))'"
CODE = """
import batuta, os
rows = batuta.xcom("make")
open(os.path.join(batuta.context.run_dir, "rows"), "w").write(str(len(rows)))
batuta.result({"rows": rows, "text": "x" * 100000})
"""
PULL = "ti.xcom_pull"


def path_of(dag_id, run, task, index=-1):
    more = "" if index < 0 else f"?map_index={index}"
    return f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value{more}"


def everybody_reads_a_large_result():
    """commands, python, templates, API and command line read what is over 64 KiB; above a template's limit it says so"""
    tasks = [shell("make", MAKE), shell("half", HALF),
             shell("command", f"{SUM} $(batuta-xcom make)", ["make"]),
             shell("folder", f"{SUM} $BATUTA_XCOM_DIR/half/-1/return_value", ["half"]),
             {"task_id": "code", "type": "python", "code": CODE, "depends_on": ["make"]},
             shell("template", f"echo {{{{ {PULL}('half') | last }}}}", ["half"]),
             shell("too_large", f"echo {{{{ {PULL}('make') | last }}}}", ["make"], retries=2),
             shell("each", "printf '[\"%s\", \"%s\"]' $BATUTA_MAP_INDEX $(head -c 70000 /dev/zero | tr '\\0' x)"
                           " >$BATUTA_RESULT", expand={"env": [{"N": "0"}, {"N": "1"}]}),
             shell("of_each", "head -c 4 $(batuta-xcom each return_value 1); echo", ["each"]),
             shell("shared", "cat $BATUTA_RUN_DIR/rows", ["code"]),
             shell("split", HALF.replace("list(range(30000))", "{\"a\": \"x\" * 70000}"), multiple_outputs=True)]
    with Folder("results") as folder:
        server = folder.server({"large": dag("large", tasks)}).start()
        run = server.trigger("large")["dag_run_id"]
        server.wait_run("large", run)
        seen = server.tasks("large", run)
        states = {name: task["state"] for name, task in seen.items()}
        wrong = {"too_large": "failed", "split": "failed"}
        assert states == {**dict.fromkeys(states, "success"), **wrong}, (states, server.log_tail())
        numbers = list(range(300000))
        assert server.get(path_of("large", run, "make"))["value"] == numbers
        as_text = server.get(path_of("large", run, "make") + "?stringify=true")["value"]
        assert json.loads(as_text) == numbers
        assert server.get(path_of("large", run, "command"))["value"] == str(sum(numbers))
        assert server.get(path_of("large", run, "folder"))["value"] == str(sum(range(30000)))
        assert server.get(path_of("large", run, "template"))["value"] == "29999"
        code = server.get(path_of("large", run, "code"))["value"]
        assert code["rows"] == numbers and len(code["text"]) == 100000
        assert server.get(path_of("large", run, "each", 1))["value"][0] == "1"
        assert server.get(path_of("large", run, "of_each"))["value"] == "[\"1\""
        assert server.get(path_of("large", run, "shared"))["value"] == "300000"
        why = seen["too_large"]["batuta"]["reason"]
        assert "the result of task make has" in why and "batuta-xcom make" in why, why
        assert "64 KiB" in seen["split"]["batuta"]["reason"], seen["split"]
        told = json.loads(server.cli("tasks", "xcom", "large", run, "make", "--output", "json").stdout)
        assert told["value"] == numbers

        # A clear takes the value away; what runs then returns another.
        uuid = seen["make"]["id"] and next((server.home / "results").iterdir()).name
        kept = server.home / "results" / uuid / "make.-1"
        before = [file.name for file in kept.iterdir()]
        assert len(before) == 1
        server.cli("tasks", "clear", "large", run, "make", "--yes", check=False)
        server.call("POST", "/api/v2/dags/large/clearTaskInstances",
                    {"dag_run_id": run, "task_ids": ["make"], "dry_run": False, "only_failed": False})
        eventually(lambda: [file.name for file in kept.iterdir()] not in ([], before), 30, "another value")
        server.wait_run("large", run)
        assert server.get(path_of("large", run, "make"))["value"] == numbers
        assert len(list(kept.iterdir())) == 1

        # All of it goes with the run.
        shared = server.home / "runs" / uuid
        assert shared.is_dir()
        server.call("DELETE", f"/api/v2/dags/large/dagRuns/{run}")
        server.stop()
        server.start()  # housekeeping looks at its start
        eventually(lambda: not kept.parent.exists() and not shared.exists(), 30, "the run's files are gone")


def a_folder_over_its_limit_fails_the_task():
    """worker.run_dir_limit: the task that makes the run's folder too large fails with a sentence, what is in it stays"""
    tasks = [shell("fits", "head -c 100000 /dev/zero >$BATUTA_RUN_DIR/a"),
             shell("over", "head -c 2000000 /dev/zero >$BATUTA_RUN_DIR/b", ["fits"], retries=2),
             shell("left", "wc -c <$BATUTA_RUN_DIR/a; rm $BATUTA_RUN_DIR/b", ["over"], trigger_rule="all_done")]
    with Folder("run-dir") as folder:
        server = folder.server({"d": dag("d", tasks)}, env={"BATUTA_WORKER_RUN_DIR_LIMIT": "1MiB"}).start()
        run = server.trigger("d")["dag_run_id"]
        server.wait_run("d", run)
        seen = server.tasks("d", run)
        assert {name: task["state"] for name, task in seen.items()} == {
            "fits": "success", "over": "failed", "left": "success"}, seen
        why = seen["over"]["batuta"]["reason"]
        assert "worker.run_dir_limit allows 1048576" in why and seen["over"]["try_number"] == 1, seen["over"]


def kill_9_leaves_no_half_of_a_value():
    """agent, slot and scheduler are killed while values are returned: each run ends with whole ones"""
    tasks = [shell("make", MAKE, retries=3, retry_delay="100ms"),
             shell("sum", f"{SUM} $(batuta-xcom make)", ["make"], retries=3, retry_delay="100ms")]
    with Folder("results-kill") as folder:
        server = folder.server({"d": dag("d", tasks)}).start()
        runs = []
        for number in range(6):
            runs.append(server.trigger("d", run_id=f"r{number}")["dag_run_id"])
            time.sleep(0.1 + 0.05 * number)
            if number % 3 == 2:
                server.kill()
                server.start()
                continue
            victims = server.pids(("agent", "slot")[number % 3])
            for pid in victims[:1]:
                os.kill(pid, signal.SIGKILL)
        for run in runs:
            assert server.wait_run("d", run, 90)["state"] == "success", server.tasks("d", run)
            assert server.get(path_of("d", run, "make"))["value"] == list(range(300000))
            assert server.get(path_of("d", run, "sum"))["value"] == str(sum(range(300000)))
        files = [file for file in (server.home / "results").rglob("*.json")]
        assert len(files) == len(runs), files  # what a killed attempt left is not kept beside
        server.stop()
        server.check_database()


if __name__ == "__main__":
    main([everybody_reads_a_large_result, a_folder_over_its_limit_fails_the_task, kill_9_leaves_no_half_of_a_value])
