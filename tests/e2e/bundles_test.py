#!/usr/bin/env python3
"""DAGs from several bundles: folders that are named, folders that are dropped in, Git repositories."""
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, shell  # noqa: E402


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
    with Folder("bundles") as folder:
        risk = folder.path / "risk"
        put(risk / "dags" / "fraud.json", says("fraud", "fraud"))
        home = settings(folder, [{"name": "risk", "path": str(risk)}])
        server = folder.server(home=home)
        server.write_dag("plain", says("plain", "plain"))
        server.start()
        eventually(lambda: ids(server) == ["fraud", "plain"], 10, "both bundles are read")
        assert ids(server, "&bundle_name=risk") == ["fraud"]
        assert ids(server, "&bundle_name=default") == ["plain"]
        found = server.get("/api/v2/dags/fraud")
        assert (found["bundle_name"], found["relative_fileloc"]) == ("risk", "fraud.json"), found
        run_id = server.trigger("fraud")["dag_run_id"]
        assert server.wait_run("fraud", run_id)["state"] == "success"
        version = server.get("/api/v2/dags/fraud/dagVersions")["dag_versions"][0]
        assert version["bundle_name"] == "risk", version

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
        assert ids(server) == ["clicks", "fraud", "plain"], ids(server)
        (folder.path / "away").rename(risk)
        eventually(lambda: not errors(server), 10, "it is back")

        # One that is taken away takes its DAGs with it.
        shutil.rmtree(home / "bundles" / "web")
        eventually(lambda: ids(server) == ["fraud", "plain"], 10, "what is deleted is gone")
        said = server.cli("dags", "validate", str(risk)).stdout
        assert "fraud.json: ok, DAG fraud" in said, said


if __name__ == "__main__":
    main([("several bundles are read at once, and none hides another's DAGs", bundles_side_by_side)])
