#!/usr/bin/env python3
"""What a reviewer would say twice, said by a test: include rules, lengths, banned calls, dead links.

Usage: tidy_test.py SOURCE_FOLDER            exit 1 and one line per finding
       tidy_test.py --self-test              the rules themselves, on made-up files
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Room -> rooms it may include besides itself. Longest prefix wins. This is the table of
# docs/architecture.md; CMake's targets say the same, this catches headers taken by path.
CORE = {"common"}
STORE = CORE | {"scheduler/core", "scheduler/rights"}
ENGINE = STORE | {"scheduler/store"}
API = ENGINE | {"scheduler/engine", "scheduler/dagfile", "scheduler/http", "contract", "lakelog", "stores"}
ALLOWED = {
    "common": set(),
    "contract": {"common"},
    "monitor": {"common"},
    "lakelog": {"common"},
    "stores": {"common", "lakelog"},
    "stream": {"common"},
    "scheduler/core": CORE,
    "scheduler/rights": CORE,
    "scheduler/dagfile": CORE | {"scheduler/core", "contract", "monitor"},
    "scheduler/store": STORE,
    "scheduler/engine": ENGINE,
    "scheduler/workers": ENGINE | {"scheduler/engine"},
    "scheduler/outbox": ENGINE | {"scheduler/engine", "lakelog", "stores"},
    "scheduler/waits": ENGINE | {"scheduler/engine", "stream"},
    "scheduler/http": CORE | {"scheduler/core", "scheduler/rights", "scheduler/engine"},
    "scheduler/api": API | {"monitor", "stream"},
    "scheduler/oidc": ENGINE | {"scheduler/api"},
    "scheduler/demo": CORE | {"scheduler/http", "stream"},
    "scheduler/cli": API | {"scheduler/api", "scheduler/demo", "worker", "lakelog", "contract", "monitor", "stream"},
    "scheduler/serve": API | {"scheduler/api", "scheduler/oidc", "scheduler/workers", "scheduler/outbox", "scheduler/waits", "worker", "stream"},
    "scheduler/commands": API | {"scheduler/cli", "scheduler/serve", "scheduler/demo"},
    "scheduler": {"scheduler/commands", "scheduler/cli"},  # main.cc alone
    "worker": {"common", "plugins/sdk"},
    "plugins/sdk": {"common"},
    "plugins/lake": {"common", "lakelog", "stores", "plugins/sdk"},
    "plugins/lake/layer": {"common", "lakelog", "stores", "plugins/sdk", "plugins/lake"},
    "plugins/monitors": {"common", "lakelog", "monitor", "plugins/sdk", "plugins/lake", "plugins/lake/layer"},
    "plugins/builtin": {"common", "plugins/sdk", "plugins/outputs"},
    "plugins/outputs": {"common", "contract", "lakelog", "plugins/sdk", "plugins/lake", "plugins/lake/layer",
                        "plugins/models", "plugins/contract"},
    "plugins/simulators": {"common", "scheduler/demo", "stream", "plugins/sdk"},
    "plugins/sql": {"common", "plugins/sdk", "plugins/lake"},
    "plugins/postgres_publish": {"common", "lakelog", "plugins/sdk", "plugins/lake", "plugins/sql"},
    "plugins/contract": {"common", "contract", "lakelog", "stores", "stream", "plugins/sdk", "plugins/lake", "plugins/lake/layer", "plugins/sql"},
    "plugins/models": {"common", "contract", "lakelog", "plugins/sdk", "plugins/lake", "plugins/lake/layer", "plugins/contract"},
    "web": {"common"},
    "tests": None,
    "bench": None,
}
# scheduler/version.h is data, not a room.
EVERYWHERE = {"common/version.h"}

# What the pure core may take from common, and from outside: the standard library only.
CORE_COMMON = {"common/ids.h", "common/time.h", "common/uuid.h", "common/result.h",
               "common/message.h", "common/pattern.h", "common/suggest.h"}
HEAVY = re.compile(r"#include *<(boost/beast|nlohmann/json\.hpp|spdlog/|sqlite3\.h|CLI/|valijson/)")
BEAST_HOME = re.compile(r"scheduler/http/session|cmake/asio_beast\.cc|tests/")

BANNED = [
    # (pattern, where it is allowed, what to do instead)
    (re.compile(r"\bjson::parse\("), r"^(common/safe_json|tests/)", "parse_untrusted() of common/safe_json.h"),
    (re.compile(r"\.get<(int|unsigned|std::u?int\d+_t|long|size_t|std::size_t)>\("),
     r"^(common/(safe_json|message)|worker/slot_link|tests/)", "json_int() of common/safe_json.h: get<> wraps around"),
    (re.compile(r"\b(strcpy|strcat|sprintf|gets|strtok)\("), r"$^", "std::string, snprintf"),
    (re.compile(r"\bsystem\("), r"^tests/", "posix_spawn with an argument vector"),
    (re.compile(r"\bpopen\("), r"^tests/", "posix_spawn with an argument vector"),
    (re.compile(r"\brand\(\)"), r"$^", "random_bytes() of common/uuid.h, or a seeded generator"),
    (re.compile(r"\bdlopen\("), r"^(worker/plugin_|plugins/lake/|plugins/sql/|common/(curl_library|signature)\.cc|stream/kafka_library\.cc|tests/)",
     "plugins are opened by worker/plugin_host only, libcurl by common/curl_library, libcrypto by common/signature, librdkafka by stream/kafka_library"),
    (re.compile(r"\bCLI::(Range|Bound|(NonNegative|Positive)Number)\b"), r"^common/number_range",
     "whole_number() or any_number() of common/number_range.h, which say in words what a number may be"),
    (re.compile(r"\b(TODO|FIXME|XXX)\b"), r"$^", "finish it, or file it where issues are kept"),
    (re.compile(r"using namespace std;"), r"$^", "name what you use"),
]
# The core is pure: no clock, no thread, no output.
CORE_BANNED = re.compile(r"\b(read_clock|system_clock::now|steady_clock::now|std::thread|std::mutex|"
                         r"printf|std::cout|std::cerr|getenv|random_device)\b")

MAX_LINES = 500
MAX_COLUMNS = 130  # clang-format keeps 100; tables may be wider
LONG_BY_DESIGN: dict[str, str] = {}


def room_of(path: str) -> str | None:
    best = None
    for room in ALLOWED:
        if path.startswith(room + "/") and (best is None or len(room) > len(best)):
            best = room
    return best


def strip_comments(text: str) -> str:
    return re.sub(r"//[^\n]*", "", re.sub(r"/\*.*?\*/", "", text, flags=re.S))


def check_source(path: str, text: str) -> list[str]:
    found = []
    room = room_of(path)
    lines = text.split("\n")
    if len(lines) > MAX_LINES + 1 and path not in LONG_BY_DESIGN:
        found.append(f"{path}: {len(lines)} lines, the limit is {MAX_LINES}: split it")
    if path.endswith(".h") and "#pragma once" not in text and "#ifndef" not in text:
        found.append(f"{path}: no include guard")
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        if len(line) > MAX_COLUMNS and "http" not in line and 'R"' not in line:
            found.append(f"{where}: {len(line)} columns, the limit is {MAX_COLUMNS}")
        if path.endswith(".h") and HEAVY.search(line) and not path.startswith("tests/"):
            found.append(f"{where}: a heavy library in a header: keep it in source files")
        if "boost/beast" in line and "#include" in line and not BEAST_HOME.match(path):
            found.append(f"{where}: Beast belongs into scheduler/http/session*.cc")
        include = re.match(r'#include "([^"]+)"', line)
        if include and room:
            found += check_include(where, room, path, include.group(1))
    code = strip_comments(text)
    for pattern, allowed, instead in BANNED:
        source = text if "TODO" in pattern.pattern else code
        match = pattern.search(source)
        if match and not re.search(allowed, path) and not path.startswith("tests/tidy/"):
            found.append(f"{path}: {match.group(0)!r} is banned; use {instead}")
    if room == "scheduler" and path != "scheduler/main.cc":
        found.append(f"{path}: scheduler/ holds rooms, and no file but main.cc")
    if room == "scheduler/core":
        match = CORE_BANNED.search(code)
        if match:
            found.append(f"{path}: {match.group(0)!r} in the pure core")
    return found


def check_include(where: str, room: str, path: str, included: str) -> list[str]:
    target = room_of(included)
    if target is None:
        return [] if path.startswith("tests/") else [f'{where}: include "{included}" from the repository root']
    if room == "scheduler/core" and target == "common" and included not in CORE_COMMON:
        return [f"{where}: core may take only {', '.join(sorted(CORE_COMMON))} from common"]
    allowed = ALLOWED[room]
    if allowed is None or target == room or target in allowed:
        return []
    return [f"{where}: {room} may not include {target} ({included})"]


def check_docs(root: Path, files: list[str]) -> list[str]:
    found = []
    for name in files:
        if not name.endswith(".md"):
            continue
        text = (root / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            if not (root / name).parent.joinpath(target).exists():
                found.append(f"{name}: dead link to {target}")
    return found


FEATURES = "docs/features.md"
# The numbers that the page must have, in this order.
FEATURE_ROWS = [str(n) for n in range(1, 90)] + [f"D{n}" for n in range(1, 21)]
CASES = "tests/conformance/cases"


def check_features(root: Path) -> list[str]:
    """Each feature has a test that exists, or a reason why it has none."""
    found, numbers = [], []
    for line in (root / FEATURES).read_text(encoding="utf-8").split("\n"):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != 6 or not re.fullmatch(r"D?\d+[a-z]?", cells[0]):
            continue
        number, _, state, _, proof, missing = cells
        if number[-1].isdigit():  # D14a and its like stand beside what the page must have
            numbers.append(number)
        where = f"{FEATURES} row {number}"
        if state not in ("yes", "part", "no"):
            found.append(f"{where}: {state!r} is neither yes, part nor no")
        if state != "no" and "`" not in proof:
            found.append(f"{where}: no test shows it")
        if state != "yes" and not missing:
            found.append(f"{where}: what is missing, or why is it not there?")
        for named in re.findall(r"`([^`]+)`", proof):
            found += check_named_test(root, where, named)
    if numbers != FEATURE_ROWS:
        lacking = [number for number in FEATURE_ROWS if number not in numbers]
        found.append(f"{FEATURES}: rows are missing, doubled or out of order ({', '.join(lacking) or 'none missing'})")
    return found


def check_named_test(root: Path, where: str, named: str) -> list[str]:
    """`file`, `file: part of a test's name`, or a conformance case by its path without the ending."""
    path, _, name = named.partition(": ")
    if (root / path).is_file():
        text = (root / path).read_text(encoding="utf-8")
        # A long name may be written over several lines, in several literals.
        text = re.sub(r'"\s*\n\s*"', "", text).replace('\\"', '"')
        return [] if name in text else [f"{where}: no test {name!r} in {path}"]
    if (root / CASES / f"{path}.json").is_file() or (path.endswith("/") and (root / CASES / path).is_dir()):
        return []
    return [f"{where}: there is no test {path!r}"]


def files_of(root: Path) -> list[str]:
    try:
        out = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"],
                             capture_output=True, text=True, check=True).stdout
        return sorted(name for name in out.split("\n") if name and (root / name).is_file())
    except (OSError, subprocess.CalledProcessError):
        return sorted(str(p.relative_to(root)) for p in root.rglob("*")
                      if p.is_file() and not p.parts[len(root.parts)].startswith("build"))


def main(root: Path) -> int:
    files = files_of(root)
    found = []
    sources = [name for name in files if re.search(r"\.(cc|h)$", name)]
    for name in sources:
        found += check_source(name, (root / name).read_text(encoding="utf-8"))
    found += check_docs(root, files)
    found += check_features(root)
    for line in found:
        print(line)
    print(f"{len(sources)} sources, {len(found)} findings")
    if not sources:
        print("nothing was checked")
        return 1
    return 1 if found else 0


def self_test() -> int:
    cases = [
        ("scheduler/core/x.cc", '#include "scheduler/store/store.h"\n', "may not include"),
        ("scheduler/core/x.cc", '#include "common/log.h"\n', "core may take only"),
        ("scheduler/core/x.cc", "auto t = read_clock();\n", "pure core"),
        ("worker/x.cc", '#include "scheduler/core/dag.h"\n', "may not include"),
        ("common/x.h", "#pragma once\n#include <nlohmann/json.hpp>\n", "heavy library"),
        ("scheduler/engine/x.cc", "#include <boost/beast/http.hpp>\n", "Beast belongs"),
        ("lakelog/x.cc", "auto v = json::parse(text);\n", "banned"),
        ("scheduler/http/x.cc", "dlopen(path, 1);\n", "banned"),
        ("scheduler/cli/x.cc", "option->check(CLI::Range(1, 5));\n", "banned"),
        ("scheduler/http/x.cc", '#include "scheduler/api/routes.h"\n', "may not include"),
        ("scheduler/serve/x.cc", '#include "scheduler/commands/serving.h"\n', "may not include"),
        ("scheduler/server.cc", "int a;\n", "no file but main.cc"),
        ("common/x.cc", "int a;\n" * 501, "lines"),
        ("common/x.h", "int a;\n", "include guard"),
    ]
    failed = 0
    for path, text, expected in cases:
        found = check_source(path, text)
        if not any(expected in line for line in found):
            print(f"rule not caught: {expected!r} in {path}: {found}")
            failed += 1
    clean = check_source("scheduler/http/x.cc", '#include "scheduler/engine/engine.h"\nint a;\n')
    if clean:
        print(f"a clean file was refused: {clean}")
        failed += 1
    failed += features_self_test()
    print(f"{len(cases) + 2 - failed} passed, {failed} failed")
    return 1 if failed else 0


def features_self_test() -> int:
    rows = [f"| {n} | x | yes | | `tests/a_test.cc: it works` | |" for n in FEATURE_ROWS]
    wrong = {"1": ("| 1 | x | yes | | | |", "row 1: no test shows it"),
             "2": ("| 2 | x | part | | `tests/a_test.cc` | |", "row 2: what is missing"),
             "3": ("| 3 | x | yes | | `tests/a_test.cc: it fails` | |", "row 3: no test 'it fails'"),
             "4": ("| 4 | x | yes | | `rules/none` | |", "row 4: there is no test 'rules/none'"),
             "5": ("| 5 | x | so | | | y |", "row 5: 'so' is neither"),
             "6": ("| 6 | x | yes | | `tests/a_test.cc` | |\n| D6a | x | yes | | `tests/b_test.cc` | |",
                   "row D6a: there is no test 'tests/b_test.cc'"),
             "7": ("", "out of order (7)")}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in ((FEATURES, ""), ("tests/a_test.cc", 'TEST_CASE("it "\n   "works") {}')):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(text)
        (root / FEATURES).write_text("\n".join(rows))
        found = check_features(root)
        lines = dict(zip(FEATURE_ROWS, rows)) | {number: row for number, (row, _) in wrong.items()}
        (root / FEATURES).write_text("\n".join(lines.values()))
        noticed = check_features(root)
    for _, expected in wrong.values():
        if not any(expected in line for line in noticed):
            found.append(f"not noticed: {expected}")
    if found:
        print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
