#!/usr/bin/env python3
"""Opens our tables with an independent Delta library (the deltalake package, delta-rs).

usage: deltalake_reader.py <test_plugins_financial>

The test executable writes a lake and its sums; this compares them with what delta-rs reads, filters
included, appends a row as another writer would, and lets the executable read it back.
Exit code 77 = skipped, because the package is not there.
"""
import decimal
import json
import os
import subprocess
import sys
import tempfile

try:
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from deltalake import DeltaTable, write_deltalake
except ImportError as error:
    print(f"skipped: {error} (pip install deltalake pyarrow)")
    sys.exit(77)

BRONZE = "bronze/financial/quotes"
SILVER = "silver/financial/quotes"
GOLD = "gold/financial/financial_data_hour"
QUARANTINE = "quarantine/financial/quotes"


def run_case(executable, lake, case):
    subprocess.run([executable, f"--test-case={case}"], check=True,
                   env={**os.environ, "BATUTA_SAMPLE_LAKE": lake})


def sums_of(lake, table):
    rows = DeltaTable(os.path.join(lake, table)).to_pyarrow_table()
    cells = [rows.num_rows]
    if table == BRONZE:
        cells.append(pc.sum(rows["_record_no"]).as_py())
    elif table in (SILVER, GOLD):
        cells += [pc.sum(rows["volume"]).as_py(), pc.sum(rows["close"]).as_py()]
    return "|".join(str(cell) for cell in cells)


def check(what, got, expected):
    if got != expected:
        sys.exit(f"FAILED: {what}: read {got}, expected {expected}")
    print(f"ok: {what}: {got}")


def check_filters(lake):
    """A bound that is too narrow hides rows from readers that skip files."""
    table = DeltaTable(os.path.join(lake, SILVER))
    data = table.to_pyarrow_dataset()
    every = data.to_table()
    for column in ("ticker", "volume", "execution_id", "date", "_ingested_at", "day"):
        for value in set(every[column].to_pylist()):
            found = data.to_table(filter=ds.field(column) == value).num_rows
            check(f"rows with {column} = {value}", found,
                  every[column].to_pylist().count(value))


def append_row(lake):
    path = os.path.join(lake, SILVER)
    row = DeltaTable(path).to_pyarrow_table().slice(0, 1)
    write_deltalake(path, row, mode="append")
    with open(os.path.join(lake, "appended.json"), "w") as out:
        json.dump(sums_of(lake, SILVER), out)


def main():
    executable = sys.argv[1]
    decimal.getcontext().prec = 60
    with tempfile.TemporaryDirectory() as home:
        lake = os.path.join(home, "lake")
        run_case(executable, lake, "a sample lake is written with its sums")
        with open(os.path.join(lake, "sums.json")) as file:
            sums = json.load(file)
        for table, expected in sums.items():
            check(table, sums_of(lake, table), expected[0])
        check("live files of bronze", len(DeltaTable(os.path.join(lake, BRONZE)).file_uris()), 34)
        check_filters(lake)
        append_row(lake)
        run_case(executable, lake, "rows appended by another writer are read")
    print("deltalake reads our tables, and we read what it appends")


if __name__ == "__main__":
    main()
