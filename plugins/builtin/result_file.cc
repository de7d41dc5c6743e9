#include "plugins/builtin/result_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/fd.h"
#include "common/json_scan.h"
#include "common/run_files.h"
#include "common/safe_json.h"
#include "common/text.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

const std::string result_file_words = "$BATUTA_RESULT cannot be the return value";
const std::string limit_text = std::to_string(max_result_file);
constexpr JsonLimits large_limits{max_result_file, 64, max_result_file / 2, max_result_file};

[[noreturn]] void refuse(const std::string& why, const std::string& what = result_file_words) {
  throw FinalError("the file " + what + ": " + why);
}

class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  std::optional<std::string_view> next() {
    if (text_.empty()) return std::nullopt;
    ++number_;
    const auto end = std::min(text_.find('\n'), text_.size());
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(std::min(end + 1, text_.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  std::string here() const { return "line " + std::to_string(number_); }

 private:
  std::string_view text_;
  int number_ = 0;
};

json keys_and_values(std::string_view text, const std::string& no_json) {
  json out = json::object();
  Lines lines(text);
  while (const auto line = lines.next()) {
    if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
    const std::string where = lines.here();
    const auto equals = line->find('='), open = line->find("<<");
    const bool long_value = open < equals;
    const auto end = std::min(equals, open);
    if (end == std::string_view::npos || end == 0) {
      refuse("it is no JSON (" + no_json + "), and " + where + " is no key=value");
    }
    const std::string key(line->substr(0, end));
    if (out.contains(key)) refuse(where + ": \"" + key.substr(0, 80) + "\" is given twice");
    if (!long_value) {
      out[key] = line->substr(end + 1);
      continue;
    }
    const std::string_view mark = line->substr(end + 2);
    std::string value;
    for (bool first = true;; first = false) {
      const auto inner = lines.next();
      if (!inner || mark.empty()) refuse(where + ": the value of \"" + key + "\" has no end");
      if (*inner == mark) break;
      if (!first) value += '\n';
      value += *inner;
    }
    out[key] = std::move(value);
  }
  return out;
}

}  // namespace

std::string result_of_text(std::string_view text) {
  const auto readable = to_utf8(text);
  if (!readable) refuse(readable.error().message);
  if (readable->find_first_not_of(" \t\r\n") == std::string::npos) return {};
  std::string value;
  if (readable->size() > max_stored_result) {
    const Status is_json = scan_json(*readable, large_limits, [](std::string_view) {});
    if (is_json) return *readable;
    value = json_text(keys_and_values(*readable, is_json.error().message));
  } else {
    const auto parsed = parse_untrusted(*readable);
    value = json_text(parsed ? *parsed : keys_and_values(*readable, parsed.error().message));
  }
  if (value.size() > max_result_file) {
    refuse("it is over " + limit_text + " bytes as JSON");
  }
  return value;
}

std::string bytes_of_file(const std::string& path, std::string what) {
  if (what.empty()) what = result_file_words;
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (!file && errno == ENOENT) return {};
  struct stat found {};
  if (!file || ::fstat(file.get(), &found) != 0) refuse(std::strerror(errno), what);
  if (!S_ISREG(found.st_mode)) refuse("it is no file", what);
  if (found.st_size > static_cast<off_t>(max_result_file))
    refuse("it is over " + limit_text + " bytes", what);
  // One byte more than it has now: what grows meanwhile is not taken for the whole.
  std::string text(static_cast<std::size_t>(found.st_size) + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(std::strerror(errno), what);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == text.size()) refuse("somebody still writes to it", what);
  text.resize(size);
  return text;
}

std::string result_of_file(const std::string& path) {
  return result_of_text(bytes_of_file(path));
}

}  // namespace batuta::plugin
