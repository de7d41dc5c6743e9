#include "scheduler/dagfile/zone.h"

#include <date/tz.h>

#include <stdexcept>

namespace batuta {
namespace {

class SystemZone : public Zone {
 public:
  explicit SystemZone(const date::time_zone* zone) : zone_(zone) {}

  std::chrono::seconds offset_at(Time t) const override {
    return zone_->get_info(std::chrono::floor<std::chrono::seconds>(t)).offset;
  }

  Instants from_local(std::chrono::local_time<Duration> local) const override {
    const date::local_time<Duration> reading{local.time_since_epoch()};
    const auto info = zone_->get_info(std::chrono::floor<std::chrono::seconds>(reading));
    const auto instant = [&](const date::sys_info& rules) {
      return Time{reading.time_since_epoch() - rules.offset};
    };
    Instants out;
    if (info.result == date::local_info::nonexistent) {
      out.unchanged = instant(info.first);
      return out;
    }
    out.at[0] = instant(info.first);
    out.count = 1;
    if (info.result == date::local_info::ambiguous) {
      out.at[1] = instant(info.second);
      out.count = 2;
    }
    return out;
  }

 private:
  const date::time_zone* zone_;  // lives as long as the process
};

}  // namespace

std::shared_ptr<const Zone> find_zone(const std::string& name) {
  try {
    return std::make_shared<SystemZone>(date::locate_zone(name));
  } catch (const std::runtime_error&) {
    return nullptr;
  }
}

std::optional<ZoneReading> read_zone(const std::string& name, Time t) {
  if (is_utc(name)) return ZoneReading{{}, "UTC"};
  try {
    const auto info =
        date::locate_zone(name)->get_info(std::chrono::floor<std::chrono::seconds>(t));
    return ZoneReading{info.offset, info.abbrev};
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

std::vector<std::string> zone_names() {
  std::vector<std::string> names;
  try {
    for (const auto& zone : date::get_tzdb().zones) names.push_back(zone.name());
  } catch (const std::runtime_error&) {
    names.clear();
  }
  return names;
}

bool is_utc(std::string_view name) {
  return name == "UTC" || name == "Etc/UTC" || name == "Z";
}

}  // namespace batuta
