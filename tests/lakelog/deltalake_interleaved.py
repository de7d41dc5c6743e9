#!/usr/bin/env python3
"""One table that delta-rs and Batuta write in turn, and the same rows for both, version after version.

usage: deltalake_interleaved.py <batuta> [versions, 1000] [seed, 1]

delta-rs appends, deletes, merges, compacts and makes checkpoints; Batuta holds files together, takes the table back to
an older version, vacuums it and cleans up its log; a model in memory says which rows there are. Minutes long and not
in CI: docs/lake.md has what it said last. Exit code 77 = skipped, because the package is not there.
"""
import collections
import json
import os
import random
import subprocess
import sys
import tempfile
import time

try:
    import pyarrow as pa
    from deltalake import DeltaTable, QueryBuilder, write_deltalake
except ImportError as error:
    print(f"skipped: {error} (pip install deltalake pyarrow)")
    sys.exit(77)

TABLE = "silver/demo/t"
SUMS = "SELECT count(*) AS n, coalesce(sum(id), 0) AS ids, coalesce(sum(id * value), 0) AS rows FROM "


class World:
    def __init__(self, batuta, home, seed):
        self.batuta, self.home, self.dice = batuta, home, random.Random(seed)
        self.path = os.path.join(home, "lake", TABLE)
        os.makedirs(self.path)
        self.rows, self.kept, self.whole_from = {}, {}, 0  # by id; by version; what a vacuum left
        self.next, self.done = 0, collections.Counter()
        self.append()

    def table(self):
        return DeltaTable(self.path)

    def fresh(self, count):
        rows = {self.next + n: self.dice.randrange(1000) for n in range(count)}
        self.next += count
        return rows

    @staticmethod
    def arrow(rows):
        return pa.table({"id": pa.array(list(rows), pa.int64()), "value": pa.array(list(rows.values()), pa.int64()),
                         "part": ["a" if n % 2 else None for n in rows]})

    def lake(self, *arguments):
        done = subprocess.run([self.batuta, "lake", *arguments, "--home", self.home, "--output", "json"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"FAILED: lake {' '.join(map(str, arguments))}: {done.stderr}")
        return json.loads(done.stdout)

    def append(self):
        rows = self.fresh(self.dice.randint(1, 30))
        write_deltalake(self.path, self.arrow(rows), mode="append", partition_by=["part"])
        self.rows.update(rows)

    def delete(self):
        rest = self.dice.randrange(17)
        self.table().delete(f"id % 17 = {rest}")
        self.rows = {id_: value for id_, value in self.rows.items() if id_ % 17 != rest}

    def merge(self):
        rows = {id_: self.dice.randrange(1000) for id_ in self.dice.sample(sorted(self.rows), min(8, len(self.rows)))}
        rows.update(self.fresh(4))
        (self.table().merge(self.arrow(rows), "t.id = s.id", source_alias="s", target_alias="t")
         .when_matched_update_all().when_not_matched_insert_all().execute())
        self.rows.update(rows)

    def compact(self):
        self.table().optimize.compact()

    def checkpoint(self):
        self.table().create_checkpoint()

    def our_optimize(self):
        self.lake("optimize", TABLE)

    def our_restore(self):
        version = self.dice.choice([version for version in self.kept if version >= self.whole_from][-6:])
        self.lake("restore", TABLE, "--version", str(version))
        self.rows = dict(self.kept[version])

    def our_vacuum(self):
        self.lake("vacuum", TABLE, "--retain", "0s", "--force", "--log-retain", "0s")
        self.whole_from = self.table().version()

    def step(self):
        name, = self.dice.choices(["append", "delete", "merge", "compact", "checkpoint", "our_optimize", "our_restore", "our_vacuum"],
                                  [40, 10, 15, 5, 2, 15, 10, 3])
        getattr(self, name)()
        self.done[name] += 1
        self.kept[self.table().version()] = dict(self.rows)

    def check(self):
        expected = [len(self.rows), sum(self.rows), sum(id_ * value for id_, value in self.rows.items())]
        told = pa.table(QueryBuilder().register("t", self.table()).execute(SUMS + "t").read_all()).to_pylist()[0]
        ours = self.lake("sql", f'{SUMS}"{TABLE}"')[0]
        for who, row in (("delta-rs", told), ("batuta", ours)):
            if [int(row[column]) for column in ("n", "ids", "rows")] != expected:
                sys.exit(f"FAILED: version {self.table().version()}: {who} sees {row}, and there are {expected}")


def main():
    batuta = sys.argv[1]
    versions, seed = (int(text) for text in (sys.argv[2:] + ["1000", "1"][len(sys.argv) - 2:]))
    with tempfile.TemporaryDirectory() as home:
        world, began, looks = World(batuta, home, seed), time.monotonic(), 0
        world.kept[0] = dict(world.rows)
        while world.table().version() < versions:
            world.step()
            if sum(world.done.values()) % 10 == 0:
                world.check()
                looks += 1
                print(world.table().version(), dict(world.done), flush=True)
        world.check()
        print(f"ok: {world.table().version()} versions in {time.monotonic() - began:.0f} s, the same rows for both at {looks + 1} "
              f"looks: {dict(world.done)}")


main()
