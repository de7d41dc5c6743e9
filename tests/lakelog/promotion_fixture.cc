#include "tests/lakelog/promotion_fixture.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "lakelog/change.h"
#include "lakelog/table.h"

namespace batuta::lakelog {

using nlohmann::json;

std::string names_of(Storage& storage, const std::string& table) {
  const auto snapshot = read_snapshot(LogFolder(storage, table));
  if (!snapshot.ok()) return "";
  std::string names;
  for (const auto& [path, file] : snapshot->files) {
    const auto there = storage.stat(table + "/" + path).ok();
    CHECK(there);
    names += (names.empty() ? "" : " ") + path.substr(path.find("part-") + 5, 1);
  }
  return names;
}

Result<Published> publish_file(MemoryStorage& lake, const Branch* branch, const std::string& table,
                               const std::string& name, const std::function<void(json&)>& change) {
  static std::int64_t number = 5000;
  const auto storage = branch ? branch_storage(shared(lake), branch->ref()) : shared(lake);
  const std::string key = table + "/" + kept_path(name);
  lake.write_staged(branch ? branch_key(branch->ref(), key) : key, std::string(100, 'x'));
  if (auto synced = storage->sync({key}); !synced) return synced.error();
  const auto listing = LogFolder(*storage, table).list();
  if (!listing) return listing.error();
  const json add = {{"path", kept_path(name)},
                    {"size", 100},
                    {"modification_time", first_ms},
                    {"partition_values", {{"day", "2026-11-20"}}},
                    {"stats", {{"numRecords", 1}}}};
  json payload = append_payload({add}, newest_version(*listing));
  payload["table"] = table;
  if (change) change(payload);
  Publication out;
  out.storage = storage.get();
  out.payload_json = payload.dump();
  out.app_id = "batuta/store-1";
  out.number = ++number;
  out.uuid = "file-" + std::to_string(number);
  return publish(out);
}

void must_publish(MemoryStorage& lake, const Branch* branch, const std::string& table,
                  const std::string& name, const std::function<void(json&)>& change) {
  const auto done = publish_file(lake, branch, table, name, change);
  if (!done.ok()) FAIL(done.error().message);
}

Status promote(MemoryStorage& lake, const Branch& branch, const std::string& attempt) {
  static std::int64_t number = 900'000;
  const auto tables = look_at_promotion(shared(lake), branch);
  if (!tables) return tables.error();
  if (auto may = check_promotion(branch, *tables); !may) return may;
  std::vector<Payload> payloads;
  PlainCheckpoints checkpoints(lake);
  const auto source_of = [](const std::string& table, const std::string& marker) {
    return marker == "one/bronze" ? "bronze" + table.substr(table.find('/')) : std::string();
  };
  for (std::size_t i = 0; i < tables->size(); ++i) {
    if ((*tables)[i].is_done()) continue;
    auto payload = promotion_payload(shared(lake), branch, *tables, i,
                                     {&checkpoints, &checkpoints, source_of});
    if (!payload) return payload.error();
    const auto bring = [&](const std::string& from, const std::string& to) -> Status {
      auto bytes = lake.read(from);
      if (!bytes) return bytes.error();
      lake.write_staged(to, *std::move(bytes));
      return success();
    };
    if (auto brought = bring_files(lake, branch, *payload, first_ms, bring); !brought)
      return brought;
    payloads.push_back(*std::move(payload));
  }
  for (const Payload& payload : payloads) {
    Publication out;
    out.storage = &lake;
    out.payload_json = serialise_payload(payload);
    out.app_id = "batuta/store-1";
    out.number = ++number;
    out.uuid = attempt + payload.table;
    if (auto done = publish(out); !done) return done.error();
  }
  return success();
}

std::int64_t promotions(MemoryStorage& lake, const std::string& table) {
  const auto history = table_history(lake, table, 1000);
  REQUIRE(history.ok());
  return std::count_if(history->begin(), history->end(),
                       [](const HistoryEntry& entry) { return entry.operation == "PROMOTE"; });
}

PromotedTable looked(MemoryStorage& lake, const Branch& branch) {
  const auto tables = look_at_promotion(shared(lake), branch);
  if (!tables.ok()) FAIL(tables.error().message);
  REQUIRE(tables->size() == 1);
  return tables->front();
}

void must_promote(MemoryStorage& lake, const Branch& branch) {
  const auto done = promote(lake, branch);
  if (!done.ok()) FAIL(done.error().message);
}

}  // namespace batuta::lakelog
