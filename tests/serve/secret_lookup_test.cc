#include "scheduler/serve/secret_lookup.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>

#include "tests/serve/serve_fixture.h"

using namespace batuta;
using namespace std::chrono_literals;

namespace {

SecretReference env(const char* name) {
  return {SecretReference::Kind::env, {name}};
}

struct Looked {
  Folder folder;
  SecretSources sources{{"BATUTA_TEST_SECRET"}, {folder.path("in")}, {"/bin/sh"}};

  // The value, or "!" and why there is none.
  std::string of(SecretReference::Kind kind, std::vector<std::string> words,
                 Duration limit = 10s) const {
    const auto value = look_up_secret({kind, std::move(words)}, sources, limit, {});
    return value ? *value : "!" + value.error().message;
  }
  std::string file(const std::string& name) const {
    return of(SecretReference::Kind::file, {folder.path("in/" + name)});
  }
  std::string shell(const std::string& script, Duration limit = 10s) const {
    return of(SecretReference::Kind::command, {"/bin/sh", "-c", script}, limit);
  }
};

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Looked, "a secret is what a variable or a file has, without the line's end") {
  ::setenv("BATUTA_TEST_SECRET", "s3cret", 1);
  CHECK(of(SecretReference::Kind::env, {"BATUTA_TEST_SECRET"}) == "s3cret");
  ::unsetenv("BATUTA_TEST_SECRET");
  CHECK(has(of(SecretReference::Kind::env, {"BATUTA_TEST_SECRET"}), "has no variable"));
  CHECK(has(of(SecretReference::Kind::env, {"HOME"}), "\"secrets.env\""));

  folder.write("in/a", "s3cret \r\n");
  CHECK(file("a") == "s3cret ");
  folder.write("in/empty", "\n");
  CHECK(has(file("empty"), "is empty"));
  folder.write("in/binary", std::string("a\0b", 3));
  CHECK(has(file("binary"), "is no text"));
  folder.write("in/full", std::string(max_secret_bytes, 'x') + "\n");
  CHECK(file("full").size() == max_secret_bytes);
  folder.write("in/large", std::string(max_secret_bytes + 1, 'x'));
  CHECK(has(file("large"), "more than 64 KiB"));
  CHECK(has(file("missing"), "No such file"));
  std::filesystem::create_directories(folder.path("in/sub"));
  CHECK(has(file("sub"), "no regular file"));
  REQUIRE(::mkfifo(folder.path("in/pipe").c_str(), 0600) == 0);
  CHECK(has(file("pipe"), "no regular file"));
}

TEST_CASE_FIXTURE(Looked, "a link may lead within its folder, and not out of it") {
  folder.write("in/data/a", "inside");
  folder.write("out", "outside");
  std::filesystem::create_symlink(folder.path("in/data/a"), folder.path("in/here"));
  std::filesystem::create_symlink(folder.path("out"), folder.path("in/there"));
  CHECK(file("here") == "inside");
  CHECK(has(file("there"), "leads out of the folders of \"secrets.folders\""));
}

TEST_CASE_FIXTURE(Looked, "a program's output is the secret, and no error tells what it printed") {
  CHECK(shell("echo s3cret") == "s3cret");
  ::setenv("BATUTA_TEST_SECRET", "x", 1);  // nothing of ours goes to it
  CHECK(shell("test -z \"$BATUTA_TEST_SECRET$(cat)\" && echo nothing") == "nothing");
  ::unsetenv("BATUTA_TEST_SECRET");
  const std::string failed = shell("echo s3cret; echo s3cret >&2; exit 3");
  CHECK(has(failed, "ended with exit code 3"));
  CHECK_FALSE(has(failed, "s3cret"));
  CHECK(has(shell("kill -9 $$"), "ended by signal 9"));
  CHECK(has(shell("true"), "is empty"));
  CHECK(has(of(SecretReference::Kind::command, {"/bin/cat"}), "\"secrets.programs\""));
  CHECK(has(shell("exec cat /dev/zero"), "printed more than 64 KiB"));
  CHECK(has(shell("exec tail -f /dev/null", 100ms), "took longer than"));
  // Whoever closes its output and goes on is waited for no longer than that.
  CHECK(has(shell("exec tail -f /dev/null >/dev/null", 100ms), "took longer than"));
}

