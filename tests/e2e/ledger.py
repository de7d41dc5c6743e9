"""A ledger of what really ran: attempts append to it, the checker compares it with the API."""
from pathlib import Path

# One line at the start of an attempt and one at its end, appended by the attempt itself in one write
# each (O_APPEND), stamped by the kernel's boot clock.
COMMAND = (
    "led={ledger}; now() {{ read t rest < /proc/uptime; echo $t; }}; "
    "printf 'start %s %s %s %s\\n' \"$BATUTA_RUN_ID\" \"$BATUTA_TASK_ID\" \"$BATUTA_TRY_NUMBER\" \"$(now)\" >> $led; "
    "sleep {seconds}; "
    "printf 'end %s %s %s %s\\n' \"$BATUTA_RUN_ID\" \"$BATUTA_TASK_ID\" \"$BATUTA_TRY_NUMBER\" \"$(now)\" >> $led")


def command(ledger: Path, seconds: float) -> str:
    return COMMAND.format(ledger=ledger, seconds=seconds)


def read(ledger: Path):
    """[(kind, run, task, try, time)] in the order of writing."""
    entries = []
    for line in ledger.read_text().splitlines():
        kind, run, task, number, at = line.split()
        entries.append((kind, run, task, int(number), float(at)))
    return entries


def check_no_overlap(entries):
    """Two attempts of one task never run at once: after a start nothing of the same task starts until
    that attempt has ended, or was killed. The lock that a killed attempt's process tree holds makes
    its successor wait, so a later `end` of an earlier attempt is the proof of an overlap."""
    current = {}
    for kind, run, task, number, at in entries:
        key = (run, task)
        if kind == "start":
            assert number >= current.get(key, (0, 0))[0], f"{key}: try {number} after {current[key]}"
            current[key] = (number, at)
        else:
            assert current.get(key, (None,))[0] == number, (
                f"{key}: try {number} ended at {at} although {current.get(key)} had started")


def check_successes(entries, succeeded):
    """Every (run, task, try) that the API calls a success wrote its end."""
    ended = {(run, task, number) for kind, run, task, number, _ in entries if kind == "end"}
    missing = [key for key in succeeded if key not in ended]
    assert not missing, f"{len(missing)} successes without their end on the ledger, such as {missing[:3]}"
