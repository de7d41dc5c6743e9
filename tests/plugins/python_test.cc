// The python plugin through its C table, with the machine's interpreter.
#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/plugins/fake_host.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct PythonRun {
  PythonRun() {
    char name[] = "/tmp/batuta-python-XXXXXX";
    folder = ::mkdtemp(name);
    host.context = {{"task_id", "load"}, {"scratch", folder + "/work"}};
  }
  ~PythonRun() { fs::remove_all(folder); }
  int operator()(const std::string& code) {
    host.parameters["code"] = code;
    return again();
  }
  int again() {
    fs::remove_all(folder + "/work");
    fs::create_directory(folder + "/work");
    host.result.clear();
    host.failure.clear();
    host.failure_kind = -1;
    host.lines.clear();
    return host.run("python");
  }
  bool logged(const std::string& text) const {
    return std::any_of(host.lines.begin(), host.lines.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }

  FakeHost host;
  std::string folder;
};

}  // namespace

TEST_CASE("Python code sees its params, its attempt, its connections and what comes before it") {
  PythonRun run;
  run.host.parameters["params"] = {{"tickers", {"PETR4", "VALE3"}}, {"none", nullptr}};
  run.host.context.update({{"dag_id", "quotes"},
                           {"run_id", "manual__1"},
                           {"try_number", 2},
                           {"map_index", 3},
                           {"logical_date", "2026-01-02T03:04:05Z"},
                           {"upstream", {{"list", {{"rows", 7}}}}},
                           {"connections", {"api"}}});
  run.host.secrets["api"] = R"({"password":"hunter22","port":443})";
  CHECK_MESSAGE(run(R"PY(
import batuta
c = batuta.context
batuta.result([batuta.params["tickers"], batuta.param("none", 5), c.dag_id, c.run_id, c.task_id, c.try_number,
               c.map_index, c.logical_date.isoformat(), batuta.xcom("list")["rows"], batuta.xcom("other"),
               batuta.connection("api")["port"]])
)PY") == 0,
                run.host.failure);
  CHECK(json::parse(run.host.result) ==
        json::parse(R"([["PETR4","VALE3"],5,"quotes","manual__1","load",2,3,
                        "2026-01-02T03:04:05+00:00",7,null,443])"));
  CHECK(run("import batuta; batuta.connection('other')") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(run.host.failure ==
        "the task does not name the connection \"other\": add it to its \"connections\"");
}

TEST_CASE("a Python task ends as its exception says, and its reason is the exception's") {
  PythonRun run;
  CHECK(run("pass") == 0);
  CHECK(run("import batuta; raise batuta.Skip('no news')") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_SKIPPED);
  CHECK(run.host.failure == "no news");
  CHECK(run("import batuta; raise batuta.Fail('wrong password')") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(run.host.failure == "wrong password");
  CHECK(run("def f():\n  return {}['ticker']\nf()") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(run.host.failure == "KeyError: 'ticker'");
  CHECK(run("x = = 1") != 0);
  CHECK(run.host.failure.starts_with("SyntaxError:"));
  CHECK(run("import sys; sys.exit(0)") == 0);
  CHECK(run("import sys; sys.exit(7)") != 0);
  CHECK(run.host.failure == "exit code 7");
  CHECK(run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)") != 0);
  CHECK(run.host.failure == "the interpreter ended by signal 9");
}

TEST_CASE("what a Python task tells is taken in, and a result nobody can keep fails it") {
  PythonRun run;
  CHECK(run(R"PY(
import batuta, logging, threading
batuta.log.info("%d rows", 3)
logging.getLogger("mine").warning("slow")
batuta.records(42)
batuta.quality(check="nulls", ok=True)
batuta.lineage(inputs=["a"], outputs=["b"])
batuta.progress(0.5)
for t in [threading.Thread(target=lambda: [batuta.log.info("line %d", i) for i in range(200)]) for _ in range(4)]:
    t.start()
)PY") == 0);
  CHECK(run.host.failure.empty());
  CHECK(run.logged("3 rows"));
  CHECK(run.logged("slow"));
  CHECK(run.logged("line 199"));
  CHECK(run.host.record_count == 42);
  CHECK(json::parse(run.host.reports["quality"].at(0)) == json{{"check", "nulls"}, {"ok", true}});
  CHECK(run.host.reports["lineage"].size() == 1);
  CHECK(run("import batuta; batuta.result('x' * 70000)") == 0);
  CHECK(run.host.result.size() == 70'002);
  CHECK(run("import batuta; batuta.result('x' * 70000); batuta.result(1)") == 0);
  CHECK(run.host.result == "1");
  CHECK(run("import batuta; batuta.result(1); batuta.result(['y'] * 70000)") == 0);
  CHECK(json::parse(run.host.result).size() == 70'000);
  CHECK(run("import batuta; batuta.result('x' * (64 << 20))") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(run.host.failure.starts_with("the result is too long: 67108866 bytes"));
  CHECK(run("import batuta; batuta.result(float('nan'))") != 0);
  CHECK(run.host.failure.starts_with("ValueError:"));
  CHECK(run("import batuta; batuta.result({'é': '{{ x }}'})") == 0);
  CHECK(run.host.result == R"({"é":"{{ x }}"})");
}

TEST_CASE("a Python task leaves checkpoints, knows which are durable, and finds the last one") {
  PythonRun run;
  CHECK(
      run("import batuta; assert batuta.last_checkpoint is None; "
          "assert batuta.checkpoint({'page': 7}) is True; assert batuta.checkpoint('é') is True") ==
      0);
  CHECK(run.host.failure.empty());
  CHECK(run.host.checkpoints == std::vector<std::string>{R"({"page":7})", "\"é\""});
  run.host.checkpoint_answer = 1;
  CHECK(run("import batuta; assert batuta.checkpoint(1) is False") == 0);
  run.host.checkpoint_answer = -1;
  CHECK(run("import batuta; batuta.checkpoint(1)") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(run("import batuta; batuta.checkpoint('x' * 70000)") != 0);
  CHECK(run.host.failure.starts_with("ValueError: the checkpoint is too long: 70002 bytes"));
  // Python writes both keys, and who reads would have to drop one: an answer comes all the same.
  CHECK(run("import batuta; batuta.checkpoint({1: 'a', '1': 'b'})") != 0);
  CHECK(run.host.failure.find("refused the checkpoint") != std::string::npos);
  CHECK(std::any_of(run.host.lines.begin(), run.host.lines.end(), [](const std::string& line) {
    return line.find("checkpoint: it is not JSON that can be kept") != std::string::npos;
  }));
  run.host.context["checkpoint"] = {{"page", 7}};
  CHECK(run("import batuta; assert batuta.last_checkpoint == {'page': 7}") == 0);
}

TEST_CASE(
    "half a surrogate pair is no text: a value with one is refused, and a log line shows it") {
  PythonRun run;
  CHECK(run("import batuta; batuta.result({'name': 'a\\udcff'})") != 0);
  CHECK(run.host.failure.starts_with("ValueError: the result holds '\\udcff', which is no text"));
  CHECK(run.host.result.empty());
  CHECK(run("import batuta; batuta.checkpoint('\\ud800')") != 0);
  CHECK(run.host.failure.starts_with("ValueError: the checkpoint holds '\\ud800'"));
  CHECK(run("import batuta; batuta.asset('s3://a/\\udcff')") != 0);
  CHECK(run("import batuta; batuta.log.info('read %s', 'a\\udcff')") == 0);
  CHECK(run.logged("read a\\udcff"));
  CHECK(run("raise ValueError('no \\udcff')") != 0);
  CHECK(run.host.failure == "ValueError: no \\udcff");
}

TEST_CASE("a warm attempt is a process of its own, forked from one that has seen no attempt") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // as a slot is
  PythonRun run;
  run.host.keeps_processes = true;
  run.host.parameters["warm"] = true;
  run.host.parameters["env"] = {{"STAGE", "s3cret"}};
  run.host.parameters["params"] = {{"n", 1}};
  CHECK_MESSAGE(run(R"PY(
import batuta, os, resource, sys, logging
assert os.getpgid(0) == os.getpid() and os.environ["STAGE"] == "s3cret" and os.environ["BATUTA_TASK_ID"] == "load"
assert sys.argv == [__file__] and os.path.exists(__file__) and os.path.exists(batuta.__file__)
os.environ["LEFT"] = batuta.left = sys.modules["left"] = "behind"
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
os.chdir("/")
batuta.result([os.getpid(), os.getppid(), sorted(os.listdir("/proc/self/fd"))[:7]])
)PY") == 0,
                run.host.failure);
  const json first = json::parse(run.host.result);
  CHECK(first[1] == ::getpid());
  REQUIRE(FakeHost::kept_processes().size() == 1);
  const std::int64_t warm = FakeHost::kept_processes()[0];
  CHECK(first[0] != warm);
  run.host.parameters["params"] = {{"n", 2}};
  run.host.parameters["env"] = {{"DAY", "2"}};
  CHECK_MESSAGE(run(R"PY(
import batuta, os, resource, sys
assert batuta.params == {"n": 2} and "STAGE" not in os.environ and os.environ["DAY"] == "2"
assert "LEFT" not in os.environ and not hasattr(batuta, "left") and "left" not in sys.modules
assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] != 64
assert os.getcwd() == batuta.context.scratch
assert len([p for p in sys.path if p.endswith("/.batuta")]) == 3, sys.path
print("said")
assert batuta.checkpoint({"page": 1})
batuta.result(os.getpid())
)PY") == 0,
                run.host.failure);
  CHECK(json::parse(run.host.result) != first[0]);
  CHECK(run.host.checkpoints.size() == 1);
  CHECK(FakeHost::kept_processes() == std::vector<std::int64_t>{warm});
  std::ifstream variables("/proc/" + std::to_string(warm) + "/environ");
  const std::string seen{std::istreambuf_iterator<char>(variables), {}};
  CHECK(seen.find("STAGE") == std::string::npos);

  CHECK(run("import batuta; raise batuta.Skip('no news')") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_SKIPPED);
  CHECK(run("def f():\n  return {}['ticker']\nf()") != 0);
  CHECK(run.host.failure == "KeyError: 'ticker'");
  CHECK(run("import sys; sys.exit(7)") != 0);
  CHECK(run.host.failure == "exit code 7");
  CHECK(run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)") != 0);
  CHECK(run.host.failure == "the interpreter ended by signal 9");
  // No attempt can look into what the next one is forked from, unless it may look everywhere.
  CHECK((::geteuid() == 0 || ::access(("/proc/" + std::to_string(warm) + "/mem").c_str(), R_OK)));

  // One that an attempt has stopped is ended and another takes its place.
  ::kill(static_cast<pid_t>(warm), SIGSTOP);
  CHECK(run("pass") == 0);
  REQUIRE(FakeHost::kept_processes().size() == 1);
  const std::int64_t second = FakeHost::kept_processes()[0];
  REQUIRE(second != warm);
  int status = 0;
  CHECK(::waitpid(static_cast<pid_t>(warm), &status, 0) == warm);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));

  ::kill(static_cast<pid_t>(second), SIGKILL);
  ::waitpid(static_cast<pid_t>(second), nullptr, 0);
  CHECK(run("pass") == 0);
  CHECK(FakeHost::kept_processes().size() == 1);
  CHECK(FakeHost::kept_processes()[0] != second);
  run.host.keeps_processes = false;  // a worker of an older version
  CHECK(run("import os, batuta; batuta.result(os.getpgid(0) == os.getpid())") == 0);
}

TEST_CASE("where the worker says so, what says nothing is forked from a warm interpreter") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  PythonRun run;
  run.host.keeps_processes = true;
  run.host.parameters["env"] = {{"PYTHONHASHSEED", "7"}};  // of no other test
  const auto before = FakeHost::kept_processes();
  CHECK(run("pass") == 0);
  CHECK(FakeHost::kept_processes() == before);
  ::setenv("BATUTA_WARM_PYTHON", "1", 1);
  CHECK(run("pass") == 0);
  const auto warm = FakeHost::kept_processes();
  CHECK(warm != before);
  run.host.parameters["env"] = {{"PYTHONHASHSEED", "8"}};
  run.host.parameters["warm"] = false;  // a task may still say otherwise
  CHECK(run("pass") == 0);
  ::unsetenv("BATUTA_WARM_PYTHON");
  CHECK(FakeHost::kept_processes() == warm);
}

TEST_CASE("a warm interpreter has imported what it was told to, and two at most stay") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  PythonRun run;
  run.host.keeps_processes = true;
  run.host.parameters["warm"] = true;
  for (const char* name : {"fractions", "calendar", "colorsys"}) {
    run.host.parameters["preload"] = {name};
    CHECK_MESSAGE(run(std::string("import sys; assert '") + name + "' in sys.modules") == 0,
                  run.host.failure);
    CHECK(FakeHost::kept_processes().size() <= 2);
  }
  run.host.parameters["preload"] = {"calendar"};
  const auto kept = FakeHost::kept_processes();
  CHECK(run("pass") == 0);
  CHECK(std::is_permutation(kept.begin(), kept.end(), FakeHost::kept_processes().begin()));
  run.host.parameters["preload"] = {"no_such_module"};
  CHECK(run("pass") != 0);
  CHECK(run.host.failure ==
        "preload: no_such_module: ModuleNotFoundError: No module named 'no_such_module'");
  CHECK(run.host.failure_kind == BATUTA_FAIL_RETRYABLE);
}

TEST_CASE("what a warm interpreter started before it died runs nothing once another is asked") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  PythonRun run;
  run.host.parameters["env"] = {{"PYTHONUSERBASE", run.folder + "/base"}};
  REQUIRE(run("import batuta, site; batuta.result(site.getusersitepackages())") == 0);
  const std::string site = json::parse(run.host.result);
  fs::create_directories(site);
  std::ofstream(site + "/dies_at_the_second.py") << R"PY(
import os, sys
warm, asked = sys.modules["batuta"], []
fork = warm._fork
def _fork(link, fds):
    asked.append(1)
    if len(asked) != 2:
        return fork(link, fds)
    if os.fork() == 0:
        link.close()
        if os.read(fds[1], 1):
            open(os.environ["PYTHONUSERBASE"] + "/ran", "w").close()
    os._exit(0)
warm._fork = _fork
)PY";
  run.host.keeps_processes = true;
  run.host.parameters["warm"] = true;
  run.host.parameters["preload"] = {"dies_at_the_second"};
  CHECK_MESSAGE(run("pass") == 0, run.host.failure);
  CHECK_MESSAGE(run("import batuta; batuta.result(7)") == 0, run.host.failure);
  CHECK(run.host.result == "7");
  CHECK_FALSE(fs::exists(run.folder + "/base/ran"));
}

