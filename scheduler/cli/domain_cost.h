// domain cost: what a data domain holds and what it took to make it, from the lake's catalogue and
// the runs' history as the API tells them.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <utility>

namespace CLI {
class App;
}

namespace batuta::cli {

struct Session;

// Adds what it is told of; pure.
class DomainCost {
 public:
  // A row of GET /api/lake/tables. What is not known of a table (a file without statistics) counts
  // as 0, and the table is named in `unknown`.
  void add_table(const nlohmann::json& table);
  // A row of a table's versions: its task is one that writes the domain's tables.
  void add_version(const nlohmann::json& version);
  // {DAG, task} of the versions that were added.
  const std::set<std::pair<std::string, std::string>>& writers() const { return writers_; }
  // A try, as the API lists instances; one of another task, or that never began, counts for
  // nothing.
  void add_try(const nlohmann::json& instance);

  // {"tables", "rows", "bytes", "runs", "attempts", "failed", "busy_seconds", "stored": [a row a
  // layer], "work": [a row a DAG], "unknown": [tables]}
  nlohmann::json report() const;

 private:
  struct Stored {
    std::int64_t tables = 0, rows = 0, bytes = 0, files = 0;
  };
  struct Work {
    std::set<std::string> runs;
    std::int64_t attempts = 0, failed = 0, peak_kib = 0;
    double seconds = 0;
  };
  std::map<std::string, Stored> stored_;  // by layer
  std::map<std::string, Work> work_;      // by DAG
  std::set<std::pair<std::string, std::string>> writers_;
  std::set<std::string> unknown_;
};

// The verb `cost` below `domain`.
void add_domain_cost(CLI::App& domain, Session& session);

}  // namespace batuta::cli
