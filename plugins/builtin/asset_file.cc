#include "plugins/builtin/asset_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"
#include "common/text.h"
#include "plugins/builtin/result_file.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

constexpr const char* file_words = "$BATUTA_ASSETS does not tell of assets";
constexpr std::string_view blanks = " \t\r";

[[noreturn]] void refuse_line(int number, const std::string& why) {
  throw FinalError("the file " + std::string(file_words) + ": line " + std::to_string(number) +
                   ": " + why);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

json told_by(std::string_view line, int number) {
  if (line.starts_with('{')) {
    auto told = parse_untrusted(line);
    if (!told) refuse_line(number, told.error().message);
    return std::move(*told);
  }
  const auto blank = line.find_last_of(blanks);
  if (blank == std::string_view::npos) return json::object({{"uri", std::string(line)}});
  return json::object({{"alias", std::string(trimmed(line.substr(0, blank)))},
                       {"uri", std::string(line.substr(blank + 1))}});
}

}  // namespace

void report_assets(Context& context, const std::string& path) {
  const std::string bytes = bytes_of_file(path, file_words);
  const auto readable = to_utf8(bytes);
  if (!readable) refuse_line(1, readable.error().message);
  std::string_view rest = *readable;
  for (int number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line.empty()) context.report("assets", json_text(told_by(line, number)));
  }
}

}  // namespace batuta::plugin
