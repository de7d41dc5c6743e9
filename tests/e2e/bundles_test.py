#!/usr/bin/env python3
"""DAGs from several bundles: folders that are named, folders that are dropped in, Git repositories."""
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, run, shell  # noqa: E402
from object_store import ACCESS_KEY, SECRET, ObjectStore  # noqa: E402


def put(path, definition):
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name("." + path.name)
    staged.write_text(definition if isinstance(definition, str) else json.dumps(definition))
    staged.rename(path)


def says(dag_id, text):
    return dag(dag_id, [shell("say", f"echo {text}")], is_paused_upon_creation=False)


def errors(server):
    return server.get("/api/v2/importErrors")["import_errors"]


def ids(server, query=""):
    return sorted(one["dag_id"] for one in server.get("/api/v2/dags?limit=100" + query)["dags"])


def settings(folder, bundles):
    home = folder.path / "home"
    home.mkdir(exist_ok=True)
    (home / "batuta.json").write_text(json.dumps({"bundles": bundles}))
    return home


def bundles_side_by_side():
    """named, dropped-in and stored bundles at once; one that breaks or vanishes hides no other's DAGs and keeps its own"""
    with Folder("bundles") as folder, ObjectStore() as store:
        risk = folder.path / "risk"
        put(risk / "dags" / "fraud.json", says("fraud", "fraud"))
        home = settings(folder, [{"name": "risk", "path": str(risk)},
                                 {"name": "drops", "store": "s3://lake/drops", "connection": "drops", "every": "1s"}])
        server = folder.server(home=home)
        server.write_dag("plain", says("plain", "plain"))
        server.start()
        eventually(lambda: ids(server) == ["fraud", "plain"], 10, "both bundles are read")

        # One in an object store, by the credentials of a connection.
        store.control(objects={"drops/dags/stored.json": json.dumps(says("stored", "one"))})
        server.cli("connections", "add", "drops", "--conn-type", "generic", "--conn-login", ACCESS_KEY, "--conn-extra",
                   json.dumps({"BATUTA_STORE_ENDPOINT": store.address}), "--conn-password", stdin=SECRET + "\n")
        eventually(lambda: ids(server, "&bundle_name=drops") == ["stored"], 30, "what is in the store is live")
        eventually(lambda: not errors(server), 10, "and nothing is wrong with it")
        kept = one_bundle(server, "drops")
        assert (kept["kind"], kept["place"], kept["tip"]) == ("store", "s3://lake/drops", kept["revision"]), kept
        assert ids(server, "&bundle_name=risk") == ["fraud"]
        assert ids(server, "&bundle_name=default") == ["plain"]
        found = server.get("/api/v2/dags/fraud")
        assert (found["bundle_name"], found["relative_fileloc"]) == ("risk", "fraud.json"), found
        run_id = server.trigger("fraud")["dag_run_id"]
        assert server.wait_run("fraud", run_id)["state"] == "success"
        version = server.get("/api/v2/dags/fraud/dagVersions")["dag_versions"][0]
        assert version["bundle_name"] == "risk", version

        # A folder has nothing to deploy, and says so.
        folder_of_dags = server.cli("bundles", "deploy", "default", check=False)
        assert folder_of_dags.returncode == 1 and "default is a folder" in folder_of_dags.stderr, folder_of_dags

        # Dropped in, and the same DAG once more in it.
        put(home / "bundles" / "web" / "dags" / "clicks.json", says("clicks", "one"))
        eventually(lambda: ids(server, "&bundle_name=web") == ["clicks"], 5, "a bundle dropped in is live")
        put(home / "bundles" / "web" / "dags" / "twice.json", says("fraud", "other"))
        found = eventually(lambda: errors(server), 5, "a DAG in two bundles is told")[0]
        assert found["bundle_name"] == "web" and found["filename"] == "twice.json", found
        assert 'of the bundle "web"' in found["stack_trace"] and 'of the bundle "risk"' in found["stack_trace"], found
        (home / "bundles" / "web" / "dags" / "twice.json").unlink()
        eventually(lambda: not errors(server), 5, "it is gone")

        # One vanishes: its DAGs stay and run, the others change on.
        risk.rename(folder.path / "away")
        found = eventually(lambda: errors(server), 10, "a bundle that vanished is told")[0]
        assert found["bundle_name"] == "risk" and "its DAGs stay" in found["stack_trace"], found
        put(home / "bundles" / "web" / "dags" / "clicks.json", says("clicks", "two"))
        eventually(lambda: len(server.get("/api/v2/dags/clicks/dagVersions")["dag_versions"]) == 2, 5,
                   "another bundle is read as ever")
        run_id = server.trigger("fraud")["dag_run_id"]
        assert server.wait_run("fraud", run_id)["state"] == "success"
        server.kill()
        server.start()
        assert ids(server) == ["clicks", "fraud", "plain", "stored"], ids(server)
        (folder.path / "away").rename(risk)
        eventually(lambda: not errors(server), 10, "it is back")

        # One that is taken away takes its DAGs with it.
        shutil.rmtree(home / "bundles" / "web")
        eventually(lambda: ids(server) == ["fraud", "plain", "stored"], 10, "what is deleted is gone")
        said = run("dags", "validate", risk).stdout
        assert "fraud.json: ok, DAG fraud" in said, said


