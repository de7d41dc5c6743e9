#include "tests/lakelog/kept_table.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace batuta::lakelog {

using nlohmann::json;

Result<Commit> PlainCheckpoints::read(const CheckpointFiles& files) {
  CommitParser parser;
  for (const std::string& key : files.keys) {
    auto bytes = storage_.read(key);
    if (!bytes) return bytes.error();
    for (std::string_view text = *bytes; !text.empty();) {
      const auto end = text.find('\n');
      if (auto taken = parser.take(text.substr(0, end)); !taken) return taken.error();
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }
  return parser.finish();
}

Result<std::string> PlainCheckpoints::write(const Commit& state) {
  return serialise(state);
}

std::string kept_path(const std::string& name) {
  const std::string path = name.find('/') == std::string::npos ? "2026-11-20/" + name : name;
  return "day=" + path.substr(0, path.find('/')) + "/part-" + path.substr(path.find('/') + 1) +
         ".parquet";
}

void KeptTable::wait(std::int64_t ms) {
  now_ms += ms;
  storage.set_clock(now_ms);
}

void KeptTable::stage(const std::string& path, std::size_t bytes) {
  const std::string key = std::string(test_table) + "/" + path;
  storage.write_staged(key, std::string(bytes, 'x'));
  REQUIRE(storage.sync({key}).ok());
}

Result<Published> KeptTable::try_publish(const std::vector<std::string>& names,
                                         const std::vector<std::string>& gone,
                                         std::int64_t read_version, std::size_t bytes,
                                         std::map<std::string, std::int64_t> markers) {
  const auto day_of = [](const std::string& path) { return path.substr(4, path.find('/') - 4); };
  std::vector<json> adds, removes;
  for (const std::string& name : names) {
    const std::string path = kept_path(name);
    const auto there = storage.stat(std::string(test_table) + "/" + path);
    if (!there) stage(path, bytes);
    adds.push_back({{"path", path},
                    {"size", there ? there->size : static_cast<std::int64_t>(bytes)},
                    {"modification_time", there ? there->modified_ms : now_ms},
                    {"partition_values", {{"day", day_of(path)}}},
                    {"stats", {{"numRecords", 1}}}});
  }
  for (const std::string& name : gone) {
    const std::string path = kept_path(name);
    removes.push_back(
        {{"path", path}, {"partition_values", {{"day", day_of(path)}}}, {"size", bytes}});
  }
  json payload = removes.empty() ? append_payload(adds, read_version)
                                 : merge_payload(removes, adds, read_version);
  for (const auto& [app_id, version] : markers)
    payload["txn"].push_back({{"app_id", app_id}, {"version", version}});
  Publication out;
  out.storage = &storage;
  out.payload_json = payload.dump();
  out.app_id = "batuta/store-1";
  out.number = ++number_;
  out.uuid = "publication-" + std::to_string(number_);
  return publish(out);
}

std::int64_t KeptTable::publish_files(const std::vector<std::string>& names,
                                      const std::vector<std::string>& gone, std::size_t bytes,
                                      std::map<std::string, std::int64_t> markers) {
  const auto listing = log().list();
  REQUIRE(listing.ok());
  const auto done = try_publish(names, gone, newest_version(*listing), bytes, std::move(markers));
  if (!done.ok()) FAIL(done.error().message);
  return done->version;
}

Snapshot KeptTable::at(std::int64_t version) {
  PlainCheckpoints checkpoints(storage);
  auto snapshot = read_snapshot(log(), version, &checkpoints);
  if (!snapshot.ok()) FAIL(snapshot.error().message);
  return *std::move(snapshot);
}

std::string KeptTable::live(std::int64_t version) {
  std::string names;
  for (const auto& [path, file] : at(version).files) {
    const auto& of = path;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    CHECK(has(path));
    const auto begin = path.find("part-") + 5;
    names += (names.empty() ? "" : " ") + path.substr(begin, path.size() - begin - 8);
  }
  return names;
}

bool KeptTable::has(const std::string& path) const {
  return storage.objects().contains(std::string(test_table) + "/" + path);
}

}  // namespace batuta::lakelog
