// The C++ layer against the slot's real host, in one process.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "plugins/sdk/plugin.h"
#include "worker/attempt_host.h"
#include "worker/deferral.h"
#include "worker/plugin_folder.h"
#include "worker/plugin_host.h"
#include "worker/posix.h"
#include "worker/slot_link.h"

extern "C" int batuta_abi_layout_is_checked(void);

namespace batuta {
namespace {

using plugin::Context;

std::function<void(Context&)> body;

struct Probe {
  static constexpr auto name = "probe";
  static constexpr auto version = "1";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Runs the test's lambda";
  static constexpr batuta_param params[] = {
      plugin::optional(BATUTA_PARAM_STRING, "text", "", "\"from default\""),
      plugin::optional(BATUTA_PARAM_ANY, "any", "")};
  void execute(Context& context) { body(context); }
};

struct World {
  World() {
    char folder[] = "/tmp/batuta-sdk-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    root = folder;
    slot.scratch_root = root;
    slot.name = "slot";
    slot.page = &page;
    log.reset(::open((root + "/log").c_str(), O_RDWR | O_CREAT, 0600));
    slot.log_fd = log.get();
    launch.run_uuid = "0193a5c0-0000-7000-8000-000000000001";
    launch.dag_id = "dag";
    launch.task_id = "task";
    launch.key.fence = 9;
  }
  ~World() { remove_tree(root); }

  Finished run(std::function<void(Context&)> what) {
    body = std::move(what);
    static constexpr batuta_plugin table = plugin::describe<Probe>();
    const auto info = check_table(&table, {"probe", "probe.so", std::string(64, '0')});
    REQUIRE(info.ok());
    AttemptHost host{slot, 1, launch, info->params};
    return host.finish(table.execute(host.table()));
  }
  std::string logged() const {
    char text[4096];
    const ssize_t size = ::pread(log.get(), text, sizeof text, 0);
    return {text, static_cast<std::size_t>(size)};
  }

  std::string root;
  SlotPage page;
  SlotSurroundings slot;
  UniqueFd log;
  Launch launch;
};

TEST_CASE("the C layout is what built plugins expect") {
  CHECK(batuta_abi_layout_is_checked() == 1);
}

TEST_CASE("what only tidies up is left until the report is on its way, in its order") {
  World world;
  static std::string done;
  const Finished finished = world.run([](Context& c) {
    using AfterReport = void (*)(void (*)(void*), void*);
    const auto later =
        reinterpret_cast<AfterReport>(const_cast<void*>(c.extension("batuta.after_report")));
    REQUIRE((later != nullptr));
    static char names[] = "ab";
    for (char* name : {names, names + 1})
      later([](void* with) { done += *static_cast<char*>(with); }, name);
  });
  CHECK(finished.outcome == Outcome::success);
  CHECK(done.empty());
  do_after_report();
  for (int again = 0; again < 2; ++again, do_after_report()) CHECK(done == "ab");
}

TEST_CASE("parameters come with their types and defaults, or fail by name") {
  World world;
  world.launch.params_json =
      R"({"any":{"a":[1]},"n":5,"f":1.5,"b":true,"d":"90s","list":["x","y"],"null":null})";
  CHECK(world
            .run([](Context& c) {
              CHECK(c.text("text") == "from default");
              CHECK(c.json("any") == R"({"a":[1]})");
              CHECK(c.integer("n") == 5);
              CHECK(c.number("f", 0) == 1.5);
              CHECK(c.boolean("b", false));
              CHECK(c.duration("d", {}) == std::chrono::seconds(90));
              CHECK(c.duration("n", {}) == std::chrono::seconds(5));
              CHECK(c.texts("list") == std::vector<std::string>{"x", "y"});
              CHECK(c.texts("text") == std::vector<std::string>{"from default"});
              CHECK_FALSE(c.has("null"));
              CHECK_FALSE(c.has("absent"));
              CHECK(c.integer("absent", 7) == 7);
              CHECK_THROWS_AS((void)c.integer("f"), plugin::FinalError);
              CHECK_THROWS_AS((void)c.text("n"), plugin::FinalError);
              CHECK_THROWS_AS((void)c.text("absent"), plugin::FinalError);
              CHECK_THROWS_AS((void)c.boolean("n", true), plugin::FinalError);
            })
            .outcome == Outcome::success);
}

TEST_CASE("the attempt tells who and when it is, and has a scratch folder") {
  World world;
  world.launch.context_json =
      R"({"lake":"/lake","window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T01:00:00Z",
          "logical_date":null,"upstream":{"up":{"rows":3}}})";
  const Finished done = world.run([](Context& c) {
    CHECK(c.execution_id() == "0193a5c0-0000-7000-8000-000000000001");
    CHECK(c.dag_id() == "dag");
    CHECK(c.fence() == 9);
    CHECK(c.lake() == "/lake");
    CHECK(c.window().end - c.window().start == std::chrono::hours(1));
    CHECK_FALSE(c.logical_date());
    CHECK_THROWS_AS((void)c.data_interval(), plugin::FinalError);
    CHECK(c.upstream_json("up") == R"({"rows":3})");
    CHECK(c.upstream_json("other").empty());
    CHECK(std::filesystem::is_directory(c.scratch()));
  });
  REQUIRE(done.outcome == Outcome::success);
}

