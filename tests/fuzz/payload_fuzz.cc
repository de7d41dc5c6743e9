#include <string>

#include "common/result.h"
#include "lakelog/payload.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {
namespace {

// Below the table and not among its log, whatever the file system makes of the path.
bool is_inside(const std::string& path) {
  std::string first, segment;
  for (const char c : path + "/") {
    if (c != '/') {
      segment += c;
      continue;
    }
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (first.empty()) first = segment;
    segment.clear();
  }
  return first != "_delta_log" && path.find('\0') == std::string::npos;
}

}  // namespace

void payload(std::string_view bytes) {
  const auto parsed = lakelog::parse_payload(bytes);
  if (!parsed) {
    BATUTA_CHECK(!parsed.error().message.empty(), "a refusal says why");
    return;
  }
  for (const auto& add : parsed->adds) BATUTA_CHECK(is_inside(add.path), "no file outside");
  for (const auto& remove : parsed->removes)
    BATUTA_CHECK(is_inside(remove.path), "nor one taken away there");
  const std::string text = lakelog::serialise_payload(*parsed);
  const auto again = lakelog::parse_payload(text);
  BATUTA_CHECK(again.ok(), "what was written is read");
  BATUTA_CHECK(lakelog::serialise_payload(*again) == text, "and written alike");
  BATUTA_CHECK(again->adds == parsed->adds && again->removes == parsed->removes &&
                   again->txns == parsed->txns && again->schema == parsed->schema &&
                   again->read_version == parsed->read_version &&
                   again->read_partitions == parsed->read_partitions,
               "and says the same");
}

}  // namespace batuta::fuzz
