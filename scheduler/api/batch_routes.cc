// Lists over all DAGs that take their conditions from a body, where a URL would be too long.
#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/row_lists.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_values = 1000;  // of one field
constexpr std::array times = {"run_after", "logical_date", "start_date", "end_date"};

void read_ranges(BodyReader& fields, std::vector<Filter>& out) {
  using Op = Filter::Op;
  constexpr std::array<std::pair<const char*, Op>, 4> ends = {
      {{"_gte", Op::gte}, {"_gt", Op::gt}, {"_lte", Op::lte}, {"_lt", Op::lt}}};
  for (const auto& [end, op] : ends) {
    for (const char* name : times) {
      const auto at = fields.time(name + std::string(end));
      if (at) out.push_back({name, op, {at->time_since_epoch().count()}});
    }
    const auto duration = fields.micros(std::string("duration") + end);
    if (duration) out.push_back({"duration", op, {*duration}});
  }
}

// No values: of anything, as in Airflow.
void read_any(BodyReader& fields, const char* name, const char* field, std::vector<Filter>& out) {
  const auto values = fields.texts(name, max_values);
  if (!values || values->empty()) return;
  Filter filter{field, Filter::Op::any, {}};
  for (const auto& value : *values) filter.values.emplace_back(value);
  out.push_back(std::move(filter));
}

void read_order(BodyReader& fields, std::initializer_list<std::string_view> allowed,
                std::vector<std::string>& out, Status& wrong) {
  const auto name = fields.text("order_by", 64);
  if (!name || name->empty()) return;
  const auto bare = std::string_view(*name).substr(name->starts_with('-') ? 1 : 0);
  if (std::find(allowed.begin(), allowed.end(), bare) != allowed.end()) return out.push_back(*name);
  std::string message = "order_by must be one of";
  for (const auto one : allowed) message.append(" ").append(one);
  wrong = {Errc::malformed, message + "; a - in front orders from the greatest", "/order_by"};
}

Page read_page(BodyReader& fields) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  Page page;
  page.limit = std::min(fields.integer("page_limit", 0, most).value_or(100), max_page);
  page.offset = fields.integer("page_offset", 0, most).value_or(0);
  return page;
}

// What the path must have where these lists are.
Status of_all(const Request& request, std::string_view name) {
  if (path_param(request, name) == "~") return success();
  return {Errc::invalid, "must be ~: name what is meant in the body", "path." + std::string(name)};
}

// The names of `name` in the body, each given to `add`; false from it: no such state. JSON's null
// is the empty name. True when there are any.
template <class Add>
bool read_state_names(BodyReader& fields, const char* name, const Add& add) {
  const json* list = fields.value(name);
  if (!list) return false;
  if (!list->is_array() || list->size() > 64) {
    fields.fail(name, "must be a list of at most 64 states");
    return false;
  }
  for (const json& one : *list) {
    const auto* text = one.get_ptr<const std::string*>();
    const bool known = (text || one.is_null()) && add(text ? std::string_view(*text) : "");
    if (!known) fields.fail(name, "has what is not a state: " + one.dump().substr(0, 64));
  }
  return !list->empty();
}

}  // namespace

Result<Response> list_runs_batch(Context& context, const Request& request) {
  if (const auto ok = of_all(request, "dag_id"); !ok) return ok.error();
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  RunQuery query;
  query.sight = seen_dags(request);
  Status order = success();
  read_order(fields,
             {"id", "state", "dag_id", "run_after", "logical_date", "run_id", "dag_run_id",
              "start_date", "end_date", "conf"},
             query.order_by, order);
  query.page = read_page(fields);
  read_any(fields, "dag_ids", "dag_id", query.filters);
  read_ranges(fields, query.filters);
  const bool stated = read_state_names(fields, "states", [&](std::string_view text) {
    const auto state = parse_run_state(text);
    if (state) query.states.push_back(*state);
    return state || text.empty();
  });
  // No run is without a state.
  if (stated && query.states.empty()) {
    query.filters.push_back({"state", Filter::Op::any, {std::int64_t{-1}}});
  }
  const auto part = fields.text("conf_contains");
  if (part && !part->empty()) query.filters.push_back(conf_filter(*part));
  if (!fields.status()) return fields.status().error();
  if (!order) return order.error();
  return run_page(context, request, query);
}

Result<Response> list_task_instances_batch(Context& context, const Request& request) {
  for (const char* name : {"dag_id", "dag_run_id"}) {
    if (const auto ok = of_all(request, name); !ok) return ok.error();
  }
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  TaskQuery query;
  query.sight = seen_dags(request);
  Status order = success();
  read_order(fields, {"id", "state", "duration", "start_date", "end_date", "map_index"},
             query.order_by, order);
  query.page = read_page(fields);
  read_any(fields, "dag_ids", "dag_id", query.filters);
  read_any(fields, "dag_run_ids", "dag_run_id", query.filters);
  for (const char* name : {"pool", "queue", "executor"}) {
    read_any(fields, name, name, query.filters);
  }
  read_any(fields, "task_ids", "task_id", query.filters);
  read_ranges(fields, query.filters);
  const bool stated = read_state_names(fields, "state", [&](std::string_view text) {
    return add_task_state(text.empty() ? "null" : text, query);
  });
  if (stated) match_no_state(query);
  if (!fields.status()) return fields.status().error();
  if (!order) return order.error();
  return task_page(context, request, query);
}

}  // namespace batuta::http
