#include "scheduler/serve/report_facts.h"

#include <chrono>
#include <exception>
#include <system_error>

namespace batuta {

namespace {

// Whatever it throws is its answer: the attempt that it is read for fails by it, and nothing else.
Result<std::string> read_or_say(const ReportFacts::Read& read) {
  try {
    return read();
  } catch (const std::exception& error) {
    return {Errc::internal, std::string("what ended cannot be read: ") + error.what()};
  }
}

}  // namespace

std::optional<Result<std::string>> ReportFacts::find(const std::string& attempt) {
  if (reading_.valid()) {
    if (reading_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      return std::nullopt;
    auto read = reading_.get();
    // Of an attempt that was cancelled meanwhile nobody asks any more.
    if (attempt_ == attempt) return read;
  }
  try {
    reading_ = std::async(std::launch::async, [this] { return read_or_say(read_); });
  } catch (const std::system_error& error) {  // no thread more
    return Result<std::string>{Errc::unavailable,
                               std::string("what ended cannot be read: ") + error.what()};
  }
  attempt_ = attempt;
  return std::nullopt;
}

}  // namespace batuta
