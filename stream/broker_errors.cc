#include "stream/broker_errors.h"

#include <algorithm>
#include <utility>

namespace batuta::stream {

bool BrokerErrors::add(ErrorPlace place) {
  const std::lock_guard held(mutex_);
  const bool room = times_.size() < most_places || times_.contains(place);
  if (!room) place = {"(others)", {}, -1, {}};
  return ++times_[std::move(place)] == 1;
}

std::vector<ErrorCount> BrokerErrors::told() const {
  const std::lock_guard held(mutex_);
  std::vector<ErrorCount> out;
  out.reserve(times_.size());
  for (const auto& [place, times] : times_) out.push_back({place, times});
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
