#include "scheduler/waits/wait_checker.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace batuta {
namespace {

CheckEffect effect(Fence fence, std::string argument) {
  return {AttemptKey{RunSeq{1}, 0, unmapped, fence}, std::move(argument)};
}

}  // namespace

TEST_CASE("a server that does not answer holds up no file") {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  LookHooks hooks;
  hooks.connection = [](const std::string&) { return std::nullopt; };
  hooks.http = [released](const HttpRequest&) -> Result<HttpAnswer> {
    released.wait();
    return HttpAnswer{200, {}, {}};
  };
  std::mutex mutex;
  std::set<Fence> told;
  std::promise<void> file;
  std::promise<void> all;
  WaitChecker checker({}, hooks, [&](const WaitChecked& answer) {
    std::lock_guard lock(mutex);
    told.insert(answer.key.fence);
    if (answer.key.fence == 9) file.set_value();
    if (told.size() == 7) all.set_value();
    return true;
  });
  checker.start();
  for (Fence fence = 1; fence <= 6; ++fence) {
    checker.check(effect(fence, R"({"http":{"url":"http://x/"}})"));
  }
  checker.check(effect(9, R"({"file":"/"})"));
  file.get_future().wait();
  {
    std::lock_guard lock(mutex);
    CHECK(told == std::set<Fence>{9});
  }
  release.set_value();
  all.get_future().wait();
  checker.stop();
}

TEST_CASE("a topic whose log is locked holds up no file") {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  LookHooks hooks;
  hooks.stream = [released](const std::string&) -> Result<std::unique_ptr<stream::Stream>> {
    released.wait();
    return {Errc::unavailable, "locked"};
  };
  std::promise<void> file;
  WaitChecker checker({}, hooks, [&](const WaitChecked& answer) {
    if (answer.key.fence == 9) file.set_value();
    return true;
  });
  checker.start();
  for (Fence fence = 1; fence <= 6; ++fence) {
    checker.check(effect(fence, R"({"topic":{"name":"orders","group":"shop"}})"));
  }
  checker.check(effect(9, R"({"file":"/"})"));
  CHECK(file.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  release.set_value();
  checker.stop();
}

TEST_CASE("a server that does not answer leaves threads for those that do, whatever waits for it") {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> most{0};
  LookHooks hooks;
  hooks.http = [&most, released](const HttpRequest& request) -> Result<HttpAnswer> {
    if (request.url.find("//dead") != std::string::npos) {
      ++most;
      released.wait();
    }
    return HttpAnswer{200, {}, {}};
  };
  std::promise<void> alive;
  WaitChecker::Options options;
  options.http_threads = 3;
  options.calls_per_server = 2;
  WaitChecker checker(options, hooks, [&](const WaitChecked& answer) {
    if (answer.key.fence == 99) alive.set_value();
    return true;
  });
  checker.start();
  for (Fence fence = 1; fence <= 50; ++fence) {
    checker.check(effect(fence, R"({"http":{"url":"http://dead/"}})"));
  }
  while (most < 2) std::this_thread::yield();
  checker.check(effect(99, R"({"http":{"url":"http://alive/"}})"));
  const auto told = alive.get_future().wait_for(std::chrono::seconds(20));
  CHECK(told == std::future_status::ready);
  CHECK(most == 2);
  release.set_value();
}

TEST_CASE("databases that do not answer hold up no other server") {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  LookHooks hooks;
  hooks.connection = [](const std::string& id) {
    Connection connection;
    connection.id = id;
    connection.conn_type = "postgres";
    return connection;
  };
  hooks.sql = [released](const auto&, const auto&, const auto&) -> Result<std::string> {
    released.wait();
    return {Errc::unavailable, "away"};
  };
  hooks.http = [](const HttpRequest&) -> Result<HttpAnswer> { return HttpAnswer{200, {}, {}}; };
  std::promise<void> alive;
  WaitChecker checker({}, hooks, [&](const WaitChecked& answer) {
    if (answer.key.fence == 99) alive.set_value();
    return true;
  });
  checker.start();
  for (Fence fence = 1; fence <= 20; ++fence) {
    const std::string id = "db" + std::to_string(fence);
    checker.check(
        effect(fence, R"({"sql":{"connection":")" + id + R"(","sql":"SELECT 1","timeout":30}})"));
  }
  checker.check(effect(99, R"({"http":{"url":"http://alive/"}})"));
  CHECK(alive.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  release.set_value();
}

TEST_CASE("servers take turns") {
  std::vector<std::string> asked;
  std::promise<void> all;
  LookHooks hooks;
  hooks.http = [&](const HttpRequest& request) -> Result<HttpAnswer> {
    asked.push_back(request.url);
    return HttpAnswer{200, {}, {}};
  };
  int told = 0;
  WaitChecker::Options options;
  options.http_threads = 1;
  options.calls_per_server = 1;
  WaitChecker checker(options, hooks, [&](const WaitChecked&) {
    if (++told == 4) all.set_value();
    return true;
  });
  for (int i = 0; i < 3; ++i) checker.check(effect(i + 1, R"({"http":{"url":"http://many/"}})"));
  checker.check(effect(9, R"({"http":{"url":"http://one/"}})"));
  checker.start();
  all.get_future().wait();
  checker.stop();
  CHECK(asked.at(1) == "http://one/");
}

TEST_CASE("an answer that the engine does not take is told again") {
  std::atomic<int> refusals{3};
  std::promise<WaitChecked> told;
  WaitChecker::Options options;
  options.post_again = std::chrono::milliseconds(1);
  WaitChecker checker(options, {}, [&](const WaitChecked& answer) {
    if (refusals-- > 0) return false;
    told.set_value(answer);
    return true;
  });
  checker.start();
  checker.check(effect(4, R"({"file":"/"})"));
  const WaitChecked answer = told.get_future().get();
  CHECK(answer.key.fence == 4);
  CHECK(answer.outcome == WaitChecked::Outcome::satisfied);
}

TEST_CASE("a stop waits for no answer, and cancels calls under way") {
  std::promise<void> begun;
  LookHooks hooks;
  hooks.http = [&](const HttpRequest& request) -> Result<HttpAnswer> {
    begun.set_value();
    while (!request.cancelled()) std::this_thread::yield();
    return Error{Errc::unavailable, "cancelled", {}};
  };
  WaitChecker checker({}, hooks, [](const WaitChecked&) { return false; });
  checker.start();
  checker.check(effect(1, R"({"http":{"url":"http://x/"}})"));
  begun.get_future().wait();
  checker.stop();
}

}  // namespace batuta
