#!/usr/bin/env python3
"""The command line beyond its first verbs: formats, Airflow's names, following, hints."""
import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import termios
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, SOURCE, Folder, dag, eventually, main, mock, run, shell  # noqa: E402


def lists_have_four_formats_and_chosen_columns():
    """--output table, json, yaml and plain, --columns by title, field or path; an unknown one is named"""
    with Folder("formats") as folder:
        server = folder.server().start()
        server.cli("pools", "set", "a", "1", "yes")
        server.cli("pools", "set", "b", "2", "two\ttabs " + "w" * 300)
        lines = server.cli("pools", "list", "-o", "plain", "--columns", "name,slots,description").stdout.splitlines()
        assert lines[0] == "name\tslots\tdescription", lines
        assert "a\t1\tyes" in lines and "b\t2\ttwo tabs " + "w" * 300 in lines, lines
        yaml = server.cli("pools", "list", "-o", "yaml", "--columns", "description,slots").stdout
        assert '- description: "yes"\n  slots: 1\n' in yaml, yaml
        chosen = json.loads(server.cli("pools", "list", "-o", "json", "--columns", "deferred_slots,name").stdout)
        assert {"deferred_slots": 0, "name": "a"} in chosen, chosen
        assert list(chosen[0]) == ["deferred_slots", "name"], chosen
        table = server.cli("pools", "list", "--columns", "running").stdout.splitlines()
        assert table[0] == "running" and table[1].strip() == "0", table
        whole = server.cli("pools", "get", "a", "-o", "yaml").stdout
        assert 'description: "yes"\n' in whole and "slots: 1\n" in whole, whole
        assert server.cli("pools", "get", "a", "-o", "plain", "--columns", "slots").stdout == "slots\t1\n"
        wrong = server.cli("pools", "list", "--columns", "slotz", check=False)
        assert wrong.returncode == 2 and 'did you mean "slots"' in wrong.stderr, wrong.stderr
        assert server.cli("dags", "list", "-o", "yaml").stdout == "[]\n"


def rows_and_logs_have_them_too():
    """lake sql, lake head and tasks log in YAML and plain, row by row"""
    with Folder("rows") as folder:
        server = folder.server({"say": dag("say", [shell("says", "echo 'it: is'")])}).start()
        (server.home / "lake").mkdir(exist_ok=True)
        asked = server.cli("lake", "sql", "SELECT range AS i, 'x: y' AS t FROM range(2)", "-o", "yaml").stdout
        assert asked == '- {"i":0,"t":"x: y"}\n- {"i":1,"t":"x: y"}\n', asked
        asked = server.cli("lake", "sql", "SELECT 1 AS a, 2 AS b", "-o", "plain", "--columns", "b,a").stdout
        assert asked == "b\ta\n2\t1\n", asked
        run_id = server.trigger("say")["dag_run_id"]
        server.wait_run("say", run_id)
        log = server.cli("tasks", "log", "say", run_id, "says", "-o", "yaml").stdout
        assert any(json.loads(line[2:])["event"] == "it: is" for line in log.splitlines()), log