TEST_CASE("every attempt finds its scratch folder empty, whatever the last one did with it") {
  namespace fs = std::filesystem;
  World world;
  const auto leave = [&](const std::function<void(const std::string&)>& rubbish) {
    const Finished done = world.run([&](Context& c) {
      const fs::path folder = c.scratch();
      CHECK(fs::is_directory(fs::symlink_status(folder)));
      CHECK(fs::is_empty(folder));
      CHECK(fs::status(folder).permissions() == fs::perms::owner_all);
      rubbish(folder);
    });
    CHECK(done.outcome == Outcome::success);
  };
  leave([](const std::string&) {});
  leave([](const std::string& folder) { std::ofstream{folder + "/file"} << "left"; });
  leave([](const std::string& folder) { fs::create_directories(folder + "/a/b"); });
  leave([](const std::string& folder) { fs::permissions(folder, fs::perms::owner_read); });
  leave([](const std::string& folder) { fs::remove(folder); });
  leave([](const std::string& folder) {
    fs::remove(folder);
    fs::create_directory_symlink("/", folder);
  });
  leave([](const std::string&) {});
}

TEST_CASE("a connection is read whole, and only by its name") {
  World world;
  world.launch.secrets = {
      {"api",
       R"({"conn_type":"http","host":"h","port":81,"schema":"https","login":"me",
                  "password":"pw","extra":"{\"token\":\"t\"}"})",
       {"pw"}}};
  CHECK(world
            .run([](Context& c) {
              const auto api = c.connection("api");
              CHECK(api.base_url() == "https://h:81");
              CHECK(api.password == "pw");
              CHECK(api.extra("token") == "t");
              CHECK(api.extra("none").empty());
              CHECK_THROWS_AS((void)c.connection("other"), plugin::FinalError);
            })
            .outcome == Outcome::success);
  CHECK(world.launch.secrets[0].json.empty());  // wiped
}

TEST_CASE("base URLs are Airflow's") {
  plugin::Connection c;
  c.host = "example.org/";
  CHECK(c.base_url() == "http://example.org");
  c.host = "https://example.org";
  c.schema = "ignored";
  CHECK(c.base_url() == "https://example.org");
}

TEST_CASE("what is handed in arrives, and what is too much is refused") {
  World world;
  const Finished done = world.run([](Context& c) {
    c.return_json(R"({"rows":1})");
    c.records(12, Time{Duration{34}});
    c.branch({"a", "b"});
    c.report("quality", R"({"rule":"r"})");
    c.report("quality", R"({"rule":"s"})");
    CHECK_THROWS_AS(c.report("gossip", "{}"), plugin::FinalError);
    CHECK_THROWS_AS(c.report("quality", "[]"), plugin::FinalError);
    CHECK_THROWS_AS(c.report("quality", R"({"a":")" + std::string(1 << 20, 'x') + "\"}"),
                    plugin::FinalError);
    c.output(R"({"table":"gold/x","append":true,"read_version":4})");
    CHECK_THROWS_AS(c.output("[]"), plugin::FinalError);
  });
  CHECK(done.result_json == R"({"rows":1})");
  CHECK(done.records == 12);
  CHECK(done.watermark_us == 34);
  CHECK(done.branch == std::vector<std::string>{"a", "b"});
  CHECK(done.extra_json == R"({"quality":[{"rule":"r"},{"rule":"s"}]})");
  REQUIRE(done.outputs.size() == 1);
  CHECK(done.outputs[0].table == "gold/x");
  CHECK(done.outputs[0].append);
  CHECK(done.outputs[0].read_version == 4);
}

