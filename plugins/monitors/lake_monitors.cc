// lake_monitors: judges monitors, keeps what it found (mngt/platform/monitor_result) and the alerts
// that follow (mngt/platform/alert), and reads and changes these for people. It commits by itself,
// under Delta's conflict rules, and hands in nothing: an evaluation may be repeated, for an alert
// that stands is not opened again.
//
// What it returns, by operation:
//   evaluate  {"monitors","well","unwell","unknown","open","opened":[alert…],"closed":[alert…],
//             "dropped": closed alerts that were taken away, being older than is kept}
//             what this run opened and closed, whichever of its attempts did; "told" says it in
//             lines for people, "told_subject" in one, and "told_count" of how many: those that are
//             as grave as the parameter tell_from ("info" unless it is given) or graver
//   list      {"monitors":[result…],"alerts":[the open ones…]}
//   alerts    {"alerts":[…]}, newest first
//   show      {"alert": alert, "results":[of its monitor, newest first…]}
//   history   {"results":[of one monitor, newest first…], "total": of how many}
//   ack, close  {"alert": alert as it is now}; what cannot be is, with return_errors, an answer
//   too:
//             {"error": {"kind": "not_found" or "conflict", "text"}}
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/monitors/alert_table.h"
#include "plugins/monitors/look.h"
#include "plugins/monitors/result_table.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using monitor::Alert;
using monitor::Judged;
using monitor::Settled;
using nlohmann::json;

constexpr std::size_t max_told = 20;         // alerts named in the answer of an evaluation
constexpr std::int64_t max_listed = 20'000;  // alerts
constexpr std::int64_t max_history = 1000;   // results of a monitor, of one answer
constexpr std::int64_t shown_results = 20;   // of a monitor
constexpr std::size_t max_note = 1000;
constexpr std::int64_t days_kept = 90;          // of results
constexpr std::int64_t closed_days_kept = 365;  // of closed alerts

// What a person asked for, and what there is does not allow.
struct Refusal : plugin::FinalError {
  Refusal(const char* what_kind, const std::string& text)
      : plugin::FinalError(text), kind(what_kind) {}
  const char* kind;
};

json text_json(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}
json time_json(const OptTime& time) {
  return time ? json(to_iso(*time)) : json(nullptr);
}

json alert_json(const Alert& a) {
  return {{"alert_id", a.id},
          {"monitor_id", a.monitor_id},
          {"domain", a.domain},
          {"kind", a.kind},
          {"target", a.target},
          {"severity", a.severity},
          {"message", a.message},
          {"state", a.closed_at  ? "closed"
                    : a.acked_at ? "acknowledged"
                                 : "open"},
          {"opened_at", to_iso(a.opened_at)},
          {"acked_at", time_json(a.acked_at)},
          {"acked_by", text_json(a.acked_by)},
          {"ack_note", text_json(a.ack_note)},
          {"closed_at", time_json(a.closed_at)},
          {"closed_by", text_json(a.closed_by)},
          {"close_note", text_json(a.close_note)}};
}

json alerts_json(const std::vector<Alert>& alerts, std::size_t most) {
  json out = json::array();
  for (const Alert& alert : alerts)
    if (out.size() < most) out.push_back(alert_json(alert));
  return out;
}

Time now_of(const plugin::Context& context) {
  if (!context.has("at")) return read_clock().wall;
  const auto at = parse_iso(context.text("at"));
  if (!at) throw plugin::FinalError("parameter at: not a time, such as 2026-11-20T10:00:00Z");
  return *at;
}

std::string writer_of(const plugin::Context& context) {
  return json_text({{"dag_id", context.dag_id()},
                    {"run_id", context.run_id()},
                    {"task_id", context.task_id()},
                    {"execution_id", context.execution_id()}});
}

