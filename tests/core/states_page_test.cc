// docs/architecture.md shows the transition table; this holds the page to the code.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "scheduler/core/states.h"

namespace batuta {
namespace {

constexpr std::array<std::string_view, 21> cause_names = {
    "rule_met",  "rule_failed", "rule_skipped", "launched", "recalled", "started",  "accepted",
    "succeeded", "failed",      "retry",        "skipped",  "left_out", "cleared",  "marked",
    "run_ended", "delay_over",  "unmappable",   "shrunk",   "deferred", "repeated", "resumed"};
static_assert(cause_names.size() == static_cast<std::size_t>(Cause::resumed) + 1);

constexpr int state_count = static_cast<int>(TaskState::up_for_reschedule) + 1;
using Move = std::tuple<std::string, std::string, std::string>;  // cause, from, to

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(trimmed(part));
  return parts;
}

// The states that one cell names; the two phrases stand for several.
std::vector<std::string> states_of(const std::string& cell) {
  std::vector<std::string> names;
  for (std::string part : split(cell, ',')) {
    if (part.starts_with("and ")) part = part.substr(4);
    for (int i = 0; i < state_count; ++i) {
      const auto state = static_cast<TaskState>(i);
      const bool named = part == to_string(state) ||
                         (part == "every ended state" && is_terminal(state)) ||
                         (part == "every state but publishing" && state != TaskState::publishing);
      if (named) names.emplace_back(to_string(state));
    }
  }
  return names;
}

std::set<Move> documented() {
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  REQUIRE(source != nullptr);
  std::ifstream page(std::string(source) + "/docs/architecture.md");
  REQUIRE(page.good());
  std::set<Move> moves;
  for (std::string line; std::getline(page, line);) {
    const auto cells = split(line, '|');
    if (cells.size() != 4) continue;
    if (std::find(cause_names.begin(), cause_names.end(), cells[1]) == cause_names.end()) continue;
    for (const auto& from : states_of(cells[2])) {
      for (const auto& to : states_of(cells[3])) moves.emplace(cells[1], from, to);
    }
  }
  return moves;
}

std::set<Move> allowed() {
  std::set<Move> moves;
  for (std::size_t cause = 0; cause < cause_names.size(); ++cause) {
    for (int from = 0; from < state_count; ++from) {
      for (int to = 0; to < state_count; ++to) {
        const auto a = static_cast<TaskState>(from);
        const auto b = static_cast<TaskState>(to);
        if (!transition_allowed(a, static_cast<Cause>(cause), b)) continue;
        moves.emplace(cause_names[cause], to_string(a), to_string(b));
      }
    }
  }
  return moves;
}

TEST_CASE("the architecture page shows exactly the moves the table allows") {
  const auto page = documented();
  const auto code = allowed();
  const auto text = [](const auto& move) {
    const auto& [cause, from, to] = move;
    return cause + ": " + from + " -> " + to;
  };
  for (const auto& move : code) {
    INFO(text(move), " is missing on the page");
    CHECK(page.contains(move));
  }
  for (const auto& move : page) {
    INFO(text(move), " stands on the page only");
    CHECK(code.contains(move));
  }
}

}  // namespace
}  // namespace batuta
