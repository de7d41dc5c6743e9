#include "tests/lakelog/branch_fixture.h"

#include <nlohmann/json.hpp>

#include "lakelog/snapshot.h"
#include "tests/lakelog/lake_fixture.h"

namespace batuta::lakelog {

std::shared_ptr<Storage> shared(MemoryStorage& storage) {
  return {std::shared_ptr<void>(), &storage};
}

Branch made_branch(Storage& lake, const std::string& name) {
  const auto made = create_branch(lake, {name, "", "ana", "a note", 7});
  if (!made.ok()) FAIL(made.error().message);
  return *made;
}

std::string live_on(Storage& storage, std::int64_t version) {
  const auto snapshot = read_snapshot(LogFolder(storage, test_table), version);
  if (!snapshot.ok()) return snapshot.error().message;
  std::string names;
  for (const auto& [path, file] : snapshot->files) {
    const auto there = storage.stat(std::string(test_table) + "/" + path).ok();
    CHECK(there);
    names += (names.empty() ? "" : " ") + path.substr(path.find("part-") + 5, 1);
  }
  return names;
}

Result<Published> publish_on(MemoryStorage& lake, const Branch& branch, const std::string& name,
                             const std::string& gone, std::int64_t number) {
  const auto storage = branch_storage(shared(lake), branch.ref());
  const std::string path = kept_path(name), key = std::string(test_table) + "/" + path;
  lake.write_staged(branch_key(branch.ref(), key), std::string(100, 'x'));
  if (auto synced = storage->sync({key}); !synced) return synced.error();
  const auto listing = LogFolder(*storage, test_table).list();
  if (!listing) return listing.error();
  const nlohmann::json add = {{"path", path},
                              {"size", 100},
                              {"modification_time", first_ms},
                              {"partition_values", {{"day", "2026-11-20"}}},
                              {"stats", {{"numRecords", 1}}}};
  const nlohmann::json remove = {
      {"path", kept_path(gone)}, {"partition_values", {{"day", "2026-11-20"}}}, {"size", 100}};
  const std::int64_t read = newest_version(*listing);
  Publication out;
  out.storage = storage.get();
  out.payload_json = gone.empty() ? append_payload({add}, read).dump()
                                  : merge_payload({remove}, {add}, read).dump();
  out.app_id = "batuta/store-1";
  out.number = number;
  out.uuid = "on-branch-" + name;
  return publish(out);
}

}  // namespace batuta::lakelog
