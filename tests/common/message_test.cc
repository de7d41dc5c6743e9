#include "common/message.h"

#include <doctest/doctest.h>

#include <random>

#include "common/frame.h"

namespace batuta {
namespace {

const AttemptKey key{RunSeq{77}, 5, unmapped, 123'456'789'012};
const Time noon = *parse_iso("2026-11-20T12:00:00.123456Z");

PluginInfo a_plugin() {
  return {"shell",
          "1.0",
          "builtin",
          "Runs a command",
          std::string(64, 'a'),
          {{"command", ParamType::string, true, "", "what to run"},
           {"env", ParamType::object, false, "{}", "more environment"}}};
}

Launch a_launch() {
  Launch launch;
  launch.key = key;
  launch.try_number = 3;
  launch.run_uuid = "0193-uuid";
  launch.dag_id = "d";
  launch.dag_run_id = "manual__1";
  launch.task_id = "t";
  launch.plugin = "shell";
  launch.params_json = R"({"command":"true"})";
  launch.context_json = "{}";
  launch.secrets = {{"api", R"({"password":"hunter22"})", {"hunter22"}}};
  launch.timeout_us = 5'000'000;
  launch.isolation = Isolation::process;
  launch.predecessor = {Predecessor::Kind::lease, "slot-1", 5};
  launch.watch = {"no data", "^skip"};
  launch.memory = std::int64_t{3} << 30;
  launch.cpu_percent = 150;
  launch.run_as = "reports";
  return launch;
}

Finished a_finish() {
  Finished done;
  done.key = key;
  done.outcome = Outcome::crashed;
  done.reason = "signal 9 (killed)";
  done.exit_code = -1;
  done.signal = 9;
  done.peak_rss_kib = 4096;
  done.started = noon;
  done.ended = noon + Duration{5};
  done.slot = "slot-2";
  done.plugin_sha256 = "ff";
  done.result_json = "1";
  done.files_json = R"(["a.parquet"])";
  done.extra_json = "{}";
  done.watermark_us = 9;
  done.records = 10;
  done.has_branch = true;
  done.branch = {"a", std::string{"b\0c", 3}};
  done.shown_json = "2";
  done.hidden = {"s3cret"};
  done.output_found = true;
  done.wait_json = R"({"wait_for":{"delay":"1m"}})";
  done.payload_json = "[7]";
  done.cpu_us = 1'500;
  done.read_bytes = 0;
  done.outputs = {{"gold/x", true, -1, "{}"}, {"gold/y", false, 7, ""}};
  return done;
}

std::vector<FromAgent> upward() {
  const Hello hello{
      protocol_versions,       "id", "agent.lock", "host", 42, 2, {a_plugin()}, {{key, noon, "s"}},
      {{"bad", "bad.so: no"}}, true};
  return {hello,
          Heartbeat{7, {{11, 4096, 1'500'000}, {12, 0, 0}}, 3},
          Started{key, noon, "s"},
          a_finish(),
          Recalled{key},
          CatalogueChanged{{a_plugin(), a_plugin()}, {{"bad", "bad.so: no"}}},
          Leaving{"SIGTERM"},
          FileChunk{3, "bytes", 9, "none"},
          TaskCheckpoint{key, 4, R"({"page":7})"}};
}

std::vector<ToAgent> downward() {
  return {Welcome{3, "uuid", 2'000'000, 10'000'000, 1},
          HeartbeatAck{8},
          a_launch(),
          Cancel{key, 1, "user"},
          Recall{key},
          Ack{key, 4},
          Refused{"full", false},
          FetchFile{3, "logs/x/0-1.log", 5, 6},
          Drain{false}};
}

template <class Message>
std::string body_of(const Message& message) {
  std::string out;
  encode(message, out);
  return out;
}

TEST_CASE("every message comes back as it was sent, byte for byte") {
  REQUIRE(upward().size() == std::variant_size_v<FromAgent>);
  for (const FromAgent& message : upward()) {
    CAPTURE(message.index());
    const auto back = decode_from_agent(body_of(message));
    REQUIRE(back.ok());
    CHECK(back->index() == message.index());
    CHECK(body_of(*back) == body_of(message));
  }
  REQUIRE(downward().size() == std::variant_size_v<ToAgent>);
  for (const ToAgent& message : downward()) {
    CAPTURE(message.index());
    const auto back = decode_to_agent(body_of(message));
    REQUIRE(back.ok());
    CHECK(back->index() == message.index());
    CHECK(body_of(*back) == body_of(message));
  }
}

TEST_CASE("fields keep their values and not just their bytes") {
  const auto back = decode_from_agent(body_of(FromAgent{a_finish()}));
  REQUIRE(back.ok());
  const auto& done = std::get<Finished>(*back);
  CHECK(done.key == key);
  CHECK(done.outcome == Outcome::crashed);
  CHECK(done.started == noon);
  CHECK(done.exit_code == -1);
  CHECK(done.branch == a_finish().branch);
  CHECK(done.outputs == a_finish().outputs);
  CHECK(done.files_json == a_finish().files_json);
  const auto down = decode_to_agent(body_of(ToAgent{a_launch()}));
  REQUIRE(down.ok());
  const auto& launch = std::get<Launch>(*down);
  CHECK(launch.secrets == a_launch().secrets);
  CHECK(launch.isolation == Isolation::process);
  CHECK(launch.key.map_index == unmapped);
}

TEST_CASE("a body cut within a field is malformed, one cut between fields lacks the rest") {
  for (const FromAgent& message : upward()) {
    const std::string body = body_of(message);
    CHECK_FALSE(decode_from_agent("").ok());
    for (std::size_t size = 1; size < body.size(); ++size) {
      const std::string_view part = std::string_view{body}.substr(0, size);
      if (const auto less = decode_from_agent(part); less.ok()) {
        CHECK(body_of(*less).size() <= part.size() + 2);  // an absent key is written as empty
      }
    }
    CHECK_FALSE(decode_from_agent(body + '\0').ok());  // key 0
  }
}

TEST_CASE("fields of a newer peer are passed over, absent ones of an older keep their default") {
  const std::string plain = body_of(ToAgent{a_launch()});
  const std::string number_key{"\xf0\x01", 2}, block_key{"\xf3\x01", 2};  // keys 120 and 121
  const std::string newer = plain + number_key + "\x05" + block_key + "\x03" + "new";
  const auto back = decode_to_agent(newer);
  REQUIRE(back.ok());
  CHECK(body_of(*back) == plain);

  // The key alone, as an older scheduler might send it: everything else is what its struct says.
  Launch bare;
  bare.key = key;
  const auto older = decode_to_agent(body_of(ToAgent{bare}));
  REQUIRE(older.ok());
  CHECK(body_of(ToAgent{bare}).size() < 24);
  CHECK(std::get<Launch>(*older).try_number == 1);
  CHECK(std::get<Launch>(*older).key.map_index == unmapped);

  // Within structs and lists of structs, too: a parameter with a field of tomorrow.
  std::string param{"\x03\x01p"};
  param += block_key + "\x01x";
  std::string list{static_cast<char>(param.size())};
  list += param;
  std::string plugin{"\x0d"};
  plugin += static_cast<char>(list.size()) + list;
  std::string catalogue{static_cast<char>(plugin.size())};
  catalogue += plugin;
  std::string body{"\x06\x03"};  // CatalogueChanged, its first field
  body += static_cast<char>(catalogue.size()) + catalogue;
  const auto changed = decode_from_agent(body);
  REQUIRE(changed.ok());
  CHECK(std::get<CatalogueChanged>(*changed).catalogue.at(0).params.at(0).name == "p");
}

TEST_CASE("two ranges of versions agree on the newest they share, or on none") {
  CHECK(common_version({3, 3}, {3, 3}) == 3u);
  CHECK(common_version({2, 3}, {3, 4}) == 3u);
  CHECK(common_version({3, 5}, {2, 4}) == 4u);
  CHECK_FALSE(common_version({4, 5}, {2, 3}).has_value());
  CHECK(to_string(VersionRange{3, 3}) == "3");
  CHECK(to_string(VersionRange{3, 5}) == "3 to 5");
}

TEST_CASE("the Hello of a version before keyed fields is malformed, not misread") {
  CHECK_FALSE(decode_from_agent(std::string{"\x01\x02\x00\x00\x00\x24\x00\x00\x00", 9}).ok());
}

TEST_CASE("unknown numbers and the other direction's messages are malformed") {
  for (const ToAgent& message : downward()) CHECK_FALSE(decode_from_agent(body_of(message)).ok());
  for (const FromAgent& message : upward()) CHECK_FALSE(decode_to_agent(body_of(message)).ok());
  CHECK_FALSE(decode_to_agent(std::string{'\xff'}).ok());
  CHECK_FALSE(decode_to_agent(std::string{'\0'}).ok());
  CHECK_FALSE(decode_to_agent("").ok());
}

TEST_CASE("an enumeration or a flag outside its range is malformed") {
  std::string body = body_of(FromAgent{a_finish()});
  const std::size_t outcome_at = 1 + 2 + static_cast<std::size_t>(body[2]) + 1;  // behind the key
  REQUIRE(body[outcome_at] == static_cast<char>(Outcome::crashed));
  body[outcome_at] = static_cast<char>(Outcome::deferred) + 1;
  CHECK(decode_from_agent(body).error().code == Errc::malformed);
  const std::string wide{"\x04\x0c\x80\x80\x80\x80\x80\x40", 8};  // peak memory is 64 bits
  CHECK(decode_from_agent(wide).ok());
  const std::string narrow{"\x04\x08\x80\x80\x80\x80\x80\x40", 8};  // an exit code has 32
  CHECK_FALSE(decode_from_agent(narrow).ok());
  CHECK_FALSE(decode_from_agent(std::string{"\x04\x09\x01x", 4}).ok());  // a text for a number
}

TEST_CASE("a list of more items than anyone needs is refused, however short they are") {
  std::string body{"\x06\x03"};  // CatalogueChanged of a million plugins without a field
  body += "\xc0\x84\x3d";        // 1,000,000
  body.append(1'000'000, '\0');
  CHECK_FALSE(decode_from_agent(body).ok());
  CHECK_FALSE(decode_from_agent("\x06\x03\xff\xff\xff\xff\x0f").ok());
}

TEST_CASE("random bytes never crash the decoders") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random{seed};
  for (int i = 0; i < 20'000; ++i) {
    std::string body = i % 2 ? body_of(upward()[i % upward().size()]) : std::string(i % 97, '\0');
    for (int flips = 0; flips < 3 && !body.empty(); ++flips) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    (void)decode_from_agent(body).ok();
    (void)decode_to_agent(body).ok();
  }
}

TEST_CASE("frames arrive whole however the stream is cut") {
  std::string stream;
  append_frame(stream, "first");
  append_frame(stream, "");
  append_frame(stream, std::string(70'000, 'x'));
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{3}, std::size_t{4'096}, stream.size()}) {
    FrameReader reader;
    std::vector<std::string> bodies;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(std::string_view{stream}.substr(at, piece));
      while (const auto body = reader.next()) bodies.emplace_back(*body);
    }
    REQUIRE(bodies.size() == 3);
    CHECK(bodies[0] == "first");
    CHECK(bodies[1].empty());
    CHECK(bodies[2].size() == 70'000);
    CHECK_FALSE(reader.bad());
  }
}

TEST_CASE("a length over the limit makes the reader bad for good") {
  FrameReader reader{100};
  reader.feed(std::string{"\x65\x00\x00\x00", 4});
  CHECK_FALSE(reader.next());
  CHECK(reader.bad());
  std::string good;
  append_frame(good, "x");
  reader.feed(good);
  CHECK_FALSE(reader.next());
}

}  // namespace
}  // namespace batuta
