// The way back, for tests of answers packed as Brotli.
#pragma once

#include <string>
#include <string_view>

namespace batuta::http {

// Throws std::runtime_error when `packed` is not one whole Brotli stream.
std::string unbrotli(std::string_view packed);

}  // namespace batuta::http
