// Tables whose early log lies in a checkpoint, and compacted entries. The checkpoints here hold
// JSON lines, which a reader of the test's own understands; tests/plugins reads real ones.
#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lakelog/compaction.h"
#include "lakelog/payload.h"
#include "lakelog/schema.h"
#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;
using nlohmann::json;

namespace {

class JsonCheckpoints final : public CheckpointReader {
 public:
  explicit JsonCheckpoints(Storage& storage) : storage_(storage) {}
  Result<Commit> read(const CheckpointFiles& files) override {
    ++reads;
    std::string lines;
    for (const std::string& key : files.keys) {
      auto text = storage_.read(key);
      if (!text) return text.error();
      lines += *text;
    }
    return parse_commit(lines);
  }
  int reads = 0;

 private:
  Storage& storage_;
};

std::string padded(std::int64_t version) {
  return commit_file_name(version).substr(0, 20);
}

void put(const TempLake& lake, const std::string& name, const std::string& text) {
  REQUIRE(lake.storage()->put(std::string(test_table) + "/_delta_log/" + name, text).ok());
}

void drop_commits(const TempLake& lake, std::int64_t first, std::int64_t last) {
  for (std::int64_t version = first; version <= last; ++version)
    std::filesystem::remove(log_file(lake, commit_file_name(version)));
}

// Appends so that versions 0 to `last` exist, one file each.
void append_up_to(const TempLake& lake, std::int64_t last) {
  for (std::int64_t version = 0; version <= last; ++version) {
    const auto add = data_file(lake.path(), "f" + std::to_string(version));
    REQUIRE(publish(publication(lake, append_payload({add}, version - 1), version + 1)).ok());
  }
}

// As another engine leaves a table: a checkpoint at `version`, and nothing before it.
void hide_behind_checkpoint(const TempLake& lake, std::int64_t version) {
  const auto snapshot = read_snapshot(test_log(lake), version);
  REQUIRE(snapshot.ok());
  put(lake, padded(version) + ".checkpoint.parquet", compact(*snapshot, 0));
  drop_commits(lake, 0, version);
}

std::string refusal(const Result<Snapshot>& snapshot, Errc code) {
  REQUIRE(!snapshot.ok());
  CHECK(snapshot.error().code == code);
  return snapshot.error().message;
}

bool says(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  MESSAGE(text);
  return false;
}

// The actions of one kind in a commit's text.
std::vector<json> actions(const std::string& text, const char* kind) {
  std::vector<json> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const json action = json::parse(line);
    if (action.contains(kind)) found.push_back(action[kind]);
  }
  return found;
}

}  // namespace

TEST_CASE("a table goes on behind a checkpoint when its early log has been cleaned up") {
  TempLake lake;
  append_up_to(lake, 9);
  hide_behind_checkpoint(lake, 6);
  JsonCheckpoints reader(*lake.storage());
  const auto snapshot = read_snapshot(test_log(lake), latest_version, &reader);
  REQUIRE(snapshot.ok());
  CHECK(snapshot->version == 9);
  CHECK(snapshot->files.size() == 10);
  CHECK(snapshot->txns.at("batuta/store-1").version == 10);
  CHECK(read_snapshot(test_log(lake), 6, &reader)->files.size() == 7);
  CHECK(reader.reads == 2);
}

TEST_CASE("the checkpoint may be all that is left") {
  TempLake lake;
  append_up_to(lake, 3);
  hide_behind_checkpoint(lake, 3);
  JsonCheckpoints reader(*lake.storage());
  CHECK(read_snapshot(test_log(lake), latest_version, &reader)->version == 3);
}

TEST_CASE("a checkpoint in parts counts when all of them are there") {
  TempLake lake;
  append_up_to(lake, 4);
  const std::string whole = compact(*read_snapshot(test_log(lake), 2), 0);
  const auto middle = whole.find('\n', whole.size() / 2) + 1;
  const std::string stem = padded(2) + ".checkpoint.000000000";
  put(lake, stem + "1.0000000002.parquet", whole.substr(0, middle));
  drop_commits(lake, 0, 2);
  JsonCheckpoints reader(*lake.storage());
  CHECK(says(refusal(read_snapshot(test_log(lake), latest_version, &reader), Errc::invalid),
             "lacks a part"));
  put(lake, stem + "2.0000000002.parquet", whole.substr(middle));
  const auto snapshot = read_snapshot(test_log(lake), latest_version, &reader);
  REQUIRE(snapshot.ok());
  CHECK(snapshot->files.size() == 5);
}

