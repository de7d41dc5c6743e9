// What the event log says of before and after. Bounded, whatever was changed.
#include <map>

#include "scheduler/core/turn.h"

namespace batuta {
namespace {

constexpr std::size_t most_named = 50;

std::string name_of(const LiveRun& run, InstanceIndex i) {
  std::string name = run.definition(i).id;
  const MapIndex index = run.stored.has_rows() ? run.task(i).map_index : unmapped;
  if (index != unmapped) name += "[" + std::to_string(number_of(index)) + "]";
  return name;
}

}  // namespace

std::string json_quoted(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      out.append("\\u00") += digits[byte >> 4];
      out += digits[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string json_member(std::string_view name, std::string_view text) {
  return json_quoted(name) + ":" + json_quoted(text);
}

std::string states_changed(const LiveRun& run, const std::vector<InstanceIndex>& tasks,
                           std::string_view after) {
  std::string named;
  std::map<std::string_view, std::int64_t> rest;
  for (std::size_t n = 0; n < tasks.size(); ++n) {
    const std::string_view state = to_string(run.stored.state_of(tasks[n]));
    if (n >= most_named) {
      ++rest[state];
      continue;
    }
    named.append(named.empty() ? "" : ",").append(json_member(name_of(run, tasks[n]), state));
  }
  std::string out = "{\"before\":{" + named + "}";
  std::string more;
  for (const auto& [state, count] : rest) {
    more.append(more.empty() ? "" : ",").append(json_quoted(state)).append(":");
    more += std::to_string(count);
  }
  if (!more.empty()) out += ",\"more\":{" + more + "}";
  return out + "," + json_member("after", after) + "}";
}

}  // namespace batuta