def runs_are_asked_for_as_in_airflow():
    """dags list-runs, state, next-execution -n; tasks state, render, states-for-dag-run, in either order of words"""
    with Folder("airflow") as folder:
        daily = dag("daily", [shell("say", "echo {{ ds }} {{ params.who }}"), mock("then", ["say"])], schedule="@daily",
                    start_date="2024-01-01T00:00:00Z", exclude="calendar:closed", params={"who": {"type": "string", "default": "me"}})
        (folder.path / "calendars").mkdir()
        (folder.path / "calendars" / "closed.json").write_text(json.dumps({"weekdays": ["sat", "sun"], "days": ["12-25"]}))
        server = folder.server({"daily": daily}).start()
        at = "2024-05-06T07:00:00Z"
        server.cli("dags", "trigger", "daily", "--run-id", "r1", "--logical-date", at)
        server.wait_run("daily", "r1")
        for named in ("r1", at):
            assert server.cli("dags", "state", "daily", named).stdout == "success\n"
        whole = json.loads(server.cli("dags", "state", "daily", "r1", "-o", "json").stdout)
        assert whole["dag_run_id"] == "r1", whole
        assert server.cli("dags", "state", "daily", "r2", check=False).returncode == 1
        listed = json.loads(server.cli("dags", "list-runs", "-d", "daily", "--start-date", at, "-o", "json").stdout)
        assert [row["dag_run_id"] for row in listed] == ["r1"], listed
        assert server.cli("dags", "list-runs", "daily", "--end-date", "2024-05-01T00:00:00Z", "-o", "json").stdout == "[]\n"
        for words in (("r1", "say"), ("say", "r1"), ("say", at)):
            assert server.cli("tasks", "state", "daily", *words).stdout == "success\n"
            rendered = json.loads(server.cli("tasks", "render", "daily", *words, "-o", "json").stdout)
            assert rendered["command"] == "echo '2024-05-06' 'me'", rendered
        states = server.cli("tasks", "states-for-dag-run", "daily", "r1", "-o", "plain",
                            "--columns", "task_id,state").stdout
        assert states.splitlines() == ["task_id\tstate", "say\tsuccess", "then\tsuccess"], states
        ticks = json.loads(server.cli("dags", "next-execution", "daily", "-n", "7", "-o", "json").stdout)
        first = ticks[0]["logical_date"]
        days = [row["logical_date"][:10] for row in ticks]
        assert len(set(days)) == 7 and days == sorted(days), ticks
        assert all(date.fromisoformat(day).weekday() < 5 for day in days), ticks  # the calendar lies on the server
        assert server.get("/api/v2/dags/daily")["next_dagrun_logical_date"] == first
        assert all(row["data_interval_end"] == row["run_after"] for row in ticks), ticks
        assert "paused" not in server.cli("dags", "next-execution", "daily").stderr
        server.cli("dags", "pause", "daily")
        assert "unpause daily" in server.cli("dags", "next-execution", "daily").stderr


def one_task_is_tested_alone():
    """tasks test runs one task, with what those before it returned; nothing before it runs"""
    with Folder("onetask") as folder:
        dags = folder.path / "dags"
        dags.mkdir()
        mark = folder.path / "mark"
        (dags / "d.json").write_text(json.dumps(dag("d", [
            shell("load", f"touch {mark}; echo 1"), shell("sum", "echo got {{ ti.xcom_pull('load').rows }} {{ ds }}", ["load"]),
            shell("never", f"touch {mark}", ["sum"])])))
        given = ["d", "sum", "--dags", dags, "--logical-date", "2024-05-06T07:00:00Z"]
        said = run("tasks", "test", *given, "--xcom", '{"load": {"rows": 7}}').stdout
        assert "got 7 2024-05-06" in said and not mark.exists(), said
        wrong = run("tasks", "test", *given, "--xcom", '{"lod": 1}', code=1).stderr
        assert 'did you mean "load"' in wrong, wrong
        assert 'did you mean "sum"' in run("tasks", "test", "d", "summ", "--dags", dags, code=1).stderr
        assert run("tasks", "test", *given, code=1)  # without what it asks for


def the_installation_is_told():
    """config list and get-value, info, cheat-sheet"""
    with Folder("told") as folder:
        server = folder.server(env={"BATUTA_LAKE_THREADS": "3"}).start()
        rows = json.loads(server.cli("config", "list", "--section", "lake", "-o", "json").stdout)
        assert {"section": "lake", "option": "threads", "value": "3"} in rows, rows
        assert server.cli("config", "get-value", "lake", "threads").stdout == "3\n"
        assert server.cli("config", "get-value", "core", "nonsense", check=False).returncode == 1
        eventually(lambda: any("batuta" in job for job in server.get("/api/v2/jobs")["jobs"]), 20, "a worker joins")
        told = json.loads(server.cli("info", "-o", "json").stdout)
        assert told["server"] == server.url and told["workers"] == 1 and told["user"] == "admin", told
        server.stop()
        assert json.loads(server.cli("info", "-o", "json").stdout)["server"] == "not running"
        sheet = run("cheat-sheet").stdout
        assert "batuta dags trigger dag_id" in sheet and "batuta tasks states-for-dag-run dag_id run_id" in sheet, sheet


