#include "plugins/builtin/spark_end.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace batuta::plugin {
namespace {

constexpr std::size_t most_line = 64 << 10;
constexpr std::size_t most_reason = 1000;
constexpr int by_sigkill = 137, executor_out_of_memory = 52, class_not_found = 101, cannot_open = 2;

struct SparkMark {
  std::string_view text;
  int code;
};

// The gravest first: what ran out of memory looks like a lost executor, and that like a connection
// which was refused.
constexpr SparkMark spark_marks[] = {
    {"java.lang.OutOfMemoryError", spark_code::memory},
    {"exceeding memory limits", spark_code::memory},
    {"exceeding physical memory limits", spark_code::memory},
    {"running beyond physical memory limits", spark_code::memory},
    {"running beyond virtual memory limits", spark_code::memory},
    {"exitCode: 137", spark_code::memory},
    {"ExecutorLostFailure", spark_code::lost},
    {"Master removed our application", spark_code::lost},
    {"lost node", spark_code::lost},
    {"All masters are unresponsive", spark_code::busy},
    {"Connection refused", spark_code::busy},
    {"java.net.ConnectException", spark_code::busy},
    {"java.net.UnknownHostException", spark_code::busy},
    {"Error: Unrecognized option", spark_code::refused},
    {"Error: Missing application resource", spark_code::refused},
    {"Error: Failed to load class", spark_code::refused},
    {"Error: Must specify", spark_code::refused},
    {"Master must either be yarn or start with", spark_code::refused},
    {"Could not parse Master URL", spark_code::refused},
    {"can't open file", spark_code::refused},
};

int rank_of(int code) {
  constexpr std::array order{spark_code::refused, spark_code::busy, spark_code::lost,
                             spark_code::memory};
  const auto at = std::find(order.begin(), order.end(), code);
  return at == order.end() ? 0 : static_cast<int>(at - order.begin()) + 1;
}

int code_told_by(std::string_view text) {
  const auto* found =
      std::find_if(std::begin(spark_marks), std::end(spark_marks),
                   [&](const SparkMark& mark) { return text.find(mark.text) != text.npos; });
  return found == std::end(spark_marks) ? 0 : found->code;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$';
}

// "ValueError: no rows", "Caused by: java.io.IOException: …", "Exception in thread …".
bool tells_exception(std::string_view line) {
  for (const std::string_view before : {"Caused by: ", "Exception in thread \"main\" "})
    if (line.starts_with(before)) line.remove_prefix(before.size());
  const auto colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == line.npos || name.empty() || !std::all_of(name.begin(), name.end(), is_word))
    return false;
  return name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("Failure");
}

// What a log line of Spark says in passing: it goes on after that.
bool in_passing(std::string_view line) {
  const std::string_view head = line.substr(0, 64);
  return head.find(" INFO ") != head.npos || head.find(" WARN ") != head.npos ||
         head.find(" DEBUG ") != head.npos;
}

// The word from `start` on, of letters, digits and `also`.
std::string id_from(std::string_view line, std::string_view start, char also) {
  const auto at = line.find(start);
  if (at == line.npos) return {};
  std::size_t end = at + start.size();
  const std::size_t digits = end;
  while (end < line.size() &&
         (std::isdigit(static_cast<unsigned char>(line[end])) != 0 || line[end] == also))
    ++end;
  return end == digits ? std::string() : std::string(line.substr(at, end - at));
}

std::string joined(std::string what, std::string_view why) {
  if (!why.empty()) what.append(": ").append(why.substr(0, most_reason));
  return what;
}

}  // namespace

void SparkWords::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto piece = bytes.substr(0, end);
    open_.append(piece.substr(0, most_line - std::min(most_line, open_.size())));
    if (end == bytes.npos) return;
    line();
    bytes.remove_prefix(end + 1);
  }
}

void SparkWords::finish() {
  if (!open_.empty()) line();
}

void SparkWords::line() {
  const std::string text = std::exchange(open_, {});
  if (application_.empty() && text.find("Submitted application ") != text.npos)
    application_ = id_from(text, "application_", '_');
  if (driver_.empty()) driver_ = id_from(text, "driver-", '-');
  if (in_passing(text)) return;
  const int code = code_told_by(text);
  if (rank_of(code) > rank_of(told_)) told_ = code;
  if (tells_exception(text) || (code != 0 && reason_.empty()))
    reason_ = text.substr(0, most_reason);
}

SparkVerdict spark_verdict(int exit_code, int signal, const SparkWords& out,
                           const SparkWords& error) {
  if (signal == 0 && exit_code == 0) return {};
  SparkVerdict verdict;
  verdict.code = rank_of(out.told()) > rank_of(error.told()) ? out.told() : error.told();
  const std::string& reason = error.reason().empty() ? out.reason() : error.reason();
  if (signal != 0) {
    if (verdict.code == 0) verdict.code = signal == 9 ? spark_code::memory : spark_code::failed;
    verdict.why = joined("spark-submit ended by signal " + std::to_string(signal), reason);
    return verdict;
  }
  if (verdict.code == spark_code::refused && exit_code != 1 && exit_code != cannot_open &&
      exit_code != class_not_found)
    verdict.code = 0;  // a word of the program's own
  if (verdict.code == 0) {
    const bool memory = exit_code == by_sigkill || exit_code == executor_out_of_memory;
    verdict.code = memory                         ? spark_code::memory
                   : exit_code == class_not_found ? spark_code::refused
                                                  : spark_code::failed;
  }
  verdict.why = joined("spark-submit ended with exit code " + std::to_string(exit_code), reason);
  return verdict;
}

SparkVerdict yarn_verdict(std::string_view state, std::string_view final_status,
                          std::string_view diagnostics) {
  if (state == "FINISHED" && final_status == "SUCCEEDED") return {};
  SparkVerdict verdict;
  verdict.why = joined(
      "the application ended as " +
          std::string(final_status.empty() || final_status == "UNDEFINED" ? state : final_status),
      diagnostics);
  const int told = code_told_by(diagnostics);
  verdict.code = state == "KILLED" || final_status == "KILLED" ? spark_code::cancelled
                 : told == 0 || told == spark_code::refused    ? spark_code::failed
                                                               : told;
  return verdict;
}

SparkVerdict driver_verdict(std::string_view state, std::string_view message) {
  if (state == "FINISHED") return {};
  if (state.empty()) return {spark_code::lost, joined("the master knows no such driver", message)};
  const int told = code_told_by(message);
  const int code = state == "KILLED"                          ? spark_code::cancelled
                   : state == "ERROR" || state == "UNKNOWN"   ? spark_code::lost
                   : told == 0 || told == spark_code::refused ? spark_code::failed
                                                              : told;
  return {code, joined("the driver ended as " + std::string(state), message)};
}

}  // namespace batuta::plugin
