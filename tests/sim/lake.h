// Delta tables as logs of entries: put-if-absent and nothing else. Survives every crash.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/ids.h"

namespace batuta::sim {

struct LakeEntry {
  std::int64_t publication = 0;  // 0: written by someone else
  std::int64_t number = 0;       // Delta txn version
  AttemptKey key;
  bool append = false;
};

class Lake {
 public:
  // The newest version, -1 when the table does not exist.
  std::int64_t version(const std::string& table) const;
  // False when `version` exists already; the log is untouched then. Versions have no gaps.
  bool put_if_absent(const std::string& table, std::int64_t version, const LakeEntry& entry);
  // Version of the entry that holds `publication`, or -1.
  std::int64_t find(const std::string& table, std::int64_t publication) const;
  // True when nothing after `read_version` contradicts an entry that read that version: blind
  // appends of other people do not contradict a blind append, everything else does.
  bool compatible(const std::string& table, std::int64_t read_version, bool append) const;

  // How many entries an attempt has, over all tables.
  std::size_t published(const AttemptKey& key) const;

  const std::map<std::string, std::vector<LakeEntry>>& tables() const { return tables_; }

 private:
  std::map<std::string, std::vector<LakeEntry>> tables_;
  std::map<AttemptKey, std::size_t> published_;
};

}  // namespace batuta::sim
