// "1 file", "2 files": a count with the word for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace batuta {

inline std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace batuta