// Every file of `monitors`, {"bank": {"monitors":[…]}}.
std::vector<monitor::Monitor> monitors_of(const plugin::Context& context,
                                          std::set<std::string>& domains) {
  constexpr JsonLimits limits{4u << 20, 16, 1'000'000, 256u << 10};
  const auto files = parse_untrusted(context.json("monitors"), limits);
  if (!files || !files->is_object())
    throw plugin::FinalError("parameter monitors: not an object of monitor files by domain");
  std::vector<monitor::Monitor> out;
  for (const auto& [domain, file] : files->items()) {
    auto read = monitor::parse_monitors(domain, json_text(file));
    if (!read.problems.empty())
      throw plugin::FinalError("parameter monitors: " + domain + read.problems.front());
    domains.insert(domain);
    for (auto& one : read.monitors) out.push_back(std::move(one));
  }
  return out;
}

monitor::Severity severity_of(const plugin::Context& context) {
  const auto known = monitor::severity_named(context.text("tell_from", "info"));
  if (!known) throw plugin::FinalError("parameter tell_from: info, warning or critical");
  return *known;
}

// As the host tells it with a launch, or the caller as a parameter.
json platform_of(const plugin::Context& context) {
  constexpr JsonLimits limits{16u << 20, 32, 2'000'000, 256u << 10};
  if (context.has("platform")) {
    const auto told = parse_untrusted(context.json("platform"), limits);
    return told ? *told : json(nullptr);
  }
  const auto all = parse_untrusted(context.context_json(), limits);
  return all && all->is_object() ? all->value("platform", json(nullptr)) : json(nullptr);
}

class Evaluation {
 public:
  Evaluation(plugin::Context& context, Session& session)
      : context_(context),
        session_(session),
        lake_(lake_folder(context)),
        now_(now_of(context)),
        platform_(platform_of(context)),
        tell_from_(severity_of(context)),
        monitors_(monitors_of(context, domains_)) {}

  json run() {
    ResultTable results(session_, lake_, writer_of(context_));
    AlertTable alerts(session_, lake_, writer_of(context_));
    auto baselines = results.baselines();
    judge_all(results, baselines);
    if (context_.boolean("dry_run", false)) return summary({}, {}, alerts.open_alerts());
    const std::string& run = context_.execution_id();
    const Settled settled = alerts.change([&](std::vector<Alert> open, std::int64_t next) {
      return monitor::settle(std::move(open), judged_, domains_, next, run, now_,
                             alerts.closed_after(now_));
    });
    results.append(judged_, baselines, run, now_);
    results.drop_before(to_iso(now_ - std::chrono::days(days_kept)).substr(0, 10));
    drop_old_alerts(alerts);
    // An attempt before this one may have put them, and died before it could tell.
    std::vector<Alert> opened;
    for (const Alert& alert : settled.open)
      if (alert.opened_run == run) opened.push_back(alert);
    std::vector<Alert> closed = settled.closed;
    if (context_.try_number() > 1) {
      AlertTable again(session_, lake_, writer_of(context_));
      closed = again.closed_by_run(run);
    }
    return summary(opened, closed, settled.open);
  }

 private:
  // Several monitors look at one table: its log is read once.
  const monitor::Sight& look(const monitor::Monitor& m) {
    using monitor::Kind;
    const std::string key = m.kind == Kind::quality    ? "q " + m.table
                            : m.kind == Kind::failures ? "f " + m.dag
                            : m.kind == Kind::lag      ? "l " + m.connection + " " + m.target()
                            : m.kind == Kind::cost     ? "c " + m.id
                                                       : "t " + m.table;
    if (const auto known = seen_.find(key); known != seen_.end()) return known->second;
    monitor::Sight seen;
    if (m.kind == Kind::quality) {
      seen = look_at_quality(platform_, m.table);
    } else if (m.kind == Kind::failures) {
      seen = look_at_tasks(platform_, m.dag);
    } else if (m.kind == Kind::lag) {
      seen = look_at_lag(platform_, m);
    } else if (m.kind == Kind::cost) {
      seen = look_at_cost(platform_, m);
    } else {
      std::size_t versions = 1;
      for (const monitor::Monitor& other : monitors_)
        if (other.kind == Kind::volume && other.table == m.table)
          versions = std::max(versions, static_cast<std::size_t>(other.history) + 1);
      seen = look_at_table(session_, lake_, m.table, versions);
    }
    return seen_.emplace(key, std::move(seen)).first->second;
  }

