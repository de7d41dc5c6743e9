#!/usr/bin/env python3
"""A table that delta-rs writes and Batuta looks after: each reads what the other left.

usage: deltalake_maintenance.py <batuta>

Small files are held together, old ones deleted, the log cleaned up behind a checkpoint of ours; delta-rs reads the
table, appends to it and makes a checkpoint, and Batuta reads on and takes the append back.
Exit code 77 = skipped, because the package is not there.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake
except ImportError as error:
    print(f"skipped: {error} (pip install deltalake pyarrow)")
    sys.exit(77)

TABLE = "silver/demo/t"


def rows(first, count):
    return pa.table({"n": pa.array(range(first, first + count), pa.int64()),
                     "name": [None if n % 7 == 0 else f"row {n}" for n in range(first, first + count)],
                     "part": ["a" if n % 2 else None for n in range(first, first + count)]})


def sums(table):
    read = DeltaTable(table).to_pyarrow_table()
    return read.num_rows, sum(read["n"].to_pylist()), sum(name is None for name in read["name"].to_pylist())


def main():
    batuta = sys.argv[1]
    with tempfile.TemporaryDirectory() as home:
        table = os.path.join(home, "lake", TABLE)
        os.makedirs(table)

        def lake(*arguments):
            done = subprocess.run([batuta, "lake", *arguments, "--home", home, "--output", "json"],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"FAILED: lake {' '.join(arguments)}: {done.stderr}")
            return json.loads(done.stdout)

        def check(what, got, expected):
            if got != expected:
                sys.exit(f"FAILED: {what}: {got}, expected {expected}")
            print(f"ok: {what}: {got}")

        for commit in range(12):
            write_deltalake(table, rows(commit * 10, 10), mode="append", partition_by=["part"])
        expected = sums(table)
        check("files held together", lake("optimize", TABLE)["old_files"], 24)
        check("rows of the compact table in delta-rs", sums(table), expected)
        now = ("--retain", "0s", "--force", "--log-retain", "0s")
        check("old files deleted", lake("vacuum", TABLE, *now)["deleted_files"], 24)
        check("the log is cleaned up", lake("vacuum", TABLE, *now)["deleted_entries"], 14)
        check("rows from our checkpoint in delta-rs", sums(table), expected)
        write_deltalake(table, rows(1000, 1), mode="append")
        DeltaTable(table).create_checkpoint()
        more = (expected[0] + 1, expected[1] + 1000, expected[2])
        check("rows after an append of delta-rs, in delta-rs", sums(table), more)
        ours = lake("sql", "SELECT count(*) c, CAST(sum(n) AS BIGINT) s, count(*) - count(name) w FROM silver.t")[0]
        check("the same in Batuta", tuple(int(value) for value in ours.values()), more)
        lake("restore", TABLE, "--version", str(DeltaTable(table).version() - 1))
        check("rows after a restore, in delta-rs", sums(table), expected)
    print("deltalake and batuta look after one table")


if __name__ == "__main__":
    main()
