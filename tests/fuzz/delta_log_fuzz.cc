#include "common/result.h"
#include "lakelog/action.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {

void delta_log(std::string_view bytes) {
  const auto commit = lakelog::parse_commit(bytes);
  if (!commit) {
    BATUTA_CHECK(!commit.error().message.empty(), "a refusal says why");
    return;
  }
  const std::string text = lakelog::serialise(*commit);
  const auto again = lakelog::parse_commit(text);
  BATUTA_CHECK(again.ok(), "what was written is read");
  BATUTA_CHECK(lakelog::serialise(*again) == text, "and says the same");
  for (const auto& add : commit->adds) lakelog::record_count(add);
}

}  // namespace batuta::fuzz