TEST_CASE("a return value that was refused fails the attempt, whatever its plugin makes of that") {
  World world;
  const Finished done = world.run([](Context& c) {
    c.return_json(R"({"rows":1})");
    CHECK_THROWS_AS(c.return_json("{"), plugin::FinalError);
  });
  CHECK(done.outcome == Outcome::failed_no_retry);
  CHECK(done.reason == "the return value was refused: it is not JSON");
  CHECK(done.result_json.empty());
}

TEST_CASE("files are listed as they were reported, and the list ends before its 65th KiB") {
  World world;
  const Finished few = world.run([](Context& c) {
    c.report("files", plugin::quoted("raw/\"a\".json"));
    c.report("files", R"("b.parquet")");
    CHECK_THROWS_AS(c.report("files", R"({"path":"c"})"), plugin::FinalError);
    CHECK_THROWS_AS(c.report("files", "b.parquet"), plugin::FinalError);
    throw plugin::RetryableError("files of a failed attempt are still there");
  });
  CHECK(few.files_json == R"(["raw/\"a\".json","b.parquet"])");
  CHECK(few.extra_json.empty());
  CHECK(world.run([](Context&) {}).files_json.empty());

  const Finished many = world.run([](Context& c) {
    for (int i = 0; i < 200; ++i) c.report("files", plugin::quoted(std::string(990, 'f')));
    c.report("files", R"("short")");  // would fit, and would make the list a wrong beginning
  });
  CHECK(many.outcome == Outcome::success);
  CHECK(many.files_json.size() <= 64 << 10);
  const auto list = parse_untrusted(many.files_json);
  REQUIRE(list.ok());
  CHECK(list->size() == (64 << 10) / 993);
  CHECK(list->back() == std::string(990, 'f'));
}

TEST_CASE("a failure keeps its kind and code, and takes outputs and watermark back") {
  World world;
  const Finished done = world.run([](Context& c) {
    c.output(R"({"table":"gold/x"})");
    c.records(1, Time{Duration{5}});
    c.report("quality", "{}");
    throw plugin::RetryableError("busy\nreally", 4);
  });
  CHECK(done.outcome == Outcome::failed);
  CHECK(done.reason == "busy really");
  CHECK(done.exit_code == 4);
  CHECK(done.outputs.empty());
  CHECK(done.watermark_us == 0);
  CHECK(done.extra_json == R"({"quality":[{}]})");
  CHECK(world.run([](Context&) { throw plugin::Skip("nothing"); }).outcome == Outcome::skipped);
  CHECK(world.run([](Context&) { throw plugin::FinalError("no"); }).outcome ==
        Outcome::failed_no_retry);
  CHECK(world.run([](Context&) { throw 1; }).outcome == Outcome::failed);
}

TEST_CASE("cancellation is seen, and sleeping ends with it") {
  World world;
  world.page.cancelled = 1;
  CHECK(world
            .run([](Context& c) {
              CHECK(c.cancelled());
              CHECK_FALSE(c.sleep(std::chrono::hours(1)));
              c.check_cancelled();
            })
            .reason == "cancelled");
}

TEST_CASE("log lines carry their level, and a line break starts a new line") {
  World world;
  world.run([](Context& c) {
    c.info("one\ntwo");
    c.error("three");
    c.progress(0.5);
    c.progress(0.501);
  });
  CHECK(world.logged() ==
        "\x1eIone\n\x1eItwo\n\x1e"
        "Ethree\n\x1eIprogress 50 %\n");
}

