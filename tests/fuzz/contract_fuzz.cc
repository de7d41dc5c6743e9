#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "contract/contract.h"
#include "contract/diff.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {

void contract(std::string_view bytes) {
  const auto read = contract::read_contract(bytes, "fuzz.odcs.yaml");
  BATUTA_CHECK(read.contract.has_value() == read.problems.empty(), "a contract or a problem");
  for (const auto& problem : read.problems)
    BATUTA_CHECK(!problem.message.empty(), "a problem says what is wrong");
  if (!read.contract) return;
  JsonLimits limits;
  limits.bytes = std::size_t{32} << 20;
  limits.tokens = 10'000'000;
  limits.string_bytes = std::size_t{4} << 20;
  const auto shown = parse_untrusted(contract::contract_json(*read.contract), limits);
  BATUTA_CHECK(shown.ok(), "what a contract says is JSON");
  BATUTA_CHECK(contract::diff(*read.contract, *read.contract).empty(), "it is what it is");
}

}  // namespace batuta::fuzz