TEST_CASE("no script becomes a module of the warm interpreter, whatever its task is called") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  PythonRun run;
  run.host.keeps_processes = true;
  run.host.parameters["warm"] = true;
  run.host.parameters["env"] = {
      {"PYTHONHASHSEED", "7"}};  // so that it has an interpreter of its own
  run.host.context["task_id"] = "colorsys";
  run.host.parameters["preload"] = {"colorsys"};
  CHECK_MESSAGE(run("import sys; assert hasattr(sys.modules['colorsys'], 'rgb_to_hsv')") == 0,
                run.host.failure);
  run.host.parameters["preload"] = json::array();
  run.host.context["task_id"] = "logging";  // of those that the interpreter itself begins with
  CHECK_MESSAGE(run("import sys; assert hasattr(sys.modules['logging'], 'Handler')") == 0,
                run.host.failure);
}

TEST_CASE("a long reason why a module cannot be imported is cut between characters, and says so") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  PythonRun run;
  run.host.keeps_processes = true;
  run.host.parameters["warm"] = true;
  std::string name;
  for (int i = 0; i < 300; ++i) name += "€";
  run.host.parameters["preload"] = {name};
  CHECK(run("pass") != 0);
  CHECK(run.host.failure.ends_with("named '€€€€€€€€€€€€€ …"));
}

