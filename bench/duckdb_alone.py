"""Bare DuckDB through the library that Batuta carries: the floor of the lake's measurements.

Run as a program of its own, so that its processor time and its memory are nothing but its own:

    duckdb_alone.py JOB.json

The job is {"library", "threads", "memory", "scratch", "steps": [[name, SQL or {"copy": [from, to]}], …]}; printed is one
JSON object, {"steps": {name: [wall s, CPU s]}, "wall", "cpu", "peak" (MiB), "rows": {name: first row, as texts}}.
"""
import ctypes
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path


class Result(ctypes.Structure):
    """duckdb_result: five deprecated fields, then the engine's own."""
    _fields_ = [(name, ctypes.c_void_p) for name in ("columns", "rows", "changed", "data", "message", "internal")]


class Engine:
    def __init__(self, library, threads, memory, scratch):
        self.api = api = ctypes.CDLL(library)
        for name, answer in (("duckdb_result_error", ctypes.c_char_p), ("duckdb_value_varchar", ctypes.c_void_p),
                             ("duckdb_column_count", ctypes.c_uint64), ("duckdb_row_count", ctypes.c_uint64)):
            getattr(api, name).restype = answer
        api.duckdb_value_varchar.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
        api.duckdb_free.argtypes = [ctypes.c_void_p]
        self.database, self.connection = ctypes.c_void_p(), ctypes.c_void_p()
        if api.duckdb_open(None, ctypes.byref(self.database)) or \
                api.duckdb_connect(self.database, ctypes.byref(self.connection)):
            raise RuntimeError("DuckDB does not open")
        Path(scratch).mkdir(parents=True, exist_ok=True)
        for setting in ("autoinstall_known_extensions = false", "autoload_known_extensions = false",
                        f"threads = {threads}", f"memory_limit = '{memory}'", f"temp_directory = '{scratch}'",
                        "TimeZone = 'UTC'", "preserve_insertion_order = false"):
            self.run("SET " + setting)

    def run(self, sql):
        """The first row as texts; None where there is none."""
        result, api = Result(), self.api
        try:
            if api.duckdb_query(self.connection, sql.encode(), ctypes.byref(result)):
                raise RuntimeError(f"{api.duckdb_result_error(ctypes.byref(result)).decode()}\nin {sql}")
            if not api.duckdb_row_count(ctypes.byref(result)):
                return None
            return [self.text(result, column) for column in range(api.duckdb_column_count(ctypes.byref(result)))]
        finally:
            api.duckdb_destroy_result(ctypes.byref(result))

    def text(self, result, column):
        pointer = self.api.duckdb_value_varchar(ctypes.byref(result), column, 0)
        value = ctypes.string_at(pointer).decode() if pointer else None
        self.api.duckdb_free(pointer)
        return value


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def carry_out(job):
    engine = Engine(job["library"], job["threads"], job["memory"], job["scratch"])
    steps, rows = {}, {}
    begun, used = time.perf_counter(), cpu()
    for name, what in job["steps"]:
        wall, own = time.perf_counter(), cpu()
        if isinstance(what, str):
            rows[name] = engine.run(what)
        else:
            shutil.copyfile(*what["copy"])
        taken = steps.get(name, [0, 0])
        steps[name] = [taken[0] + time.perf_counter() - wall, taken[1] + cpu() - own]
    return {"steps": steps, "rows": rows, "wall": time.perf_counter() - begun, "cpu": cpu() - used,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


class OutOfMemory(Exception):
    """The engine alone, by the same statements, did not manage with the memory of a slot."""


def run_alone(folder: Path, library: Path, threads, memory, steps):
    """What carry_out() says, of a process of its own. Raises OutOfMemory."""
    job = folder / "job.json"
    job.write_text(json.dumps({"library": str(library), "threads": threads, "memory": memory,
                               "scratch": str(folder / "spill"), "steps": steps}))
    done = subprocess.run([sys.executable, __file__, str(job)], capture_output=True, text=True)
    if done.returncode != 0 and "Out of Memory Error" in done.stderr:
        raise OutOfMemory()
    if done.returncode != 0:
        sys.exit(f"DuckDB alone failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(json.dumps(carry_out(json.loads(Path(sys.argv[1]).read_text()))))