def entries_move_between_installations():
    """pools, variables and connections: exported, imported elsewhere, no secret shown and none lost"""
    with Folder("moves") as folder:
        (folder.path / "a").mkdir()
        server = folder.server().start()
        server.cli("pools", "set", "small", "1", "one at a time")
        server.cli("variables", "set", "plain", "v", "--description", "d")
        server.cli("variables", "set", "api_key", "-", stdin="s3cret\n")
        server.cli("connections", "add", "c", "--conn-type", "http", "--conn-host", "h", "--conn-password",
                   "--conn-extra", '{"token": "t0ken", "x": 1}', stdin="hidden\n")
        files = {noun: folder.path / f"{noun}.json" for noun in ("pools", "variables", "connections")}
        for noun, file in files.items():
            said = server.cli(noun, "export", file)
            assert (file.stat().st_mode & 0o777) == 0o600
            assert "hidden" not in file.read_text() and "s3cret" not in file.read_text() and "t0ken" not in file.read_text()
            assert ("api_key" in said.stderr) == (noun == "variables"), said.stderr
            assert server.cli(noun, "export", file, check=False).returncode == 1, "a file that is there is kept"
            server.cli(noun, "export", file, "--overwrite")
            server.cli(noun, "import", file)
        assert json.loads(server.cli("variables", "export").stdout) == {"plain": {"value": "v", "description": "d"}}
        kept = server.get("/api/v2/connections/c")
        assert kept["host"] == "h" and kept["password"] == "***" and json.loads(kept["extra"])["x"] == 1, kept
        server.cli("pools", "delete", "small")
        server.cli("pools", "import", files["pools"])
        assert server.get("/api/v2/pools/small")["slots"] == 1
        server.cli("connections", "delete", "c")
        refused = server.cli("connections", "import", files["connections"], check=False)
        assert refused.returncode == 1 and "in the place of ***" in refused.stderr, refused.stderr
        files["pools"].write_text('{"p": {"slots": "x"}}')
        assert '"p"' in server.cli("pools", "import", files["pools"], check=False).stderr


def a_connection_is_tried_without_its_secrets():
    """connections test: a host that answers, one that does not, one without a port; nothing is sent"""
    with Folder("tried") as folder, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        server = folder.server().start()
        server.cli("connections", "add", "up", "--conn-type", "http", "--conn-host", "127.0.0.1", "--conn-port", port,
                   "--conn-password", stdin="hidden\n")
        assert "answers" in server.cli("connections", "test", "up").stdout
        taken, _ = listener.accept()
        assert taken.recv(100) == b"", "something was sent"
        taken.close()
        listener.close()
        down = server.cli("connections", "test", "up", check=False)
        assert down.returncode == 1 and "does not answer" in down.stderr, down
        server.cli("connections", "add", "odd", "--conn-type", "own", "--conn-host", "h")
        assert "no port" in server.cli("connections", "test", "odd", check=False).stderr


def old_runs_are_cleaned_away():
    """db clean: a dry run shows, --yes deletes what ended before, later runs stay"""
    with Folder("clean") as folder:
        server = folder.server({"a": dag("a", [mock("m")]), "b": dag("b", [mock("m")])}).start()
        for name, run_id in (("a", "one"), ("a", "two"), ("b", "three")):
            server.trigger(name, run_id=run_id)
            server.wait_run(name, run_id)
        border = server.run("b", "three")["end_date"]
        dry = server.cli("db", "clean", "--clean-before-timestamp", border, "--dry-run", "-o", "json")
        assert [row["dag_run_id"] for row in json.loads(dry.stdout)] == ["one", "two"], dry.stdout
        refused = server.cli("db", "clean", "--clean-before-timestamp", border, check=False, stdin="")
        assert refused.returncode == 2 and "--yes" in refused.stderr, refused
        assert server.cli("db", "clean", "--clean-before-timestamp", border, "--dag-ids", "b", "-y").stdout == "0 runs deleted\n"
        assert server.cli("db", "clean", "--clean-before-timestamp", border, "-y").stdout == "2 runs deleted\n"
        assert json.loads(server.cli("runs", "list", "-o", "json").stdout)[0]["dag_run_id"] == "three"
        assert server.cli("db", "clean", "--clean-before-timestamp", "yesterday", check=False).returncode == 2


