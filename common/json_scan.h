// Reads JSON without making a value of it: for texts that are too large to be held twice.
#pragma once

#include <functional>
#include <string_view>

#include "common/result.h"
#include "common/safe_json.h"

namespace batuta {

// Whether parse_untrusted() would take `text` within `limits`, and why not. `each` is called with
// every key and text as it is decoded, and with every number, true, false and null as they are
// written; the view is valid during the call. Memory: what the keys of open objects need.
Status scan_json(std::string_view text, const JsonLimits& limits,
                 const std::function<void(std::string_view)>& each);

}  // namespace batuta
