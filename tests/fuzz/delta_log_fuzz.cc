#include "common/result.h"
#include "lakelog/action.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {

void delta_log(std::string_view bytes) {
  auto commit = lakelog::parse_commit(bytes);
  if (!commit) {
    BATUTA_CHECK(!commit.error().message.empty(), "a refusal says why");
    return;
  }
  const std::string text = lakelog::serialise(*commit);
  const auto again = lakelog::parse_commit(text);
  BATUTA_CHECK(again.ok(), "what was written is read");
  BATUTA_CHECK(lakelog::serialise(*again) == text, "and written alike");
  commit->has_unknown = false;  // the only thing that is told and not kept
  BATUTA_CHECK(*again == *commit, "and says the same");
  for (const auto& add : commit->adds) lakelog::record_count(add);
}

}  // namespace batuta::fuzz
