"""kill -9 of a server's processes at random moments."""
import os
import random
import signal
import time

from harness import eventually

# ./dev test long sets it: the rounds of each pipeline's storm.
ROUNDS = int(os.environ.get("BATUTA_STORM", "0"))


def generator():
    """Told, so that a storm that found something can be had again."""
    seed = int(os.environ.get("BATUTA_SEED", random.randrange(2**32)))
    print(f"seed {seed}", flush=True)
    return random.Random(seed)


def victim(server, rng):
    """(what, pid): a slot or the agent mostly, the scheduler itself now and then."""
    kind = rng.choices(["slot", "agent", "scheduler"], [6, 3, 2])[0]
    if kind == "scheduler":
        return kind, server.process.pid
    # A slot is the child that looks at an agent's plugins, too: it is started again.
    pids = server.pids(kind)
    return (kind, rng.choice(pids)) if pids else (kind, None)


def kill_many(server, rng, kills, longest_pause=0.3, over=lambda: False):
    """{what: how many} were killed, until there were so many or it is over. The scheduler is started again each time."""
    killed = {"slot": 0, "agent": 0, "scheduler": 0}
    while sum(killed.values()) < kills and not over():
        time.sleep(rng.uniform(0.01, longest_pause))
        kind, pid = victim(server, rng)
        if pid is None:
            continue
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        killed[kind] += 1
        if kind == "scheduler":
            server.process.wait()
            server.start(wait=False)
            eventually(server.read_endpoint, 30, "the scheduler is back")
    return killed
