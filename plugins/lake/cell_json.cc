#include "plugins/lake/cell_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::int64_t largest_exact = 1LL << 53;

struct ToJson {
  json operator()(std::monostate) const { return nullptr; }
  json operator()(bool value) const { return value; }
  json operator()(std::int64_t value) const {
    const bool exact = value <= largest_exact && value >= -largest_exact;
    return exact ? json(value) : json(std::to_string(value));
  }
  json operator()(double value) const {
    return std::isfinite(value) ? json(value) : json(std::to_string(value));
  }
  json operator()(const std::string& value) const { return value; }
  json operator()(const std::vector<Cell>& items) const {
    json out = json::array();
    for (const Cell& item : items) out.push_back(to_json(item));
    return out;
  }
  json operator()(const std::vector<Field>& fields) const {
    json out = json::object();
    for (const Field& field : fields) out[field.name] = to_json(field.value);
    return out;
  }
};

}  // namespace

json to_json(const Cell& cell) {
  return std::visit(ToJson{}, cell.value);
}

}  // namespace batuta::lake
