#include "tests/store/store_conformance.h"

#include "scheduler/store/sqlite_history.h"
#include "tests/store/store_conformance_beside.h"
#include "tests/support/memory_store.h"

namespace batuta::test {
namespace {

class SqliteHarness {
 public:
  Store& store() { return *store_; }
  void reopen() {
    store_.reset();
    store_ = open_store(folder_.file("batuta.db"));
  }
  // The fence is not in the question: tries and fences go together here.
  std::optional<AttemptReportRow> report_of(const AttemptKey& key) {
    SqliteHistory history(folder_.file("batuta.db"));
    const auto try_number = static_cast<std::int32_t>(key.fence) - 1;
    return history.attempt_report(key.instance(), try_number);
  }
  std::vector<JobConfigView> job_configs() {
    return SqliteHistory(folder_.file("batuta.db")).job_configs();
  }

 private:
  TempFolder folder_;
  std::unique_ptr<SqliteStore> store_ = open_store(folder_.file("batuta.db"));
};

class MemoryHarness {
 public:
  Store& store() { return store_; }
  void reopen() {}
  std::optional<AttemptReportRow> report_of(const AttemptKey& key) {
    const auto& reports = store_.data().attempt_reports;
    const auto found = reports.find(key);
    return found == reports.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<JobConfigView> job_configs() {
    std::vector<JobConfigView> all;
    for (const auto& [name, config] : store_.data().job_configs) all.push_back(config);
    return all;
  }

 private:
  MemoryStore store_;
};

BATUTA_STORE_CONFORMANCE(SqliteHarness, MemoryHarness);
BATUTA_STORE_CONFORMANCE_BESIDE(SqliteHarness, MemoryHarness);

}  // namespace
}  // namespace batuta::test