TEST_CASE("a damaged checkpoint is passed over where the log itself is whole") {
  TempLake lake;
  append_up_to(lake, 4);
  put(lake, padded(3) + ".checkpoint.parquet", "{\"add\":");
  JsonCheckpoints reader(*lake.storage());
  CHECK(read_snapshot(test_log(lake), latest_version, &reader)->files.size() == 5);
  CHECK(reader.reads == 1);
  drop_commits(lake, 0, 0);
  const auto text =
      refusal(read_snapshot(test_log(lake), latest_version, &reader), Errc::malformed);
  CHECK(says(text, "silver/demo/numbers version 3 (checkpoint)"));
}

TEST_CASE("a commit that cannot be read ends the reading: no older summary is asked instead") {
  TempLake lake;
  append_up_to(lake, 9);
  for (const std::int64_t version : {2, 6})
    put(lake, padded(version) + ".checkpoint.parquet",
        compact(*read_snapshot(test_log(lake), version), 0));
  put(lake, commit_file_name(8), "{\"add\":");
  JsonCheckpoints reader(*lake.storage());
  const auto text =
      refusal(read_snapshot(test_log(lake), latest_version, &reader), Errc::malformed);
  CHECK(says(text, "silver/demo/numbers version 8: line 1"));
  CHECK(reader.reads == 1);
  drop_commits(lake, 0, 6);  // then neither is the reason the summary's
  CHECK(says(refusal(read_snapshot(test_log(lake), latest_version, &reader), Errc::malformed),
             "silver/demo/numbers version 8: line 1"));
}

TEST_CASE("a summary that lacks what every table has is passed over") {
  TempLake lake;
  append_up_to(lake, 4);
  const std::string whole = compact(*read_snapshot(test_log(lake), 3), 0);
  const std::string lacks[] = {whole.substr(whole.find('\n') + 1),
                               whole + "{\"add\":{\"path\":\"x\",\"size\":1}}\n"};
  for (const std::string& text : lacks) {
    put(lake, padded(3) + ".checkpoint.parquet", text);
    JsonCheckpoints reader(*lake.storage());
    CHECK(read_snapshot(test_log(lake), latest_version, &reader)->files.size() == 5);
    CHECK(reader.reads == 1);
  }
}

TEST_CASE("a version that the log no longer tells of is not found, and the oldest one is named") {
  TempLake lake;
  append_up_to(lake, 9);
  hide_behind_checkpoint(lake, 6);
  JsonCheckpoints reader(*lake.storage());
  const auto text = refusal(read_snapshot(test_log(lake), 2, &reader), Errc::not_found);
  CHECK(says(text, "silver/demo/numbers version 2 can no longer be read"));
  CHECK(says(text, "begins at version 6"));
}

TEST_CASE("without an engine the refusal of a checkpoint says where there is one") {
  TempLake lake;
  append_up_to(lake, 4);
  hide_behind_checkpoint(lake, 2);
  const auto text = refusal(read_snapshot(test_log(lake)), Errc::invalid);
  CHECK(says(text, "silver/demo/numbers begins at version 3"));
  CHECK(says(text, "Parquet checkpoint"));
}

TEST_CASE("a corrupt, a missing and an incomplete entry are named by table and version") {
  TempLake lake;
  append_up_to(lake, 5);
  put(lake, commit_file_name(5), "{\"add\":{\"path\":");
  CHECK(says(refusal(read_snapshot(test_log(lake)), Errc::malformed),
             "silver/demo/numbers version 5: line 1"));
  put(lake, commit_file_name(5),
      "{\"add\":{\"path\":\"day=1/x\",\"size\":1,\"partitionValues\":{}}}");
  const auto text = refusal(read_snapshot(test_log(lake)), Errc::malformed);
  CHECK(says(
      text,
      "silver/demo/numbers version 5 adds day=1/x without the value of its partition column day"));
  drop_commits(lake, 3, 3);
  CHECK(says(refusal(read_snapshot(test_log(lake), 4), Errc::malformed),
             "silver/demo/numbers version 3 is missing"));
}

