#include "scheduler/demo/simulation_config.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::demo {
namespace {

using nlohmann::json;

constexpr double slowest = 0.001, fastest = 1e6;
constexpr Duration longest_interval = std::chrono::hours(24);

Error wrong_member(const std::string& name, const std::string& what) {
  return {Errc::invalid, "simulation: " + name + " must be " + what, name};
}

Result<std::int64_t> whole_member(const std::string& name, const json& value, std::int64_t least,
                                  std::int64_t most) {
  const auto number = json_int(value);
  if (number && *number >= least && *number <= most) return *number;
  return wrong_member(
      name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

Status take_member(const std::string& name, const json& value, SimulationConfig& config) {
  struct Whole {
    const char* name;
    std::int64_t least, most;
    int* into;
  };
  for (const Whole& whole : {Whole{"size", 1, 100'000, &config.options.size},
                             Whole{"days", 1, 260, &config.options.days},
                             Whole{"rate", 0, 100'000, &config.per_second}}) {
    if (name != whole.name) continue;
    const auto number = whole_member(name, value, whole.least, whole.most);
    if (!number) return number.error();
    *whole.into = static_cast<int>(*number);
    return success();
  }
  if (name == "seed") {
    const auto seed = whole_member(name, value, 0, std::numeric_limits<std::int64_t>::max());
    if (!seed) return seed.error();
    config.options.seed = static_cast<std::uint64_t>(*seed);
    return success();
  }
  if (name == "defects") {
    const double times = value.is_number() ? value.get<double>() : -1;
    if (!(times >= 0 && times <= 20)) return wrong_member(name, "a number from 0 to 20");
    config.options.defects = times;
    return success();
  }
  const std::string text = value.is_string() ? value.get<std::string>() : std::string();
  if (name == "first_day") {
    const auto day = text.size() == 10 ? parse_iso(text + "T00:00:00Z") : std::nullopt;
    if (!day) return wrong_member(name, "a day such as \"2026-03-02\"");
    config.options.first_day = std::chrono::floor<std::chrono::days>(*day);
    return success();
  }
  if (name == "speed") {
    const auto times = parse_speed(text);
    if (!times) return times.error();
    config.pace.times = *times;
    return success();
  }
  if (name == "interval") {
    const auto span = parse_duration(text);
    if (!span) return wrong_member(name, "a span of time such as \"15m\"");
    config.pace.interval = *span;
    return success();
  }
  return {Errc::invalid,
          "simulation: \"" + name.substr(0, 80) +
              "\" is none of seed, size, days, first_day, defects, speed, interval and rate",
          name};
}

}  // namespace

Duration SimulationPace::due(Duration simulated) const {
  if (at_once() || simulated < Duration::zero()) return Duration::zero();
  if (interval > Duration::zero()) simulated = (simulated / interval + 1) * interval;
  return Duration(
      static_cast<Duration::rep>(std::ceil(static_cast<double>(simulated.count()) / times)));
}

Result<double> parse_speed(std::string_view text) {
  if (text == "at once") return 0.0;
  if (text == "real time") return 1.0;
  for (const std::string_view mark : {std::string_view("x"), std::string_view("×")}) {
    if (!text.starts_with(mark)) continue;
    const std::string number(text.substr(mark.size()));
    // Digits and a point: strtod knows more than a person would write here.
    if (number.empty() || number.find_first_not_of("0123456789.") != number.npos) break;
    char* end = nullptr;
    const double times = std::strtod(number.c_str(), &end);
    if (*end == '\0' && times >= slowest && times <= fastest) return times;
  }
  return wrong_member("speed",
                      "\"at once\", \"real time\", or how many times faster, from \"x0.001\" to "
                      "\"x1000000\"");
}

Result<SimulationConfig> read_simulation_config(std::string_view text) {
  const auto parsed = parse_untrusted(text);
  if (!parsed) return Error{parsed.error().code, "simulation: " + parsed.error().message, {}};
  if (!parsed->is_object())
    return {Errc::invalid, "simulation: the settings must be a JSON object"};
  SimulationConfig config;
  for (const auto& [name, value] : parsed->items())
    if (Status taken = take_member(name, value, config); !taken) return taken.error();
  if (Status sound = check_simulation_config(config); !sound) return sound.error();
  return config;
}

Status check_simulation_config(const SimulationConfig& config) {
  const SimulationPace& pace = config.pace;
  if (pace.interval > longest_interval) return wrong_member("interval", "24h at most");
  if (pace.interval > Duration::zero() && pace.at_once())
    return wrong_member("interval", "left out where the speed is \"at once\": nothing waits then");
  if (config.per_second > 0 && !pace.at_once())
    return wrong_member("rate", "left out where a speed says when each message is sent");
  return success();
}

}  // namespace batuta::demo
