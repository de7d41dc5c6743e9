#!/usr/bin/env python3
"""Commands in real slots, and in containers: shells, scripts, arguments, what they find around them, and how they are ended."""
import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from container_engine import Container, Engine  # noqa: E402
from harness import Folder, dag, eventually, main, shell  # noqa: E402

HOSTILE = "'; touch /tmp/batuta-pwned; $(id) `id` \"x"


def a_script_beside_the_dag_gets_values_as_arguments_and_the_workers_environment():
    """script, args, bash, DAG's and task's env over worker.env, working_dir: what a command finds in a real slot"""
    with Folder("commands") as folder:
        script = 'set -u\n# {{ .Names }}\nprintf "%s|" "$1" "$2" "$TZ" "$STAGE" "$OWN" "$PWD" "$(umask)"\n'
        tasks = [{"task_id": "script", "type": "shell", "script": "load.sh", "umask": "027",
                  "args": ["{{ params.who }}", "{{ ds }}"], "env": {"OWN": "task"}},
                 {"task_id": "bash", "type": "shell", "shell": "bash", "strict": True, "command": "false | true; echo on",
                  "retries": 0},
                 {"task_id": "narrow", "type": "shell", "shell": "bash", "strict": True, "memory": "100MiB", "cpu": 0.5,
                  "command": "head -c 200000000 /dev/zero | tail -c 200000000 | wc -c", "retries": 0},
                 {"task_id": "greedy", "type": "shell", "command": "true", "memory": "1000000GiB", "infrastructure_retries": 0}]
        server = folder.server({}, env={"BATUTA_WORKER_ENV": json.dumps({"TZ": "Asia/Tokyo", "STAGE": "worker"})})
        (server.dags / "load.sh").write_text(script)
        server.write_dag("commands", dag("commands", tasks, params={"who": "x"}, working_dir="/tmp",
                                         env={"STAGE": "dag", "OWN": "dag"}))
        server.start()
        run_id = server.call("POST", "/api/v2/dags/commands/dagRuns",
                             {"logical_date": "2024-01-31T00:00:00Z", "conf": {"who": HOSTILE}})["dag_run_id"]
        server.wait_run("commands", run_id)
        states = {name: task["state"] for name, task in server.tasks("commands", run_id).items()}
        assert states == {"script": "success", "bash": "failed", "narrow": "failed", "greedy": "failed"}, states
        seen = {name: task["batuta"] for name, task in server.tasks("commands", run_id).items()}
        assert "it asks for 1024000000 MiB of memory, and this machine has" in seen["greedy"]["reason"], seen["greedy"]
        assert (seen["narrow"]["memory_asked_kib"], seen["narrow"]["cpu_asked"]) == (100 << 10, 0.5), seen["narrow"]
        assert seen["script"]["memory_asked_kib"] is None and 0 < seen["narrow"]["peak_rss_kib"] < 300 << 10, seen["narrow"]
        assert "It may have 100 MiB of memory" in server.log_text("commands", run_id, "narrow")
        tries = server.cli("tasks", "tries", "commands", run_id, "narrow").stdout
        assert "asked KiB" in tries and "102400" in tries and "0.5" in tries, tries
        value = server.get(f"/api/v2/dags/commands/dagRuns/{run_id}/taskInstances/script/xcomEntries/return_value")["value"]
        assert value == "|".join([HOSTILE, "2024-01-31", "Asia/Tokyo", "dag", "task", "/tmp", "0027"]) + "|", value
        shown = json.dumps(server.get("/api/v2/config"))
        assert "Asia/Tokyo" not in shown


