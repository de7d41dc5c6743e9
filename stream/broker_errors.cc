#include "stream/broker_errors.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/safe_json.h"

namespace batuta::stream {
namespace {

constexpr std::size_t most_of_a_text = 300;
constexpr std::int64_t most_times = std::int64_t{1} << 40;

// A line's text; nullopt: it is none.
std::optional<std::string> told_text(const nlohmann::json& one, const char* name) {
  const auto at = one.find(name);
  if (at == one.end() || !at->is_string()) return std::nullopt;
  const auto& text = at->get_ref<const std::string&>();
  const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == 127;
  });
  if (!plain || text.size() > most_of_a_text) return std::nullopt;
  return text;
}
std::int64_t told_number(const nlohmann::json& one, const char* name) {
  const auto at = one.find(name);
  const auto number = at == one.end() ? std::nullopt : json_int(*at);
  return number.value_or(-1);
}

}  // namespace

std::string error_json(const ErrorCount& one) {
  const auto part = [](const std::string& text) { return text.substr(0, most_of_a_text); };
  return json_text({{"error", part(one.of.error)},
                    {"topic", part(one.of.topic)},
                    {"partition", one.of.partition},
                    {"broker", part(one.of.broker)},
                    {"times", one.times}});
}

std::vector<ErrorCount> read_errors(std::string_view list_json) {
  std::vector<ErrorCount> out;
  const auto list = parse_untrusted(list_json);
  if (!list || !list->is_array()) return out;
  for (const auto& one : *list) {
    if (out.size() == BrokerErrors::most_places) break;
    if (!one.is_object()) continue;
    const auto error = told_text(one, "error"), topic = told_text(one, "topic"),
               broker = told_text(one, "broker");
    const std::int64_t partition = told_number(one, "partition"), times = told_number(one, "times");
    if (!error || error->empty() || !topic || !broker) continue;
    if (partition < -1 || partition > INT32_MAX || times < 1 || times > most_times) continue;
    out.push_back({{*error, *topic, static_cast<int>(partition), *broker}, times});
  }
  return out;
}

BrokerErrors& broker_errors() {
  static BrokerErrors all;
  return all;
}

std::string broker_named_by(std::string_view text) {
  if (text.starts_with("[thrd:")) {
    const auto end = text.find("]: ");
    if (end == text.npos) return {};
    text.remove_prefix(end + 3);
  }
  // A coordinator has no number: its name alone stands before the address.
  constexpr std::string_view coordinator = "GroupCoordinator: ";
  const bool coordinates = text.starts_with(coordinator);
  if (coordinates) text.remove_prefix(coordinator.size());
  text = text.substr(0, text.find(": "));
  if (const auto scheme = text.find("://"); scheme != text.npos) text.remove_prefix(scheme + 3);
  if (const auto slash = text.find('/'); slash != text.npos) {
    // A broker's name ends with its number, or says that it is one of those that were named first.
    const std::string_view who = text.substr(slash + 1);
    const bool number = !who.empty() && std::all_of(who.begin(), who.end(),
                                                    [](char c) { return c >= '0' && c <= '9'; });
    if (!number && who != "bootstrap") return {};
    text = text.substr(0, slash);
  } else if (!coordinates) {
    return {};
  }
  const auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0 || text.find(' ') != text.npos) return {};
  constexpr std::size_t most = 300;  // of a host's name and its port
  return text.size() <= most ? std::string(text) : std::string();
}

}  // namespace batuta::stream
