// The producer's spool: in order, bounded, nothing lost over a broker that is away or a kill.
#include "stream/spool.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <set>

#include "tests/stream/beds.h"

using namespace batuta;
using namespace batuta::stream;
using namespace std::chrono_literals;

namespace {

std::vector<NewRecord> some(int from, int to, std::size_t size = 0) {
  std::vector<NewRecord> out;
  for (int i = from; i < to; ++i) {
    std::string value = std::to_string(i);
    if (value.size() < size) value.resize(size, 'x');
    out.push_back(text_record("k", value));
  }
  return out;
}

}  // namespace

TEST_CASE("spool: what was put is sent in order, with keys, headers, partitions and times") {
  FileBed bed;
  bed.make_topic("users", 2);
  TempFolder folder;
  const auto stream = bed.open();
  auto records = some(0, 3);
  records[1].partition = 1;
  records[1].headers = {{"a", "b"}};
  records[2].value.reset();
  records[2].time = parse_iso("2024-05-06T07:08:09Z");
  must(must(Spool::open(folder.path()))->put(records));
  const auto spool = must(Spool::open(folder.path()));
  CHECK(must(spool->state()).waiting == 3);
  CHECK(must(spool->state()).oldest.has_value());
  CHECK(must(spool->drain(*stream, "users", 2)) == 2);
  CHECK(must(spool->drain(*stream, "users")) == 1);
  CHECK(must(spool->drain(*stream, "users")) == 0);
  CHECK(must(spool->state()).waiting == 0);
  CHECK(must(spool->state()).put == 3);
  const auto asked = read_all(*stream, "users", {{1, 0}});
  const auto all = read_all(*stream, "users", {{0, 0}, {1, 0}});
  REQUIRE(all.size() == 3);
  REQUIRE(!asked.empty());
  bool found = false;
  for (const Record& one : asked) {
    if (one.value != "1") continue;
    found = true;
    CHECK(one.headers == std::vector<Header>{{"a", "b"}});
  }
  CHECK(found);
  for (const Record& one : all) {
    if (!one.value) CHECK(one.time == *records[2].time);
  }
}

