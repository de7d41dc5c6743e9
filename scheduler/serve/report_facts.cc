#include "scheduler/serve/report_facts.h"

#include <chrono>

namespace batuta {

std::optional<Result<std::string>> ReportFacts::find(const std::string& attempt) {
  if (reading_.valid()) {
    if (reading_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      return std::nullopt;
    auto read = reading_.get();
    // Of an attempt that was cancelled meanwhile nobody asks any more.
    if (attempt_ == attempt) return read;
  }
  attempt_ = attempt;
  reading_ = std::async(std::launch::async, read_);
  return std::nullopt;
}

}  // namespace batuta