def on_a_terminal(command, columns=100):
    """What a command shows on a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen([BATUTA, *map(str, command)], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(ours, 65536):
                text += chunk
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(ours)
        return text.decode(), process.wait(60)


def what_is_waited_for_shows_how_far_it_is():
    """trigger --wait, runs wait and runs follow: progress on a terminal, changes line by line, one line and a link last"""
    with Folder("follow") as folder:
        server = folder.server({"work": dag("work", [shell("quick", "true"), mock("slow", ["quick"], run_for="2s"),
                                                     shell("fails", "exit 3", ["slow"]), mock("after", ["fails"])])}).start()
        link = f"{server.url}/#/dags/work/runs/"
        piped = server.cli("dags", "trigger", "work", "--run-id", "r0", "--wait", "-o", "json", check=False)
        assert piped.returncode == 1 and json.loads(piped.stdout)["state"] == "failed", piped
        lines = piped.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("work r0: failed in ") and lines[0].endswith(link + "r0"), lines
        assert "2 success, 1 failed, 1 upstream_failed" in lines[0], lines
        server.trigger("work", run_id="r1")
        followed = server.cli("runs", "follow", "work", "r1", check=False)
        assert followed.returncode == 1, followed
        changes = [line.split("  ")[0].split(" ")[1] + " " + line.split("  ")[1] for line in followed.stdout.splitlines()]
        for change in ("quick success", "slow running", "slow success", "fails failed", "after upstream_failed"):
            assert change in changes, followed.stdout
        assert "exit code 3" in followed.stdout, followed.stdout
        assert followed.stderr.count("\n") == 1 and link + "r1" in followed.stderr, followed.stderr
        server.trigger("work", run_id="r2")
        shown, code = on_a_terminal(["runs", "wait", "work", "r2", "--home", server.home])
        assert code == 1 and "\r\033[K" in shown and "/4 tasks ended, " in shown and "1 running" in shown, shown
        assert shown.rstrip().endswith("failed") and link + "r2" in shown, shown
        assert server.cli("runs", "follow", "work", "none", check=False).returncode == 1
        server.cli("dags", "pause", "work")
        server.trigger("work", run_id="r3")
        with subprocess.Popen([BATUTA, "runs", "wait", "work", "r3", "--home", server.home], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as process:
            told = process.stderr.readline()
            server.cli("dags", "unpause", "work")
            assert told == "batuta: work is paused: the run begins after `batuta dags unpause work`\n", told
            assert process.wait(60) == 1


def a_log_is_followed_to_its_end():
    """tasks log --follow: from before the task starts, through its retries, with lines as they are written"""
    with Folder("followlog") as folder:
        server = folder.server({"talk": dag("talk", [
            mock("first", run_for="1s"),
            shell("says", "echo one; sleep 1; echo two; test $BATUTA_TRY_NUMBER = 2", ["first"], retries=1, retry_delay="1s")])}).start()
        server.trigger("talk", run_id="r")
        follow = [BATUTA, "tasks", "log", "talk", "r", "says", "--follow", "--home", server.home]
        with subprocess.Popen(follow, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            seen = []
            for line in process.stdout:
                seen.append(line.rstrip())
                if line.rstrip().endswith(" one") and len(seen) < 20 and "-- try 2" not in seen:
                    assert server.tasks("talk", "r")["says"]["state"] == "running", "told while it runs"
            last = process.stderr.read()
            assert process.wait(60) == 0, last
        words = [line.split()[-1] for line in seen]
        assert words.count("one") == 2 and words.count("two") == 2 and "-- try 2" in seen, seen
        assert last.splitlines()[-1] == f"talk r says: success  {server.url}/#/dags/talk/runs/r?task=says", last
        alone = server.cli("tasks", "log", "talk", "r", "says", "--try", "1")
        assert alone.stdout.count(" one") == 1 and alone.stderr == "", alone
        assert json.loads(server.cli("tasks", "log", "talk", "r", "says", "-f", "-o", "json").stdout), "one list"


def what_was_meant_is_told():
    """commands of others, misspelt ids of DAGs, runs, tasks, pools; the first page of help tells of first steps, verbs have examples"""
    assert "batuta dags trigger" in run("start", code=2).stderr
    assert "when the server starts" in run("db", "init", code=2).stderr
    assert "Examples:" in run("dags", "trigger", "--help").stdout and "First steps" in run("--help").stdout
    assert "First steps" not in run("dags", "--help").stdout
    with Folder("meant") as folder:
        server = folder.server({"nightly": dag("nightly", [mock("load")])}).start()
        server.trigger("nightly", run_id="r-2024-05-06")
        server.wait_run("nightly", "r-2024-05-06")

        def told(*words):
            refused = server.cli(*words, check=False)
            assert refused.returncode == 1, refused
            return refused.stderr
        assert 'there is no DAG "nigthly"; did you mean "nightly"?' in told("dags", "trigger", "nigthly")
        assert 'there is no run "r-2024-05-07"; did you mean "r-2024-05-06"?' in told("runs", "get", "nightly", "r-2024-05-07")
        assert 'there is no task "laod"; did you mean "load"?' in told("tasks", "log", "nightly", "r-2024-05-06", "laod")
        assert 'there is no pool "default_poo"; did you mean "default_pool"?' in told("pools", "get", "default_poo")
        assert 'there is no user "admim"; did you mean "admin"?' in told("users", "set-role", "admim", "viewer")
        assert 'there is no bundle "defualt"; did you mean "default"?' in told("bundles", "deploy", "defualt")
        assert "did you mean" not in told("dags", "details", "something_else_entirely")


def bash_completes(line, env):
    """What bash offers at the end of the line, by the script as it is printed."""
    script = "\n".join([f"source <({BATUTA} completion bash)", f"COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}",
                        "_batuta", 'printf "%s\\n" "${COMPREPLY[@]}"'])
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30,
                            env={**os.environ, **env, "PATH": f"{BATUTA.parent}:{os.environ['PATH']}"})
    assert result.returncode == 0 and not result.stderr, result
    return result.stdout.split()


def a_shell_completes_words_and_ids():
    """completion: commands, options, values, ids of DAGs, runs with colons, tasks; silence without a server"""
    with Folder("completion") as folder:
        server = folder.server({"nightly": dag("nightly", [mock("load"), mock("look", ["load"])]),
                                "other": dag("other", [mock("m")])}).start()
        server.trigger("nightly", run_id="at-2024-05-06T00:00:00Z")
        server.trigger("nightly", run_id="at-2024-05-07T00:00:00Z")
        env = {"BATUTA_HOME": str(server.home)}
        assert bash_completes("batuta da", env) == ["dags"]
        assert "list-runs" in bash_completes("batuta dags ", env)
        assert bash_completes("batuta dags trigger n", env) == ["nightly"]
        assert set(bash_completes("batuta dags trigger ", env)) == {"nightly", "other"}
        assert bash_completes("batuta dags trigger nightly --wa", env) == ["--wait"]
        assert set(bash_completes("batuta runs get nightly at-2024-05-06T", env)) == {"at-2024-05-06T00:00:00Z"}
        assert bash_completes("batuta runs get nightly at-2024-05-06T00:", env) == ["00:00Z"], "behind bash's own cut"
        assert bash_completes("batuta tasks log nightly at-2024-05-06T00:00:00Z lo", env) == ["load", "look"]
        assert bash_completes("batuta tasks clear nightly r load loo", env) == ["look"]
        assert bash_completes("batuta dags list -o ya", env) == ["yaml"]
        assert bash_completes("batuta dags list --output=ya", env) == ["yaml"]
        assert bash_completes("batuta pools get def", env) == ["default_pool"]
        assert bash_completes(f"batuta dags pause --home {server.home} oth", {}) == ["other"]
        assert "__complete" not in bash_completes("batuta ", env)
        assert run("completion", "zsh").stdout.startswith("#compdef batuta")
        assert "complete -c batuta" in run("completion", "fish").stdout
        if shutil.which("fish"):
            fish = f"{BATUTA} completion fish | source; complete -C 'batuta dags trigger n'"
            offered = subprocess.run(["fish", "-c", fish], capture_output=True, text=True, timeout=30, env={
                **os.environ, **env, "PATH": f"{BATUTA.parent}:{os.environ['PATH']}", "HOME": str(folder.path)})
            assert offered.stdout == "nightly\n", offered
        if shutil.which("zsh"):  # its function, with what it would offer printed
            zsh = (f"compdef() {{ }}; compadd() {{ print -l -- $found; }}; source <({BATUTA} completion zsh); "
                   "words=(batuta dags trigger n) CURRENT=4; _batuta")
            offered = subprocess.run(["zsh", "-f", "-c", zsh], capture_output=True, text=True, timeout=30, env={
                **os.environ, **env, "PATH": f"{BATUTA.parent}:{os.environ['PATH']}"})
            assert offered.stdout == "nightly\n", offered
        assert run("completion", "tcsh", code=2)
        server.stop()
        assert bash_completes("batuta dags trigger n", env) == []
        assert run("__complete", "dags", "trigger", "", "--home").stderr == ""


def crontabs_and_dagu_files_become_dags():
    """dags import-crontab and import-dagu: files that the server takes and that run as before; nothing is written over"""
    with Folder("imports") as folder:
        dags = folder.path / "dags"
        table, yaml = folder.path / "table", folder.path / "pipe.yaml"
        table.write_text("GREETING=it's 5 %\n*/5 * * * * cat; echo \"$GREETING {{x}}\"%one%two\n")
        yaml.write_text("params: WHO=you\nsteps:\n  - name: a\n    command: echo out $WHO\n    output: OUT\n"
                        "  - name: b\n    command: echo \"got $OUT\"\n    depends: a\n")
        said = run("dags", "import-crontab", table, "--to", dags, "--timezone", "UTC", "--prefix", "c-")
        assert said.stdout == f"{dags}/c-cat.json\n" and "what needs a hand" in said.stderr, said
        refused = run("dags", "import-crontab", table, "--to", dags, "--prefix", "c-", code=1)
        assert "--overwrite" in refused.stderr, refused.stderr
        run("dags", "import-dagu", yaml, "--to", dags)
        dry = json.loads(run("dags", "import-crontab", "-", "--dry-run", "--to", folder.path / "none", input="@daily /opt/x\n").stdout)
        assert dry["schedule"] == "@daily" and not (folder.path / "none").exists(), dry
        assert run("dags", "validate", dags).stdout.count(": ok") == 2
        told = run("dags", "test", "c-cat", "--dags", dags).stdout
        assert "one" in told and "two" in told and "it's 5 % {{x}}" in told, told
        assert "got out you" in run("dags", "test", "pipe", "--dags", dags).stdout
        yaml.write_text("steps: [\n")
        assert "line 2" in run("dags", "import-dagu", yaml, "--to", dags, code=1).stderr
        assert "not a regular file" in run("dags", "import-crontab", "/dev/zero", "--to", dags, code=1).stderr


def metrics_alerts_and_page_agree():
    """every metric stands in docs/operations.md, dashboard and alerts use none that there is not, each alert has what to do"""
    page = (SOURCE / "docs" / "operations.md").read_text()
    table = page.split("## Metrics")[1].split("## Alerts")[0].split("Not there")[0]
    name = re.compile(r"\b(?:airflow|batuta|process)_[a-z0-9_]+")
    with Folder("metrics") as folder:
        server = folder.server({"d": dag("d", [mock("m")])}).start()
        eventually(lambda: json.loads(server.cli("workers", "list", "-o", "json").stdout), 20, "a worker joins")
        row = json.loads(server.cli("workers", "list", "-o", "json").stdout)[0]
        assert row["connected"] is True and row["slots"] >= 1 and row["hostname"], row
        text = server.cli("metrics").stdout
        told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
        family = lambda names: {re.sub("_(sum|count)$", "", used) for used in names}  # of summaries
        documented = family(name.findall(table))
        assert told == documented, told ^ documented
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert values["batuta_healthy"] == "1" and float(values["process_resident_memory_bytes"]) > 1e6, values
        assert 0 < float(values["batuta_disk_free_bytes"]) <= float(values["batuta_disk_size_bytes"]), values
        assert 0 < float(values["batuta_host_memory_available_bytes"]) < float(values["batuta_host_memory_size_bytes"]), values
        def slots_are_told():  # their processes begin after the worker has joined
            lines = server.cli("metrics").stdout.splitlines()
            slots = [float(line.split()[-1]) for line in lines if line.startswith(f'batuta_slot_memory_bytes{{worker="{row["pid"]}",')]
            return len(slots) == row["slots"] and min(slots) > 1e6
        eventually(slots_are_told, 20, "memory of each slot")
        assert values["batuta_slots_not_shown"] == "0" and float(values['batuta_http_requests_total{code="2xx"}']) > 0, values
        assert abs(float(values["process_start_time_seconds"]) - time.time()) < 120, values
        dashboard = json.loads((SOURCE / "packaging" / "grafana-dashboard.json").read_text())
        asked = {used for panel in dashboard["panels"] for target in panel["targets"] for used in name.findall(target["expr"])}
        alerts = (SOURCE / "packaging" / "prometheus-alerts.yml").read_text()
        asked |= {used for line in alerts.splitlines() if "expr:" in line for used in name.findall(line)}
        assert len(asked) > 20 and family(asked) <= told, family(asked) - told
        for alert in re.findall(r"- alert: (\w+)", alerts):
            assert f"### {alert}\n" in page and f"#{alert.lower()}\n" in alerts, alert


def a_dag_is_deleted_when_it_is_meant():
    """dags delete: asks, or takes --yes; runs are gone, the file is named"""
    with Folder("delete") as folder:
        server = folder.server({"old": dag("old", [mock("m")])}).start()
        server.trigger("old", run_id="r")
        server.wait_run("old", "r")
        refused = server.cli("dags", "delete", "old", check=False, stdin="")
        assert refused.returncode == 2 and "--yes" in refused.stderr, refused
        assert server.run("old", "r")["state"] == "success"
        if "delete" not in server.get("/api/v2/openapi.json")["paths"]["/api/v2/dags/{dag_id}"]:
            return  # the server cannot, and says so
        assert "old.json" in server.cli("dags", "delete", "old", "--yes").stdout
        assert server.cli("runs", "get", "old", "r", check=False).returncode == 1
        assert "there is no DAG" in server.cli("dags", "delete", "older", "--yes", check=False).stderr


def logs_are_json_when_asked():
    """--log-format json: every line of the processes' logs is an object, also by the variable; other values are refused"""
    for how in ({"arguments": ["--log-format", "json"]}, {"env": {"BATUTA_LOG_FORMAT": "json"}}):
        with Folder("logs") as folder:
            server = folder.server(**how).start()
            file = server.home / "logs" / "scheduler.log"
            eventually(lambda: file.exists() and "joined" in file.read_text(), 20, "the scheduler tells of its worker")
            worker = server.home / "logs" / "worker.log"
            agents = server.pids("agent")
            server.kill()  # which its worker, where it is quick enough, tells of
            eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in agents), 20, "the worker ends")
            for log, name in ((file, "scheduler"), (worker, "worker")):
                lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
                assert lines or name == "worker"
                assert all(set(line) == {"time", "level", "process", "pid", "message"} for line in lines), lines
                assert all(line["process"] == name and line["time"].endswith("Z") for line in lines), lines
    run("standalone", "--log-format", "xml", code=2)


