#include "scheduler/api/listing.h"

namespace batuta::http {
namespace {

bool equals(const FilterValue& wanted, const Cell& value) {
  if (const auto* number = std::get_if<std::int64_t>(&wanted)) {
    const auto* own = std::get_if<std::int64_t>(&value);
    return own && *own == *number;
  }
  const auto* own = std::get_if<std::string>(&value);
  return own && *own == std::get<std::string>(wanted);
}

bool holds(Filter::Op op, const FilterValue& wanted, const Cell& value) {
  const auto* limit = std::get_if<std::int64_t>(&wanted);
  const auto* own = std::get_if<std::int64_t>(&value);
  if (!limit || !own) return false;
  switch (op) {
    case Filter::Op::gte:
      return *own >= *limit;
    case Filter::Op::gt:
      return *own > *limit;
    case Filter::Op::lte:
      return *own <= *limit;
    default:
      return *own < *limit;
  }
}

}  // namespace

bool passes(const Filter& filter, const Cell& value) {
  const auto any = [&](auto test) {
    return std::any_of(filter.values.begin(), filter.values.end(), test);
  };
  switch (filter.op) {
    case Filter::Op::any:
      return any([&](const FilterValue& wanted) { return equals(wanted, value); });
    case Filter::Op::none:
      return !any([&](const FilterValue& wanted) { return equals(wanted, value); });
    case Filter::Op::like: {
      const auto* own = std::get_if<std::string>(&value);
      return own && any([&](const FilterValue& pattern) {
               return like(std::get<std::string>(pattern), *own);
             });
    }
    case Filter::Op::prefix: {
      const auto* own = std::get_if<std::string>(&value);
      return own && any([&](const FilterValue& prefix) {
               return own->starts_with(std::get<std::string>(prefix));
             });
    }
    default:
      return holds(filter.op, filter.values.front(), value);
  }
}

int compare(const Cell& a, const Cell& b, bool descending) {
  const bool no_a = a.index() == 0;
  const bool no_b = b.index() == 0;
  if (no_a || no_b) return static_cast<int>(no_a) - static_cast<int>(no_b);
  if (a == b) return 0;
  return (a < b) == descending ? 1 : -1;
}

}  // namespace batuta::http
