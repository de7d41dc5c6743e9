"""What a Python task knows of its attempt, and how it tells what came of it.

    import batuta

    rows = fetch(batuta.params["url"], batuta.connection("api")["password"])
    batuta.log.info("%d rows", len(rows))
    batuta.result({"rows": len(rows)})

The file runs as a script. To end it: return from it (success), raise batuta.Skip (the task is skipped),
batuta.Fail (failed, no retry helps), or anything else (failed, tried again while retries are left).

The protocol beneath, for other languages: descriptor 3 is a file with one JSON object, {"protocol": 1,
"params", "context", "connections", "result_file"}; to descriptor 4 go messages, one JSON object a line:
{"type": "log", "level", "text"}, {"type": "progress", "share"}, {"type": "result", "value"},
{"type": "result_file"} (the value is the JSON in the file "result_file" of descriptor 3),
{"type": "records", "rows"}, {"type": "report", "list", "value"}, {"type": "skip", "reason"},
{"type": "fail", "reason", "retry"}, {"type": "defer", "wait", "payload"}, {"type": "checkpoint", "answer", "value"} (with
"answer": true a byte comes on descriptor 6: 1 it is durable, 0 not yet, x it was refused). Standard output and standard error are the log as they are.
"""
import sys

if __name__ == "__main__" and sys.argv[1:2] == ["--serve"]:
    # The folder of the attempt that came first: nothing of it, such as a script with the name of a module, becomes part
    # of what other tasks' attempts are forked from.
    import os
    _folder = os.path.realpath(os.path.dirname(__file__))
    sys.path[:] = [_path for _path in sys.path if os.path.realpath(_path) != _folder]

import datetime
import json
import logging
import os
import threading

_IN, _OUT, _ANSWERS = 3, 4, 6
_lock = threading.Lock()
_checkpoint_lock = threading.Lock()


class Skip(Exception):
    """There was nothing to do: the task becomes skipped."""


class Fail(Exception):
    """The attempt failed, and would fail again: no retry."""


class _Deferred(BaseException):
    """Leaves the script, whatever it catches."""


def _json(value, what, **how):
    # Half of a surrogate pair is no text: neither dropped nor made a question mark, but refused.
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, **how).encode("utf-8")
    except UnicodeEncodeError as error:
        half = error.object[error.start:error.start + 1]
        raise ValueError(f"{what} holds {half!a}, which is no text: bytes that were read with errors='surrogateescape', "
                         "such as file names, are to be decoded anew") from None


def _readable(text):
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def _tell(message):
    # One write holds the lock, so that lines of threads do not mix.
    data = _json(message, f"what is told ({message['type']})") + b"\n"
    with _lock:
        while data:
            data = data[os.write(_OUT, data):]


def _time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


class Context:
    """The attempt. Times are aware datetimes in UTC, or None."""

    def __init__(self, raw):
        self._raw = raw
        self.execution_id = raw.get("execution_id", "")
        self.dag_id = raw.get("dag_id", "")
        self.run_id = raw.get("run_id", "")
        self.task_id = raw.get("task_id", "")
        self.map_index = raw.get("map_index", -1)
        self.try_number = raw.get("try_number", 1)
        self.fence = raw.get("fence", 0)
        self.scratch = raw.get("scratch", "")
        #: The same for all attempts that may have done the same, as after a lost worker.
        self.idempotency_key = raw.get("idempotency_key", "")
        self.lake = raw.get("lake", "")
        #: The folder that the run's tasks share on this host.
        self.run_dir = os.environ.get("BATUTA_RUN_DIR", "")
        self.logical_date = _time(raw.get("logical_date"))
        self.data_interval_start = _time(raw.get("data_interval_start"))
        self.data_interval_end = _time(raw.get("data_interval_end"))


#: What the DAG file says under "params", templates filled in.
params = {}
#: The attempt.
context = Context({})
_start = {}


def param(name, default=None):
    """One of `params`; `default` when it is absent or null."""
    value = params.get(name)
    return default if value is None else value


def connection(name):
    """A connection that the task names: conn_type, host, port, login, password, schema, extra."""
    try:
        return _start["connections"][name]
    except KeyError:
        raise Fail(f'the task does not name the connection "{name}": add it to its "connections"') from None


def xcom(task_id):
    """The return value of a direct upstream, however large; None when it gave none."""
    large = _start["context"].get("upstream_files", {}).get(task_id)
    if large is not None:
        with open(large, encoding="utf-8") as file:
            return json.load(file)
    return _start["context"].get("upstream", {}).get(task_id)


def table(name):
    """The path of the Parquet file with what a table of the task's "reads" holds."""
    path = os.path.join(os.environ.get("BATUTA_TABLES", ""), name + ".parquet")
    if not os.path.isabs(path) or not os.path.isfile(path):
        raise Fail(f'the task does not read the table "{name}": add it to its "reads"')
    return path


