"""The work of `./dev bench lake` in Polars, as a program of its own: polars_alone.py LINES FOLDER. Prints one JSON object.

Bronze is without the hash of each record: Polars has no function for it.
"""
import json
import resource
import sys
import time
from pathlib import Path

import polars as pl

from lake_work import COLUMNS


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def load(source: Path, folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    bronze = folder / "bronze.parquet"
    pl.scan_ndjson(source, schema={name: pl.String for name in COLUMNS}).with_row_index("_record_no").with_columns(
        pl.lit("run").alias("_run_id"), pl.lit(str(source)).alias("_source_file")).sink_parquet(bronze, compression="snappy")
    typed = pl.scan_parquet(bronze).with_columns(
        pl.col("trade_id").cast(pl.Int64, strict=False), pl.col("quantity").cast(pl.Int64, strict=False),
        pl.col("price").cast(pl.Decimal(18, 2), strict=False),
        pl.col("seen").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False)).with_columns(
        pl.col("seen").dt.date().alias("day"))
    good = (pl.col("trade_id").is_not_null() & pl.col("seen").is_not_null() & (pl.col("ticker").str.len_chars() <= 6)
            & (pl.col("client").fill_null("") != "") & (pl.col("quantity") >= 1) & (pl.col("price") > 0)).fill_null(False)
    typed.filter(~good).sink_parquet(folder / "quarantine.parquet", compression="snappy")
    silver = typed.filter(good).unique("trade_id", keep="last", maintain_order=True).drop("_run_id", "_source_file").collect()
    for (day,), rows in silver.partition_by("day", as_dict=True).items():
        (folder / f"day={day}").mkdir(exist_ok=True)
        rows.write_parquet(folder / f"day={day}" / "part.parquet", compression="snappy")
    bars = silver.lazy().group_by("day", "ticker", pl.col("seen").dt.truncate("1h").alias("hour")).agg(
        pl.col("price").min().alias("low"), pl.col("price").max().alias("high"), pl.col("quantity").sum().alias("volume"),
        (pl.col("price") * pl.col("quantity")).sum().alias("amount")).collect()
    bars.write_parquet(folder / "gold.parquet", compression="snappy")
    return [silver.height, silver["quantity"].sum(), bars.height]


if __name__ == "__main__":
    begun = time.perf_counter()
    counts = load(Path(sys.argv[1]), Path(sys.argv[2]))
    print(json.dumps({"version": pl.__version__, "wall": time.perf_counter() - begun, "cpu": cpu(), "rows": list(map(str, counts)),
                      "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
