// The way back, for tests of compressed answers.
#pragma once

#include <string>
#include <string_view>

namespace batuta::http {

// Throws std::runtime_error when `packed` is not one whole gzip member.
std::string gunzip(std::string_view packed);

}  // namespace batuta::http
