// What tables and domains hold, and what their tasks took over a window, for monitors of kind
// `cost`: counted as GET /api/lake/domains/{domain}/cost counts it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/store/history.h"
#include "stores/lake.h"

namespace batuta::http {

struct CostAsked {
  std::string target;  // "silver/bank/clients", or a domain, "bank": all of its tables
  Duration window{};   // back from now
  auto operator<=>(const CostAsked&) const = default;
};

struct CostTold {
  CostAsked of;
  std::int64_t runs = 0;
  double cpu_seconds = 0;
  std::int64_t scanned_bytes = 0, stored_bytes = 0;
  std::int64_t unmeasured = 0;  // tries, that count as nothing
  bool more = false;            // there are more tries than were counted
  bool size_unknown = false;    // of a table
  std::string trouble;          // why nothing is known; empty: it is
};

// Of one thread. What it read of logs it keeps as long as their tables' versions stand.
class CostFacts {
 public:
  explicit CostFacts(const stores::Lake& lake);
  ~CostFacts();
  CostFacts(const CostFacts&) = delete;
  CostFacts& operator=(const CostFacts&) = delete;

  // Blocks on the lake and the store; throws nothing of theirs, but tells it in `trouble`. Of all
  // that is asked 20,000 task instances are looked at, in the order of targets. `stopping`: looked
  // at between tables and tasks; then what is left has a trouble too.
  std::vector<CostTold> read(History& history, const std::set<CostAsked>& asked, Time now,
                             const std::atomic<bool>& stopping);

 private:
  struct Catalogue;
  const std::unique_ptr<Catalogue> lake_;
};

}  // namespace batuta::http
