#include "scheduler/workers/worker_server.h"

#include <doctest/doctest.h>

#include <thread>

#include "common/frame.h"
#include "tests/workers/transport_suite.h"

namespace batuta {
namespace {

using std::chrono::seconds;

// A server over the fake transport; events and offers are kept, the engine is the test.
struct World {
  explicit World(bool same_host = true) {
    auto made = std::make_unique<FakeTransport>(io, same_host);
    transport = made.get();
    WorkerServer::Options options;
    options.run_folder = "/nonexistent";
    options.store_uuid = "store";
    options.heartbeat = seconds(2);
    options.lease = seconds(10);
    options.cancel_grace = seconds(7);
    options.fetch_patience = std::chrono::milliseconds(500);
    server = std::make_unique<WorkerServer>(io, std::move(made), options);
    server->set_offers_sink([this](WorkerId worker, std::optional<WorkerOffers> offer) {
      offers.emplace_back(worker, std::move(offer));
    });
    REQUIRE(server
                ->start([this](std::vector<Event> batch) {
                  if (!available) return false;
                  for (Event& event : batch) events.push_back(std::move(event));
                  return true;
                })
                .ok());
  }
  ~World() {
    server->stop();
    io.restart();
    io.run_for(std::chrono::milliseconds(1));
  }

  void turn() {
    io.restart();
    io.poll();
  }

  template <class E>
  std::vector<E> of() const {
    std::vector<E> out;
    for (const Event& event : events) {
      if (const auto* found = std::get_if<E>(&event)) out.push_back(*found);
    }
    return out;
  }

  boost::asio::io_context io{1};
  FakeTransport* transport = nullptr;
  std::unique_ptr<WorkerServer> server;
  bool available = true;
  std::vector<Event> events;
  std::vector<std::pair<WorkerId, std::optional<WorkerOffers>>> offers;
};

struct Agent {
  explicit Agent(World& w) : world(w), peer(w.transport->connect()) {}

  static Hello hello() {
    Hello hello;
    hello.versions = protocol_versions;
    hello.agent_id = "an-agent";
    hello.slots = 2;
    hello.catalogue.push_back({"shell", "1", "builtin", "", "", {}});
    hello.faults.push_back({"broken", "broken.so: no symbol"});
    return hello;
  }
  void say(const FromAgent& message) {
    std::string body, frame;
    encode(message, body);
    append_frame(frame, body);
    peer->send(frame);
    world.turn();
  }
  // What came since the last call.
  std::vector<ToAgent> hear() {
    world.turn();
    reader.feed(peer->take());
    std::vector<ToAgent> out;
    while (const auto body = reader.next()) {
      auto message = decode_to_agent(*body);
      REQUIRE(message.ok());
      out.push_back(*std::move(message));
    }
    return out;
  }

