// Monitors, what they found, and their alerts; and what people say of these.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_monitors.h"
#include "scheduler/api/listing.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

using What = LakeMonitorReads::What;
using Counts = std::map<std::string, std::int64_t>;

constexpr std::size_t max_alert_note = 1000;
constexpr const char* never_judged = "not_judged";

struct ListedMonitor {
  DefinedMonitor monitor;
  std::string status = never_judged;
  const ToldRow* result = nullptr;
  const ToldRow* alert = nullptr;  // that stands
};

OptTime time_in(const json& row, const char* name) {
  const auto at = row.find(name);
  return at != row.end() && at->is_string() ? parse_iso(at->get<std::string>()) : std::nullopt;
}
json member_or_null(const json& row, const char* name) {
  const auto at = row.find(name);
  return at == row.end() ? json(nullptr) : *at;
}

constexpr Column<ListedMonitor> monitor_columns[] = {
    {"monitor_id", [](const ListedMonitor& m) { return Cell(m.monitor.id); }},
    {"domain", [](const ListedMonitor& m) { return Cell(m.monitor.domain); }},
    {"kind", [](const ListedMonitor& m) { return Cell(m.monitor.kind); }},
    {"target", [](const ListedMonitor& m) { return Cell(m.monitor.target); }},
    {"severity", [](const ListedMonitor& m) { return Cell(m.monitor.severity); }},
    {"status", [](const ListedMonitor& m) { return Cell(m.status); }},
    {"evaluated_at",
     [](const ListedMonitor& m) {
       return m.result ? cell(time_in(*m.result->row, "evaluated_at")) : Cell();
     }},
};

constexpr Column<ToldRow> alert_columns[] = {
    {"alert_id", [](const ToldRow& a) { return Cell(a.alert_id); }},
    {"monitor_id", [](const ToldRow& a) { return Cell(a.monitor_id); }},
    {"domain", [](const ToldRow& a) { return Cell(a.domain); }},
    {"kind", [](const ToldRow& a) { return Cell(a.kind); }},
    {"target", [](const ToldRow& a) { return Cell(a.target); }},
    {"severity", [](const ToldRow& a) { return Cell(a.severity); }},
    {"state", [](const ToldRow& a) { return Cell(a.state); }},
    {"opened_at", [](const ToldRow& a) { return cell(time_in(*a.row, "opened_at")); }},
    {"closed_at", [](const ToldRow& a) { return cell(time_in(*a.row, "closed_at")); }},
};

// Who asks, and what of monitors they may see and change.
class Watcher {
 public:
  Watcher(Context& context, const Request& request)
      : rights_(request.identity.rights),
        bag_(context.services.backend.dags()),
        defined_(context.monitors->defined(*bag_)) {}

  const DefinedMonitors& defined() const { return *defined_; }
  const DefinedMonitor* find(const std::string& id) const {
    const auto at = std::lower_bound(
        defined_->begin(), defined_->end(), id,
        [](const DefinedMonitor& one, const std::string& wanted) { return one.id < wanted; });
    return at != defined_->end() && at->id == id ? &*at : nullptr;
  }
  bool may(Action action, const DefinedMonitor& one) const {
    return may_watch(rights_, action, one.kind, one.target, one.dag, *bag_);
  }
  bool may(Action action, const ToldRow& row) const {
    const DefinedMonitor* known = find(row.monitor_id);
    const bool same = known && known->kind == row.kind && known->target == row.target;
    if (row.kind == "lag") return may_watch(rights_, action, row.kind, "", row.domain, *bag_);
    return may_watch(rights_, action, row.kind, row.target, same ? known->dag : "", *bag_);
  }

 private:
  const Rights& rights_;
  const std::shared_ptr<const DagBagSnapshot> bag_;
  const std::shared_ptr<const DefinedMonitors> defined_;
};

LakeMonitorReads::Ask asking(Context& context, std::shared_ptr<std::atomic<bool>> gone) {
  return [&context, gone](const json& params) {
    return context.services.monitor_query(json_text(params),
                                          [&context, gone] { return *gone || context.stopping; });
  };
}

