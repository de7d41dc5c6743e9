// Lists that are in memory: filtered, ordered and cut into pages by the same parameters as those in
// the store. Private to the room.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/safe_json.h"
#include "common/time.h"
#include "scheduler/api/params.h"

namespace batuta::http {

// A value of a row; nothing passes no condition and comes last.
using Cell = std::variant<std::monostate, std::int64_t, std::string>;

inline Cell cell(const OptTime& t) {
  return t ? Cell(t->time_since_epoch().count()) : Cell();
}
inline Cell cell(const Time& t) {
  return Cell(t.time_since_epoch().count());
}
inline Cell cell(const std::string& text) {
  return text.empty() ? Cell() : Cell(text);
}

bool passes(const Filter& filter, const Cell& value);
// Less than 0 when `a` comes before `b`.
int compare(const Cell& a, const Cell& b, bool descending);

template <class Row>
struct Column {
  std::string_view name;  // as the route's filters and order_by name it
  Cell (*of)(const Row&);
};

template <class Row>
struct Picked {
  std::vector<const Row*> rows;  // one page
  std::int64_t total = 0;
};

// `columns` has every field and order that the route declares. Rows that are equal keep their
// order.
// `seen`: whether the caller may see a row at all; what may not be seen is not counted.
template <class Row>
Picked<Row> pick(
    const std::vector<Row>& rows, std::span<const Column<Row>> columns, const ListQuery& query,
    const std::function<bool(const Row&)>& seen = [](const Row&) { return true; }) {
  const auto column = [&](std::string_view name) -> const Column<Row>& {
    const auto it = std::find_if(columns.begin(), columns.end(),
                                 [&](const Column<Row>& one) { return one.name == name; });
    BATUTA_CHECK(it != columns.end(), std::string(name));
    return *it;
  };
  std::vector<const Row*> found;
  for (const Row& row : rows) {
    if (!seen(row)) continue;
    const bool all = std::all_of(
        query.filters.begin(), query.filters.end(),
        [&](const Filter& filter) { return passes(filter, column(filter.field).of(row)); });
    if (all) found.push_back(&row);
  }
  for (auto name = query.order_by.rbegin(); name != query.order_by.rend(); ++name) {
    const bool down = name->starts_with('-');
    const auto& by = column(std::string_view(*name).substr(down ? 1 : 0));
    std::stable_sort(found.begin(), found.end(), [&](const Row* a, const Row* b) {
      return compare(by.of(*a), by.of(*b), down) < 0;
    });
  }
  Picked<Row> picked;
  picked.total = static_cast<std::int64_t>(found.size());
  const auto end = std::min(picked.total, query.page.offset + query.page.limit);
  for (auto i = query.page.offset; i < end; ++i) {
    picked.rows.push_back(found[static_cast<std::size_t>(i)]);
  }
  return picked;
}

// The page as Airflow's collection, each row made by `to_json`.
template <class Row, class ToJson>
Response page_response(std::string_view plural, const Picked<Row>& picked, ToJson to_json) {
  std::string out = "{\"";
  out.append(plural).append("\":[");
  for (std::size_t i = 0; i < picked.rows.size(); ++i) {
    if (i > 0) out += ",";
    out += json_text(to_json(*picked.rows[i]));
  }
  Response response;
  response.body = out + "],\"total_entries\":" + std::to_string(picked.total) + "}";
  return response;
}

}  // namespace batuta::http