  // By whole days, so that the table is written anew for it once a day at most.
  void drop_old_alerts(AlertTable& alerts) {
    const std::string day = to_iso(now_ - std::chrono::days(closed_days_kept)).substr(0, 10);
    const OptTime oldest = parse_iso(day + "T00:00:00Z");
    if (!oldest) return;
    dropped_ = alerts.drop_closed_before(*oldest);
    if (dropped_ > 0) {
      context_.info("took away " + std::to_string(dropped_) + " alerts that were closed before " +
                    day);
    }
  }

  // `baselines` becomes what holds from now on.
  void judge_all(ResultTable& results, std::map<std::string, monitor::Columns>& baselines) {
    std::optional<std::map<std::string, monitor::Columns>> older;  // read when one is missing
    for (const monitor::Monitor& m : monitors_) {
      context_.check_cancelled();
      const monitor::Sight& seen = look(m);
      if (m.kind == monitor::Kind::schema && m.columns.empty() && seen.is_there &&
          !baselines.contains(m.id)) {
        if (!older) older = results.older_baselines();
        if (const auto last = older->find(m.id); last != older->end()) baselines.insert(*last);
      }
      const auto known = baselines.find(m.id);
      const auto* baseline = known == baselines.end() ? nullptr : &known->second;
      judged_.push_back({m, monitor::judge(m, seen, baseline, now_)});
      const monitor::Verdict& verdict = judged_.back().verdict;
      if (m.kind == monitor::Kind::schema && m.columns.empty() &&
          verdict.status == monitor::Status::well)
        baselines[m.id] = seen.columns;
      const std::string line =
          m.id + ": " + std::string(to_string(verdict.status)) + ", " + verdict.message;
      if (verdict.status == monitor::Status::unwell) {
        context_.warn(line);
      } else {
        context_.info(line);
      }
    }
  }

  json summary(const std::vector<Alert>& opened, const std::vector<Alert>& closed,
               const std::vector<Alert>& open) const {
    std::map<monitor::Status, std::int64_t> counts;
    json found = json::array();
    for (const Judged& one : judged_) {
      ++counts[one.verdict.status];
      found.push_back({{"monitor_id", one.monitor.id},
                       {"status", std::string(to_string(one.verdict.status))},
                       {"message", one.verdict.message}});
    }
    json out = {{"monitors", judged_.size()},
                {"well", counts[monitor::Status::well]},
                {"unwell", counts[monitor::Status::unwell]},
                {"unknown", counts[monitor::Status::unknown]},
                {"open", open.size()},
                {"opened_count", opened.size()},
                {"closed_count", closed.size()},
                {"opened", alerts_json(opened, max_told)},
                {"closed", alerts_json(closed, max_told)},
                {"dropped", dropped_}};
    monitor::Message message = monitor::message_of(opened, closed, tell_from_);
    out["told_count"] = message.alerts;
    out["told_subject"] = message.text.substr(0, message.text.find('\n'));
    out["told"] = std::move(message.text);
    if (context_.boolean("details", false)) out["results"] = std::move(found);
    return out;
  }

  plugin::Context& context_;
  Session& session_;
  const Lake lake_;
  const Time now_;
  const json platform_;
  const monitor::Severity tell_from_;
  std::set<std::string> domains_;
  const std::vector<monitor::Monitor> monitors_;
  std::map<std::string, monitor::Sight> seen_;
  std::vector<Judged> judged_;
  std::int64_t dropped_ = 0;  // closed alerts
};

