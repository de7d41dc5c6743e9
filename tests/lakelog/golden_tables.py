#!/usr/bin/env python3
"""Delta's golden tables, each read by us and by delta-rs: whether both see the same rows, and who refuses what.

usage: golden_tables.py <batuta> <folder>

The folder is connectors/golden-tables/src/main/resources/golden of Delta's repository. Prints a line for each table,
and as a summary the sentences of those that are refused. Not in CI, which has no such folder: docs/lake.md has what
it said last. Exit code 77 = skipped, because a package is not there.
"""
import collections
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from deltalake import DeltaTable, QueryBuilder
except ImportError as error:
    print(f"skipped: {error} (pip install deltalake pyarrow)")
    sys.exit(77)


def tables_below(folder):
    for at, folders, _ in os.walk(folder):
        if "_delta_log" in folders:
            yield os.path.relpath(at, folder)
            folders.remove("_delta_log")


def plain(value):
    """The value as both sides spell it: lists of pairs for maps, floats that are equal to themselves, instants in UTC."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(value)
    if isinstance(value, dict):
        return [[key, plain(each)] for key, each in value.items()]
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "utcoffset") and value.utcoffset() is not None:
        return str(value.timestamp())
    return str(value)


def rows(table):
    columns = sorted(table.column_names)
    return sorted(repr([[name, plain(row[name])] for name in columns]) for row in table.to_pylist())


def by_delta_rs(path):
    try:
        engine = QueryBuilder().register("t", DeltaTable(path))
        return rows(pa.table(engine.execute("SELECT * FROM t").read_all())), ""
    except Exception as error:  # pylint: disable=broad-except
        return None, str(error).splitlines()[0]


def by_us(batuta, home, table, scratch):
    out = os.path.join(scratch, table.replace("/", "_") + ".parquet")
    done = subprocess.run([batuta, "lake", "export", "golden/all/" + table, "--format", "parquet", "--to", out, "--home", home],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
    return rows(pq.read_table(out)), ""


def main():
    batuta, folder = sys.argv[1:]
    said = collections.Counter()
    with tempfile.TemporaryDirectory() as home:
        shutil.copytree(folder, os.path.join(home, "lake", "golden", "all"))
        for table in sorted(tables_below(folder)):
            (ours, why), (theirs, why_theirs) = by_us(batuta, home, table, home), by_delta_rs(os.path.join(folder, table))
            word = ("agree" if ours == theirs else "DIFFER") if ours is not None and theirs is not None else \
                "ours alone" if ours is not None else "theirs alone" if theirs is not None else "both refuse"
            said[word] += 1
            print(json.dumps({"table": table, "what": word, "rows": None if ours is None else len(ours), "ours": why,
                              "theirs": why_theirs}))
    print(dict(said))


main()