def results_are_handed_on_by_field_and_key_whoever_made_them():
    """JSON in a last line, $BATUTA_RESULT, key=value lines: fields in templates, XComs by key, nothing where told"""
    pull = "ti.xcom_pull"
    tasks = [shell("line", "echo '{\"rows\": [{\"n\": 7}]}'"),
             shell("lines", "printf 'a=1\\nb<<E\\nx\\ny\\nE\\n' >$BATUTA_RESULT; echo no", multiple_outputs=True),
             shell("none", "head -c 70000 /dev/zero | tr '\\0' x", do_xcom_push=False),
             shell("wrong", "echo text", multiple_outputs=True, retries=3),
             shell("use", f"printf '%s|' {{{{ {pull}('line').rows[0].n }}}} {{{{ {pull}('lines', key='b') }}}} "
                          f"{{{{ {pull}('lines').a }}}} {{{{ {pull}('none') | default('d') }}}}", ["line", "lines", "none"])]
    with Folder("results") as folder:
        server = folder.server({"results": dag("results", tasks)}).start()
        run_id = server.trigger("results")["dag_run_id"]
        server.wait_run("results", run_id)
        seen = server.tasks("results", run_id)
        assert {name: task["state"] for name, task in seen.items()} == {
            "line": "success", "lines": "success", "none": "success", "wrong": "failed", "use": "success"}, seen
        assert seen["wrong"]["try_number"] == 1 and "no JSON object" in seen["wrong"]["batuta"]["reason"], seen["wrong"]
        path = f"/api/v2/dags/results/dagRuns/{run_id}/taskInstances"
        keys = sorted(entry["key"] for entry in server.get(f"{path}/lines/xcomEntries")["xcom_entries"])
        assert keys == ["a", "b", "return_value"], keys
        assert server.get(f"{path}/lines/xcomEntries/b")["value"] == "x\ny"
        assert server.get(f"{path}/use/xcomEntries/return_value")["value"] == "y|1|d|", "the last line"
        assert server.get(f"{path}/none/xcomEntries")["xcom_entries"] == []


def a_run_knows_the_dates_of_the_one_before_that_succeeded():
    """prev_…_success: of the newest successful run dated before; what failed or is dated later does not count"""
    with Folder("previous") as folder:
        command = "echo {{ prev_start_date_success | default('first') }}; exit {{ params.code }}"
        server = folder.server({"p": dag("p", [shell("say", command)], params={"code": 0})}).start()

        def run(date, code=0):
            made = server.call("POST", "/api/v2/dags/p/dagRuns", {"logical_date": date, "conf": {"code": code}})
            return server.wait_run("p", made["dag_run_id"])

        def said(of):
            path = f"/api/v2/dags/p/dagRuns/{of['dag_run_id']}/taskInstances/say/xcomEntries/return_value"
            return server.get(path)["value"]

        first = run("2024-01-01T00:00:00Z")
        assert said(first) == "first"
        assert run("2024-01-02T00:00:00Z", code=1)["state"] == "failed"
        third = run("2024-01-03T00:00:00Z")
        assert said(third)[:19] == first["start_date"][:19], (said(third), first)
        assert said(run("2023-12-31T00:00:00Z")) == "first"
        assert said(run("2024-01-02T12:00:00Z"))[:19] == first["start_date"][:19]


TIDY = "trap 'echo tidied up; exit 1' TERM; echo up; while :; do sleep 0.05; done"


def every_way_of_ending_a_command_asks_first():
    """a time-out, a run's time-out, a failed mark and a cancelled run each send SIGTERM and grant the grace"""
    with Folder("ending") as folder:
        server = folder.server({"late": dag("late", [shell("tidy", TIDY, execution_timeout="3s")]),
                                "late_run": dag("late_run", [shell("tidy", TIDY)], dagrun_timeout="20s"),
                                "marked": dag("marked", [shell("tidy", TIDY)]),
                                "cancelled": dag("cancelled", [shell("tidy", TIDY)])}, arguments=["--slots", "4"]).start()
        runs = {name: server.trigger(name)["dag_run_id"] for name in ("late", "late_run", "marked", "cancelled")}

        def says(name, words):
            return words in server.log_text(name, runs[name], "tidy")

        for name in ("marked", "cancelled"):
            eventually(lambda: says(name, "up"), 30, f"{name} has started")
        server.call("PATCH", f"/api/v2/dags/marked/dagRuns/{runs['marked']}/taskInstances/tidy", {"new_state": "failed"})
        server.call("PATCH", f"/api/v2/dags/cancelled/dagRuns/{runs['cancelled']}", {"state": "failed"})
        for name in runs:
            assert server.wait_run(name, runs[name])["state"] == "failed", name
            eventually(lambda: says(name, "tidied up"), 10, f"{name} was asked first")