json run_list(const plugin::Context& context, Session& session) {
  ResultTable results(session, lake_folder(context), writer_of(context));
  AlertTable alerts(session, lake_folder(context), writer_of(context));
  return {{"monitors", results.newest_of_each()},
          {"alerts", alerts_json(alerts.open_alerts(), static_cast<std::size_t>(max_listed))}};
}

json run_alerts(const plugin::Context& context, Session& session) {
  const std::string state = context.text("state", "open");
  if (state != "open" && state != "closed" && state != "all")
    throw plugin::FinalError("parameter state: open, closed or all");
  AlertTable alerts(session, lake_folder(context), writer_of(context));
  const std::int64_t limit = context.integer("limit", 100);
  if (limit < 1 || limit > max_listed) throw plugin::FinalError("parameter limit: from 1 to 20000");
  return {{"alerts", alerts_json(alerts.newest(state != "closed", state != "open", limit),
                                 static_cast<std::size_t>(max_listed))}};
}

std::string no_alert(std::int64_t id) {
  return "there is no alert " + std::to_string(id) +
         "; `batuta monitors alerts --state all` lists them";
}

json run_show(const plugin::Context& context, Session& session) {
  const std::int64_t id = context.integer("alert");
  AlertTable alerts(session, lake_folder(context), writer_of(context));
  const auto alert = alerts.find(id);
  if (!alert) throw Refusal("not_found", no_alert(id));
  ResultTable results(session, lake_folder(context), writer_of(context));
  return {{"alert", alert_json(*alert)},
          {"results", results.newest_of(alert->monitor_id, shown_results)}};
}

json run_history(const plugin::Context& context, Session& session) {
  const std::int64_t limit = context.integer("limit", 100), offset = context.integer("offset", 0);
  if (limit < 1 || limit > max_history) throw plugin::FinalError("parameter limit: from 1 to 1000");
  if (offset < 0) throw plugin::FinalError("parameter offset: 0 or more");
  ResultTable results(session, lake_folder(context), writer_of(context));
  return results.history_of(context.text("monitor"), context.text("kind", ""),
                            context.text("target", ""), limit, offset);
}

// What a person says of an open alert.
json run_person(const plugin::Context& context, Session& session, bool close) {
  const std::int64_t id = context.integer("alert");
  const std::string by = context.text("by"), note = context.text("note", "");
  if (by.empty()) throw plugin::FinalError("parameter by: who says so");
  if (note.size() > max_note) throw plugin::FinalError("parameter note: 1000 bytes at most");
  const Time now = now_of(context);
  AlertTable alerts(session, lake_folder(context), writer_of(context));
  std::optional<Alert> told;
  (void)alerts.change([&](std::vector<Alert> open, std::int64_t) {
    Settled out;
    told.reset();
    for (Alert& alert : open) {
      if (alert.id != id) {
        out.open.push_back(std::move(alert));
        continue;
      }
      if (close) {
        alert.closed_at = now;
        alert.closed_by = by;
        alert.close_note = note;
        out.closed.push_back(alert);
      } else {
        if (alert.acked_at) {
          throw Refusal("conflict", "alert " + std::to_string(id) + " was acknowledged by " +
                                        alert.acked_by + " at " + to_iso(*alert.acked_at));
        }
        alert.acked_at = now;
        alert.acked_by = by;
        alert.ack_note = note;
        out.open.push_back(alert);
        out.opened.push_back(alert);  // it differs
      }
      told = std::move(alert);
    }
    return out;
  });
  if (told) return {{"alert", alert_json(*told)}};
  const auto there = alerts.find(id);
  if (!there) throw Refusal("not_found", no_alert(id));
  throw Refusal("conflict", "alert " + std::to_string(id) + " was closed at " +
                                to_iso(*there->closed_at) + " by " + there->closed_by);
}

