#include "common/result.h"
#include "lakelog/payload.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {

void payload(std::string_view bytes) {
  const auto parsed = lakelog::parse_payload(bytes);
  if (!parsed) {
    BATUTA_CHECK(!parsed.error().message.empty(), "a refusal says why");
    return;
  }
  for (const auto& add : parsed->adds) {
    BATUTA_CHECK(add.path.find("..") == std::string::npos || add.path.find('/') == 0 ||
                     add.path.find("../") == std::string::npos,
                 "no file outside the table");
  }
  const std::string text = lakelog::serialise_payload(*parsed);
  const auto again = lakelog::parse_payload(text);
  BATUTA_CHECK(again.ok(), "what was written is read");
  BATUTA_CHECK(lakelog::serialise_payload(*again) == text, "and says the same");
}

}  // namespace batuta::fuzz
