#include "lakelog/retention.h"

#include <charconv>
#include <map>
#include <string>

namespace batuta::lakelog {
namespace {

constexpr std::int64_t default_file_retention_ms = 7 * day_ms;
constexpr std::int64_t default_log_retention_ms = 30 * day_ms;
constexpr std::int64_t longest_ms = 100LL * 366 * day_ms;

std::int64_t property(const Metadata& metadata, const char* name, std::int64_t otherwise) {
  const auto found = metadata.configuration.find(name);
  if (found == metadata.configuration.end()) return otherwise;
  // What cannot be read keeps more rather than less.
  return parse_interval(found->second).value_or(longest_ms);
}

}  // namespace

std::optional<std::int64_t> parse_interval(std::string_view text) {
  static const std::map<std::string_view, std::int64_t> units = {
      {"week", 7 * day_ms}, {"day", day_ms},  {"hour", 3'600'000},
      {"minute", 60'000},   {"second", 1000}, {"millisecond", 1}};
  const auto skip = [&text] {
    const auto at = text.find_first_not_of(' ');
    text.remove_prefix(at == std::string_view::npos ? text.size() : at);
  };
  skip();
  if (text.starts_with("interval ")) text.remove_prefix(std::string_view("interval ").size());
  std::int64_t total = 0;
  bool any = false;
  for (skip(); !text.empty(); skip()) {
    std::int64_t count = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (ec != std::errc{} || count < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    skip();
    std::string_view unit = text.substr(0, text.find(' '));
    text.remove_prefix(unit.size());
    if (unit.ends_with('s')) unit.remove_suffix(1);
    const auto found = units.find(unit);
    if (found == units.end() || count > longest_ms / found->second) return std::nullopt;
    total += count * found->second;
    any = true;
  }
  return any && total <= longest_ms ? std::optional(total) : std::nullopt;
}

std::int64_t file_retention_ms(const Metadata& metadata) {
  return property(metadata, "delta.deletedFileRetentionDuration", default_file_retention_ms);
}

std::int64_t log_retention_ms(const Metadata& metadata) {
  return property(metadata, "delta.logRetentionDuration", default_log_retention_ms);
}

Result<std::int64_t> version_in_force(const LogFolder& log, const LogListing& listing,
                                      std::int64_t time_ms) {
  if (listing.commits.empty()) return std::int64_t{-1};
  std::int64_t found = listing.commits.front();
  for (const std::int64_t version : listing.commits) {
    const auto written = log.written_ms(version);
    if (!written && written.error().code != Errc::not_found) return written.error();
    if (!written || *written > time_ms) break;
    found = version;
  }
  return found;
}

}  // namespace batuta::lakelog
