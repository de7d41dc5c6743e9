// UUIDs: a run's identity in every layer, row and log path.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.h"

namespace batuta {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;
};

// Version 7 (RFC 9562): 48 bits of milliseconds, then random bits from getrandom(2).
// Any thread. Aborts the process if the kernel gives no randomness.
Uuid make_uuid_v7(Time now);

// Lower case, 8-4-4-4-12.
std::string to_string(const Uuid& id);
// Exactly the form above, either case; nullopt otherwise.
std::optional<Uuid> parse_uuid(std::string_view text);

// Fills `out` from getrandom(2). Aborts on failure.
void random_bytes(void* out, std::size_t size);

}  // namespace batuta
