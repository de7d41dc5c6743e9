#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "tests/workers/transport_suite.h"

namespace batuta {
namespace {

// A channel as its link would hold it, with what came in.
struct End {
  std::shared_ptr<Channel> channel;
  std::string received;
  std::vector<std::string> closed;
};

template <class World>
struct Connected {
  Connected() {
    REQUIRE(world.transport
                ->listen([this](std::shared_ptr<Channel> channel) {
                  end.channel = std::move(channel);
                  end.channel->start(
                      {[this](std::string_view bytes) { end.received += bytes; },
                       [this](const std::string& why) { end.closed.push_back(why); }});
                })
                .ok());
    peer = world.connect();
    REQUIRE(peer);
    REQUIRE(pump(world.io, [&] { return end.channel != nullptr; }));
  }
  ~Connected() {
    world.transport->stop();
    if (end.channel) end.channel->close("the test is over");
    peer.reset();
    pump(world.io, [&] { return !end.closed.empty(); });
  }

  World world;
  End end;
  std::unique_ptr<typename World::Peer> peer;
};

TEST_CASE_TEMPLATE("what is sent arrives whole and in order, both ways", World, UnixWorld,
                   FakeWorld) {
  Connected<World> c;
  c.peer->send("hello ");
  c.peer->send("scheduler");
  CHECK(pump(c.world.io, [&] { return c.end.received == "hello scheduler"; }));

  std::string expected, got;
  for (int i = 0; i < 2'000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 700), static_cast<char>('a' + i % 26));
    c.end.channel->send(piece);
    expected += piece;
  }
  CHECK(pump(c.world.io, [&] {
    got += c.peer->take();
    return got.size() >= expected.size();
  }));
  CHECK(got == expected);
}

TEST_CASE_TEMPLATE("sending hands over and writes nothing: only the io thread touches a socket",
                   World, UnixWorld, FakeWorld) {
  Connected<World> c;
  c.end.channel->send("a launch");
  CHECK(c.peer->take().empty());
  std::string got;
  CHECK(pump(c.world.io, [&] {
    got += c.peer->take();
    return !got.empty();
  }));
  CHECK(got == "a launch");
}

TEST_CASE_TEMPLATE("two threads may send while io runs, and each keeps its order", World, UnixWorld,
                   FakeWorld) {
  Connected<World> c;
  constexpr int each = 3'000;
  std::atomic<int> ended{0};
  const auto sender = [&](char letter) {
    for (int i = 0; i < each; ++i) {
      std::string piece(1, letter);
      piece += static_cast<char>('0' + i % 10);
      c.end.channel->send(piece);
    }
    ++ended;
  };
  std::thread first(sender, 'a'), second(sender, 'b');
  std::string got;
  CHECK(pump(c.world.io, [&] {
    got += c.peer->take();
    return ended == 2 && got.size() == std::size_t{each} * 4;
  }));
  first.join();
  second.join();
  int next_a = 0, next_b = 0;
  for (std::size_t i = 0; i + 1 < got.size(); i += 2) {
    int& next = got[i] == 'a' ? next_a : next_b;
    CHECK(got[i + 1] == static_cast<char>('0' + next++ % 10));
  }
}

TEST_CASE_TEMPLATE("the end is told once, with its reason, and a last word still goes out", World,
                   UnixWorld, FakeWorld) {
  Connected<World> c;
  c.end.channel->send("because");
  c.end.channel->close("we part");
  c.end.channel->close("again");
  CHECK(pump(c.world.io, [&] { return !c.end.closed.empty(); }));
  c.end.channel->send("too late");
  std::string got;
  CHECK(pump(c.world.io, [&] {
    got += c.peer->take();
    return c.peer->at_end();
  }));
  CHECK(got == "because");
  CHECK(c.end.closed == std::vector<std::string>{"we part"});
}

TEST_CASE_TEMPLATE("a peer that hangs up is told with an empty reason", World, UnixWorld,
                   FakeWorld) {
  Connected<World> c;
  c.peer->send("bye");
  c.peer->hang_up();
  CHECK(pump(c.world.io, [&] { return !c.end.closed.empty(); }));
  CHECK(c.end.received == "bye");
  CHECK(c.end.closed == std::vector<std::string>{""});
}

TEST_CASE_TEMPLATE("a peer that does not read is cut off before it costs all memory", World,
                   UnixWorld, FakeWorld) {
  Connected<World> c;
  const std::string chunk(1 << 20, 'x');
  for (std::size_t sent = 0; sent <= max_unsent_bytes + (4 << 20); sent += chunk.size()) {
    c.end.channel->send(chunk);
  }
  CHECK(pump(c.world.io, [&] { return !c.end.closed.empty(); }));
  CHECK(c.end.closed.at(0) == "the agent does not read");
}

TEST_CASE_TEMPLATE("after stop nobody is accepted, and channels go on", World, UnixWorld,
                   FakeWorld) {
  Connected<World> c;
  const auto before = c.end.channel;
  c.world.transport->stop();
  const auto late = c.world.connect();
  c.end.channel->send("still here");
  std::string got;
  CHECK(pump(c.world.io, [&] {
    got += c.peer->take();
    return got == "still here";
  }));
  CHECK(c.end.channel == before);
}

TEST_CASE("the socket is its owner's alone, and a path that cannot be is named") {
  UnixWorld world;
  REQUIRE(world.transport->listen([](const std::shared_ptr<Channel>&) {}).ok());
  struct stat info {};
  REQUIRE(::stat(world.path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  world.transport->stop();
  const auto long_path = make_unix_transport(world.io, "/tmp/" + std::string(200, 'x'));
  const Status status = long_path->listen([](const std::shared_ptr<Channel>&) {});
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message.find("a shorter path helps") != std::string::npos);
}

}  // namespace
}  // namespace batuta