  World& world;
  std::unique_ptr<FakePeer> peer;
  FrameReader reader;
};

TEST_CASE("an agent is welcomed with the version both speak, and the engine hears of it") {
  World world;
  Agent agent(world);
  Hello hello = Agent::hello();
  hello.versions = {protocol_versions.least, protocol_versions.most + 1};
  agent.say(hello);
  const auto heard = agent.hear();
  REQUIRE(heard.size() == 1);
  const auto& welcome = std::get<Welcome>(heard[0]);
  CHECK(welcome.version == protocol_versions.most);
  CHECK(welcome.store_uuid == "store");
  CHECK(welcome.cancel_grace_us == 7'000'000);
  REQUIRE(world.of<WorkerJoined>().size() == 1);
  CHECK(world.of<WorkerJoined>()[0].hello.catalogue.size() == 1);
  REQUIRE(world.offers.size() == 1);
  REQUIRE(world.offers[0].second->faults.size() == 1);
  CHECK(world.offers[0].second->faults[0].why == "broken.so: no symbol");
}

TEST_CASE("an agent of a version too far away is told both ranges, and the engine nothing") {
  World world;
  Agent agent(world);
  Hello hello = Agent::hello();
  hello.versions = {protocol_versions.most + 1, protocol_versions.most + 2};
  agent.say(hello);
  const auto heard = agent.hear();
  REQUIRE(heard.size() == 1);
  const auto& refused = std::get<Refused>(heard[0]);
  CHECK_FALSE(refused.retry);
  CHECK(refused.reason.find(to_string(hello.versions)) != std::string::npos);
  CHECK(refused.reason.find(to_string(protocol_versions)) != std::string::npos);
  CHECK(world.events.empty());
  CHECK(agent.peer->at_end());
}

TEST_CASE("while reports cannot be taken an agent is asked to come back later") {
  World world;
  world.available = false;
  Agent agent(world);
  agent.say(Agent::hello());
  const auto heard = agent.hear();
  REQUIRE(!heard.empty());
  REQUIRE(std::holds_alternative<Refused>(heard.back()));
  CHECK(std::get<Refused>(heard.back()).retry);
  CHECK(agent.peer->at_end());
  world.available = true;
  CHECK(world.of<WorkerLost>().empty());
}

TEST_CASE("garbage, a Hello twice and words before it end a connection with the reason") {
  for (int kind = 0; kind < 3; ++kind) {
    CAPTURE(kind);
    World world;
    Agent agent(world);
    if (kind == 0) {
      agent.peer->send(std::string("\x02\x00\x00\x00\xee\xee", 6));
      world.turn();
    } else {
      if (kind == 1) agent.say(Agent::hello());
      if (kind == 1) agent.say(Agent::hello());
      if (kind == 2) agent.say(Heartbeat{1});
    }
    const auto heard = agent.hear();
    REQUIRE(!heard.empty());
    REQUIRE(std::holds_alternative<Refused>(heard.back()));
    CHECK(std::get<Refused>(heard.back()).reason.find("protocol error") == 0);
    CHECK(agent.peer->at_end());
  }
}

Launch a_successor() {
  Launch launch;
  launch.key = {RunSeq{1}, 2, unmapped, 3};
  launch.predecessor = {Predecessor::Kind::slot_lock, "other-1", 0};
  return launch;
}

TEST_CASE("a launch leaves with the turn's end; a lock is proof on this host, a lease elsewhere") {
  for (const bool same_host : {true, false}) {
    World world(same_host);
    Agent agent(world);
    agent.say(Agent::hello());
    const WorkerId id = world.of<WorkerJoined>().at(0).worker;
    agent.hear();
    world.server->launch(id, a_successor());
    CHECK(agent.hear().empty());
    world.server->flush();
    const auto heard = agent.hear();
    REQUIRE(heard.size() == 1);
    const Predecessor& before = std::get<Launch>(heard[0]).predecessor;
    CHECK(before.slot == "other-1");
    CHECK(before.kind == (same_host ? Predecessor::Kind::slot_lock : Predecessor::Kind::lease));
    CHECK(before.lease_us == (same_host ? 0 : 10'000'000));
  }
}

TEST_CASE("a worker that leaves offers nothing more, and its plugins stay known") {
  World world;
  Agent agent(world);
  agent.say(Agent::hello());
  agent.say(Leaving{"asked to end"});
  REQUIRE(world.of<WorkerCatalogue>().size() == 1);
  CHECK(world.of<WorkerCatalogue>()[0].catalogue.empty());
  CHECK(world.of<WorkerCatalogue>()[0].drained);
  CHECK(world.offers.size() == 1);
  // Back again while it leaves, after a restart of the scheduler: as before.
  Agent again(world);
  Hello hello = Agent::hello();
  hello.leaving = true;
  again.say(hello);
  REQUIRE(world.of<WorkerJoined>().size() == 2);
  CHECK(world.of<WorkerJoined>()[1].hello.catalogue.empty());
  CHECK(world.of<WorkerJoined>()[1].hello.drained);
  CHECK(world.offers.size() == 1);
}

TEST_CASE(
    "a worker that is drained offers nothing until it is resumed, and its plugins stay known") {
  World world;
  Agent agent(world);
  agent.say(Agent::hello());
  agent.hear();
  REQUIRE(world.server->drain("an-agent", true).ok());
  const auto heard = agent.hear();
  REQUIRE(heard.size() == 1);
  CHECK(std::get<Drain>(heard[0]).on);
  CatalogueChanged drained{Agent::hello().catalogue, {}, true};
  agent.say(drained);
  REQUIRE(world.of<WorkerCatalogue>().size() == 1);
  CHECK(world.of<WorkerCatalogue>()[0].catalogue.empty());
  CHECK(world.of<WorkerCatalogue>()[0].drained);
  CHECK(world.offers.back().second->plugins.size() == 1);
  drained.drained = false;
  agent.say(drained);
  REQUIRE(world.of<WorkerCatalogue>().size() == 2);
  CHECK(world.of<WorkerCatalogue>()[1].catalogue.size() == 1);
  CHECK_FALSE(world.of<WorkerCatalogue>()[1].drained);
  // Back again drained, after a restart of the scheduler.
  Agent again(world);
  Hello hello = Agent::hello();
  hello.drained = true;
  again.say(hello);
  REQUIRE(world.of<WorkerJoined>().size() == 2);
  CHECK(world.of<WorkerJoined>()[1].hello.catalogue.empty());
  CHECK(world.of<WorkerJoined>()[1].hello.drained);
}

TEST_CASE("what is to run as a user is not sent to a worker that would run it as its own") {
  World world;
  Agent agent(world);
  Hello old = Agent::hello();
  old.versions = {run_as_version - 1, run_as_version - 1};
  agent.say(old);
  agent.hear();
  Launch launch;
  launch.key = {RunSeq{1}, 0, unmapped, 1};
  launch.run_as = "reports";
  const WorkerId worker = world.of<WorkerJoined>().at(0).worker;
  world.server->launch(worker, launch);
  world.server->flush();
  CHECK(agent.hear().empty());
  const auto told = world.of<AttemptFinished>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].worker == worker);
  CHECK(told[0].report.outcome == Outcome::refused);
  CHECK(told[0].report.reason.find("\"reports\" (run_as)") != std::string::npos);
  launch.run_as.clear();
  world.server->launch(worker, launch);
  world.server->flush();
  CHECK(agent.hear().size() == 1);
}