def result(value):
    """The return value: anything that JSON can say, 64 MiB at most. The last call counts."""
    text = _json(value, "the result")
    if len(text) > 64 << 20:
        raise Fail(f"the result is too long: {len(text)} bytes as JSON, {64 << 20} at most; "
                   "write it to a file of batuta.context.run_dir and return its name")
    if len(text) <= 64 << 10:
        return _tell({"type": "result", "value": value})
    with open(_start["result_file"], "wb") as file:
        file.write(text)
    _tell({"type": "result_file"})


class Resumed:
    """How the wait ended (event: "satisfied", "timed_out" or "failed"; reason), and what was left for this part."""

    def __init__(self, raw):
        self.event = raw["event"]
        self.reason = raw.get("reason", "")
        self.payload = raw.get("payload")


#: What this part of the task goes on from, after defer(); None in the first.
resumed = None


def defer(wait_for, payload=None, **fields):
    """Gives the slot back and ends this part of the task; the script runs again, from its beginning, when the
    wait is over, and finds `batuta.resumed`. wait_for: as of a sensor, {"delay": "10m"}; payload: JSON, 64 KiB at
    most, with no secret in it; fields: timeout, poke_interval, exponential_backoff, max_wait, on_timeout."""
    _tell({"type": "defer", "wait": {"wait_for": wait_for, **fields}, "payload": payload})
    raise _Deferred


#: What an earlier try left by checkpoint(); None: nothing, begin at the start.
last_checkpoint = None


def checkpoint(value):
    """From where the next try is to go on, should this one not end well: JSON, 64 KiB at most, with no secret in it,
    in the place of the one before; a success drops it. Returns True when it is durable, False when it is not yet, as
    while the scheduler is away. Costs a commit: not for each row."""
    text = _json(value, "the checkpoint", separators=(",", ":"))
    if len(text) > 64 << 10:
        raise ValueError(f"the checkpoint is too long: {len(text)} bytes as JSON, {64 << 10} at most; "
                         "write what is large to a file and keep its name")
    with _checkpoint_lock:
        _tell({"type": "checkpoint", "answer": True, "value": value})  # in this order: it may be told by its beginning
        answer = os.read(_ANSWERS, 1)
    if answer == b"x":
        raise Fail("the worker refused the checkpoint: the log says why")
    return answer == b"1"


def progress(share):
    """How much of the work is done, 0 to 1."""
    _tell({"type": "progress", "share": float(share)})


def records(rows):
    """How many rows this attempt wrote."""
    _tell({"type": "records", "rows": int(rows)})


def quality(**facts):
    """One fact about the data, for the attempt's record."""
    _tell({"type": "report", "list": "quality", "value": facts})


def lineage(**facts):
    """What was read or written, for the attempt's record."""
    _tell({"type": "report", "list": "lineage", "value": facts})


def asset(uri, alias=None, extra=None, partition_key=None, name=None, group=None):
    """An event of an asset that this task makes: one of its outlets, or what an alias among them stands for.

    It is written when the task succeeds. Several of one asset are told one after the other."""
    told = {"uri": uri, "alias": alias, "extra": extra, "partition_key": partition_key, "name": name, "group": group}
    _tell({"type": "report", "list": "assets", "value": {key: value for key, value in told.items() if value is not None}})


class _Handler(logging.Handler):
    def emit(self, record):
        level = ("error" if record.levelno >= logging.ERROR else
                 "warn" if record.levelno >= logging.WARNING else
                 "info" if record.levelno >= logging.INFO else "debug")
        try:
            _tell({"type": "log", "level": level, "text": _readable(self.format(record))})
        except Exception:  # as logging does: a line that cannot be told is not a reason to fail
            self.handleError(record)


logging.basicConfig(level=logging.INFO, handlers=[_Handler()])
#: A logger of the standard library; others (logging.getLogger) go the same way.
log = logging.getLogger("batuta")
log.setLevel(logging.DEBUG)


def _run(path):
    """Runs the task's file as a script, and tells how it ended."""
    import traceback
    with open(path, "rb") as file:
        source = file.read()
    main = type(sys)("__main__")
    main.__file__ = path
    sys.modules["__main__"] = main
    sys.argv = [path]
    sys.path.insert(0, os.path.dirname(path))
    try:
        exec(compile(source, path, "exec"), main.__dict__)  # noqa: S102 - it is the task
    except Skip as skip:
        _tell({"type": "skip", "reason": _readable(skip)})
    except _Deferred:
        pass
    except SystemExit:
        raise
    except BaseException as error:
        lines = traceback.format_exception(type(error), error, error.__traceback__.tb_next)
        sys.stderr.write(_readable("".join(lines)))
        if isinstance(error, Fail):
            _tell({"type": "fail", "reason": _readable(error), "retry": False})
        else:
            reason = traceback.format_exception_only(type(error), error)[-1].strip()
            _tell({"type": "fail", "reason": _readable(reason), "retry": True})
        sys.exit(1)


