#!/usr/bin/env python3
"""Applications of Spark: here in a slot, on a cluster without one, and by a Spark of one's own where $BATUTA_SPARK_SUBMIT names it."""
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main, shell  # noqa: E402
from kafka_broker import free_ports  # noqa: E402
from receivers import connect  # noqa: E402
from spark_stub import Cluster, words_of  # noqa: E402

STUB = Path(__file__).parent / "spark_stub.py"
# ./dev test spark sets it: a real one.
REAL = os.environ.get("BATUTA_SPARK_SUBMIT")
TIMING = {"BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s"}

SILVER = {"table": "silver/shop/orders", "file": "orders.csv", "mode": "overwrite"}
GOLD = {"table": "gold/shop/customers", "file": "customers.parquet", "mode": "overwrite",
        "quality": [{"rule": "range", "column": "orders", "min": 1}]}
ORDERS = "printf 'customer,amount\\nana,1.50\\nbia,2.25\\nana,3.00\\n' >orders.csv"

# As Spark leaves a table: a folder of parts, and its marks beside them.
STUB_JOB = """
import os, shutil, sys
source = os.path.join(os.environ["BATUTA_TABLES"], "silver/shop/orders.parquet")
os.mkdir("customers.parquet")
shutil.copy(source, "customers.parquet/part-00000-x.snappy.parquet")
open("customers.parquet/_SUCCESS", "w").close()
with open(os.environ["BATUTA_ASSETS"], "a") as told:
    told.write("s3://gold/customers\\n")
print("{}", os.environ["STAGE"], *sys.argv[1:])
"""
REAL_JOB = """
import os
from pyspark.sql import SparkSession, functions as f
spark = SparkSession.builder.getOrCreate()
orders = spark.read.parquet(os.path.join(os.environ["BATUTA_TABLES"], "silver/shop/orders.parquet"))
made = orders.groupBy("customer").agg(f.count("*").alias("orders"), f.sum(f.col("amount").cast("decimal(10,2)")).alias("amount"))
made.write.parquet("file://" + os.path.join(os.getcwd(), "customers.parquet"))
print(made.count())
"""


def spark(task_id, depends_on=(), **more):
    return {"task_id": task_id, "type": "spark", "depends_on": list(depends_on), **more}


def follower():
    """What runs when the gold table has a new version."""
    takes = dag("follows", [shell("take", "echo taken {{ triggering_asset_events['lake://gold/shop/customers'][0].extra.version }}")])
    takes["schedule"] = {"assets": ["lake://gold/shop/customers"]}
    return takes


def has_followed(server):
    runs = eventually(lambda: server.get("/api/v2/dags/follows/dagRuns")["dag_runs"], 20, "the asset is taken up")
    assert server.wait_run("follows", runs[0]["dag_run_id"])["state"] == "success"
    assert "taken 0" in server.log_text("follows", runs[0]["dag_run_id"], "take")


