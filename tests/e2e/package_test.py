#!/usr/bin/env python3
"""What a second machine gets: the packages, unpacked into a folder of their own, with nothing of the build tree."""
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BUILD, Folder, Server, dag, eventually, main, shell  # noqa: E402

UNITS = ("batuta-scheduler.service", "batuta-worker.service")


def packages():
    """The packages of this build, made once for all tests here."""
    folder = BUILD / "packages"
    if not getattr(packages, "made", False):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["cpack", "--config", "CPackConfig.cmake"], cwd=BUILD, check=True,
                       stdout=subprocess.DEVNULL)
        packages.made = True
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.deb"))


def unpack(folder):
    """The .deb's files below a root of their own."""
    root = folder.path / "root"
    subprocess.run(["dpkg-deb", "--extract", packages()[1], root], check=True)
    return root


def exec_start(root, unit):
    """The unit's command with its paths below `root`."""
    text = (root / "usr/lib/systemd/system" / unit).read_text()
    words = re.search(r"^ExecStart=(.*)$", text, re.M).group(1).split()
    return [str(root) + word if word.startswith("/") else word for word in words]


class Installed(Server):
    """The scheduler as its unit starts it."""

    def __init__(self, folder, root):
        super().__init__(folder.path, home=root / "var/lib/batuta")
        self.command = exec_start(root, "batuta-scheduler.service") + ["--port", "0"]
        self.dags = root / "etc/batuta/dags"


def both_packages_hold_the_same_files():
    """the tarball and the .deb hold the same files"""
    with Folder("package") as folder:
        root = unpack(folder)
        tarred = folder.path / "tar"
        tarred.mkdir()
        subprocess.run(["tar", "-xzf", packages()[0], "-C", tarred], check=True)
        below = [p for p in tarred.rglob("batuta-scheduler.service")]
        assert len(below) == 1, below
        base = below[0].parents[4]
        names = lambda top: sorted(str(p.relative_to(top)) for p in top.rglob("*") if not p.is_dir())  # noqa: E731
        assert names(base) == names(root), (names(base), names(root))
        assert os.readlink(root / "usr/bin/batuta") == "../lib/batuta/batuta"


def the_units_are_what_systemd_takes():
    """systemd-analyze finds nothing wrong with the units"""
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing: install systemd"
    with Folder("units") as folder:
        root = unpack(folder)
        staged = folder.path / "units"
        staged.mkdir()
        for unit in UNITS:
            text = (root / "usr/lib/systemd/system" / unit).read_text()
            # Else one process that takes too much memory ends all of the unit.
            assert "\nOOMPolicy=continue\n" in text, unit
            # The commands are where they were unpacked; the user is made when the package is installed.
            text = text.replace("=/usr/bin/", f"={root}/usr/bin/").replace("User=batuta", "User=nobody")
            text = text.replace("Group=batuta", "Group=nogroup").replace("file:///usr/share", f"file://{root}/usr/share")
            (staged / unit).write_text(text)
        answer = subprocess.run([analyze, "verify", "--man=no", *[str(staged / unit) for unit in UNITS]],
                                capture_output=True, text=True, env=dict(os.environ, SYSTEMD_LOG_LEVEL="warning"))
        about_us = [line for line in answer.stderr.splitlines() if "batuta" in line]
        assert not about_us, about_us
        broken = (staged / UNITS[0])
        broken.write_text(broken.read_text().replace("Restart=on-failure", "Restart=perhaps"))
        answer = subprocess.run([analyze, "verify", "--man=no", str(broken)], capture_output=True, text=True)
        assert "batuta-scheduler.service" in answer.stderr, "a broken unit was not noticed"


def the_installed_scheduler_and_worker_run_a_dag():
    """the commands of the units serve, and run a task with an installed plugin"""
    with Folder("installed") as folder:
        root = unpack(folder)
        server = Installed(folder, root)
        server.write_dag("hello", dag("hello", [shell("say", "echo hello")]))
        worker = None
        try:
            server.start()
            worker = subprocess.Popen(exec_start(root, "batuta-worker.service"), stdout=server.log,
                                      stderr=server.log, start_new_session=True)
            run = server.trigger("hello")
            eventually(lambda: server.get(f"/api/v2/dags/hello/dagRuns/{run['dag_run_id']}")["state"] == "success",
                       30, f"the run's success\n{server.log_tail()}")
        finally:
            if worker:
                worker.send_signal(signal.SIGTERM)
                worker.wait(30)
            server.stop()


def an_installed_pipeline_runs_by_one_command():
    """`batuta demo run` finds the bundles that were installed with it"""
    with Folder("bundles") as folder:
        done = subprocess.run([unpack(folder) / "usr/bin/batuta", "demo", "run", "users", "--once"], cwd=folder.path,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and "holds gold/users/users_by_region" in done.stdout, done.stdout + done.stderr


if __name__ == "__main__":
    main([both_packages_hold_the_same_files, the_units_are_what_systemd_takes,
          the_installed_scheduler_and_worker_run_a_dag, an_installed_pipeline_runs_by_one_command])