// Who closes an alert on drifted columns takes them for what is expected from then on.
void accept_columns(const plugin::Context& context, Session& session, const json& alert) {
  if (alert["kind"] != "schema") return;
  Judged accepted;
  accepted.monitor.id = alert["monitor_id"].get<std::string>();
  accepted.monitor.domain = alert["domain"].get<std::string>();
  accepted.monitor.kind = monitor::Kind::schema;
  accepted.monitor.table = alert["target"].get<std::string>();
  const auto seen = look_at_table(session, lake_folder(context), accepted.monitor.table, 1);
  if (!seen.is_there) return;
  accepted.verdict = {monitor::Status::well, 0, 0,
                      "its columns were accepted by " + alert["closed_by"].get<std::string>()};
  ResultTable results(session, lake_folder(context), writer_of(context));
  results.append({accepted}, {{accepted.monitor.id, seen.columns}}, context.execution_id(),
                 now_of(context));
}

}  // namespace

class LakeMonitors {
 public:
  static constexpr auto name = "lake_monitors";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary = "Judges monitors of tables and tasks, and keeps their alerts";
  static constexpr batuta_param params[] = {
      plugin::optional(BATUTA_PARAM_STRING, "operation",
                       "evaluate, list, alerts, show, history, ack or close", "\"evaluate\""),
      plugin::optional(BATUTA_PARAM_OBJECT, "monitors", "evaluate: the monitor files, by domain"),
      plugin::optional(BATUTA_PARAM_OBJECT, "platform",
                       "evaluate: what is known of attempts, instead of what the server tells"),
      plugin::optional(BATUTA_PARAM_STRING, "tell_from",
                       "evaluate: alerts as grave are told: info, warning or critical", "\"info\""),
      plugin::optional(BATUTA_PARAM_STRING, "at", "the time to judge at, instead of now"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "dry_run", "evaluate: keeps nothing", "false"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "details", "evaluate: returns every result too",
                       "false"),
      plugin::optional(BATUTA_PARAM_STRING, "state", "alerts: open, closed or all", "\"open\""),
      plugin::optional(BATUTA_PARAM_INTEGER, "limit", "alerts, history: so many at most", "100"),
      plugin::optional(BATUTA_PARAM_INTEGER, "offset", "history: so many newer ones left out", "0"),
      plugin::optional(BATUTA_PARAM_STRING, "monitor", "history: its domain and name"),
      plugin::optional(BATUTA_PARAM_STRING, "kind", "history: of that kind only"),
      plugin::optional(BATUTA_PARAM_STRING, "target", "history: of that target only"),
      plugin::optional(BATUTA_PARAM_INTEGER, "alert", "show, ack, close: its number"),
      plugin::optional(BATUTA_PARAM_STRING, "by", "ack, close: who says so"),
      plugin::optional(BATUTA_PARAM_STRING, "note", "ack, close: why"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "return_errors",
                       "show, ack, close: returns what cannot be instead of failing", "false")};

  void execute(plugin::Context& context) {
    Session session(session_options(context));
    try {
      context.return_json(json_text(told(context, session)));
    } catch (const Refusal& refusal) {
      if (!context.boolean("return_errors", false)) throw;
      context.return_json(
          json_text({{"error", {{"kind", refusal.kind}, {"text", refusal.what()}}}}));
    }
  }

 private:
  static json told(plugin::Context& context, Session& session) {
    const std::string operation = context.text("operation", "evaluate");
    if (operation == "evaluate") return Evaluation(context, session).run();
    if (operation == "list") return run_list(context, session);
    if (operation == "alerts") return run_alerts(context, session);
    if (operation == "show") return run_show(context, session);
    if (operation == "history") return run_history(context, session);
    if (operation == "ack") return run_person(context, session, false);
    if (operation == "close") {
      json closed = run_person(context, session, true);
      accept_columns(context, session, closed["alert"]);
      return closed;
    }
    throw plugin::FinalError(
        "parameter operation: evaluate, list, alerts, show, history, ack or close");
  }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeMonitors)