constexpr char wait_for_a_file[] = R"({"wait_for":{"file":"/in/x"},"timeout":"1h"})";

TEST_CASE("a task that defers leaves a wait and a payload, and finds the payload again") {
  World world;
  const Finished first = world.run([](Context& c) {
    CHECK_FALSE(c.resumed());
    c.defer(R"({"wait_for":{"delay":"1s"}})");
    c.defer(wait_for_a_file, R"({"job":7})");  // the last call counts
  });
  CHECK(first.outcome == Outcome::deferred);
  CHECK(first.wait_json == wait_for_a_file);
  CHECK(first.payload_json == R"({"job":7})");
  CHECK(first.reason.empty());

  world.launch.context_json =
      R"({"idempotency_key":"k1","resume":{"event":"timed_out","reason":"why","payload":{"job":7}}})";
  const Finished last = world.run([](Context& c) {
    const auto resumed = c.resumed();
    REQUIRE(resumed);
    CHECK(resumed->event == plugin::Resumed::Event::timed_out);
    CHECK(resumed->reason == "why");
    CHECK(resumed->payload_json == R"({"job":7})");
    CHECK(c.idempotency_key() == "k1");
    c.return_json("1");
  });
  CHECK(last.outcome == Outcome::success);
  CHECK(last.wait_json.empty());
}

TEST_CASE("a task that fails after it asked to be deferred has failed") {
  World world;
  const Finished done = world.run([](Context& c) {
    c.defer(wait_for_a_file, "1");
    throw plugin::RetryableError("after all");
  });
  CHECK(done.outcome == Outcome::failed);
  CHECK(done.wait_json.empty());
  CHECK(done.payload_json.empty());
}