// Answers at once with what is known (`try_known`), else in the lane of the lake with what is read.
template <class Known>
void answer_known(Context& context, const Call& call, std::function<Result<Known>()> try_known,
                  std::function<Result<Known>(const LakeMonitorReads::Ask&)> read,
                  std::function<Result<Response>(const Known&)> answer) {
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  call.request->on_gone = [gone] { *gone = true; };
  context.work(call, [&context, call, gone, try_known, read, answer]() -> Status {
    const auto known = try_known();
    if (!known) return known.error();
    if (*known) {
      call.respond(to_response(answer(*known)));
      return success();
    }
    context.query_lake(call, [&context, gone, read, answer]() -> Result<Response> {
      if (*gone || context.stopping) return {Errc::unavailable, "nobody waits for the answer"};
      const auto found = read(asking(context, gone));
      if (!found) return found.error();
      return answer(*found);
    });
    return success();
  });
}

using Told = std::shared_ptr<const ToldRows>;

// Both tables: monitors are shown with their alerts.
struct Both {
  Told results, alerts;
  explicit operator bool() const { return results && alerts; }
};

Result<Both> known_both(Context& context) {
  auto results = context.monitors->known(*context.lake, What::results);
  if (!results) return results.error();
  auto alerts = context.monitors->known(*context.lake, What::alerts);
  if (!alerts) return alerts.error();
  return Both{*results, *alerts};
}
Result<Both> read_both(Context& context, const LakeMonitorReads::Ask& ask) {
  auto results = context.monitors->read(*context.lake, What::results, ask);
  if (!results) return results.error();
  auto alerts = context.monitors->read(*context.lake, What::alerts, ask);
  if (!alerts) return alerts.error();
  return Both{*results, *alerts};
}

json monitor_row_json(const ListedMonitor& one) {
  json out{{"monitor_id", one.monitor.id},
           {"domain", one.monitor.domain},
           {"kind", one.monitor.kind},
           {"target", one.monitor.target},
           {"severity", one.monitor.severity},
           {"description", text_or_null(one.monitor.description)},
           {"status", one.status}};
  for (const char* name : {"value", "limit_value", "message", "evaluated_at"})
    out[name] = one.result ? member_or_null(*one.result->row, name) : json(nullptr);
  out["alert_id"] = one.alert ? json(one.alert->alert_id) : json(nullptr);
  out["alert_state"] = one.alert ? json(one.alert->state) : json(nullptr);
  return out;
}

// Where files of monitors are at work, those that they have; else those that were judged lately.
std::vector<ListedMonitor> listed_monitors(const Watcher& watcher, const Both& both) {
  std::map<std::string, const ToldRow*> results, alerts;
  for (const ToldRow& row : both.results->rows) results.emplace(row.monitor_id, &row);
  for (const ToldRow& row : both.alerts->rows)
    if (row.state != "closed") alerts.emplace(row.monitor_id, &row);
  std::vector<ListedMonitor> out;
  const auto add = [&](const DefinedMonitor& one) {
    if (!watcher.may(Action::read, one)) return;
    ListedMonitor listed;
    listed.monitor = one;
    const auto result = results.find(one.id);
    // Of a monitor that watches something else since, the old result tells nothing.
    if (result != results.end() && result->second->target == one.target &&
        result->second->kind == one.kind) {
      listed.result = result->second;
      listed.status = listed.result->state;
    }
    const auto alert = alerts.find(one.id);
    if (alert != alerts.end()) listed.alert = alert->second;
    out.push_back(std::move(listed));
  };
  for (const DefinedMonitor& one : watcher.defined()) add(one);
  if (!watcher.defined().empty()) return out;
  for (const auto& [id, row] : results) {
    if (!watcher.may(Action::read, *row)) continue;
    add({id, row->domain, row->kind, row->target, row->severity, "", ""});
  }
  return out;
}

Result<Response> monitors_answer(Context& context, const Request& request, const ListQuery& list,
                                 const Both& both) {
  const Watcher watcher(context, request);
  const auto monitors = listed_monitors(watcher, both);
  Counts counts{{"well", 0}, {"unwell", 0}, {"unknown", 0}, {never_judged, 0}};
  std::set<std::string> domains;
  for (const ListedMonitor& one : monitors) {
    if (counts.contains(one.status)) ++counts[one.status];
    domains.insert(one.monitor.domain);
  }
  const auto picked = pick<ListedMonitor>(monitors, monitor_columns, list);
  json rows = json::array();
  for (const ListedMonitor* one : picked.rows) rows.push_back(monitor_row_json(*one));
  json out = collection("monitors", std::move(rows), picked.total);
  out["counts"] = counts;
  out["domains"] = domains;
  return json_response(out);
}

