#!/usr/bin/env python3
"""Slots that run as another user: they have the lake and their scratch folder, and nothing of the server's."""
import os
import pwd
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import BATUTA, FINANCIAL, Folder, dag, eventually, main, shell  # noqa: E402
from quotes import QuoteService  # noqa: E402

USER = "nobody"
OTHER = "games"


def possible():
    """Only root can become another user, and that user must be able to reach the build."""
    if os.geteuid() != 0:
        return "not root"
    try:
        for name in (USER, OTHER):
            pwd.getpwnam(name)
    except KeyError as missing:
        return f"no such user: {missing}"
    reach = subprocess.run(["setpriv", f"--reuid={USER}", "--clear-groups", "test", "-r",
                            str(Path(BATUTA).parent / "plugins" / "manifest.json")], check=False)
    return "" if reach.returncode == 0 else f"{USER} cannot reach the build folder"


def processes_of(home):
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(home).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it has just ended
    return found


def as_nobody(folder, dags):
    os.chmod(folder.path, 0o711)
    return folder.server(dags, env={"BATUTA_WORKER_USER": USER})


def commands_run_as_that_user():
    """a command is that user, in a folder of its own; the store, its key and the password are out of its reach"""
    with Folder("user") as folder:
        home = folder.path / "home"
        look = f"id -un; echo home=$HOME; touch here; echo told > /dev/stdout; cat {home}/secret.key {home}/batuta.db {home}/admin.json"
        server = as_nobody(folder, {"who": dag("who", [
            shell("look", look + f"; ls {home} {home}/run; echo end"),
            shell("again", "ls | wc -l", ["look"])])}).start()
        run_id = server.trigger("who")["dag_run_id"]
        assert server.wait_run("who", run_id)["state"] == "success"
        log = server.cli("tasks", "log", "who", run_id, "look").stdout
        assert USER in log and "told" in log and log.count("ermission denied") == 5, log
        scratch = server.cli("tasks", "xcom", "who", run_id, "again").stdout
        assert "0" in scratch, scratch
        null = os.stat("/dev/null")
        assert null.st_uid == 0 and null.st_mode & 0o777 == 0o666, "the slots took /dev/null"
        server.kill()
        eventually(lambda: not processes_of(server.home), 10, "worker and slots end with their scheduler")


def large_results_and_the_runs_folder():
    """what another user's slot returns becomes the server's file, which later tasks read and none changes; the run's folder is shared"""
    make = "{ printf '[\"'; head -c 70000 /dev/zero | tr '\\0' x; printf '\"]'; } >$BATUTA_RESULT; echo shared >$BATUTA_RUN_DIR/a"
    read = "f=$(batuta-xcom make); wc -c <$f; (echo other >>$f) 2>/dev/null && echo changed; cat $BATUTA_RUN_DIR/a; echo more >>$BATUTA_RUN_DIR/a"
    for more in ({}, {"BATUTA_WORKER_USER_RANGE": "64200-64215"}):
        with Folder("user-results") as folder:
            os.chmod(folder.path, 0o711)
            server = folder.server({"large": dag("large", [shell("make", make), shell("read", read, ["make"])])},
                                   env={"BATUTA_WORKER_USER": USER, **more}).start()
            run_id = server.trigger("large")["dag_run_id"]
            assert server.wait_run("large", run_id)["state"] == "success", server.tasks("large", run_id)
            log = server.log_text("large", run_id, "read")
            assert "70004" in log and "shared" in log and "changed" not in log, log
            files = list((server.home / "results").rglob("*.json"))
            assert len(files) == 1 and files[0].stat().st_uid == 0 and files[0].stat().st_mode & 0o777 == 0o640, files
            server.stop()


def a_task_runs_as_the_user_that_it_names():
    """a task runs as the user that it names, as by a login, if the worker lists that user; it is ended with all that it started"""
    look = ("echo user=$(id -un):$USER:$LOGNAME:$HOME; echo shared >$BATUTA_RUN_DIR/b; wc -c <$(batuta-xcom make); "
            "cat $BATUTA_SECRET_BANK | grep -c hidden-word; echo 7 >$BATUTA_CHECKPOINT; cat {0}/secret.key; echo done")
    with Folder("run-as") as folder:
        os.chmod(folder.path, 0o711)
        home = folder.path / "home"
        make = "printf '[\"%70000d\"]' 1 >$BATUTA_RESULT"
        server = folder.server({
            "who": dag("who", [shell("make", make), shell("look", look.format(home), ["make"], run_as=OTHER, connections=["bank"]),
                               shell("after", "id -un; cat $BATUTA_RUN_DIR/b; echo more >>$BATUTA_RUN_DIR/b", ["look"]),
                               shell("python", "id -un; touch $HOME/x 2>&1 | grep -c denied", ["after"], run_as=OTHER)]),
            "stay": dag("stay", [shell("stay", "sleep 4242 & setsid sleep 4243 & sleep 4244", run_as=OTHER)]),
            "stranger": dag("stranger", [shell("stranger", "id", run_as="daemon")])},
            env={"BATUTA_WORKER_USER": USER, "BATUTA_WORKER_RUN_AS_USERS": OTHER, "BATUTA_CANCEL_GRACE": "500ms"}).start()
        server.cli("connections", "add", "bank", "--conn-type", "generic", "--conn-password", stdin="hidden-word\n")
        run_id = server.trigger("who")["dag_run_id"]
        staying = server.trigger("stay")["dag_run_id"]
        refused = server.trigger("stranger")["dag_run_id"]
        assert server.wait_run("who", run_id)["state"] == "success", server.tasks("who", run_id)
        entry = pwd.getpwnam(OTHER)
        lines = server.log_text("who", run_id, "look").splitlines()
        assert f"user={OTHER}:{OTHER}:{OTHER}:{entry.pw_dir}" in lines[0], lines
        assert any("denied" in line for line in lines) and "70004" in "".join(lines) and "done" in lines, lines
        after = server.log_text("who", run_id, "after")
        assert USER in after and "shared" in after, after
        assert OTHER in server.log_text("who", run_id, "python")

        def theirs():
            return [one for one in Path("/proc").iterdir() if one.name.isdigit() and owner(one) == entry.pw_uid]
        eventually(lambda: len(theirs()) >= 3, 20, "its sleepers run as that user")
        server.cli("runs", "cancel", "stay", staying)
        assert server.wait_run("stay", staying)["state"] == "failed"
        eventually(lambda: not theirs(), 10, "nothing of that user is left")
        eventually(lambda: "worker.run_as_users" in server.cli("tasks", "explain", "stranger", refused, "stranger").stdout, 20,
                   "who is not listed is refused by name")
        server.stop()


