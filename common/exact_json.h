// JSON of somebody's data, in which no number may lose a digit on its way.
#pragma once

#include "common/safe_json.h"

namespace batuta {

// As parse_untrusted(), but a number that a double might not hold as it is written (with a fraction
// or an exponent, or beyond 64 bits, and of more than 15 digits) becomes a string of its text.
Result<nlohmann::json> parse_untrusted_exact(std::string_view text, const JsonLimits& limits = {});

}  // namespace batuta
