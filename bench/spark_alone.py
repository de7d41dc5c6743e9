"""The work of `./dev bench lake` in Apache Spark on this machine alone, as a program of its own: spark_alone.py LINES FOLDER
THREADS. Prints one JSON object, whose numbers are those of the JVM: its start is told apart, as a cluster would have it behind it.
"""
import json
import os
import re
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as f
from pyspark.sql.types import StringType, StructField, StructType

from lake_work import COLUMNS

TICKS = os.sysconf("SC_CLK_TCK")


def used_by(pid):
    """(seconds of the processor, MiB at most) of the JVM."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    most = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return sum(map(int, fields[11:13])) / TICKS, int(most.group(1)) / 1024


def load(spark, source: Path, folder: Path):
    # A line is one record, and its text is hashed as it was written.
    schema = StructType([StructField(name, StringType()) for name in COLUMNS])
    lines = spark.read.text(str(source))
    lines.select(f.from_json("value", schema, {"primitivesAsString": "true"}).alias("r"), "value").select(
        "r.*", f.lit("run").alias("_run_id"), f.current_timestamp().alias("_ingested_at"), f.lit(str(source)).alias("_source_file"),
        f.monotonically_increasing_id().alias("_record_no"), f.unhex(f.sha2("value", 256)).alias("_payload_sha256"),
        f.current_date().alias("ingest_date")).write.parquet(str(folder / "bronze"))
    typed = spark.read.parquet(str(folder / "bronze")).withColumns({
        "trade_id": f.col("trade_id").cast("long"), "quantity": f.col("quantity").cast("long"),
        "price": f.col("price").cast("decimal(18,2)"), "seen": f.col("seen").cast("timestamp")}).withColumn(
        "day", f.to_date("seen"))
    good = f.coalesce(f.col("trade_id").isNotNull() & f.col("seen").isNotNull() & (f.length("ticker") <= 6)
                      & (f.coalesce("client", f.lit("")) != "") & (f.col("quantity") >= 1) & (f.col("price") > 0), f.lit(False))
    typed.filter(~good).write.parquet(str(folder / "quarantine"))
    newest = Window.partitionBy("trade_id").orderBy(f.col("_record_no").desc())
    typed.filter(good).withColumn("_n", f.row_number().over(newest)).filter("_n = 1").drop("_n").repartition("day").write.partitionBy(
        "day").parquet(str(folder / "silver"))
    silver = spark.read.parquet(str(folder / "silver"))
    silver.groupBy("day", "ticker", f.date_trunc("hour", "seen").alias("hour")).agg(
        f.min("price").alias("low"), f.max("price").alias("high"), f.sum("quantity").alias("volume"),
        f.sum(f.col("price") * f.col("quantity")).alias("amount")).write.parquet(str(folder / "gold"))
    rows, quantity = silver.agg(f.count("*"), f.sum("quantity")).first()
    return [rows, quantity, spark.read.parquet(str(folder / "gold")).count()]


def main():
    source, folder, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    spark = SparkSession.builder.master(f"local[{threads}]").config("spark.ui.enabled", "false").config(
        "spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", str(4 * threads)).config(
        "spark.local.dir", str(folder)).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    started = time.perf_counter() - begun
    counts = load(spark, source, folder)
    wall = time.perf_counter() - begun - started
    cpu, peak = used_by(spark.sparkContext._gateway.proc.pid)  # pylint: disable=protected-access
    print(json.dumps({"version": spark.version, "start": started, "wall": wall, "cpu": cpu, "peak": peak,
                      "rows": list(map(str, counts))}))
    spark.stop()


main()