TEST_CASE("a publication passes a cleaned log when it brings what the table was") {
  TempLake lake;
  append_up_to(lake, 9);
  hide_behind_checkpoint(lake, 6);
  const auto add = data_file(lake.path(), "new");
  const auto bare = append_payload({add}, 6);
  CHECK(publish(publication(lake, bare, 20)).error().code == Errc::invalid);

  JsonCheckpoints reader(*lake.storage());
  const auto read = read_snapshot(test_log(lake), 6, &reader);
  REQUIRE(read.ok());
  auto payload = parse_payload(bare.dump());
  REQUIRE(payload.ok());
  payload->base = Base{read->protocol, read->metadata};
  auto with_base = publication(lake, bare, 20);
  with_base.payload_json = serialise_payload(*payload);
  CHECK(check_publication(with_base).ok());
  const auto published = publish(with_base);
  REQUIRE(published.ok());
  CHECK(published->version == 10);
  CHECK(publish(with_base)->already_done);
  CHECK(read_snapshot(test_log(lake), latest_version, &reader)->files.size() == 11);
}

TEST_CASE("what a publication brings is checked like the table itself") {
  TempLake lake;
  append_up_to(lake, 1);
  const auto read = read_snapshot(test_log(lake));
  const auto tried = [&](const std::function<void(Base&)>& change, std::int64_t read_version) {
    auto payload =
        parse_payload(append_payload({data_file(lake.path(), "n")}, read_version).dump());
    payload->base = Base{read->protocol, read->metadata};
    change(*payload->base);
    auto what = publication(lake, {}, 9);
    what.payload_json = serialise_payload(*payload);
    return publish(what);
  };
  const auto newer = tried([](Base& base) { base.protocol.min_writer = 7; }, 1);
  CHECK(newer.error().code == Errc::invalid);
  CHECK(says(newer.error().message, "writer of version 7"));
  CHECK(tried([](Base& base) { base.metadata.columns[0].type = "string"; }, 1).error().where ==
        "schema");
  CHECK(tried([](Base&) {}, 5).error().code == Errc::conflict);  // that version is gone
  CHECK(tried([](Base&) {}, 1).ok());
}

TEST_CASE("a log that was cleaned up after the version read asks for another attempt") {
  TempLake lake;
  append_up_to(lake, 9);
  const auto read = read_snapshot(test_log(lake), 2);
  hide_behind_checkpoint(lake, 6);
  auto payload = parse_payload(append_payload({data_file(lake.path(), "n")}, 2).dump());
  payload->base = Base{read->protocol, read->metadata};
  auto what = publication(lake, {}, 20);
  what.payload_json = serialise_payload(*payload);
  const auto refused = publish(what);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::conflict);
  CHECK(says(refused.error().message, "cleaned up"));
}

TEST_CASE("compacted entries do not pile up, and the oldest waiting publication keeps its start") {
  TempLake lake;
  append_up_to(lake, 200);
  CHECK(test_log(lake).list()->compactions == std::vector<std::int64_t>{159, 191});
  CHECK(test_log(lake).list()->commits.size() == 201);
  for (std::int64_t version = 201; version <= 300; ++version) {
    auto next = publication(lake, append_payload({}, version - 1), version + 1);
    next.oldest_read_version = [] { return std::int64_t{170}; };
    REQUIRE(publish(next).ok());
  }
  CHECK(test_log(lake).list()->compactions == std::vector<std::int64_t>{159, 191, 223, 255, 287});
  CHECK(read_snapshot(test_log(lake), 170)->files.size() == 171);
  for (std::int64_t version = 301; version <= 330; ++version)
    REQUIRE(publish(publication(lake, append_payload({}, version - 1), version + 1)).ok());
  CHECK(test_log(lake).list()->compactions == std::vector<std::int64_t>{287, 319});
}

