// What the tables of query parameters are made of. Private to them.
#pragma once

#include <string_view>

#include "scheduler/api/query_params.h"

namespace batuta::http::query_rows {

// ---- kinds of rows

// Read by the handler itself.
constexpr QueryParam own(std::string_view name, ParamKind kind, std::string_view about = {}) {
  return {.name = name, .kind = kind, .about = about};
}
constexpr QueryParam filter(std::string_view name, ParamKind kind, std::string_view field,
                            Filter::Op op = Filter::Op::any, std::string_view about = {}) {
  return {.name = name, .kind = kind, .field = field, .op = op, .about = about};
}
constexpr QueryParam pattern(std::string_view name, std::string_view field) {
  return {.name = name, .kind = ParamKind::pattern, .field = field};
}
constexpr QueryParam prefix(std::string_view name, std::string_view field) {
  return {.name = name, .kind = ParamKind::prefix, .field = field};
}
constexpr QueryParam times(std::string_view name) {
  return {.name = name, .kind = ParamKind::times, .field = name};
}
constexpr QueryParam refused(std::string_view name, ParamKind kind = ParamKind::text) {
  return {.name = name, .kind = kind, .served = false};
}
constexpr QueryParam orders(std::string_view names) {
  return {.name = "order_by", .kind = ParamKind::order, .orders = names};
}

inline constexpr QueryParam limit =
    own("limit", ParamKind::integer, "Most rows of the answer: 50 unless given, at most 1000");
inline constexpr QueryParam offset =
    own("offset", ParamKind::integer, "Rows to leave out at the start");
inline constexpr QueryParam cursor =
    own("cursor", ParamKind::text,
        "Empty for the first page, then next_cursor of the answer before; takes offset's place");
inline constexpr QueryParam map_index =
    own("map_index", ParamKind::integer, "Which instance of a mapped task; -1 unless given");
inline constexpr QueryParam update_mask =
    own("update_mask", ParamKind::texts, "Only these fields of the body are applied");

}  // namespace batuta::http::query_rows