class Repository:
    """Where somebody works; each commit is what the folder holds."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words):
        done = subprocess.run(["git", "-C", self.path, "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")


def one_bundle(server, name="risk"):
    return next(one for one in server.get("/api/batuta/bundles")["bundles"] if one["name"] == name)


def at(server, revision):
    found = one_bundle(server)
    return found["revision"] == revision and found


def revisions_switched():
    """a Git bundle: pushed, refused with its fault, deployed all the same, rolled back; runs keep their version"""
    with Folder("revisions") as folder:
        work = Repository(folder.path / "work")
        put(work.path / "team" / "dags" / "fraud.json", says("fraud", "one"))
        put(work.path / "team" / "dags" / "score.json", says("score", "one"))
        first = work.commit("first")
        home = settings(folder, [{"name": "risk", "git": str(work.path), "subdir": "team", "every": "1s"}])
        server = folder.server(home=home)
        server.start()
        eventually(lambda: at(server, first), 20, "the ref is deployed")
        eventually(lambda: ids(server) == ["fraud", "score"], 5, "its DAGs are there")
        assert server.get("/api/v2/dags/fraud")["bundle_version"] == first
        eventually(lambda: not errors(server), 5, "nothing is wrong")

        # A run keeps the version it began with, whatever is switched to meanwhile.
        put(work.path / "team" / "dags" / "fraud.json",
            dag("fraud", [shell("wait", "while [ ! -e go ]; do sleep 0.05; done", working_dir=str(folder.path)),
                          shell("say", "echo old", ["wait"])], is_paused_upon_creation=False))
        second = work.commit("second")
        eventually(lambda: at(server, second), 20, "what is pushed is switched to by itself")
        run_id = server.trigger("fraud")["dag_run_id"]
        put(work.path / "team" / "dags" / "fraud.json", says("fraud", "new"))
        (work.path / "team" / "dags" / "score.json").unlink()
        third = work.commit("third")
        eventually(lambda: at(server, third), 20, "all of it at once")
        eventually(lambda: ids(server) == ["fraud"], 5, "what it has not is gone")
        (folder.path / "go").touch()
        assert server.wait_run("fraud", run_id)["state"] == "success"
        assert "old" in server.log_text("fraud", run_id, "say")

        # With a fault in it nothing of it is switched to, and it is told where.
        put(work.path / "team" / "dags" / "fraud.json", says("fraud", "better"))
        put(work.path / "team" / "dags" / "broken.json", '{"dag_id": "broken"}')
        fourth = work.commit("fourth")
        told = eventually(lambda: one_bundle(server)["problem"], 20, "the fault is told")
        assert "broken.json:1" in told and fourth[:12] in told, told
        assert one_bundle(server)["revision"] == third and not errors(server)
        refused = server.cli("bundles", "deploy", "risk", check=False)
        assert refused.returncode == 1 and "broken.json" in refused.stderr, refused
        shown = server.cli("bundles", "diff", "risk", check=False)
        assert shown.returncode == 1 and "~ DAG fraud" in shown.stdout, shown
        said = server.cli("bundles", "deploy", "risk", "--allow-errors").stdout
        assert "~ DAG fraud" in said and "A dags/broken.json" in said, said
        eventually(lambda: errors(server), 5, "with its import error")
        assert errors(server)[0]["bundle_name"] == "risk"

        # Back, and it stays back until the ref moves on; who and what is in the event log.
        said = server.cli("bundles", "rollback", "risk").stdout
        assert f"{fourth[:12]} -> {third[:12]}" in said, said
        eventually(lambda: not errors(server), 5, "it is as before")
        time.sleep(2.5)
        assert one_bundle(server)["revision"] == third
        server.kill()
        server.start()
        time.sleep(2.5)
        assert one_bundle(server)["revision"] == third, "the rollback is kept over a restart"
        rows = server.get("/api/v2/eventLogs?limit=100&order_by=-id")["event_logs"]
        found = {row["event"]: row for row in rows if row["event"].endswith("_bundle")}
        assert found["rollback_bundle"]["owner"] == "admin", found
        assert json.loads(found["rollback_bundle"]["extra"])["to"] == third, found
        put(work.path / "team" / "dags" / "broken.json", says("whole", "whole"))
        fifth = work.commit("fifth")
        eventually(lambda: at(server, fifth), 20, "the ref has moved on")
        assert "fifth" in server.cli("bundles", "list", "-o", "json").stdout
        assert server.cli("bundles", "deploy", "nosuch", check=False).returncode == 1


def killed_between():
    """kill -9 between checkout and switch, before and after the one act: either revision, never half of both"""
    with Folder("switch") as folder:
        work = Repository(folder.path / "work")
        for name in ("a", "b"):
            put(work.path / "dags" / f"{name}.json", says(name, "one"))
        first = work.commit("first")
        home = settings(folder, [{"name": "risk", "git": str(work.path), "every": "1s"}])
        server = folder.server(home=home)
        server.start()
        eventually(lambda: at(server, first), 20, "the first is live")
        server.stop()
        live = first
        for step, place in enumerate(("bundle_checked_out", "bundle_before_switch", "bundle_after_switch")):
            for name in ("a", "b"):
                put(work.path / "dags" / f"{name}.json", says(name, f"step {step}"))
            newer = work.commit(place)
            dying = folder.server(home=home, env={"BATUTA_FAILPOINT": place})
            dying.start(wait=False)
            assert dying.process.wait(timeout=60) == -signal.SIGKILL, place
            # The repository away: what comes up is what the home says, nothing is fetched.
            work.path.rename(folder.path / "away")
            server = folder.server(home=home)
            server.start()
            live = newer if place == "bundle_after_switch" else live
            assert one_bundle(server)["revision"] == live, (place, one_bundle(server))
            versions = {server.get(f"/api/v2/dags/{name}")["bundle_version"] for name in ("a", "b")}
            assert versions == {live}, (place, versions)
            (folder.path / "away").rename(work.path)
            eventually(lambda: at(server, newer), 20, f"{place}: it is switched to after all")
            live = newer
            server.stop()


if __name__ == "__main__":
    main([bundles_side_by_side, revisions_switched, killed_between])
