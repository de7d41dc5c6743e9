#!/usr/bin/env python3
"""A disk that fills: refused while full, back within five seconds of space, nothing acknowledged lost."""
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import SKIPPED, Folder, Refused, dag, eventually, main, mock  # noqa: E402

SIZE = "24m"


class SmallDisk:
    """A tmpfs of a few MiB. Needs root; the test is skipped with a message where it cannot be had."""

    def __init__(self, path: Path):
        self.path = path
        path.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", path],
                          capture_output=True).returncode != 0:
            print("skipped: a small tmpfs cannot be mounted here (root is needed)")
            sys.exit(SKIPPED)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=False)

    def fill(self):
        with open(self.path / "ballast", "ab", buffering=0) as ballast:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        ballast.write(b"x" * size)
                except OSError:
                    pass

    def free(self):
        (self.path / "ballast").unlink()


def refuses_while_full_and_recovers():
    """503 while full, service back within 5 s of space, nothing acknowledged lost"""
    with Folder("full") as folder, SmallDisk(folder.path / "disk") as disk:
        load = dag("load", [mock("a"), mock("b", ["a"])], max_active_runs=64)
        server = folder.server({"load": load}, home=disk.path / "home").start()
        acknowledged = [server.trigger("load")["dag_run_id"] for _ in range(20)]
        eventually(lambda: server.get("/api/batuta/plugins")["total_entries"] > 0, 20, "the worker's plugins")
        disk.fill()

        def refused():
            try:
                acknowledged.append(server.trigger("load")["dag_run_id"])
            except Refused as error:
                return error
        answer = eventually(refused, 20, "a trigger is refused")
        assert answer.status == 503, answer
        assert answer.headers.get("Retry-After"), "503 without Retry-After"
        assert server.get("/api/v2/version"), "reads go on"
        for path in ("/api/v2/pools", "/api/v2/jobs", "/api/batuta/plugins"):
            assert server.get(path)["total_entries"] > 0, f"{path} is answered from memory"
        metrics = urllib.request.Request(server.url + "/metrics",
                                         headers={"Authorization": f"Bearer {server.token}"})
        with urllib.request.urlopen(metrics, timeout=10) as answer:
            assert b"batuta_commit_failures" in answer.read(), "metrics go on"
        try:
            server.get("/api/v2/monitor/health")
            raise AssertionError("health is well while nothing can be written")
        except Refused as error:
            assert error.status == 503, error
            assert "full" in error.body, error.body
        unwell = server.cli("health", check=False)
        assert unwell.returncode == 1 and "full" in unwell.stdout, unwell
        time.sleep(1)
        disk.fill()
        disk.free()
        start = time.monotonic()

        def back():
            try:
                return server.trigger("load")["dag_run_id"]
            except (Refused, OSError):
                return None
        acknowledged.append(eventually(back, 5, "triggers are taken again"))
        print(f"back after {time.monotonic() - start:.2f} s", flush=True)
        for run in acknowledged:
            assert server.wait_run("load", run, 60)["state"] == "success", run
        server.stop()
        server.check_database()


if __name__ == "__main__":
    main([refuses_while_full_and_recovers])
