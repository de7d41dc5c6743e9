"""A pipeline of pipelines/ on a server of the test's own, with what stands in for its sources, and its truth manifest."""
import json
import os
import re
import shutil
import subprocess

from harness import BATUTA, SOURCE, Refused, eventually, run
from storm import kill_many

FAR_BACK = "2025-01-01T00:00:00Z"
PATIENT = {"retries": 50, "retry_delay": "100ms"}  # kills shall not eat them up


def run_by_one_command(name, tables, *options):
    """`batuta demo run NAME --once OPTIONS` shows each gold table under its path and ends with 0 when every number holds; what it said."""
    done = subprocess.run([BATUTA, "demo", "run", name, "--once", *options], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    for table in tables:
        assert f"\ngold/{name}/{table}\n" in done.stdout, done.stdout
        assert f"holds gold/{name}/{table}: every row" in done.stdout, done.stdout
    # Monitors of the bundle are judged and printed.
    told = [re.split(r" {2,}", line) for line in done.stdout.split("\nmonitors (")[1].splitlines() if line.startswith(f"{name}/")]
    assert {row[3] for row in told if row[1] in ("freshness", "schema", "failures", "lag")} == {"well"}, done.stdout
    assert "unknown" not in {row[3] for row in told if row[1] != "volume"}, done.stdout
    assert "WRONG" not in done.stdout and f"\nwhat the lake must hold of {name}\n" in done.stdout, done.stdout
    # The home is gone, and there is no --limit to raise.
    assert "truth.json" not in done.stdout and "--limit" not in done.stdout + done.stderr, done.stdout
    return done.stdout


class Bundle:
    def __init__(self, folder, name, size=60, seed=7, defects=1, default_args=None):
        self.default_args = default_args or {}
        self.folder, self.name, self.options = folder, name, ["--size", size, "--seed", seed, "--defects", defects]
        self.sources = folder.path / "sources"
        self.bundle = SOURCE / "pipelines" / name
        for part in ("contracts", "dags", "models", "monitors"):
            shutil.copytree(self.bundle / part, folder.path / part, dirs_exist_ok=True)
        self.silence_schedule()
        self.services = []

    def silence_schedule(self):
        """Runs when it is told to, and at no full hour besides."""
        path = self.folder.path / "dags" / f"{self.name}.json"
        definition = json.loads(path.read_text())
        definition["schedule"] = None
        definition["default_args"].pop("on_failure", None)
        definition["default_args"]["retry_delay"] = "1s"
        definition["default_args"].update(self.default_args)
        path.write_text(json.dumps(definition))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.services:
            process.kill()
            process.wait()

    def simulate(self, days, code=0, env=None, timeout=120):
        """The sources as they are after so many days; {variable: value}. Messages go to the home's topic, where it is there."""
        done = run("demo", "simulate", self.name, "--to", self.sources, "--home", self.folder.path / "home", "--days", days,
                   *self.options, code=code, env={**os.environ, **(env or {})}, timeout=timeout)
        self.truth = json.loads((self.sources / "truth.json").read_text())
        self.said = done.stderr
        return dict(line.split("=", 1) for line in done.stdout.splitlines())

    def kill_generator(self, days, after, *options):
        """The generator with these options, ended by kill -9 after so many seconds unless it was done before."""
        command = [BATUTA, "demo", "simulate", self.name, "--to", self.sources, "--home", self.folder.path / "home", "--days", days,
                   *self.options, *options]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            said = process.communicate(timeout=after)[1]
            assert process.returncode == 0, said
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def check_topic(self, server, topic, group, table):
        """Bronze and the dead letters have what the topic has, each message once; what the group has committed says so."""
        [held] = [row for row in json.loads(server.cli("stream", "topics", "-o", "json").stdout) if row["topic"] == topic]
        taken = server.sql("SELECT (SELECT count(*) FROM bronze.%s), (SELECT count(DISTINCT (_source_partition, _source_offset)) "
                           "FROM bronze.%s), (SELECT count(*) FROM \"dlq/%s\")" % (table, table, table.replace(".", "/")))[0]
        rows, places, dead = map(int, taken)
        assert rows == places and rows + dead == held["records"], (taken, held)
        assert dead > 0 and held["partitions"] == 3, (taken, held)
        lag = json.loads(server.cli("stream", "lag", topic, "--group", group, "-o", "json").stdout)
        assert [row["lag"] for row in lag] == [0, 0, 0] and all(row["committed"] > 0 for row in lag), lag
        told = {row["reason"]: row["open"] for row in json.loads(server.cli("dlq", "list", "-o", "json").stdout)}
        # A task that was tried again may have sent a letter twice.
        planted = {row[0] for each in self.truth["assertions"] if each["name"].startswith("dlq/") for row in each["rows"]}
        assert planted and set(told) == planted and sum(told.values()) >= dead, (told, planted, dead)

    def serve(self, days):
        """The URL of the sources that are services."""
        command = [BATUTA, "demo", "serve", self.name, "--port", "0", "--days", days, *self.options]
        self.services.append(subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True))
        for line in self.services[-1].stdout:
            if "http://" in line:
                return line.split()[0]
        raise AssertionError("the service did not start")

    def connect(self, server, connection, url):
        body = {"connection_id": connection, "conn_type": "http", "host": url}
        if any(each["connection_id"] == connection for each in server.get("/api/v2/connections")["connections"]):
            server.call("PATCH", f"/api/v2/connections/{connection}", body)
        else:
            server.call("POST", "/api/v2/connections", body)

    def set_variables(self, server, variables):
        for key, value in variables.items():
            server.cli("variables", "set", key, value)

    def known(self, server):
        eventually(lambda: server.get(f"/api/v2/dags/{self.name}"), 20, "the DAG is known")

    def wait(self, server, run_id, state="success", seconds=240):
        found = server.wait_run(self.name, run_id, seconds)
        if found["state"] != state:
            for task, about in server.tasks(self.name, run_id).items():
                if about["state"] == "failed":
                    raise AssertionError(f"{task}: {server.log_text(self.name, run_id, task, about['try_number'])[-3000:]}")
        assert found["state"] == state, found

    def storm(self, server, rng, run_id, kills):
        """Kills while the run goes on, at most so many; then it ends well, and the lake is as the manifest says."""
        def ended():
            try:
                return server.run(self.name, run_id)["state"] in ("success", "failed")
            except (OSError, Refused, ValueError):
                return False  # the scheduler is on its way back
        killed = kill_many(server, rng, kills, longest_pause=0.4, over=ended)
        print(f"{self.name}: killed {killed}", flush=True)
        assert sum(killed.values()) > 0, "the run was over before anything was killed"
        eventually(lambda: server.get("/api/v2/monitor/health"), 30, "the server is back")
        self.wait(server, run_id)
        self.check_truth(server)

    def storm_of_days(self, server, rng, rounds, ends, each=lambda days: None):
        """A day more in each round, its run through a storm. `ends`: the moment behind the last of so many days."""
        start = FAR_BACK
        for days in range(2, 3 + rounds):
            self.simulate(days)
            each(days)
            end = ends(days)
            run_id = server.trigger(self.name, conf={"start": start, "end": end})["dag_run_id"]
            self.storm(server, rng, run_id, kills=6 + rounds)
            start = end

    def check_truth(self, server):
        """Every assertion of the manifest, as `batuta demo run` does it."""
        for assertion in self.truth["assertions"]:
            found = [list(row) for row in server.sql(assertion["query"])]
            assert found == assertion["rows"], (
                assertion["name"], [row for row in assertion["rows"] if row not in found][:5],
                [row for row in found if row not in assertion["rows"]][:5])

    def check_files(self):
        """The contracts and models are sound, their tests pass, and the DAG says of each model what its header does."""
        run("contracts", "validate", self.bundle / "contracts")
        run("dags", "validate", self.bundle / "dags")
        models = self.bundle / "models"
        tested = run("models", "test", models).stdout
        assert " 0 failed" in tested and " 0 passed" not in tested, tested
        by_header = {task["task_id"]: task for task in
                     json.loads(run("models", "dag", models).stdout)["tasks"]}
        by_dag = {task["task_id"]: task for task in
                  json.loads((self.bundle / "dags" / f"{self.name}.json").read_text())["tasks"] if "sql" in task}
        assert by_header.keys() == by_dag.keys(), by_header.keys() ^ by_dag.keys()
        for name, task in by_dag.items():
            behind = set(by_header[name].pop("depends_on", [])) - set(task.pop("depends_on", []))
            assert not behind, f"{name} has to wait for {behind}"
            assert by_header[name] == task, (name, by_header[name], task)