TEST_CASE("a look-up never blocks who asks, is done once, and is known for a minute") {
  std::promise<void> go;
  std::atomic<int> looks{0};
  std::atomic<std::int64_t> seconds{0};
  SecretLookup::Options options;
  options.now = [&] { return SecretLookup::Clock::time_point(std::chrono::seconds(seconds)); };
  options.look = [&, wait = go.get_future().share()](const SecretReference& one) {
    wait.wait();
    ++looks;
    return one.words[0] == "BAD" ? Result<std::string>(Errc::unavailable, "bad")
                                 : Result<std::string>("value " + std::to_string(looks));
  };
  SecretLookup lookup({{"A", "BAD"}, {}, {}}, options);
  CHECK_FALSE(lookup.find(env("A")));
  CHECK_FALSE(lookup.find(env("A")));
  go.set_value();
  CHECK(*lookup.wait(env("A"), 10s) == "value 1");
  CHECK(**lookup.find(env("A")) == "value 1");
  seconds = 59;
  CHECK(**lookup.find(env("A")) == "value 1");
  seconds = 60;
  CHECK_FALSE(lookup.find(env("A")));
  CHECK(*lookup.wait(env("A"), 10s) == "value 2");
  CHECK(*lookup.value_of(env("A"), false) == "value 2");
  CHECK(*lookup.value_of(env("A"), true) == "value 3");

  CHECK_FALSE(lookup.wait(env("BAD"), 10s));
  CHECK_FALSE(*lookup.find(env("BAD")));
  seconds = 65;  // a failure is tried again sooner
  CHECK_FALSE(lookup.find(env("BAD")).has_value());
  const auto refused = lookup.find(env("OTHER"));
  REQUIRE(refused);
  CHECK(refused->error().code == Errc::forbidden);
  lookup.stop();
}

TEST_CASE("where too many are looked up it is an error, or waits for its turn where that is told") {
  for (const bool waits : {false, true}) {
    std::promise<void> go;
    SecretLookup::Options options;
    options.waits_for_room = waits;
    options.look = [wait = go.get_future().share()](const SecretReference& one) {
      wait.wait();
      return Result<std::string>(one.asked_for);
    };
    SecretLookup lookup({{}, {}, {"/opt/next"}}, options);
    const auto of_run = [](int run) {
      return SecretReference{SecretReference::Kind::command, {"/opt/next"}, std::to_string(run)};
    };
    int known = 0;
    for (int run = 0; run < 1024; ++run) known += lookup.find(of_run(run)).has_value() ? 1 : 0;
    CHECK(known == 0);
    const auto beyond = lookup.find(of_run(1024));
    CHECK(beyond.has_value() != waits);
    if (beyond) CHECK(beyond->error().message.find("more than 1024") != std::string::npos);
    go.set_value();
    CHECK(*lookup.wait(of_run(7), 10s) == "7");
    lookup.forget(of_run(7));  // it is taken, and makes room
    CHECK_FALSE(lookup.find(of_run(1024)).has_value());
    CHECK(*lookup.wait(of_run(1024), 10s) == "1024");
  }
}

TEST_CASE("a server that stops ends its look-ups, and no attempt fails for it") {
  Folder folder;
  SecretLookup lookup({{}, {}, {"/bin/sh"}});
  const SecretReference slow{SecretReference::Kind::command,
                             {"/bin/sh", "-c", "exec tail -f /dev/null"}};
  CHECK_FALSE(lookup.find(slow));
  lookup.stop();
  CHECK_FALSE(lookup.find(slow));
  const auto told = lookup.value_of(slow, false);
  REQUIRE_FALSE(told);
  CHECK(told.error().message == "the server stops");
}
