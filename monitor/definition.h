// Monitors as people write them: what a domain expects of its tables and tasks, one JSON file a
// domain (monitors/<domain>.json).
//
//   {"monitors": [
//     {"name": "clients_fresh", "kind": "freshness", "table": "silver/bank/clients",
//      "within": "26h", "severity": "critical", "description": "…"},
//     {"name": "clients_volume", "kind": "volume", "table": "silver/bank/clients",
//      "history": 10, "at_least": 0.5, "at_most": 2},
//     {"name": "clients_schema", "kind": "schema", "table": "silver/bank/clients",
//      "columns": {"id": "long"}, "new_columns": "allow"},
//     {"name": "clients_quality", "kind": "quality", "table": "silver/bank/clients"},
//     {"name": "bank_ingest", "kind": "failures", "dag": "bank", "task": "extract", "let_pass":
//     2},
//     {"name": "orders_read", "kind": "lag", "topic": "orders", "group": "bank",
//      "connection": "broker", "at_most": 10000},
//     {"name": "bank_cost", "kind": "cost", "window": "7d",
//      "at_most": {"runs": 500, "cpu_seconds": 3600, "bytes_stored": "2GiB",
//                  "bytes_scanned": "50GiB"}}]}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time.h"

namespace batuta::monitor {

inline constexpr std::size_t max_file_bytes = 256 << 10;
inline constexpr std::size_t max_monitors = 500;  // of one file

enum class Kind : std::uint8_t { freshness, volume, schema, quality, failures, lag, cost };
enum class Severity : std::uint8_t { info, warning, critical };
// The words of the file: "freshness", "warning".
std::string_view to_string(Kind kind);
std::string_view to_string(Severity severity);
std::optional<Severity> severity_named(const std::string& word);

// Name and Delta type, in the table's order.
using Columns = std::vector<std::pair<std::string, std::string>>;

// What a table or domain may take over a window; nullopt: as much as it likes. All above 0.
struct CostBounds {
  std::optional<std::int64_t> runs;
  std::optional<double> cpu_seconds;
  std::optional<std::int64_t> bytes_stored;   // as it is now, whatever the window
  std::optional<std::int64_t> bytes_scanned;  // that its tasks read
  bool none() const { return !runs && !cpu_seconds && !bytes_stored && !bytes_scanned; }
};

struct Monitor {
  std::string id;  // "bank/clients_fresh": domain and name
  std::string domain;
  Kind kind = Kind::freshness;
  Severity severity = Severity::warning;
  std::string description;
  std::string table;  // "silver/bank/clients"; of all kinds but failures and lag; of cost it may
                      // be empty: every table of the domain
  std::string dag;    // failures
  std::string task;   // failures; empty: every data task of the DAG
  Duration within{};  // freshness: how old the newest version may be
  int history = 10;   // volume: compared with the median of so many versions before
  double at_least = 0.5;  // volume: times that median
  double at_most = 2;
  Columns columns;            // schema: what must be there; none: what was there when it was well
  bool new_columns = false;   // schema: further columns are no drift
  std::int64_t let_pass = 0;  // failures: so many in a row raise no alert
  std::string topic, group;   // lag
  std::string connection;     // lag: the broker's; empty: the embedded log
  std::int64_t behind = 0;    // lag: so many records ("at_most") raise no alert
  Duration window{};          // cost: how long it looks back
  CostBounds bounds;          // cost ("at_most")

  // What it watches, in a few words: the table, "dag" or "dag.task", "topic of group", or the
  // domain, which has no slash.
  std::string target() const;
};

struct MonitorFile {
  std::vector<Monitor> monitors;
  std::vector<std::string> problems;  // "/monitors/0/within: …"; empty: the file is good
};

// `domain` is the file's name without ".json". With problems the monitors are not to be used.
MonitorFile parse_monitors(const std::string& domain, std::string_view text);

}  // namespace batuta::monitor
