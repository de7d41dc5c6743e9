// What only the file log does: segments, repair, retention, topics that grow.
#include <sys/stat.h>
#include <utime.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "stream/files.h"
#include "stream/partition_log.h"
#include "tests/stream/beds.h"

using namespace batuta;
using namespace batuta::stream;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}
void spill(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::vector<fs::path> segments(const FileBed& bed, const std::string& topic, int partition = 0) {
  std::vector<fs::path> out;
  for (const auto& entry :
       fs::directory_iterator(bed.folder() + "/" + topic + "/" + std::to_string(partition))) {
    if (entry.path().extension() == ".log") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void make_small(const FileBed& bed, std::int64_t retention_bytes, Duration retention) {
  TopicSettings settings;
  settings.segment_bytes = 4096;
  settings.retention_bytes = retention_bytes;
  settings.retention = retention;
  must(bed.open()->create("orders", settings));
}

void produce_numbers(Stream& stream, int from, int to) {
  for (int i = from; i < to; ++i) {
    must(stream.produce("orders", std::vector{text_record("k", std::string(1000, 'x'))}));
  }
}

}  // namespace

TEST_CASE("file log: a topic is created once, grows, and never shrinks") {
  FileBed bed;
  bed.make_topic("orders", 2);
  const auto stream = bed.open();
  const auto second = stream->create("orders", {});
  REQUIRE(!second.ok());
  CHECK(second.error().code == Errc::conflict);
  // Nothing of the refused one is left behind.
  CHECK(std::distance(fs::directory_iterator(bed.folder()), fs::directory_iterator()) == 1);
  const auto other = bed.open();
  must(stream->grow("orders", 5));
  CHECK(must(other->topics())[0].partitions == 5);
  must(other->produce("orders", std::vector{text_record("k", "v", 4)}));
  CHECK(must(stream->offsets("orders")).at(4).next == 1);
  CHECK(stream->grow("orders", 3).error().code == Errc::invalid);
  CHECK(stream->grow("nothing", 3).error().code == Errc::not_found);
}

TEST_CASE("file log: goes on in new segments, and reads over their borders from anywhere") {
  FileBed bed;
  make_small(bed, -1, Duration(-1));
  const auto stream = bed.open();
  produce_numbers(*stream, 0, 30);
  CHECK(segments(bed, "orders").size() >= 6);
  for (std::int64_t from = 0; from <= 30; ++from) {
    const auto read = read_all(*bed.open(), "orders", {{0, from}});
    CHECK(read.size() == static_cast<std::size_t>(30 - from));
    if (!read.empty()) CHECK(read.front().offset == from);
  }
}

TEST_CASE("file log: retention by bytes takes whole old segments, and a reader is told") {
  FileBed bed;
  make_small(bed, 10'000, Duration(-1));
  const auto stream = bed.open();
  produce_numbers(*stream, 0, 50);
  const Span kept = must(stream->offsets("orders")).at(0);
  CHECK(kept.next == 50);
  CHECK(kept.first > 30);
  CHECK(kept.first < 45);
  CHECK(stream->fetch("orders", {{0, 0}}, {}).error().code == Errc::conflict);
  FetchLimits limits;
  limits.on_gap = OnGap::earliest;
  const Batch batch = must(stream->fetch("orders", {{0, 0}}, limits));
  CHECK(batch.records.front().offset == kept.first);
  CHECK(batch.gaps.size() == 1);
}

TEST_CASE("file log: retention by time empties a partition, and its offsets go on") {
  FileBed bed;
  make_small(bed, -1, 1h);
  produce_numbers(*bed.open(), 0, 10);
  for (const fs::path& segment : segments(bed, "orders")) {
    const utimbuf old{1'000'000'000, 1'000'000'000};
    REQUIRE(::utime(segment.c_str(), &old) == 0);
  }
  PartitionLog log(bed.folder() + "/orders/0", 0);
  LogBounds bounds;
  bounds.segment_bytes = 4096;
  bounds.retention = 1h;
  must(log.retain(bounds, read_clock().wall));
  CHECK(must(log.span()) == Span{10, 10});
  const auto places = must(bed.open()->produce("orders", std::vector{text_record("k", "next")}));
  CHECK(places[0].offset == 10);
}

TEST_CASE("file log: a reader that was overtaken by retention goes by its policy") {
  FileBed bed;
  make_small(bed, 10'000, Duration(-1));
  const auto reader = bed.open(), writer = bed.open();
  produce_numbers(*writer, 0, 5);
  FetchLimits limits;
  limits.records = 2;
  const Batch first = must(reader->fetch("orders", {{0, 0}}, limits));
  produce_numbers(*writer, 5, 60);
  CHECK(reader->fetch("orders", first.next, limits).error().code == Errc::conflict);
  limits.on_gap = OnGap::earliest;
  CHECK(must(reader->fetch("orders", first.next, limits)).gaps.size() == 1);
}

TEST_CASE("file log: a torn end, cut anywhere, is set aside and costs no whole batch") {
  FileBed bed;
  bed.make_topic("orders", 1);
  {
    const auto stream = bed.open();
    must(stream->produce("orders", std::vector{text_record("k", "kept")}));
  }
  const fs::path segment = segments(bed, "orders").front();
  const std::string kept = slurp(segment);
  must(
      bed.open()->produce("orders", std::vector{text_record("k", "one"), text_record("k", "two")}));
  const std::string both = slurp(segment);
  for (std::size_t size = kept.size() + 1; size < both.size(); size += 7) {
    for (const fs::path& entry : fs::directory_iterator(segment.parent_path())) {
      if (entry.filename().string().find(".torn-") != std::string::npos) fs::remove(entry);
    }
    spill(segment, both.substr(0, size));
    // A reader sees nothing of it and changes nothing.
    CHECK(read_all(*bed.open(), "orders", {{0, 0}}).size() == 1);
    CHECK(slurp(segment).size() == size);
    const auto places = must(bed.open()->produce("orders", std::vector{text_record("k", "next")}));
    CHECK(places[0].offset == 1);
    const auto read = read_all(*bed.open(), "orders", {{0, 0}});
    REQUIRE(read.size() == 2);
    CHECK(read[1].value == "next");
    const fs::path aside = segment.string() + ".torn-1-" + std::to_string(size);
    CHECK(slurp(aside) == both.substr(kept.size(), size - kept.size()));
  }
}

TEST_CASE("file log: an end that a power cut filled with zeros is torn too") {
  FileBed bed;
  bed.make_topic("orders", 1);
  must(bed.open()->produce("orders", std::vector{text_record("k", "kept")}));
  const fs::path segment = segments(bed, "orders").front();
  spill(segment, slurp(segment) + std::string(5000, '\0'));
  CHECK(must(bed.open()->produce("orders", std::vector{text_record("k", "next")}))[0].offset == 1);
}

TEST_CASE("file log: what is broken in the middle is never taken for a torn end") {
  FileBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  for (int i = 0; i < 3; ++i) {
    must(stream->produce("orders", std::vector{text_record("k", "value")}));
  }
  const fs::path segment = segments(bed, "orders").front();
  std::string bytes = slurp(segment);
  bytes[bytes.size() / 2] ^= 1;
  spill(segment, bytes);
  const auto refused = bed.open()->produce("orders", std::vector{text_record("k", "next")});
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::internal);
  CHECK(refused.error().message.find(segment.string()) != std::string::npos);
  CHECK(refused.error().message.find("offset 1") != std::string::npos);
  CHECK(slurp(segment) == bytes);
}

TEST_CASE("file log: a topic that is removed and made anew is not mistaken for the old one") {
  FileBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  for (int i = 0; i < 5; ++i) must(stream->produce("orders", std::vector{text_record("k", "old")}));
  fs::remove_all(bed.folder() + "/orders");
  bed.make_topic("orders", 1);
  CHECK(must(stream->produce("orders", std::vector{text_record("k", "new")}))[0].offset == 0);
  CHECK(read_all(*stream, "orders", {{0, 0}}).at(0).value == "new");
}

TEST_CASE("file log: groups are listed, and a file that holds no offsets is told") {
  FileBed bed;
  bed.make_topic("orders", 1);
  const auto stream = bed.open();
  CHECK(must(stream->groups("orders")).empty());
  must(stream->commit("shop", "orders", {{0, 0}}));
  must(stream->commit("billing", "orders", {{0, 0}}));
  CHECK(must(stream->groups("orders")) == std::vector<std::string>{"billing", "shop"});
  spill(bed.folder() + "/orders/groups/shop.json", "{}");
  const auto broken = stream->committed("shop", "orders");
  REQUIRE(!broken.ok());
  CHECK(broken.error().message.find("shop.json") != std::string::npos);
}

TEST_CASE("file log: links and pipes that a task has laid into the folder lead nowhere") {
  FileBed bed;
  TempFolder elsewhere;
  for (const char* name : {"pipe", "lock", "segment", "folder", "fresh"}) bed.make_topic(name, 1);
  const fs::path root = bed.folder();
  const std::string victim = elsewhere.path() + "/victim";
  std::ofstream(victim) << "do not touch";

  fs::remove(root / "pipe/topic.json");
  REQUIRE(::mkfifo((root / "pipe/topic.json").c_str(), 0600) == 0);
  fs::remove(root / "lock/0/lock");
  fs::create_symlink(elsewhere.path() + "/made", root / "lock/0/lock");
  fs::create_symlink(victim, root / "segment/0/00000000000000000000.log");
  fs::remove_all(root / "folder/0");
  fs::create_directory_symlink(elsewhere.path(), root / "folder/0");
  fs::remove_all(root / "fresh/groups");
  fs::create_directory_symlink(elsewhere.path(), root / "fresh/groups");

  const auto stream = bed.open();
  const auto told = [&](const char* topic) {
    const auto seen = stream->offsets(topic);
    REQUIRE(!seen.ok());
    CHECK(seen.error().code == Errc::unavailable);
    CHECK(!stream->produce(topic, std::vector{text_record("k", "v")}).ok());
    return seen.error().message;
  };
  CHECK(told("pipe").find("is no regular file") != std::string::npos);
  for (const char* topic : {"lock", "segment", "folder"}) {
    CHECK(told(topic).find("none is followed") != std::string::npos);
  }
  CHECK(!stream->commit("g", "fresh", {{0, 0}}).ok());
  std::stringstream text;
  text << std::ifstream(victim).rdbuf();
  CHECK(text.str() == "do not touch");
  CHECK(std::distance(fs::directory_iterator(elsewhere.path()), {}) == 1);
}

TEST_CASE("file log: the folder itself may lie behind a link of the administrator's") {
  TempFolder folder;
  fs::create_directory(folder.path() + "/disk");
  fs::create_directory_symlink(folder.path() + "/disk", folder.path() + "/home");
  const auto stream = must(open_file_stream(folder.path() + "/home/below/stream/"));
  must(stream->create("orders", {}));
  CHECK(fs::exists(folder.path() + "/disk/below/stream/orders/topic.json"));
}

TEST_CASE("file log: what was read is handed out when retention takes the next partition") {
  FileBed bed;
  TopicSettings settings;
  settings.partitions = 2;
  settings.segment_bytes = 4096;
  must(bed.open()->create("orders", settings));
  const auto stream = bed.open();
  std::vector<NewRecord> records;
  for (int i = 0; i < 60; ++i) records.push_back(text_record("k", std::string(1 << 20, 'x'), 0));
  must(stream->produce("orders", records));
  for (int i = 0; i < 3; ++i) {
    must(stream->produce("orders", std::vector{text_record("k", std::string(5000, 'y'), 1)}));
  }
  const fs::path folder = bed.folder() + "/orders/1";
  std::optional<FileLock> held(must(FileLock::take(folder / "lock", true)));
  std::thread retention([&] {
    std::this_thread::sleep_for(50ms);
    held.reset();
    std::this_thread::sleep_for(5ms);  // the reader sees what there is, and reads partition 0
    held.emplace(*FileLock::take(folder / "lock", true));
    fs::remove(folder / "00000000000000000000.log");
    held.reset();
  });
  FetchLimits limits;
  limits.records = 1000;
  limits.bytes = std::size_t{1} << 30;
  limits.on_gap = OnGap::earliest;
  auto batch = stream->fetch("orders", {{0, 0}, {1, 0}}, limits);
  retention.join();
  REQUIRE_MESSAGE(batch.ok(), batch.error().message);
  CHECK(batch->records.size() >= 60);
  if (!batch->at_end) batch = stream->fetch("orders", batch->next, limits);
  REQUIRE_MESSAGE(batch.ok(), batch.error().message);
  CHECK(batch->at_end);
  CHECK(batch->next == Offsets{{0, 60}, {1, 3}});
}