json alert_row_json(const Watcher& watcher, const ToldRow& alert) {
  json out = *alert.row;
  out["may_change"] = alert.state != "closed" && watcher.may(Action::edit, alert);
  return out;
}

Result<Response> alerts_answer(Context& context, const Request& request, const ListQuery& list,
                               const ToldRows& alerts) {
  const Watcher watcher(context, request);
  std::map<std::string, bool> seen;  // a monitor's alerts are alike
  const auto sees = [&](const ToldRow& row) {
    const std::string key = row.monitor_id + "\n" + row.kind + "\n" + row.target;
    const auto known = seen.find(key);
    if (known != seen.end()) return known->second;
    return seen[key] = watcher.may(Action::read, row);
  };
  Counts counts{{"open", 0}, {"acknowledged", 0}, {"closed", 0}};
  std::set<std::string> domains;
  for (const ToldRow& row : alerts.rows) {
    if (!sees(row)) continue;
    domains.insert(row.domain);
    if (counts.contains(row.state)) ++counts[row.state];
  }
  const auto picked = pick<ToldRow>(alerts.rows, alert_columns, list, sees);
  json rows = json::array();
  for (const ToldRow* one : picked.rows) rows.push_back(alert_row_json(watcher, *one));
  json out = collection("alerts", std::move(rows), picked.total);
  out["counts"] = counts;
  out["domains"] = domains;
  out["more"] = alerts.more;
  return json_response(out);
}

// With what it watches now, to which the right is asked for. Errc::not_found too for what may not
// be seen.
Result<MonitorSubject> readable_monitor(Context& context, const Request& request,
                                        const std::string& id, const Told& results) {
  const Watcher watcher(context, request);
  if (const DefinedMonitor* one = watcher.find(id); one && watcher.may(Action::read, *one))
    return MonitorSubject{id, one->kind, one->target};
  if (!watcher.find(id)) {
    for (const ToldRow& row : results->rows)
      if (row.monitor_id == id && watcher.may(Action::read, row))
        return MonitorSubject{id, row.kind, row.target};
  }
  return {Errc::not_found, "there is no monitor " + id};
}

Result<Response> results_answer(const json& found) {
  json rows = json::array();
  for (const json& row : found["results"]) {
    json one = json::object();
    for (const char* name :
         {"monitor_id", "status", "value", "limit_value", "message", "evaluated_at"})
      one[name] = member_or_null(row, name);
    rows.push_back(std::move(one));
  }
  const std::int64_t total = json_int(found.value("total", json(0))).value_or(0);
  return json_response(collection("results", std::move(rows), total));
}

struct Said {
  std::int64_t alert = 0;
  std::string action, note;
};

Result<Said> said_of(const Request& request) {
  const auto id = path_number(request, "alert_id");
  if (!id) return id.error();
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  Said said{*id, fields.required_text("action", 16),
            fields.text("note", max_alert_note).value_or("")};
  if (fields.status() && said.action != "ack" && said.action != "close")
    fields.fail("action", "must be ack or close");
  if (!fields.status()) return fields.status().error();
  return said;
}

Status check_may_say(Context& context, const Request& request, const Said& said,
                     const ToldRows& alerts) {
  const Watcher watcher(context, request);
  const auto at = std::find_if(alerts.rows.begin(), alerts.rows.end(),
                               [&](const ToldRow& row) { return row.alert_id == said.alert; });
  if (at == alerts.rows.end() || !watcher.may(Action::read, *at))
    return {Errc::not_found, "there is no alert " + std::to_string(said.alert)};
  if (watcher.may(Action::edit, *at)) return success();
  return {Errc::forbidden, "alert " + std::to_string(said.alert) + " is about " + at->target +
                               ", which you have no right to edit"};
}

// The alert as it is then, or what the plugin said against it.
Result<json> changed_alert(const Result<std::string>& told) {
  if (!told) return told.error();
  auto answer = parse_untrusted(*told);
  if (!answer || !answer->is_object()) return {Errc::internal, "the plugin gave no alert"};
  if (const auto error = answer->find("error"); error != answer->end() && error->is_object()) {
    const bool gone = error->value("kind", "") == "not_found";
    return {gone ? Errc::not_found : Errc::conflict, error->value("text", "")};
  }
  if (!answer->contains("alert")) return {Errc::internal, "the plugin gave no alert"};
  return std::move((*answer)["alert"]);
}

}  // namespace