TEST_CASE(
    "spool: full it stops and says so; once something was sent it goes on, and nothing is lost") {
  FileBed bed;
  bed.make_topic("users", 1);
  TempFolder folder;
  const auto stream = bed.open();
  const auto spool = must(Spool::open(folder.path(), 1 << 20));
  int put = 0;
  Status last = success();
  while (put < 100'000 && (last = spool->put(some(put, put + 10, 1000)))) put += 10;
  REQUIRE(!last);
  CHECK(last.error().code == Errc::rate_limited);
  CHECK(last.error().message.find("is full: " + std::to_string(put) + " records wait since 20") !=
        std::string::npos);
  CHECK(must(spool->state()).bytes <= 1 << 20);
  CHECK(put > 800);
  CHECK(must(spool->drain(*stream, "users", 300)) == 300);
  must(spool->put(some(put, put + 10, 1000)));
  put += 10;
  must(spool->drain(*stream, "users"));
  CHECK(must(spool->state()).bytes < 100'000);
  const auto read = read_all(*stream, "users", {{0, 0}});
  REQUIRE(read.size() == static_cast<std::size_t>(put));
  for (int i = 0; i < put; ++i) {
    CHECK(std::stoi(*read[static_cast<std::size_t>(i)].value) == i);
  }
}

TEST_CASE("spool: a broker that is away costs nothing but time") {
  KafkaBed bed;
  bed.make_topic("users", 1);
  TempFolder folder;
  KafkaOptions options;
  options.timeout = 2s;
  const auto stream = bed.open(options);
  const auto spool = must(Spool::open(folder.path()));
  must(spool->put(some(0, 100)));
  for (int broker = 1; broker <= 3; ++broker)
    ::rd_kafka_mock_broker_set_down(bed.cluster(), broker);
  const auto refused = spool->drain(*stream, "users");
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::unavailable);
  must(spool->put(some(100, 200)));
  CHECK(must(spool->state()).waiting == 200);
  for (int broker = 1; broker <= 3; ++broker) ::rd_kafka_mock_broker_set_up(bed.cluster(), broker);
  KafkaOptions patient;
  patient.timeout = 20s;
  const auto again = bed.open(patient);
  CHECK(must(spool->drain(*again, "users")) == 200);
  std::set<int> seen;
  for (const Record& one : read_all(*again, "users", {{0, 0}})) seen.insert(std::stoi(*one.value));
  CHECK(seen.size() == 200);
}

TEST_CASE("spool: only one drains at a time") {
  FileBed bed;
  bed.make_topic("users", 1);
  TempFolder folder;
  const auto stream = bed.open();
  const auto spool = must(Spool::open(folder.path()));
  must(spool->put(some(0, 1)));
  class Meanwhile final : public Stream {
   public:
    Meanwhile(const std::string& folder, Stream& to) : folder_(folder), to_(to) {}
    Result<std::vector<Position>> produce(const std::string& topic,
                                          std::span<const NewRecord> records) override {
      other = must(Spool::open(folder_))->drain(to_, topic).error().code;
      return to_.produce(topic, records);
    }
    Result<std::vector<TopicInfo>> topics() override { return to_.topics(); }
    Status create(const std::string&, const TopicSettings&) override { return success(); }
    Status grow(const std::string&, int) override { return success(); }
    Result<Batch> fetch(const std::string& t, const Offsets& o, const FetchLimits& l) override {
      return to_.fetch(t, o, l);
    }
    Status commit(const std::string&, const std::string&, const Offsets&) override {
      return success();
    }
    Result<Offsets> committed(const std::string&, const std::string&) override { return Offsets{}; }
    Result<Spans> offsets(const std::string& topic) override { return to_.offsets(topic); }
    Result<std::vector<std::string>> groups(const std::string& t) override { return to_.groups(t); }
    Errc other = Errc::ok;

   private:
    std::string folder_;
    Stream& to_;
  };
  Meanwhile meanwhile(folder.path(), *stream);
  CHECK(must(spool->drain(meanwhile, "users")) == 1);
  CHECK(meanwhile.other == Errc::conflict);
}

TEST_CASE("spool: killed while it sends, nothing is lost and the order stays") {
  FileBed bed;
  bed.make_topic("users", 1);
  TempFolder folder;
  must(must(Spool::open(folder.path()))->put(some(0, 2500)));
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("BATUTA_FAILPOINT", "spool_before_note:2", 1);
    auto spool = Spool::open(folder.path());
    auto stream = open_file_stream(bed.folder());
    if (spool.ok() && stream.ok()) (void)(*spool)->drain(**stream, "users").ok();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const auto stream = bed.open();
  must(must(Spool::open(folder.path()))->drain(*stream, "users"));
  std::set<int> seen;
  int last = -1, back = 0;
  for (const Record& one : read_all(*stream, "users", {{0, 0}})) {
    const int number = std::stoi(*one.value);
    seen.insert(number);
    back += number < last ? 1 : 0;
    last = number;
  }
  CHECK(seen.size() == 2500);
  CHECK(back == 1);  // the batch that was sent and not noted came once more
}

TEST_CASE("spool: it is for one topic, and what waits goes to no other") {
  TempFolder folder;
  must(must(Spool::open(folder.path()))->bind("topic a of x"));
  const auto spool = must(Spool::open(folder.path()));
  must(spool->bind("topic a of x"));
  const Status other = spool->bind("topic b of x");
  REQUIRE(!other.ok());
  CHECK(other.error().code == Errc::conflict);
  CHECK(other.error().message.find("is for topic a of x, not for topic b of x") !=
        std::string::npos);
}

TEST_CASE("spool: a record that is refused is named after all before it, and can be moved aside") {
  FileBed bed;
  bed.make_topic("users", 1);
  TempFolder folder;
  const auto stream = bed.open();
  const auto spool = must(Spool::open(folder.path()));
  auto records = some(0, 10);
  records[6].partition = 7;
  must(spool->put(records));
  const auto refused = spool->drain(*stream, "users");
  REQUIRE(!refused.ok());
  CHECK(is_final(refused.error().code));
  CHECK(refused.error().message.find("record 6 of the spool") == 0);
  CHECK(read_all(*stream, "users", {{0, 0}}).size() == 6);
  CHECK(must(spool->state()).waiting == 4);
  CHECK(must(spool->skip(*stream, "users")));
  CHECK(must(spool->drain(*stream, "users")) == 3);
  CHECK_FALSE(must(spool->skip(*stream, "users")));
  const auto all = read_all(*stream, "users", {{0, 0}});
  REQUIRE(all.size() == 9);
  CHECK(all[6].value == "7");
  const auto aside = must(open_file_stream(folder.path() + "/stream"));
  const auto kept = read_all(*aside, "refused", {{0, 0}});
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].value == "6");
}

TEST_CASE("spool: the header that the partition travels in counts as one of the record's") {
  TempFolder folder;
  const auto spool = must(Spool::open(folder.path()));
  auto records = some(0, 1);
  for (int i = 0; i < 1000; ++i) records[0].headers.push_back({"a", "b"});
  must(spool->put(records));
  records[0].partition = 0;
  CHECK(spool->put(records).error().code == Errc::too_large);
}
