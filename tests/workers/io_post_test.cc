#include "common/io_post.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <fcntl.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "common/fd.h"

namespace batuta {
namespace {

// Runs `io` until `done`, for ten seconds at most.
template <class Done>
bool run_until(boost::asio::io_context& io, Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done() && std::chrono::steady_clock::now() < end) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds(10));
  }
  return done();
}

}  // namespace

TEST_CASE("work of another thread runs on the io thread, in its order, and wakes it") {
  boost::asio::io_context io{1};
  IoPost post(io);
  std::vector<int> seen;
  bool here = true;
  const auto self = std::this_thread::get_id();
  std::thread other([&] {
    for (int i = 0; i < 1'000; ++i) {
      post([&, i] {
        here = here && std::this_thread::get_id() == self;
        seen.push_back(i);
      });
    }
  });
  CHECK(run_until(io, [&] { return seen.size() == 1'000; }));
  other.join();
  CHECK(here);
  for (int i = 0; i < 1'000; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("work may post work") {
  boost::asio::io_context io{1};
  IoPost post(io);
  int depth = 0;
  std::function<void()> again = [&] {
    if (++depth < 100) post(again);
  };
  post(again);
  CHECK(run_until(io, [&] { return depth == 100; }));
}

TEST_CASE("what is posted runs also where no descriptor is left for a bell") {
  boost::asio::io_context io{1};
  const IoPost early(io);  // whatever io itself needs is open
  // One descriptor fewer than are open: nothing more can be opened.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const UniqueFd highest{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(highest.get());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  IoPost post(io);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  bool ran = false;
  std::thread([&] { post([&] { ran = true; }); }).join();
  CHECK(run_until(io, [&] { return ran; }));
}

TEST_CASE("what waits when its io context ends is dropped, also when it holds its own poster") {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = held;
  {
    boost::asio::io_context io{1};
    auto post = std::make_shared<IoPost>(io);
    std::thread([&] { (*post)([post, held] {}); }).join();
    held.reset();
    post.reset();
    CHECK_FALSE(seen.expired());
  }
  CHECK(seen.expired());
}

TEST_CASE("an io context whose last poster is gone has nothing more to wait for") {
  boost::asio::io_context io{1};
  { IoPost post(io); }
  io.run();
  CHECK(io.stopped());
}

}  // namespace batuta
