#include "tests/sim/trace.h"

namespace batuta::sim {

void Trace::print(Boot now, std::string_view what, std::int64_t a, std::int64_t b, std::int64_t c) {
  const auto us = static_cast<long long>(now.since.count());
  std::fprintf(stdout, "%5lld.%06lld %-28.*s %lld %lld %lld\n", us / 1'000'000, us % 1'000'000,
               static_cast<int>(what.size()), what.data(), static_cast<long long>(a),
               static_cast<long long>(b), static_cast<long long>(c));
}

}  // namespace batuta::sim
