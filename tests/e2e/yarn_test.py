#!/usr/bin/env python3
"""Spark tasks on Apache Hadoop's own YARN, of one machine: ./dev test yarn fetches its jars, and Spark."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Folder, dag, eventually, main  # noqa: E402
from kafka_broker import free_ports  # noqa: E402
from receivers import connect  # noqa: E402

SUBMIT = os.environ.get("BATUTA_SPARK_SUBMIT")
HOME = os.environ.get("YARN_JARS_HOME")  # its folder libs holds the jars

JOB = """
import sys, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("counted", spark.range(1000).repartition(2).count(), *sys.argv[1:], flush=True)
if "long" in sys.argv:
    time.sleep(600)
if "bad" in sys.argv:
    raise ValueError("no rows")
"""


def written(path, properties):
    path.write_text("<configuration>" + "".join(f"<property><name>{name}</name><value>{value}</value></property>"
                                                for name, value in properties.items()) + "</configuration>")


class Yarn:
    """A ResourceManager and a NodeManager on free ports of 127.0.0.1, which end with this."""

    def __init__(self, folder: Path):
        self.folder, self.started, self.jars = folder, [], f"{HOME}/libs/*"
        self.conf = folder / "conf"
        self.conf.mkdir(parents=True)
        names = ("resourcemanager.address", "resourcemanager.scheduler.address", "resourcemanager.resource-tracker.address",
                 "resourcemanager.admin.address", "resourcemanager.webapp.address", "nodemanager.address",
                 "nodemanager.localizer.address", "nodemanager.webapp.address", "nodemanager.collector-service.address")
        ports = dict(zip(names, free_ports(len(names))))
        self.url = f"http://127.0.0.1:{ports['resourcemanager.webapp.address']}"
        written(self.conf / "core-site.xml", {"fs.defaultFS": "file:///", "hadoop.tmp.dir": folder / "tmp"})
        written(self.conf / "yarn-site.xml", {
            **{f"yarn.{name}": f"127.0.0.1:{port}" for name, port in ports.items()},
            "yarn.resourcemanager.hostname": "127.0.0.1", "yarn.nodemanager.hostname": "127.0.0.1",
            "yarn.nodemanager.local-dirs": folder / "local", "yarn.nodemanager.log-dirs": folder / "logs",
            "yarn.nodemanager.remote-app-log-dir": folder / "aggregated", "yarn.log-aggregation-enable": "true",
            "yarn.nodemanager.resource.memory-mb": 4096, "yarn.nodemanager.resource.cpu-vcores": 4,
            "yarn.scheduler.minimum-allocation-mb": 256, "yarn.nodemanager.vmem-check-enabled": "false",
            "yarn.nodemanager.pmem-check-enabled": "false", "yarn.node-attribute.fs-store.root-dir": folder / "attributes", "yarn.nodemanager.env-whitelist": "JAVA_HOME,PATH",
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 99.5})
        written(self.conf / "capacity-scheduler.xml", {
            "yarn.scheduler.capacity.root.queues": "default", "yarn.scheduler.capacity.root.default.capacity": 100,
            "yarn.scheduler.capacity.maximum-am-resource-percent": 1.0})
        (self.conf / "log4j.properties").write_text(
            "log4j.rootLogger=INFO,console\nlog4j.appender.console=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.console.target=System.err\nlog4j.appender.console.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.console.layout.ConversionPattern=%d %p %c{2}: %m%n\n")
        programs = folder / "bin"
        for each in (programs, folder / "jvm"):
            each.mkdir()
        self.path = f"{programs}:{os.environ['PATH']}"
        # As Hadoop's own script, of which a worker asks `logs` alone.
        (programs / "yarn").write_text(f'#!/bin/sh\nshift\nexec java -Xmx256m -cp "{self.conf}:{self.jars}" '
                                       'org.apache.hadoop.yarn.client.cli.LogsCLI "$@" 2>/dev/null\n')
        (programs / "yarn").chmod(0o755)

    def __enter__(self):
        for name, place in (("ResourceManager", "resourcemanager"), ("NodeManager", "nodemanager")):
            with open(self.folder / f"{name}.log", "wb") as log:
                self.started.append(subprocess.Popen(
                    ["java", "-Xmx512m", "-XX:+UseSerialGC", "--add-opens=java.base/java.lang=ALL-UNNAMED",
                     f"-Djava.io.tmpdir={self.folder}/jvm", "-cp", f"{self.conf}:{self.jars}",
                     f"org.apache.hadoop.yarn.server.{place}.{name}"], stdout=log, stderr=log, start_new_session=True))
        eventually(lambda: self.get("metrics")["clusterMetrics"]["activeNodes"] == 1, 180, "YARN is there: see " + str(self.folder))
        return self

    def __exit__(self, *_):
        for app in self.apps():
            if app["state"] not in ("FINISHED", "FAILED", "KILLED"):
                self.kill(app["id"])
        for process in reversed(self.started):  # a NodeManager that may end takes its containers with it
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}/ws/v1/cluster/{path}", timeout=10) as answer:
            return json.loads(answer.read())

    def apps(self):
        return sorted((self.get("apps")["apps"] or {"app": []})["app"], key=lambda each: each["id"])

    def kill(self, name):
        asked = urllib.request.Request(f"{self.url}/ws/v1/cluster/apps/{name}/state", data=b'{"state":"KILLED"}', method="PUT",
                                       headers={"Content-Type": "application/json"})
        urllib.request.urlopen(asked, timeout=10).read()


def applications_on_a_yarn_of_ones_own():
    """submitted, waited for without a slot, their logs fetched, failed with the program's own words, killed over there, and none twice through a kill -9"""
    if not SUBMIT or not HOME:
        print("skipped: $BATUTA_SPARK_SUBMIT and $YARN_JARS_HOME name no Spark and no Hadoop; ./dev test yarn fetches them")
        return
    with Folder("yarn") as folder, Yarn(folder.path / "yarn") as yarn:
        [spark_home] = Path(SUBMIT).resolve().parent.parent.glob("lib/python3*/site-packages/pyspark")
        job = folder.path / "job.py"
        job.write_text(JOB)
        hang = folder.path / "hang"
        # What is submitted is there before the worker is told so.
        submit = folder.path / "submit"
        submit.write_text(f'#!/bin/sh\n"{SUBMIT}" "$@" >"$BATUTA_SCRATCH/said" 2>&1\ncode=$?\n'
                          f'while [ -e "{hang}" ]; do sleep 0.05; done\ncat "$BATUTA_SCRATCH/said" >&2\nexit $code\n')
        submit.chmod(0o755)
        small = {"spark.ui.enabled": False, "spark.executor.memory": "512m", "spark.driver.memory": "512m", "spark.executor.instances": 1,
                 "spark.yarn.maxAppAttempts": 1, "spark.yarn.jars": f"local:{spark_home}/jars/*", "spark.yarn.stagingDir": f"file://{folder.path}/staging"}
        there = lambda task_id, *args: {  # noqa: E731
            "task_id": task_id, "type": "spark", "connection": "yarn", "tracking": "rm", "deploy_mode": "cluster", "conf": small,
            "application": f"file://{job}", "application_args": list(args), "poke_interval": "1s", "retries": 0}
        made = dag("each", [{**there("good", "ana"), "depends_on": []}, {**there("bad", "bad"), "depends_on": ["good"]}])
        server = folder.server({"each": made, "long": dag("long", [there("long", "long")]), "killed": dag("killed", [there("killed", "bia")])},
                               arguments=["--slots", "1"], env={
            "BATUTA_HEARTBEAT": "300ms", "BATUTA_LEASE": "2s", "BATUTA_WORKER_SPARK_SUBMIT": str(submit), "BATUTA_WORKER_ENV": json.dumps({
                "PATH": yarn.path, "HADOOP_CONF_DIR": str(yarn.conf), "SPARK_HOME": str(spark_home), "SPARK_LOCAL_IP": "127.0.0.1",
                **{name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}})}).start()
        connect(server, "yarn", "spark", host="yarn", extra={"queue": "default"})
        connect(server, "rm", "http", host=yarn.url)

        run = server.trigger("each")["dag_run_id"]
        server.wait_run("each", run, 600)
        tasks = server.tasks("each", run)
        good, bad = (server.log_text("each", run, name) for name in ("good", "bad"))
        assert tasks["good"]["state"] == "success", good[-3000:]
        told = server.get(f"/api/v2/dags/each/dagRuns/{run}/taskInstances/good/xcomEntries/return_value")["value"]
        first = yarn.apps()[0]
        assert told["application_id"] == first["id"] and told["state"] == "FINISHED" and told["page"].startswith("http"), told
        assert first["name"] == "each.good" and first["finalStatus"] == "SUCCEEDED" and "batuta-" in first["applicationTags"], first
        assert "counted 1000 ana" in good, good[-3000:]
        found = tasks["bad"]["batuta"]
        assert tasks["bad"]["state"] == "failed" and found["exit_code"] == 12, found
        assert "counted 1000 bad" in bad and "ValueError: no rows" in bad, bad[-3000:]

        # Cancelled, it ends over there.
        run = server.trigger("long")["dag_run_id"]
        eventually(lambda: yarn.apps()[-1]["name"] == "long.long" and yarn.apps()[-1]["state"] == "RUNNING", 120, "it runs over there")
        assert server.tasks("long", run)["long"]["state"] == "deferred", server.tasks("long", run)
        server.call("PATCH", f"/api/v2/dags/long/dagRuns/{run}", {"state": "failed"})
        eventually(lambda: yarn.apps()[-1]["state"] == "KILLED", 60, "it is killed over there")

        # The worker is killed after YARN took it and before it could say so: the next attempt takes it up.
        hang.touch()
        there_before = len(yarn.apps())
        run = server.trigger("killed")["dag_run_id"]
        eventually(lambda: len(yarn.apps()) > there_before, 120, "it is submitted")
        for pid in server.pids("agent") + server.pids("slot"):  # in this order: an agent would tell that its slot was killed
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        hang.unlink()
        assert server.wait_run("killed", run, 600)["state"] == "success"
        tries = server.tasks("killed", run)["killed"]["try_number"]
        said = server.log_text("killed", run, "killed", tries)
        assert f"{yarn.apps()[-1]['id']} was submitted before, and is taken up" in said and "counted 1000 bia" in said, said[-3000:]
        time.sleep(1)  # a second one would be there by now
        assert len(yarn.apps()) == there_before + 1, [each["name"] for each in yarn.apps()]
        server.stop()


assert not HOME or shutil.which("java"), "there is no java"
main([applications_on_a_yarn_of_ones_own])
