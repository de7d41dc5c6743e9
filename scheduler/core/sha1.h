// SHA-1, for what must equal Airflow's figures (retry jitter) and for derived UUIDs. Not for
// secrets: nothing here depends on its strength.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace batuta {

std::array<std::uint8_t, 20> sha1(std::string_view bytes);

}  // namespace batuta
