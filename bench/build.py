"""`./dev bench build`: what compiling `batuta` and `plugins` costs of the processor, by room: each unit once, as the build
does it but without its cache. Linking, the page (about 12 s with its packages) and the configuration (2 s) come on top."""
import argparse
import collections
import json
import re
import resource
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path


def compile_seconds(command, folder):
    """Of the processor, user and kernel, for one command line that writes nothing but its object."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}:\n{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def without_cache(command):
    """From the compiler on: what stands before it is ccache and what it needs."""
    words = shlex.split(command)
    return words[next(i for i, word in enumerate(words) if Path(word).name in ("c++", "cc", "g++", "gcc")):]


def main():
    parser = argparse.ArgumentParser(prog="./dev bench build", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help=argparse.SUPPRESS)
    parser.add_argument("--room", nargs="+", default=[], metavar="NAME", help="of the rooms, some only, such as batuta_api")
    options = parser.parse_args()
    build = options.build.resolve()
    wanted = set(subprocess.run(["ninja", "-C", build, "-t", "inputs", "batuta", "plugins"], capture_output=True, text=True,
                                check=True).stdout.split())
    rooms = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        for entry in json.loads((build / "compile_commands.json").read_text()):
            words = without_cache(entry["command"])
            at = words.index("-o") + 1
            room = re.search(r"CMakeFiles/([^/]+)\.dir/", words[at]).group(1)
            if words[at] not in wanted or (options.room and room not in options.room):
                continue
            for flag in [flag for flag in words if flag in ("-MD", "-MMD")]:
                words.remove(flag)
            words[at] = str(Path(scratch) / ("made.gch" if words[at].endswith(".gch") else "made.o"))
            rooms[room].append(compile_seconds(words, entry["directory"]))
    for room, taken in sorted(rooms.items(), key=lambda each: -sum(each[1])):
        print(f"{room:<32} {sum(taken):7.1f} s  {len(taken):3} units")
    total = sum(map(sum, rooms.values()))
    print(f"{'all':<32} {total:7.1f} s  {total / 60:.2f} minutes of the processor")


if __name__ == "__main__":
    main()
