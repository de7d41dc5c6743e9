// What the tasks before one returned, as templates and commands get it: from the store, opened
// where it is sealed, or from the file of a large value.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/engine/render.h"
#include "scheduler/serve/result_cache.h"
#include "scheduler/store/crypto.h"

namespace batuta {

// A template takes this much of one value; a whole list of them has max_xcom_list.
inline constexpr std::size_t max_template_result = std::size_t{1} << 20;
// What is handed over to a command as files; of those that are files already, their paths.
inline constexpr std::size_t max_handed_over = std::size_t{4} << 20;

// Control thread: reads at most max_template_result bytes of a file at a time, and those of single
// values once for all the templates that name them, while `cache` has room. The references must
// outlive this. `hidden` in all of them: the secrets of what is told are added there; null: for
// people, who get stars in their place.
class UpstreamResults {
 public:
  using Attempt = LaunchContext::Attempt;
  UpstreamResults(const SecretKey& key, const std::string& home, ResultCache& cache)
      : key_(key), home_(home), cache_(cache) {}

  // JSON text of one XCom of a task that is not mapped. nullopt where there is none, and of a large
  // one that kept() refuses. Here and below Errc::invalid, naming the task, of a value that is told
  // and that was sealed with another key: a box is no value.
  Result<std::optional<std::string>> value(const Attempt& attempt, TaskIndex task,
                                           std::string_view name,
                                           std::vector<std::string>* hidden) const;
  // The same of a value that is a file, read; null where it is none. Errc::too_large or why the
  // file cannot be read, naming the task and what reads it; `for_task`: or why value() has an
  // error.
  Result<ResultCache::Value> kept(const Attempt& attempt, TaskIndex task, std::string_view name,
                                  bool for_task) const;
  // A mapped task's results, as the text of a list.
  Result<std::string> list(const Attempt& attempt, TaskIndex task, std::string_view name,
                           const std::vector<std::int64_t>* map_indexes,
                           std::vector<std::string>* hidden) const;
  // The path of a task's return value, when that is a file.
  std::optional<std::string> file(const Attempt& attempt, TaskIndex task) const;
  // Everything that the upstream tasks returned, for a command's files: a list of {"task",
  // "map_index", "key", and "json" or "file" and "bytes"}. Errc::too_large over max_handed_over.
  Result<nlohmann::json> handed_over(const Attempt& attempt,
                                     std::vector<std::string>& hidden) const;

 private:
  Result<std::optional<std::string>> member_of_sealed(const Attempt& attempt, TaskIndex task,
                                                      std::string_view name,
                                                      std::vector<std::string>* hidden) const;
  Result<std::string> told(const Attempt& attempt, TaskIndex task, std::string stored,
                           std::vector<std::string>* hidden) const;
  Result<std::string> read(const Attempt& attempt, TaskIndex task, std::string_view stored) const;

  const SecretKey& key_;
  const std::string& home_;
  ResultCache& cache_;
};

}  // namespace batuta