def contained(task_id, command, image="python:3.12", **more):
    return {"task_id": task_id, "type": "container", "image": image, "command": ["sh", "-c", *command], **more}


def containers_are_run_by_the_engine_and_leave_nothing_behind():
    """container tasks: output, results, files, secrets, limits, pulls and refusals, time-out, and a slot that is killed, whose successor has the checkpoint"""
    python, out = "docker.io/library/python:3.12", "echo $BATUTA_TASK_ID $BATUTA_TRY_NUMBER $STAGE; echo aside >&2"
    tasks = [contained("deaf", ["trap 'echo tidied up' TERM; while :; do sleep 0.05; done"], execution_timeout="1s"),
             contained("says", [f"{out}; cat $BATUTA_SECRET_VAULT >&2; echo; echo \"$1\"", "sh", HOSTILE],
                       env={"PATH": "/usr/bin:/bin"}, connections=["vault"]),
             contained("writes", ["echo '{\"rows\": 7}' >$BATUTA_RESULT; echo shared >$BATUTA_RUN_DIR/of; echo no"],
                       multiple_outputs=True),
             contained("tables", ["cat $BATUTA_XCOM_DIR/writes/-1/rows; echo '{\"n\": 7}' >$BATUTA_SCRATCH/days.jsonl"],
                       depends_on=["writes"], outputs=[{"table": "silver/shop/days", "file": "days.jsonl"}]),
             contained("leads_out", ["ln -s /etc/passwd $BATUTA_SCRATCH/days.csv"],
                       outputs=[{"table": "silver/shop/led", "file": "days.csv"}]),
             contained("bounds", ["true"], memory="64MiB", cpus=1.5, user="1000:1000", network="none", working_dir="/srv",
                       entrypoint=["env"], do_xcom_push=False),
             contained("three", ["exit 3"]), contained("skips", ["exit 99"]),
             contained("memory", ["exit 137"], image="oom:1"),
             contained("pulls", ["echo here"], image="registry.example.org/etl/slow:2", registry="registry"),
             contained("torn", ["true"], image="registry.example.org/etl/torn"),
             contained("unknown", ["true"], image="registry.example.org/etl/none", retries=3),
             {**contained("wrong", []), "command": ["/nowhere/program"], "retries": 3}]
    left = contained("left", ["if mkdir $BATUTA_RUN_DIR/first; then echo 7 >$BATUTA_CHECKPOINT; echo up; exec sleep 100; fi; "
                              "echo goes on from $(cat $BATUTA_CHECKPOINT)"], retries=1, retry_delay="0s")
    with Folder("containers") as folder:
        engine = Engine(folder.path / "engine.sock", [python, "docker.io/library/oom:1"],
                        {"registry.example.org/etl/slow": "slow login", "registry.example.org/etl/torn": "torn"})
        server = folder.server({"c": dag("c", tasks, env={"STAGE": "dag"}, working_dir="/tmp"), "left": dag("left", [left])},
                               env={"BATUTA_WORKER_CONTAINER_SOCKET": str(folder.path / "engine.sock"), "BATUTA_CANCEL_GRACE": "2s",
                                    "BATUTA_WORKER_CONTAINER_IMAGES": "python:3.12,oom,registry.example.org/etl/*"}).start()
        for connection in ({"connection_id": "vault", "conn_type": "generic", "password": "s3cr3t-in-a-vault"},
                           {"connection_id": "registry", "conn_type": "http", "host": "registry.example.org", "login": "r",
                            "password": "registry-password"}):
            server.call("POST", "/api/v2/connections", connection)

        # A slot that is killed takes nothing with it: the container is found by its labels.
        held = server.trigger("left")["dag_run_id"]
        eventually(lambda: "up" in server.log_text("left", held, "left"), 30, "the container runs")
        lost = next(iter(engine.containers.values()))
        kept = lambda: server.get(f"/api/v2/dags/left/dagRuns/{held}/taskInstances/left")["batuta"].get("checkpoint", {}).get("value")  # noqa: E731
        eventually(lambda: kept() == "7\n", 10, "what it wrote to $BATUTA_CHECKPOINT is kept")
        # One beside it that the engine cannot remove is in nobody's way.
        stuck = Container("stuck", {**lost.config, "Labels": {**lost.config["Labels"], "batuta.task_id": "stuck"}})
        engine.containers[stuck.id], engine.failing_removals = stuck, {"stuck": 1000, "writes": 1}
        os.kill(int(lost.config["Labels"]["batuta.owner"].split()[1]), signal.SIGKILL)
        assert server.wait_run("left", held)["state"] == "success"
        last = server.tasks("left", held)["left"]["try_number"]
        said = server.log_text("left", held, "left", last)
        assert "goes on from 7" in said, said
        assert "removed 1 containers whose worker is gone" in said and "stays" in said and "busy" in said, said

        engine.refuse_names = 1  # of another host's lost worker
        run_id = server.trigger("c")["dag_run_id"]
        server.wait_run("c", run_id)
        seen = server.tasks("c", run_id)
        states = {name: task["state"] for name, task in seen.items()}
        good = {"says", "writes", "tables", "bounds", "pulls"}
        assert states == {name: "success" if name in good else "skipped" if name == "skips" else "failed" for name in seen}, states
        for name, words in (("three", "exit code 3"), ("memory", "at its limit of memory"), ("torn", "connection reset by peer"),
                            ("unknown", "pull access denied"), ("leads_out", "no file of the task's own folder"), ("wrong", "executable file not found")):
            assert words in seen[name]["batuta"]["reason"] and seen[name]["try_number"] == 1, (name, seen[name])

        def value(task):
            return server.get(f"/api/v2/dags/c/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/return_value")["value"]

        assert value("says") == HOSTILE and value("pulls") == "here"
        assert value("writes") == {"rows": 7} and value("tables") == "7", (value("writes"), value("tables"))
        assert server.sql("SELECT n FROM silver.shop.days") == [[7]]
        said = {task: server.log_text("c", run_id, task) for task in seen}
        assert "says 1 dag" in said["says"] and "aside" in said["says"], said["says"]
        assert "***" in said["says"] and "s3cr3t" not in said["says"], said["says"]
        assert "Downloaded newer image" in said["pulls"] and "Pulling from" in said["torn"]
        assert "tidied up" in said["deaf"] and "SIGKILL" in said["deaf"], said["deaf"]
        assert any("removed the container of an earlier try" in text for text in said.values())
        bounds = next(c for c in engine.created if c["Labels"]["batuta.task_id"] == "bounds")
        host = bounds["HostConfig"]
        assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["NetworkMode"]) == (64 << 20, 64 << 20, 15 * 10**8,
                                                                                              "none"), host
        assert (bounds["User"], bounds["WorkingDir"], bounds["Entrypoint"]) == ("1000:1000", "/srv", ["env"]), bounds
        assert host["PidsLimit"] == 4096 and host["LogConfig"]["Config"] == {"max-size": "256m", "max-file": "4"}, host
        assert bounds["Labels"]["batuta.run_id"] == run_id and bounds["Labels"]["batuta.try_number"] == "1", bounds
        assert "WorkingDir" not in next(c for c in engine.created if c["Labels"]["batuta.task_id"] == "says")
        assert engine.failing_removals["writes"] == 0 and "the next task" not in said["writes"], said["writes"]
        assert list(engine.containers) == [stuck.id], [c.config["Labels"] for c in engine.containers.values()]
        engine.close()


if __name__ == "__main__":
    main([results_are_handed_on_by_field_and_key_whoever_made_them, a_run_knows_the_dates_of_the_one_before_that_succeeded,
          a_script_beside_the_dag_gets_values_as_arguments_and_the_workers_environment,
          every_way_of_ending_a_command_asks_first, containers_are_run_by_the_engine_and_leave_nothing_behind])
