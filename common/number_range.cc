#include "common/number_range.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <string>

namespace batuta {
namespace {

// Read as the option itself will read it. Its library takes what is too large for the largest.
template <class Number>
bool read_number(const std::string& text, Number& out) {
  errno = 0;
  return CLI::detail::lexical_cast(text, out) && errno != ERANGE;
}

template <class Number>
CLI::Validator number_within(Number least, Number most, const std::string& kind,
                             const std::string& range) {
  return CLI::Validator(
      [=](std::string& text) {
        Number value{};
        const bool fits = read_number(text, value) && value >= least && value <= most;
        return fits ? std::string() : kind + range + ", not " + text;
      },
      range.starts_with(", ") ? range.substr(2) : range.substr(1));
}

std::string decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
  const std::string from = std::to_string(least);
  const bool bounded = most != std::numeric_limits<std::int64_t>::max();
  return number_within(
      least, most, "a whole number",
      bounded ? " from " + from + " to " + std::to_string(most) : ", " + from + " or more");
}

CLI::Validator any_number(double least, double most) {
  return number_within(least, most, "a number", " from " + decimal(least) + " to " + decimal(most));
}

}  // namespace batuta