TEST_CASE("who cannot be drained is told why") {
  World world;
  CHECK(world.server->drain("an-agent", true).error().code == Errc::not_found);
  CHECK(world.server->drain("", true).error().code == Errc::not_found);
  Agent agent(world);
  Hello old = Agent::hello();
  old.versions = {drain_version - 1, drain_version - 1};
  agent.say(old);
  agent.hear();
  const Status refused = world.server->drain("an-agent", true);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Errc::conflict);
  CHECK(refused.error().message.find("SIGTERM") != std::string::npos);
  CHECK(agent.hear().empty());
}

TEST_CASE("a server that holds back launches nowhere, on who is there and on who comes") {
  World world;
  Agent there(world);
  there.say(Agent::hello());
  world.server->hold_back();
  world.turn();
  REQUIRE(world.of<WorkerCatalogue>().size() == 1);
  CHECK(world.of<WorkerCatalogue>()[0].catalogue.empty());
  Agent comes(world);
  comes.say(Agent::hello());
  REQUIRE(world.of<WorkerJoined>().size() == 2);
  CHECK(world.of<WorkerJoined>()[1].hello.catalogue.empty());
  there.say(CatalogueChanged{Agent::hello().catalogue, {}});
  CHECK(world.of<WorkerCatalogue>().back().catalogue.empty());
}

TEST_CASE("an agent of this host is not asked for a file: its folder is ours") {
  World world;
  Agent agent(world);
  agent.say(Agent::hello());
  agent.hear();
  CHECK(world.server->fetch_file("an-agent", "logs/x", 0, 10).error().code == Errc::not_found);
  CHECK(agent.hear().empty());
}

TEST_CASE("a part of a file comes from the agent that has it, or a reason does") {
  World world(false);
  CHECK(world.server->fetch_file("an-agent", "logs/x", 0, 10).error().code == Errc::unavailable);
  Agent agent(world);
  agent.say(Agent::hello());
  agent.hear();

  const auto ask = [&](const std::function<void(const FetchFile&)>& answer) {
    Result<FileChunk> got(Errc::internal, "nothing");
    std::atomic<bool> ended{false};
    std::thread asking([&] {
      got = world.server->fetch_file("an-agent", "logs/x", 5, 10);
      ended = true;
    });
    pump(world.io, [&] {
      for (const ToAgent& message : agent.hear()) {
        if (const auto* wanted = std::get_if<FetchFile>(&message)) answer(*wanted);
      }
      return ended.load();
    });
    asking.join();
    return got;
  };

  const auto found = ask([&](const FetchFile& wanted) {
    CHECK(wanted.path == "logs/x");
    CHECK(wanted.offset == 5);
    agent.say(FileChunk{wanted.request + 1, "another's", 9, ""});
    agent.say(FileChunk{wanted.request, "bytes", 10, ""});
  });
  REQUIRE(found.ok());
  CHECK(found->bytes == "bytes");
  CHECK(found->file_bytes == 10);

  const auto missing = ask([&](const FetchFile& wanted) {
    agent.say(FileChunk{wanted.request, "", 0, "not found"});
  });
  CHECK(missing.error().code == Errc::not_found);

  const auto silent = ask([](const FetchFile&) {});
  CHECK(silent.error().code == Errc::unavailable);

  const auto gone = ask([&](const FetchFile&) { agent.peer->hang_up(); });
  CHECK(gone.error().message.find("ended") != std::string::npos);
}

}  // namespace
}  // namespace batuta