TEST_CASE("a message nobody understands fails the attempt, and says which") {
  PythonRun run;
  CHECK(run("import os; os.write(4, b'{\"type\":\"publish\"}\\n')") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(run.host.failure.find("unknown type \"publish\"") != std::string::npos);
  CHECK(run("import os; os.write(4, b'nonsense\\n')") != 0);
  CHECK(run.host.failure.find("not a JSON object: nonsense") != std::string::npos);
  CHECK(run("import os; os.write(4, b'{\"type\":\"records\"}')") != 0);
  CHECK(run.host.failure.find("a field is missing") != std::string::npos);
  CHECK(run("import os\nfor _ in range(40): os.write(4, b'x' * 60000)") != 0);
  CHECK(run.host.failure.find("over 1048576 bytes") != std::string::npos);
}

TEST_CASE("a cancelled Python task is asked to end, and may tidy up") {
  PythonRun run;
  run.host.stop = true;
  CHECK(run(R"PY(
import batuta, signal, sys, time
def stop(*_):
    batuta.log.info("tidied up")
    sys.exit(3)
signal.signal(signal.SIGTERM, stop)
open("ready", "w").close()
for _ in range(600):
    time.sleep(0.1)
)PY") != 0);
  CHECK((run.host.failure == "exit code 3" ||
         run.host.failure == "the interpreter ended by signal 15"));
}

TEST_CASE(
    "a file of the worker's machine runs with its neighbours, and one that is not there is named") {
  PythonRun run;
  std::ofstream(run.folder + "/helper.py") << "answer = 42\n";
  std::ofstream(run.folder + "/main.py") << "import batuta, helper\nbatuta.result(helper.answer)\n";
  run.host.parameters["file"] = run.folder + "/main.py";
  CHECK_MESSAGE(run.again() == 0, run.host.failure);
  CHECK(run.host.result == "42");
  run.host.parameters["file"] = run.folder + "/other.py";
  CHECK(run.again() != 0);
  CHECK(run.host.failure.find("/other.py: No such file") != std::string::npos);
  run.host.parameters["file"] = "main.py";
  CHECK(run.again() != 0);
  CHECK(run.host.failure.find("not an absolute path") != std::string::npos);
}

TEST_CASE("an interpreter that is not there is named with where it was looked for") {
  PythonRun run;
  run.host.parameters["python"] = "python9";
  CHECK(run("pass") != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(run.host.failure.find("there is no python9 in the worker's PATH (/") != std::string::npos);
  run.host.parameters["python"] = "/nowhere/python3";
  CHECK(run("pass") != 0);
  CHECK(run.host.failure.find("/nowhere/python3: No such file") != std::string::npos);
}

TEST_CASE("an interpreter named by its path has the packages of its own prefix") {
  PythonRun run;
  const std::string prefix = run.folder + "/own";
  fs::create_directories(prefix + "/bin");
  fs::create_symlink(fs::canonical("/usr/bin/python3"), prefix + "/bin/python3");
  std::ofstream(prefix + "/pyvenv.cfg") << "home = /usr/bin\n";
  run.host.parameters["python"] = prefix + "/bin/python3";
  REQUIRE_MESSAGE(run("import batuta, sys; batuta.result([sys.prefix, sys.executable])") == 0,
                  run.host.failure);
  CHECK(json::parse(run.host.result) == json::array({prefix, prefix + "/bin/python3"}));
}

TEST_CASE(
    "a virtual environment is made once, used again, and made anew when it was left half done") {
  PythonRun run;
  ::setenv("BATUTA_VENV_FOLDER", (run.folder + "/venvs").c_str(), 1);
  run.host.parameters["python"] = "/usr/bin/python3";
  // A wheel is a zip file with two files of metadata; no network is asked for it.
  const std::string wheel = run.folder + "/batutademo-1.0-py3-none-any.whl";
  run.host.parameters["params"] = {{"wheel", wheel}};
  REQUIRE_MESSAGE(run(R"PY(
import batuta, zipfile
with zipfile.ZipFile(batuta.params["wheel"], "w") as wheel:
    wheel.writestr("batutademo.py", "answer = 41\n")
    wheel.writestr("batutademo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: batutademo\nVersion: 1.0\n")
    wheel.writestr("batutademo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n"
                   "Generator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("batutademo-1.0.dist-info/RECORD", "")
)PY") == 0,
                  run.host.failure);
  run.host.parameters["requirements"] = {wheel};
  const std::string code = "import batuta, batutademo; batuta.result(batutademo.answer)";
  REQUIRE_MESSAGE(run(code) == 0, run.host.failure);
  CHECK(run.host.result == "41");
  CHECK(run.logged("making a virtual environment"));
  CHECK(run(code) == 0);
  CHECK_FALSE(run.logged("making a virtual environment"));
  // The interpreter behind the same name is another one now.
  fs::create_symlink(fs::canonical("/usr/bin/python3"), run.folder + "/python3");
  run.host.parameters["python"] = run.folder + "/python3";
  CHECK(run(code) == 0);
  CHECK(run.logged("making a virtual environment"));
  std::ofstream(run.folder + "/newer") << "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n";
  fs::permissions(run.folder + "/newer", fs::perms::owner_all);
  fs::remove(run.folder + "/python3");
  fs::create_symlink(run.folder + "/newer", run.folder + "/python3");
  run(code);  // whatever a wrapper makes of it
  CHECK(run.logged("making a virtual environment"));
  run.host.parameters["python"] = "/usr/bin/python3";
  for (const auto& entry : fs::directory_iterator(run.folder + "/venvs")) {
    if (entry.is_directory()) fs::remove(entry.path() / ".complete");
  }
  CHECK(run(code) == 0);
  CHECK(run.logged("making a virtual environment"));
  run.host.parameters["requirements"] = {run.folder + "/missing.whl"};
  CHECK(run(code) != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(run.host.failure.find("pip failed with exit code") != std::string::npos);
  run.host.parameters["requirements"] = {"--index-url=http://elsewhere"};
  CHECK(run(code) != 0);
  CHECK(run.host.failure_kind == BATUTA_FAIL_FINAL);
  ::unsetenv("BATUTA_VENV_FOLDER");
}

}  // namespace batuta
