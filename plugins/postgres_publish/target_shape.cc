#include "plugins/postgres_publish/target_shape.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "plugins/sdk/plugin.h"

namespace batuta::publish {
namespace {

constexpr std::size_t most_name_bytes = 63;

constexpr std::pair<const char*, const char*> plain_types[] = {
    {"string", "text"},
    {"long", "bigint"},
    {"integer", "integer"},
    {"short", "smallint"},
    {"byte", "smallint"},
    {"double", "double precision"},
    {"float", "real"},
    {"boolean", "boolean"},
    {"date", "date"},
    {"timestamp", "timestamp with time zone"},
    {"timestamp_ntz", "timestamp without time zone"},
    {"binary", "bytea"},
};

struct Numeric {
  int whole, fraction;
};

// Of "numeric(18,6)"; an integer's digits, too.
std::optional<Numeric> numeric_of(const std::string& type) {
  if (type == "smallint") return Numeric{5, 0};
  if (type == "integer") return Numeric{10, 0};
  if (type == "bigint") return Numeric{19, 0};
  if (!type.starts_with("numeric(")) return std::nullopt;
  const auto comma = type.find(',');
  const int all = std::atoi(type.c_str() + 8);
  const int fraction = comma == type.npos ? 0 : std::atoi(type.c_str() + comma + 1);
  return Numeric{all - fraction, fraction};
}

}  // namespace

std::string target_type(const std::string& delta_type) {
  for (const auto& [delta, postgres] : plain_types)
    if (delta_type == delta) return postgres;
  if (delta_type.starts_with("decimal")) {
    const std::string digits = delta_type.substr(7);
    return digits.empty() ? "numeric(10,0)" : "numeric" + digits;
  }
  if (delta_type.starts_with("{")) return "jsonb";
  throw plugin::FinalError("the type \"" + delta_type + "\" has none in PostgreSQL");
}

void check_name(const std::string& what, const std::string& name) {
  if (name.empty()) throw plugin::FinalError(what + ": a name is not empty");
  if (name.find('\0') != name.npos) throw plugin::FinalError(what + ": a name has no NUL");
  if (name.size() > most_name_bytes)
    throw plugin::FinalError(what + ": \"" + name +
                             "\" has more than the 63 bytes that a name of PostgreSQL may have");
}

std::vector<TargetColumn> target_columns(const std::vector<lakelog::Column>& columns) {
  std::vector<TargetColumn> out;
  for (const lakelog::Column& column : columns) {
    check_name("column", column.name);
    out.push_back({column.name, target_type(column.type)});
  }
  return out;
}

bool widens(const std::string& from, const std::string& to) {
  if (from == to) return true;
  if (to == "numeric") return numeric_of(from).has_value();
  static constexpr std::array integers{"smallint", "integer", "bigint"};
  const auto rank = [](const std::string& type) {
    return std::find(integers.begin(), integers.end(), type) - integers.begin();
  };
  const auto none = static_cast<std::ptrdiff_t>(integers.size());
  if (rank(from) < none && rank(to) < none) return rank(from) < rank(to);
  if (to == "double precision") return from == "real" || from == "smallint" || from == "integer";
  const auto before = numeric_of(from), after = numeric_of(to);
  return before && after && to.starts_with("numeric") && after->whole >= before->whole &&
         after->fraction >= before->fraction;
}

ShapeChange shape_change(const std::vector<TargetColumn>& there,
                         const std::vector<TargetColumn>& wanted) {
  ShapeChange out;
  for (const TargetColumn& column : wanted) {
    const auto at = std::find_if(there.begin(), there.end(),
                                 [&](const TargetColumn& one) { return one.name == column.name; });
    if (at == there.end()) {
      out.added.push_back(column);
    } else if (at->type != column.type && widens(at->type, column.type)) {
      out.widened.push_back(column);
    } else if (at->type != column.type) {
      out.refused.push_back(column.name + ": " + at->type + " is there, " + column.type +
                            " would come");
    }
  }
  return out;
}

}  // namespace batuta::publish