void list_lake_monitors(Context& context, Call call) {
  QueryReader query(*call.request);
  auto list = query.list_query();
  if (!query.status()) return call.respond(error_response(query.status().error()));
  if (list.order_by.empty()) list.order_by = {"monitor_id"};
  answer_known<Both>(
      context, call, [&context] { return known_both(context); },
      [&context](const LakeMonitorReads::Ask& ask) { return read_both(context, ask); },
      [&context, call, list](const Both& both) {
        return monitors_answer(context, *call.request, list, both);
      });
}

void list_lake_alerts(Context& context, Call call) {
  QueryReader query(*call.request);
  const auto list = query.list_query();
  if (!query.status()) return call.respond(error_response(query.status().error()));
  answer_known<Told>(
      context, call, [&context] { return context.monitors->known(*context.lake, What::alerts); },
      [&context](const LakeMonitorReads::Ask& ask) {
        return context.monitors->read(*context.lake, What::alerts, ask);
      },
      [&context, call, list](const Told& alerts) {
        return alerts_answer(context, *call.request, list, *alerts);
      });
}

void list_monitor_results(Context& context, Call call) {
  QueryReader query(*call.request);
  const Page page = query.page();
  if (!query.status()) return call.respond(error_response(query.status().error()));
  const std::string id =
      path_param(*call.request, "domain") + "/" + path_param(*call.request, "monitor");
  // A page of no rows asks for the total alone, which the plugin tells with one.
  const Page asked{std::max<std::int64_t>(page.limit, 1), page.offset};
  using Found = LakeMonitorReads::Found;
  answer_known<Found>(
      context, call,
      [&context, call, id, asked]() -> Result<Found> {
        const auto results = context.monitors->known(*context.lake, What::results);
        if (!results) return results.error();
        if (!*results) return Found();
        const auto watched = readable_monitor(context, *call.request, id, *results);
        if (!watched) return watched.error();
        return context.monitors->known_history(*context.lake, *watched, asked);
      },
      [&context, call, id, asked](const LakeMonitorReads::Ask& ask) -> Result<Found> {
        const auto results = context.monitors->read(*context.lake, What::results, ask);
        if (!results) return results.error();
        const auto watched = readable_monitor(context, *call.request, id, *results);
        if (!watched) return watched.error();
        return context.monitors->history(*context.lake, *watched, asked, ask);
      },
      [page](const Found& found) {
        json shown = *found;
        if (page.limit == 0) shown["results"] = json::array();
        return results_answer(shown);
      });
}

// The change stands in the lake before anybody is told of it, and then in the event log.
void change_lake_alert(Context& context, Call call) {
  const auto said = said_of(*call.request);
  if (!said) return call.respond(error_response(said.error()));
  // One that began is carried through, whoever still waits for it.
  const auto never_gone = std::make_shared<std::atomic<bool>>(false);
  const auto told = std::make_shared<json>();  // null: nothing was changed
  context.query_lake(
      call,
      [&context, call, said = *said, never_gone, told]() -> Result<Response> {
        const auto ask = asking(context, never_gone);
        const auto alerts = context.monitors->read(*context.lake, What::alerts, ask);
        if (!alerts) return alerts.error();
        if (auto may = check_may_say(context, *call.request, said, **alerts); !may)
          return may.error();
        auto alert = changed_alert(ask({{"operation", said.action},
                                        {"alert", said.alert},
                                        {"by", call.request->identity.user},
                                        {"note", said.note},
                                        {"return_errors", true}}));
        if (!alert) return alert.error();
        *told = {{"alert_id", said.alert},
                 {"monitor_id", member_or_null(*alert, "monitor_id")},
                 {"target", member_or_null(*alert, "target")},
                 {"note", said.note}};
        (*alert)["may_change"] = member_or_null(*alert, "state") != "closed";
        return json_response(*alert);
      },
      [&context, call, action = said->action, told](Response response) {
        if (told->is_null()) return call.respond(std::move(response));
        context.respond_recorded(call, action + "_alert", *told, std::move(response));
      });
}

}  // namespace batuta::http
