// What the attempts of the DAG lake_report are told with their launch: read off the control thread
// when such a launch is due, which waits for it.
#pragma once

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include "common/result.h"

namespace batuta {

inline constexpr const char* report_plugin = "lake_report";

// Of one thread, which it never blocks but in its destructor, until what is being read is read.
class ReportFacts {
 public:
  using Read = std::function<Result<std::string>()>;
  // `read` blocks; it is called on a thread of its own, one call at a time. What it throws is an
  // Errc::internal of its attempt.
  explicit ReportFacts(Read read) : read_(std::move(read)) {}

  // What it was read for this attempt, once; asked again it is read anew, since the lake has moved.
  // nullopt: it is being read; ask again.
  std::optional<Result<std::string>> find(const std::string& attempt);

 private:
  const Read read_;
  std::string attempt_;  // that it is being read for
  std::future<Result<std::string>> reading_;
};

}  // namespace batuta