TEST_CASE("what a deferral may not leave behind is refused, whatever the plugin makes of that") {
  World world;
  world.launch.secrets = {{"api", "{}", {"hunter2-long"}}};
  const auto refused = [&](const std::string& wait, const std::string& payload) {
    const Finished done =
        world.run([&](Context& c) { CHECK_THROWS_AS(c.defer(wait, payload), plugin::FinalError); });
    CHECK(done.outcome == Outcome::failed_no_retry);
    CHECK(done.wait_json.empty());
    world.launch.secrets = {{"api", "{}", {"hunter2-long"}}};  // each attempt wipes them
    return done.reason;
  };
  CHECK(refused(wait_for_a_file, "{").starts_with("defer: the payload is not JSON"));
  CHECK(refused("[]", "1") == "defer: the wait must be a JSON object");
  CHECK(refused(wait_for_a_file, "\"" + std::string(64 << 10, 'x') + "\"") ==
        "defer: the payload has 65538 bytes, and 65536 are the most");
  CHECK(refused(wait_for_a_file, R"({"token":"hunter2-long"})").find("holds a secret") !=
        std::string::npos);
  CHECK(refused(R"({"wait_for":{"http":{"url":"http://h/?key=hunter2-long"}}})", "1")
            .find("holds a secret") != std::string::npos);
  CHECK(refused(R"({"wait_for":{"sql":{"connection":"other","sql":"SELECT 1"}}})", "1") ==
        "defer: the wait names connection \"other\", which the task was not given: add it to its "
        "\"connections\"");
  CHECK(world
            .run([](Context& c) {
              c.defer(R"({"wait_for":{"http":{"connection":"api","url":"/"}}})", "1");
            })
            .outcome == Outcome::deferred);
}

TEST_CASE("what an end hands in is not dropped: a part that is deferred may hand in none of it") {
  World world;
  const auto reason = [&](std::function<void(Context&)> also) {
    const Finished done = world.run([&](Context& c) {
      c.defer(wait_for_a_file, "1");
      also(c);
    });
    CHECK(done.outcome == Outcome::failed_no_retry);
    return done.reason.substr(0, done.reason.find(':'));
  };
  CHECK(reason([](Context& c) { c.return_json("1"); }) ==
        "the plugin called defer() and handed in result()");
  CHECK(reason([](Context& c) { c.output(R"({"table":"gold/x"})"); }) ==
        "the plugin called defer() and handed in output()");
  CHECK(reason([](Context& c) { c.branch({"a"}); }) ==
        "the plugin called defer() and handed in branch()");
}

TEST_CASE(
    "a scheduler that is older than deferral is not told of any: the attempt fails and says so") {
  Finished report;
  report.outcome = Outcome::deferred;
  report.wait_json = wait_for_a_file;
  report.payload_json = "1";
  Finished told = report;
  judge_deferral({}, deferral_version, told);
  CHECK(told.outcome == Outcome::deferred);
  told = report;
  judge_deferral({}, deferral_version - 1, told);
  CHECK(told.outcome == Outcome::failed_no_retry);
  CHECK(told.reason.find("knows no deferral: update it") != std::string::npos);
  CHECK(told.wait_json.empty());
  told = report;
  told.payload_json = "{";  // written over by the plugin
  judge_deferral({}, deferral_version, told);
  CHECK(told.outcome == Outcome::failed_no_retry);
}

TEST_CASE("a host that is older than defer() serves all else, and says so when asked for it") {
  static constexpr batuta_plugin table = plugin::describe<Probe>();
  static std::string failed;
  batuta_host old{};
  old.struct_size = offsetof(batuta_host, defer);
  old.fail = [](void*, std::int32_t, const char* text, std::size_t length) {
    failed.assign(text, length);
  };
  body = [](Context&) {};
  CHECK(table.execute(&old) == 0);
  body = [](Context& c) { c.defer(wait_for_a_file, "1"); };
  CHECK(table.execute(&old) == 1);
  CHECK(failed == "the worker is older than this plugin needs: it cannot defer a task");
}

TEST_CASE("a host that is older than checkpoint() keeps none, and the plugin goes on") {
  static constexpr batuta_plugin table = plugin::describe<Probe>();
  batuta_host old{};
  old.struct_size = offsetof(batuta_host, checkpoint);
  old.fail = [](void*, std::int32_t, const char*, std::size_t) {};
  static bool kept = true;
  body = [](Context& c) { kept = c.checkpoint("1"); };
  CHECK(table.execute(&old) == 0);
  CHECK_FALSE(kept);
}

TEST_CASE("a checkpoint is JSON of 64 KiB at most, without a secret of the task") {
  Launch launch;
  launch.secrets = {{"api", "{}", {"s3cret!"}}};
  CHECK(check_checkpoint(launch, R"({"page":7})"));
  CHECK(check_checkpoint(launch, '"' + std::string(65'534, 'x') + '"'));
  const auto why = [&](const std::string& json) {
    return check_checkpoint(launch, json).error().message;
  };
  CHECK(why('"' + std::string(65'535, 'x') + '"').starts_with("checkpoint: it has 65537 bytes"));
  std::string numbers = "[0";
  for (int i = 0; i < 15'000; ++i) numbers += ",1e9";
  CHECK(why(numbers + "]").starts_with("checkpoint: it has 195003 bytes"));  // 1000000000.0
  CHECK(why("{").starts_with("checkpoint: it is not JSON"));
  CHECK(why(R"(["a s3cret!"])").starts_with("checkpoint: it holds a secret"));
}

TEST_CASE("a plugin built before defer() loads and runs") {
  const char* build = std::getenv("BATUTA_BUILD_DIR");
  REQUIRE(build != nullptr);
  const std::string folder = std::string{build} + "/tests/frozen_plugins";
  World world;
  PluginHost plugins(folder);
  REQUIRE(write_manifest(folder).ok());
  const auto manifest = read_manifest(folder);
  REQUIRE(manifest.ok());
  REQUIRE(manifest->files.size() == 1);
  const auto loaded = plugins.load(manifest->files[0]);
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  AttemptHost host{world.slot, 1, world.launch, (*loaded)->info.params};
  const Finished done = host.finish((*loaded)->table->execute(host.table()));
  CHECK(done.outcome == Outcome::success);
  CHECK(done.result_json == "\"as ever\"");
  CHECK(done.extra_json == R"({"quality":[{"rule":"old"}]})");
}

}  // namespace
}  // namespace batuta
