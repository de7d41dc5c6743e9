"""When files appear in folders, to some tens of microseconds: by inotify. A file's own times are those of the kernel's last
tick, which is up to 4 ms before."""
import ctypes
import os
import struct
import threading
import time
from pathlib import Path

CLOSED_AFTER_WRITING, CREATED = 0x8, 0x100
EVENT = struct.Struct("iIII")


class Moments:
    """Watches folders from now on: `closed` and `created` are {path: time.monotonic()} of the latest of each name."""

    def __init__(self, folders):
        libc = ctypes.CDLL(None, use_errno=True)
        self.closed, self.created, self.folders = {}, {}, {}
        self.queue = libc.inotify_init1(os.O_CLOEXEC)
        for folder in folders:
            watch = libc.inotify_add_watch(self.queue, os.fsencode(folder), CLOSED_AFTER_WRITING | CREATED)
            if watch < 0:
                raise OSError(ctypes.get_errno(), f"{folder} cannot be watched")
            self.folders[watch] = Path(folder)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            try:
                events, now, at = os.read(self.queue, 64 << 10), time.monotonic(), 0
            except OSError:
                return
            while at < len(events):
                watch, mask, _, length = EVENT.unpack_from(events, at)
                at += EVENT.size + length
                name = events[at - length:at].rstrip(b"\0").decode()
                if watch not in self.folders:
                    continue
                (self.closed if mask & CLOSED_AFTER_WRITING else self.created)[self.folders[watch] / name] = now


def durable_steps(folder: Path):
    """Seconds that a publication's own syncs take one after another with nothing between them: the file, its folder, the
    scheduler's commit, the log entry under a name nobody reads; then it is linked."""
    folder.mkdir(exist_ok=True)
    names = [folder / name for name in ("rows", "journal", "entry", "version")]
    descriptors = [os.open(folder, os.O_RDONLY)]
    try:
        begun = None
        for name, size in zip(names, (2600, 60000, 1800)):
            descriptors.append(os.open(name, os.O_WRONLY | os.O_CREAT))
            os.write(descriptors[-1], os.urandom(size))
            begun = begun or time.monotonic()
            os.fsync(descriptors[-1])
            if name == names[0]:
                os.fsync(descriptors[0])
        os.link(names[2], names[3])
        taken = time.monotonic() - begun
        os.unlink(names[2])
        os.unlink(names[3])
        return taken
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
