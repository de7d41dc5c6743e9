#include "tests/sim/lake.h"

namespace batuta::sim {

std::int64_t Lake::version(const std::string& table) const {
  const auto it = tables_.find(table);
  return it == tables_.end() ? -1 : static_cast<std::int64_t>(it->second.size()) - 1;
}

bool Lake::put_if_absent(const std::string& table, std::int64_t at, const LakeEntry& entry) {
  if (at != version(table) + 1) return false;
  tables_[table].push_back(entry);
  if (entry.publication != 0) ++published_[entry.key];
  return true;
}

std::int64_t Lake::find(const std::string& table, std::int64_t publication) const {
  const auto it = tables_.find(table);
  if (it == tables_.end()) return -1;
  for (std::size_t v = 0; v < it->second.size(); ++v)
    if (it->second[v].publication == publication) return static_cast<std::int64_t>(v);
  return -1;
}

std::size_t Lake::published(const AttemptKey& key) const {
  const auto it = published_.find(key);
  return it == published_.end() ? 0 : it->second;
}

bool Lake::compatible(const std::string& table, std::int64_t read_version, bool append) const {
  if (append) return true;
  return version(table) <= read_version;
}

}  // namespace batuta::sim