def a_worker_is_drained_and_resumed():
    """workers drain: what runs ends and nothing new comes, explain and the event log tell why; a resume brings the work back"""
    with Folder("drain") as folder:
        server = folder.server({"long": dag("long", [mock("m", run_for="2s")]), "d": dag("d", [mock("m")])}, arguments=("--slots", "2")).start()
        rows = lambda: json.loads(server.cli("workers", "list", "-o", "json").stdout)
        eventually(lambda: [row for row in rows() if row["connected"]], 20, "a worker joins")
        worker = rows()[0]["agent_id"]
        server.cli("dags", "trigger", "long")
        eventually(lambda: rows()[0]["attempts"] == 1, 20, "the long task runs")
        done = server.cli("workers", "drain", worker[:13])
        assert f"worker {worker} is drained" in done.stdout, done
        assert rows()[0]["drained"] is True and rows()[0]["attempts"] == 0, rows()
        server.cli("dags", "trigger", "d", "--run-id", "r1")
        why = server.cli("tasks", "explain", "d", "r1", "m").stdout
        assert "drained" in why, why
        server.cli("workers", "resume", worker[:13])
        server.cli("runs", "wait", "d", "r1")
        told = server.cli("events", "list", "-o", "json").stdout
        assert "drain_worker" in told and "resume_worker" in told, told
        wrong = server.cli("workers", "drain", "nobody", check=False)
        assert wrong.returncode == 1 and "batuta workers list" in wrong.stderr, wrong
        assert server.cli("workers", "drain", check=False).returncode == 2


if __name__ == "__main__":
    main([lists_have_four_formats_and_chosen_columns, rows_and_logs_have_them_too, runs_are_asked_for_as_in_airflow,
          one_task_is_tested_alone, the_installation_is_told, entries_move_between_installations,
          a_connection_is_tried_without_its_secrets, old_runs_are_cleaned_away, what_is_waited_for_shows_how_far_it_is,
          a_log_is_followed_to_its_end, what_was_meant_is_told, a_shell_completes_words_and_ids,
          crontabs_and_dagu_files_become_dags, metrics_alerts_and_page_agree,
          a_dag_is_deleted_when_it_is_meant, a_worker_is_drained_and_resumed, logs_are_json_when_asked])