def _begin():
    """Reads what the attempt is given."""
    global _start, params, context, resumed, last_checkpoint
    with os.fdopen(os.dup(_IN), "r", encoding="utf-8") as file:
        file.seek(0)
        _start = json.load(file)
    params, context = _start["params"], Context(_start["context"])
    resumed = Resumed(_start["context"]["resume"]) if "resume" in _start["context"] else None
    last_checkpoint = _start["context"].get("checkpoint")


# ---- a warm interpreter: one process for a slot, which forks for each attempt -----------------------------------

_LINK = 7  # to the plugin; an attempt has no such descriptor


def _short(text):
    # One message to the plugin, which reads no more of it.
    data = text.encode()
    return data if len(data) <= 1000 else data[:990].decode("utf-8", "ignore").encode() + " …".encode()


def _untouchable(on):
    # So that no attempt, of the same user, looks into what the next one is forked from.
    try:
        import ctypes
        ctypes.CDLL(None).prctl(4, 0 if on else 1, 0, 0, 0)  # PR_SET_DUMPABLE
    except (ImportError, OSError, AttributeError):
        pass


def _serve(preload):
    """Answers "ready", then each request (a byte, with descriptors: what the attempt is given, one to wait for its
    go-ahead at, and its 3, 4 and 6) with its process id. Returns in a process that is an attempt, with its script."""
    import array
    import gc
    import importlib
    import socket
    import warnings
    empty = os.open(os.devnull, os.O_RDONLY)
    for number in (_IN, _OUT, _ANSWERS):  # what comes later takes none of these
        if number != empty:
            os.dup2(empty, number, inheritable=False)
    if empty not in (_IN, _OUT, _ANSWERS):
        os.close(empty)
    link = socket.socket(fileno=_LINK)
    _untouchable(True)
    for name in preload:
        try:
            importlib.import_module(name)
        except BaseException as error:
            link.sendall(_short(f"!preload: {name}: {type(error).__name__}: {_readable(error)}"))
            os._exit(1)
    warnings.filterwarnings("ignore", message=".*use of fork.*", category=DeprecationWarning)
    gc.collect()
    gc.freeze()
    link.sendall(b"ready")
    size = array.array("i").itemsize
    while True:
        asked, more, _, _ = link.recvmsg(1, socket.CMSG_SPACE(5 * size))
        if not asked:
            os._exit(0)  # the slot is gone
        fds = array.array("i")
        for _, _, data in more:
            fds.frombytes(data[:len(data) - len(data) % size])
        script = _fork(link, list(fds))
        if script:
            return script
        for fd in fds:
            os.close(fd)


def _fork(link, fds):
    # Twice: the process between ends at once, and the attempt becomes the slot's own child.
    reading, writing = os.pipe()
    try:
        between = os.fork()
    except OSError as error:
        os.close(reading), os.close(writing)
        link.sendall(f"!{error}".encode())
        return None
    if between == 0:
        try:
            attempt = os.fork()
        except OSError as error:
            os.write(writing, f"!{error}".encode())
            os._exit(1)
        if attempt != 0:
            os.setpgid(attempt, attempt)
            os.write(writing, str(attempt).encode())
            os._exit(0)
        link.close(), os.close(reading), os.close(writing)
        return _become(*fds)
    os.close(writing)
    os.waitpid(between, 0)
    link.sendall(os.read(reading, 1000) or b"!no process")
    os.close(reading)
    return None


def _become(given, go, *own):
    """Makes this process the attempt that it is for; its script."""
    if not os.read(go, 1):
        os._exit(0)  # nobody knows of this process
    os.close(go)
    _untouchable(False)
    with os.fdopen(given, "rb") as file:
        file.seek(0)
        folder, module, script, *variables = file.read().split(b"\0")
    os.environb.clear()
    os.environb.update(variable.split(b"=", 1) for variable in variables if variable)
    for fd, number in zip(own, (_IN, _OUT, _ANSWERS)):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(folder)
    import time
    time.tzset()
    here = os.path.dirname(os.fsdecode(module))
    sys.path[:0] = [here, here]
    globals()["__file__"] = os.fsdecode(module)
    numpy = sys.modules.get("numpy")
    if numpy is not None:  # as Python does with its own
        numpy.random.seed()
    return os.fsdecode(script)


if __name__ == "__main__":
    sys.modules["batuta"] = sys.modules["__main__"]  # the task's import finds what runs it
    _script = _serve(sys.argv[2:]) if sys.argv[1] == "--serve" else sys.argv[1]
    _begin()
    _run(_script)
else:
    _begin()
