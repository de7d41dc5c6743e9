#!/usr/bin/env python3
"""The command line beyond its first verbs: formats, Airflow's names, following, hints."""
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, Folder, dag, main, mock, shell  # noqa: E402


def run(*arguments, code=0, **more):
    result = subprocess.run([BATUTA, *map(str, arguments)], capture_output=True, text=True, timeout=60, **more)
    assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


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


if __name__ == "__main__":
    main([lists_have_four_formats_and_chosen_columns, rows_and_logs_have_them_too])