TEST_CASE("a log that takes too much to be read is not summed up") {
  TempLake lake;
  append_up_to(lake, 30);
  put(lake, commit_file_name(31), R"({"txn":{"appId":"a","version":1}})");
  const auto log = test_log(lake);
  std::int64_t bytes = 0;
  for (std::int64_t version = 0; version <= 31; ++version)
    bytes += static_cast<std::int64_t>(log.read(version)->size());
  CHECK(*log.replay_bytes(31) == bytes);
  const auto oldest = [] { return std::int64_t{31}; };
  compact_now_and_then(log, 31, 0, oldest, bytes - 1);
  CHECK(log.list()->compactions.empty());
  compact_now_and_then(log, 31, 0, oldest, bytes);
  CHECK(log.list()->compactions == std::vector<std::int64_t>{31});
  // From the summary on, only what follows counts.
  put(lake, commit_file_name(32), R"({"txn":{"appId":"a","version":2}})");
  const auto summary = static_cast<std::int64_t>(log.read_compacted(31)->size());
  CHECK(*log.replay_bytes(32) == summary + static_cast<std::int64_t>(log.read(32)->size()));
}

TEST_CASE("a compacted entry keeps what others wrote into the actions, to the value") {
  TempLake lake;
  const json schema = {
      {"type", "struct"},
      {"fields",
       {{{"name", "n"},
         {"type", "long"},
         {"nullable", true},
         {"metadata", {{"comment", "how many"}, {"__CHAR_VARCHAR_TYPE_STRING", "x"}}}},
        {{"name", "day"}, {"type", "date"}, {"nullable", true}, {"metadata", json::object()}}}}};
  const json metadata = {{"id", "m"},
                         {"name", "quotes"},
                         {"description", ""},
                         {"format", {{"provider", "parquet"}, {"options", {{"k", "v"}}}}},
                         {"schemaString", schema.dump(1)},
                         {"partitionColumns", {"day"}},
                         {"configuration", {{"delta.logRetentionDuration", "interval 1 day"}}},
                         {"createdTime", 0}};
  const json add = {{"path", "day=2026-11-20/a"},
                    {"partitionValues", {{"day", "2026-11-20"}}},
                    {"size", 5},
                    {"modificationTime", 7},
                    {"dataChange", false},
                    {"stats", "{\"numRecords\":1}"},
                    {"tags", {{"INSERTION_TIME", "1"}, {"ZCUBE_ID", "é"}}},
                    {"baseRowId", 12}};
  const json remove = {{"path", "day=2026-11-20/old"},
                       {"deletionTimestamp", 9'000'000'000'000},
                       {"dataChange", true},
                       {"extendedFileMetadata", true},
                       {"partitionValues", {{"day", "2026-11-20"}}},
                       {"size", 3},
                       {"tags", {{"t", "u"}}}};
  const json txn = {{"appId", "spark"}, {"version", 4}, {"lastUpdated", 99}};
  const json protocol = {{"minReaderVersion", 1}, {"minWriterVersion", 2}};
  std::string text;
  for (const json& line : {json{{"protocol", protocol}}, json{{"metaData", metadata}},
                           json{{"txn", txn}}, json{{"remove", remove}}, json{{"add", add}}})
    text += line.dump() + "\n";
  put(lake, commit_file_name(0), text);
  for (std::int64_t version = 1; version <= 31; ++version)
    REQUIRE(publish(publication(lake, append_payload({}, version - 1), version)).ok());
  const auto summary = test_log(lake).read_compacted(31);
  REQUIRE(summary.ok());
  CHECK(actions(*summary, "metaData") == std::vector<json>{metadata});
  CHECK(actions(*summary, "add") == std::vector<json>{add});
  CHECK(actions(*summary, "remove") == std::vector<json>{remove});
  CHECK(actions(*summary, "protocol") == std::vector<json>{protocol});
  CHECK(actions(*summary, "txn")[1] == txn);
  CHECK(read_snapshot(test_log(lake))->metadata.columns[0].name == "n");
}

TEST_CASE("a table with actions that a summary would lose gets none") {
  TempLake lake;
  append_up_to(lake, 20);
  put(lake, commit_file_name(21),
      "{\"domainMetadata\":{\"domain\":\"d\",\"configuration\":\"\"}}\n");
  for (std::int64_t version = 22; version <= 40; ++version)
    REQUIRE(publish(publication(lake, append_payload({}, version - 1), version + 1)).ok());
  CHECK(test_log(lake).list()->compactions.empty());
  CHECK(read_snapshot(test_log(lake))->version == 40);
}