class Submissions:
    """A server whose workers submit by the stub, and what was submitted."""

    def __init__(self, folder, dags, cluster=None, slots=1):
        self.log = folder.path / "submitted"
        self.log.touch()
        programs = folder.path / "bin"
        programs.mkdir()
        (programs / "yarn").write_text("#!/bin/sh\necho the driver wrote this: \"$@\"\n")
        (programs / "yarn").chmod(0o755)
        env = {"STUB_LOG": str(self.log), "STUB_CLUSTER": cluster.url if cluster else "", "STAGE": "worker",
               "PATH": f"{programs}:{os.environ['PATH']}"}
        self.server = folder.server({each["dag_id"]: each for each in dags}, arguments=["--slots", str(slots)], env={
            **TIMING, "BATUTA_WORKER_ENV": json.dumps(env), "BATUTA_WORKER_SPARK_SUBMIT": f"/usr/bin/env,python3,{STUB}"}).start()

    def all(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def why(server, dag_id, run, task, code, reason):
    found = server.tasks(dag_id, run)[task]
    assert found["batuta"]["exit_code"] == code and reason in found["batuta"]["reason"], found["batuta"]


def an_application_reads_silver_and_makes_gold():
    """spark-submit of the worker: argv, the table it reads as Parquet, its folder of parts as a gold table that is an asset; failures by class"""
    with Folder("spark") as folder:
        job = spark("customers", ["orders"], connection="cluster", code=STUB_JOB, application_args=["--day", "{{ params.day }}"],
                    conf={"spark.executor.memory": "1g", "spark.sql.shuffle.partitions": 2}, packages=["a:b:1", "c:d:2"],
                    reads=["silver/shop/orders"], outputs=[{**GOLD, "quality": []}], env={"STAGE": "task"},
                    outlets=["s3://gold/customers"])
        fails = [spark("memory", code="import sys; print('java.lang.OutOfMemoryError: Java heap space', file=sys.stderr); sys.exit(1)"),
                 spark("own", code="raise ValueError('no rows')"),
                 spark("wrong", application="/nonexistent/job.py", retries=3),
                 spark("none", code="1", connection="other", reads=["silver/shop/nothing"], retries=3),
                 spark("words", code="1", connection="wordy", retries=3),
                 spark("skipped", code="raise SystemExit(99)")]
        made = Submissions(folder, [dag("day", [shell("orders", ORDERS, outputs=[SILVER]), job], params={"day": "2026-01-02; id"}),
                                    dag("fails", fails, default_args={"retries": 0}), follower()], slots=2)
        server = made.server
        connect(server, "cluster", "spark", host="spark://master:7077", extra={"conf": {"spark.cores.max": "2"}, "queue": "etl"})
        connect(server, "other", "spark", host="local[2]")
        connect(server, "wordy", "spark", host="local[2]", extra={"conf": "spark.cores.max=2"})
        run = server.trigger("day")["dag_run_id"]
        failing = server.trigger("fails")["dag_run_id"]
        assert server.wait_run("day", run, 120)["state"] == "success", server.log_text("day", run, "customers")
        [told] = [each for each in made.all() if each["flags"]["--name"] == ["day.customers"]]
        assert told["flags"]["--master"] == ["spark://master:7077"] and told["flags"]["--packages"] == ["a:b:1,c:d:2"], told
        assert set(told["flags"]["--conf"]) == {"spark.cores.max=2", "spark.yarn.queue=etl", "spark.executor.memory=1g",
                                                "spark.sql.shuffle.partitions=2"}, told
        assert told["arguments"] == ["--day", "2026-01-02; id"] and told["application"].endswith("/customers.py"), told
        value = server.get(f"/api/v2/dags/day/dagRuns/{run}/taskInstances/customers/xcomEntries/return_value")["value"]
        assert value == "{} task --day 2026-01-02; id", value
        assert server.get("/api/v2/assets/events?name_pattern=s3://gold/customers")["total_entries"] == 1
        gold = server.sql("SELECT customer, CAST(amount AS VARCHAR) FROM gold.shop.customers ORDER BY ALL")
        assert [row[0] for row in gold] == ["ana", "ana", "bia"], gold
        edges = server.get(f"/api/batuta/dags/day/dagRuns/{run}/taskInstances/customers/report")["lineage"]
        assert edges == [{"from": "silver/shop/orders", "from_version": 0, "to": "gold/shop/customers"}], edges
        has_followed(server)
        assert server.wait_run("fails", failing, 120)["state"] == "failed"
        why(server, "fails", failing, "memory", 16, "java.lang.OutOfMemoryError")
        why(server, "fails", failing, "own", 12, "exit code 1: ValueError: no rows")
        why(server, "fails", failing, "wrong", 15, "exit code 2: ")
        why(server, "fails", failing, "words", 15, "\"conf\" must be an object")
        tasks = server.tasks("fails", failing)
        assert [tasks[name]["state"] for name in ("wrong", "none", "skipped")] == ["failed", "failed", "skipped"], tasks
        assert tasks["wrong"]["try_number"] == 1 and "there is no table silver/shop/nothing" in tasks["none"]["batuta"]["reason"], tasks
        server.stop()


def an_application_on_a_cluster_holds_no_slot():
    """deploy mode cluster: waited for without a slot on YARN and on a Spark master, submitted once through a kill, its log fetched, ended with its class, killed over there"""
    with Folder("spark_cluster") as folder:
        cluster = Cluster()
        there = lambda task_id, connection="yarn", **more: spark(  # noqa: E731
            task_id, connection=connection, tracking="tracker", deploy_mode="cluster", application="hdfs:///jobs/score.jar",
            java_class="org.example.Score", poke_interval="1s", **more)
        made = Submissions(folder, [dag("score", [there("score")], default_args={"retries": 0}), dag("busy", [shell("one", "true")]),
                                    dag("standalone", [there("score", "master")], default_args={"retries": 0}),
                                    dag("late", [there("score", "master", execution_timeout="3s", retries=1, retry_delay="0s")])], cluster)
        server = made.server
        connect(server, "yarn", "spark", host="yarn")
        connect(server, "master", "spark", host="spark://master:7077")
        connect(server, "tracker", "http", host=cluster.url, extra={"page": cluster.url})
        state = lambda dag_id, run: server.tasks(dag_id, run)["score"]["state"]  # noqa: E731

        def started(dag_id="score"):
            """The run here, and the newest over there."""
            run = server.trigger(dag_id)["dag_run_id"]
            eventually(lambda: state(dag_id, run) == "deferred", 30, "it waits over there")
            return run, list(cluster.apps)[-1]

        def killed_in_submission(dag_id):
            """Submitted, and the worker is killed before it could say so."""
            hang = Path(f"{made.log}.hang")
            hang.touch()
            there, run = len(cluster.apps), server.trigger(dag_id)["dag_run_id"]
            eventually(lambda: len(cluster.apps) > there, 30, "it is submitted")
            for pid in server.pids("agent") + server.pids("slot"):  # in this order: an agent would tell that its slot was killed
                with suppress(ProcessLookupError):  # a slot ends with its agent
                    os.kill(pid, signal.SIGKILL)
            hang.unlink()
            return run

        # The next attempt takes up what is there.
        run = killed_in_submission("score")
        eventually(lambda: state("score", run) == "deferred", 40, "it is taken up")
        [name] = cluster.apps
        assert len(made.all()) == 1 and "spark.yarn.submit.waitAppCompletion=false" in made.all()[0]["flags"]["--conf"], made.all()
        assert server.wait_run("busy", server.trigger("busy")["dag_run_id"])["state"] == "success"
        server.kill()
        server.start()
        cluster.refuse = 2  # the scheduler's look, and the next part's
        eventually(lambda: not cluster.refuse, 30, "looks were refused")
        cluster.end(name, state="FINISHED", finalStatus="SUCCEEDED")
        assert server.wait_run("score", run)["state"] == "success"
        result = server.get(f"/api/v2/dags/score/dagRuns/{run}/taskInstances/score/xcomEntries/return_value")["value"]
        assert result["application_id"] == name and result["page"].endswith(name), result
        said = server.log_text("score", run, "score", server.tasks("score", run)["score"]["try_number"])
        assert f"the driver wrote this: logs -applicationId {name} -am -1 -size -262144" in said, said

        # Who may not be told what is there submits nothing: it might be there already.
        cluster.refuse = 1
        run = server.trigger("score")["dag_run_id"]
        assert server.wait_run("score", run)["state"] == "failed"
        why(server, "score", run, "score", 10, "GET /ws/v1/cluster/apps was answered by 403")
        assert list(cluster.apps) == [name], cluster.apps

        # All of them wait at once, and end each in its own way.
        failed, cancelled, killed, finished = started(), started(), started("standalone"), started("standalone")
        assert killed[1].startswith("driver-"), killed
        cluster.end(failed[1], state="FINISHED", finalStatus="FAILED", diagnostics="User class threw exception: no rows")
        cluster.end(killed[1], driverState="KILLED")
        cluster.end(finished[1], driverState="FINISHED")
        server.call("PATCH", f"/api/v2/dags/score/dagRuns/{cancelled[0]}", {"state": "failed"})
        eventually(lambda: cluster.apps[cancelled[1]]["state"] == "KILLED", 20, "it is killed over there")
        assert server.wait_run("score", failed[0])["state"] == "failed"
        why(server, "score", failed[0], "score", 12, "User class threw exception: no rows")
        assert server.wait_run("standalone", killed[0])["state"] == "failed"
        why(server, "standalone", killed[0], "score", 14, "the driver ended as KILLED")
        assert server.wait_run("standalone", finished[0])["state"] == "success"
        said = server.log_text("standalone", finished[0], "score")
        assert f"stderr of the driver {finished[1]}" in said and f"stdout of the driver {finished[1]}" in said, said

        # A master has no tags: whose driver it is that began meanwhile stands in the command that started it.
        submitted = len(made.all())
        run = killed_in_submission("standalone")
        own = list(cluster.apps)[-1]
        cluster.apps["driver-foreign"] = {**cluster.apps[own], "tag": "batuta-another", "began": str(int(time.time() * 1000))}
        cluster.end(own, driverState="FINISHED")
        assert server.wait_run("standalone", run, 60)["state"] == "success"
        tries = server.tasks("standalone", run)["score"]["try_number"]
        assert f"{own} was submitted before" in server.log_text("standalone", run, "score", tries)
        assert len(made.all()) == submitted + 1, made.all()[submitted:]
        # Where that cannot be read, no second one is started.
        cluster.logs = False
        run = killed_in_submission("standalone")
        assert server.wait_run("standalone", run, 60)["state"] == "failed"
        why(server, "standalone", run, "score", 15, f"{list(cluster.apps)[-1]} began, of which the log")
        submitted += 1
        assert len(made.all()) == submitted + 1, made.all()[submitted:]

        # Of one that took too long to submit the driver is known, and killed: the next try begins anew.
        linger = Path(f"{made.log}.linger")
        linger.touch()
        name = f"driver-20261128100000-{len(cluster.apps) + 1:04}"
        server.trigger("late")
        eventually(lambda: cluster.apps.get(name, {}).get("driverState") == "KILLED", 20, "its driver is killed over there")
        linger.unlink()
        eventually(lambda: len(made.all()) == submitted + 3, 20, "it is submitted anew")
        server.stop()
        cluster.stop()


def a_spark_of_ones_own_reads_silver_and_makes_gold():
    """a real local Spark: an application groups a silver table, and its gold table is taken up as an asset"""
    if not REAL:
        print("skipped: $BATUTA_SPARK_SUBMIT names no spark-submit; ./dev test spark fetches one")
        return
    with Folder("spark_real") as folder:
        job = spark("customers", ["orders"], connection="local", code=REAL_JOB, reads=["silver/shop/orders"], outputs=[GOLD],
                    conf={"spark.ui.enabled": False})
        bad = spark("bad", ["orders"], connection="local", conf={"spark.ui.enabled": False}, retries=0, reads=["silver/shop/orders"],
                    code="import os\nfrom pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().read.parquet('/nonexistent')")
        model = {"task_id": "model", "type": "aggregate", "depends_on": ["orders"], "engine": "spark", "connection": "local",
                 "sql": "SELECT 1 AS none", "table": "gold/shop/best", "conf": {"spark.ui.enabled": False}, "keys": ["customer"],
                 "spark_sql": "SELECT o.customer, cast(sum(o.amount) AS decimal(10,2)) AS amount, {{ params.least }} AS least, "
                              "cast('2026-01-02T03:04:05Z' AS timestamp) AS at FROM silver.shop.orders o GROUP BY o.customer "
                              "HAVING sum(o.amount) > {{ params.least }}"}
        server = folder.server({"day": dag("day", [shell("orders", ORDERS, outputs=[SILVER]), job, bad, model], params={"least": 3}),
                                "follows": follower()},
                               env={"BATUTA_WORKER_SPARK_SUBMIT": REAL, "BATUTA_WORKER_ENV": json.dumps(
                                   {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ})}).start()
        connect(server, "local", "spark", host="local[2]")
        run = server.trigger("day")["dag_run_id"]
        server.wait_run("day", run, 600)
        tasks = server.tasks("day", run)
        assert tasks["customers"]["state"] == "success", server.log_text("day", run, "customers")[-3000:]
        gold = server.sql("SELECT customer, orders, CAST(amount AS VARCHAR) FROM gold.shop.customers ORDER BY 1")
        assert gold == [["ana", 2, "4.50"], ["bia", 1, "2.25"]], gold
        assert tasks["model"]["state"] == "success", server.log_text("day", run, "model")[-3000:]
        best = server.sql("SELECT customer, CAST(amount AS VARCHAR), CAST(least AS BIGINT), CAST(at AS VARCHAR) FROM gold.shop.best")
        assert best == [["ana", "4.50", 3, "2026-01-02 03:04:05+00"]], best
        has_followed(server)
        why(server, "day", run, "bad", 12, "AnalysisException")
        server.stop()


@contextmanager
def standalone_cluster(folder):
    """(the master, its REST address, its page, a jar with classes to run) of a master and a worker of the wheel's own."""
    programs = Path(REAL).resolve().parent
    [spark_home] = programs.parent.glob("lib/python3*/site-packages/pyspark")
    port, rest, page, worker = free_ports(4)
    env = {**os.environ, "SPARK_HOME": str(spark_home), "SPARK_LOCAL_IP": "127.0.0.1",
           "SPARK_MASTER_OPTS": f"-Dspark.master.rest.enabled=true -Dspark.master.rest.port={rest}"}
    deploy, started = "org.apache.spark.deploy", []

    def start(name, *words):
        with open(folder / f"{name}.log", "wb") as log:
            started.append(subprocess.Popen([spark_home / "bin/spark-class", *words], env=env, stdout=log, stderr=log, start_new_session=True))
    try:
        start("master", f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page))
        address = f"http://127.0.0.1:{page}"
        told = lambda: json.loads(urllib.request.urlopen(address + "/json/", timeout=5).read())  # noqa: E731
        eventually(told, 180, "the master is there")
        start("worker", f"{deploy}.worker.Worker", "--host", "127.0.0.1", "--webui-port", str(worker), "--cores", "2", "--memory", "2g",
              "-d", str(folder / "work"), f"spark://127.0.0.1:{port}")
        eventually(lambda: told()["aliveworkers"] == 1, 180, "the worker is there")
        yield f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{rest}", address, next(spark_home.glob("jars/hadoop-client-api-*.jar"))
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def a_cluster_of_ones_own_is_submitted_to():
    """a real master and worker: an application in mode client has executors there; one in mode cluster is waited for without a slot, its driver's log fetched, and taken up after a kill"""
    if not REAL:
        print("skipped: $BATUTA_SPARK_SUBMIT names no spark-submit; ./dev test spark fetches one")
        return
    with Folder("spark_standalone") as folder, standalone_cluster(folder.path) as (master, rest, page, jar):
        small = {"spark.ui.enabled": False, "spark.executor.memory": "512m", "spark.driver.memory": "512m", "spark.cores.max": 1}
        there = lambda task_id, java_class: spark(task_id, connection="master", tracking="tracker", deploy_mode="cluster", conf=small,  # noqa: E731
                                                  application=str(jar), java_class=java_class, poke_interval="1s", retries=0)
        here = spark("here", connection="master", conf=small, code="from pyspark.sql import SparkSession\n"
                     "print(SparkSession.builder.getOrCreate().range(1000).repartition(4).count())")
        hang, submit = folder.path / "hang", folder.path / "submit"
        # What is submitted is there before the worker is told so.
        submit.write_text(f'#!/bin/sh\n"{REAL}" "$@" >"$BATUTA_SCRATCH/said" 2>"$BATUTA_SCRATCH/heard"\ncode=$?\n'
                          f'while [ -e "{hang}" ]; do sleep 0.05; done\ncat "$BATUTA_SCRATCH/heard" >&2\ncat "$BATUTA_SCRATCH/said"\nexit $code\n')
        submit.chmod(0o755)
        version = "org.apache.hadoop.util.VersionInfo"
        server = folder.server({"day": dag("day", [here, there("there", version), there("none", "org.example.None")]),
                                "killed": dag("killed", [there("killed", version)])},
                               env={**TIMING, "BATUTA_WORKER_SPARK_SUBMIT": str(submit), "BATUTA_WORKER_ENV": json.dumps(
                                   {"SPARK_LOCAL_IP": "127.0.0.1", **{name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}})}).start()
        connect(server, "master", "spark", host=master)
        connect(server, "tracker", "http", host=rest, extra={"page": page})
        run = server.trigger("day")["dag_run_id"]
        server.wait_run("day", run, 600)
        tasks = server.tasks("day", run)
        said = {name: server.log_text("day", run, name) for name in tasks}
        assert tasks["here"]["state"] == "success", said["here"][-3000:]
        value = server.get(f"/api/v2/dags/day/dagRuns/{run}/taskInstances/here/xcomEntries/return_value")["value"]
        assert value == "1000", value
        assert tasks["there"]["state"] == "success" and "Compiled by" in said["there"], said["there"][-3000:]
        result = server.get(f"/api/v2/dags/day/dagRuns/{run}/taskInstances/there/xcomEntries/return_value")["value"]
        assert "driver-" in str(result), result
        why(server, "day", run, "none", 12, "")
        assert "org.example.None" in said["none"], said["none"][-3000:]

        def drivers():
            listed = json.loads(urllib.request.urlopen(page + "/json/", timeout=10).read())
            return {each["id"] for name in ("activedrivers", "completeddrivers") for each in listed[name]}
        # Others of this class began within the minute, too: the one that is its own is taken up.
        before = drivers()
        hang.touch()
        run = server.trigger("killed")["dag_run_id"]
        eventually(lambda: drivers() - before, 120, "it is submitted")
        for pid in server.pids("agent") + server.pids("slot"):  # in this order: an agent would tell that its slot was killed
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        hang.unlink()
        assert server.wait_run("killed", run, 600)["state"] == "success"
        [own] = drivers() - before
        tries = server.tasks("killed", run)["killed"]["try_number"]
        assert f"{own} was submitted before, and is taken up" in server.log_text("killed", run, "killed", tries)
        server.stop()


assert words_of(["--a", "1", "--a", "2", "x.py", "--b"]) == ({"--a": ["1", "2"]}, "x.py", ["--b"])
main([an_application_reads_silver_and_makes_gold, an_application_on_a_cluster_holds_no_slot,
      a_spark_of_ones_own_reads_silver_and_makes_gold, a_cluster_of_ones_own_is_submitted_to])
