// The parameters of runs, read once and shared by a run's attempts.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/ids.h"

namespace batuta {

// conf over the defaults of the DAG's params: as tasks get it, and as people may see it, where the
// passwords of the conf are stars.
struct RunParams {
  std::shared_ptr<const nlohmann::json> told, shown;
  std::string told_conf, shown_conf;  // the conf alone, JSON text; empty: nothing in it is sealed
  std::vector<std::string> hidden;    // the passwords
  // Opened, of an order for the quarantine (see run_conf.h): in none of the above, and for its task
  // alone.
  std::string order_values;
  std::string fault;  // not empty: a password cannot be opened, and why
};

// Bounded by the bytes of their texts (read, they take several times that) and by their number;
// when one more does not fit, all that are kept go. One thread.
class ParamsCache {
 public:
  using Params = std::shared_ptr<const RunParams>;
  explicit ParamsCache(std::size_t max_bytes = 8 << 20, std::size_t max_runs = 1024)
      : max_bytes_(max_bytes), max_runs_(max_runs) {}

  // Null when they are not kept, or of another version of the DAG.
  Params find(RunSeq run, const std::string& dag_version) const {
    const auto found = runs_.find(run);
    return found != runs_.end() && found->second.version == dag_version ? found->second.params
                                                                        : nullptr;
  }
  void keep(RunSeq run, const std::string& dag_version, Params params, std::size_t bytes) {
    if (bytes > max_bytes_) return;
    if (const auto old = runs_.find(run); old != runs_.end()) {
      bytes_ -= old->second.bytes;
      runs_.erase(old);
    }
    if (runs_.size() >= max_runs_ || bytes_ + bytes > max_bytes_) {
      runs_.clear();
      bytes_ = 0;
    }
    bytes_ += bytes;
    runs_[run] = {dag_version, std::move(params), bytes};
  }
  void forget(RunSeq run) {
    const auto found = runs_.find(run);
    if (found == runs_.end()) return;
    bytes_ -= found->second.bytes;
    runs_.erase(found);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    std::string version;
    Params params;
    std::size_t bytes = 0;
  };
  const std::size_t max_bytes_;
  const std::size_t max_runs_;
  std::size_t bytes_ = 0;
  std::unordered_map<RunSeq, Kept> runs_;
};

}  // namespace batuta
