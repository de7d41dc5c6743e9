// JSON of somebody's data, in which no number may lose a digit on its way; and of a service that
// says a name twice.
#pragma once

#include "common/safe_json.h"

namespace batuta {

// As parse_untrusted(), but a number that a double might not hold as it is written (with a fraction
// or an exponent, or beyond 64 bits, and of more than 15 digits) becomes a string of its text.
Result<nlohmann::json> parse_untrusted_exact(std::string_view text, const JsonLimits& limits = {});

// As parse_untrusted(), but of a name that stands twice in an object the last value counts. For
// what is known to be written so and cannot be mended, and of which no doubled name is looked at:
// YARN's ResourceManager does it with its maps.
Result<nlohmann::json> parse_untrusted_repeating(std::string_view text,
                                                 const JsonLimits& limits = {});

}  // namespace batuta