def owner(process):
    try:
        return process.stat().st_uid
    except OSError:
        return -1  # it has just ended


def the_pipeline_runs_as_that_user():
    """the financial pipeline goes through: the lake is that user's, its log the scheduler's"""
    with Folder("user-lake") as folder, QuoteService(folder.path, seed=3) as quotes:
        server = as_nobody(folder, {"financial": FINANCIAL.read_text()})
        before = os.umask(0o077)  # as a service of systemd may have it
        try:
            server.start()
        finally:
            os.umask(before)
        quotes.connect(server)
        run_id = server.trigger("financial", conf=quotes.conf)["dag_run_id"]
        assert server.wait_run("financial", run_id, 120)["state"] == "success", server.tasks("financial", run_id)
        assert int(server.sql('SELECT count(*) FROM "gold/financial/financial_data_hour"')[0][0]) > 0
        owner = pwd.getpwnam(USER).pw_uid
        data = list((server.home / "lake" / "gold").rglob("*.parquet"))
        assert data and all(file.stat().st_uid == owner for file in data)
        # What another user wrote meanwhile is handed over at the next start.
        server.stop()
        for file in (server.home / "lake").rglob("*"):
            os.lchown(file, 0, 0)
        server.start()
        run_id = server.trigger("financial", conf=quotes.conf)["dag_run_id"]
        assert server.wait_run("financial", run_id, 120)["state"] == "success", server.tasks("financial", run_id)


def each_slot_is_a_user_of_its_own():
    """with a range of users one task can neither read another's environment nor its files, nor end it; the lake is shared"""
    with Folder("user-range") as folder, QuoteService(folder.path, seed=3) as quotes:
        os.chmod(folder.path, 0o711)
        look = ("id -u; "
                "for p in /proc/[0-9]*; do (tr '\\0' '\\n' <$p/environ) 2>/dev/null; done | grep -c '^MARK=hidden'; "
                "kill -9 $(cat {0}/holder) 2>&1 | grep -c 'not permitted'; cat {0}/file 2>&1 | grep -c denied; true")
        shared = folder.path / "shared"
        shared.mkdir()
        os.chmod(shared, 0o1777)
        hold = ("umask 022; echo $$ > {0}/holder; umask 077; echo mine > {0}/file; id -u; "
                "while ! test -e {0}/seen; do sleep 0.1; done")
        before = os.umask(0o077)  # as a service of systemd may have it
        server = folder.server({
            "two": dag("two", [shell("hold", hold.format(shared), env={"MARK": "hidden"}),
                               shell("look", f"while ! test -e {shared}/file; do sleep 0.1; done; "
                                     + look.format(shared) + f"; touch {shared}/seen")]),
            "financial": FINANCIAL.read_text()},
            env={"BATUTA_WORKER_USER": USER, "BATUTA_WORKER_USER_RANGE": "64000-64015"},
            arguments=("--slots", "2"))
        try:
            server.start()
        finally:
            os.umask(before)
        run_id = server.trigger("two")["dag_run_id"]
        assert server.wait_run("two", run_id)["state"] == "success", server.tasks("two", run_id)
        looked = server.log_text("two", run_id, "look").splitlines()
        held = server.log_text("two", run_id, "hold").splitlines()
        assert looked[1:4] == ["0", "1", "1"], looked
        assert {int(looked[0]), int(held[0])} <= set(range(64000, 64016)) and looked[0] != held[0], (looked, held)
        quotes.connect(server)
        for _ in range(2):  # what one slot wrote another goes on with
            run_id = server.trigger("financial", conf=quotes.conf)["dag_run_id"]
            assert server.wait_run("financial", run_id, 120)["state"] == "success", server.tasks("financial", run_id)
        group = pwd.getpwnam(USER).pw_gid
        data = list((server.home / "lake" / "gold").rglob("*.parquet"))
        assert data and all(file.stat().st_gid == group and file.stat().st_uid >= 64000 for file in data)


def a_wrong_user_is_refused():
    """an unknown user, and root, are refused at the start with a word about why"""
    with Folder("user-wrong") as folder:
        for name, why in {"no-such-user-here": "no user", "root": "root"}.items():
            result = subprocess.run([BATUTA, "standalone", "--home", folder.path / "home", "--port", "0"],
                                    env=dict(os.environ, BATUTA_WORKER_USER=name), capture_output=True, text=True,
                                    timeout=30)
            assert result.returncode == 1 and "worker.user" in result.stderr and why in result.stderr, result


reason = possible()
if reason:
    print(f"skipped: {reason}")
    sys.exit(77)
main([commands_run_as_that_user, a_task_runs_as_the_user_that_it_names, large_results_and_the_runs_folder, the_pipeline_runs_as_that_user, each_slot_is_a_user_of_its_own, a_wrong_user_is_refused])
