#include "scheduler/api/lake_monitors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "monitor/definition.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr std::size_t most_pages = 64;
constexpr std::int64_t most_alerts = 20'000;  // the plugin gives no more

// From our own plugin: bounded by what it may list, which is more than the usual limits.
JsonLimits told_limits() {
  JsonLimits limits;
  limits.bytes = std::size_t{64} << 20;
  limits.tokens = 10'000'000;
  return limits;
}

std::string text_in(const json& row, const char* name) {
  const auto at = row.find(name);
  return at != row.end() && at->is_string() ? at->get<std::string>() : std::string();
}

ToldRow told_row(json row, const char* state) {
  ToldRow out{text_in(row, "monitor_id"),
              text_in(row, "domain"),
              text_in(row, "kind"),
              text_in(row, "target"),
              text_in(row, "severity"),
              text_in(row, state),
              json_int(row.value("alert_id", json(0))).value_or(0),
              {}};
  out.row = std::make_shared<const json>(std::move(row));
  return out;
}

int gravity(const std::string& severity) {
  return severity == "critical" ? 2 : severity == "warning" ? 1 : 0;
}

// The order in which people want to see alerts: what stands first, the gravest and newest on top.
bool sooner_looked_at(const ToldRow& a, const ToldRow& b) {
  const bool a_open = a.state != "closed", b_open = b.state != "closed";
  if (a_open != b_open) return a_open;
  if (a_open && gravity(a.severity) != gravity(b.severity))
    return gravity(a.severity) > gravity(b.severity);
  return a.alert_id > b.alert_id;
}

Result<json> told_object(const Result<std::string>& told, const char* member) {
  if (!told) return told.error();
  auto answer = parse_untrusted(*told, told_limits());
  if (!answer || !answer->is_object() || !answer->contains(member) || !(*answer)[member].is_array())
    return {Errc::internal, "the plugin lake_monitors gave no " + std::string(member)};
  return *std::move(answer);
}

json watched_files(const Dag& dag) {
  JsonLimits limits;
  limits.bytes = limits.string_bytes = std::size_t{4} << 20;
  limits.tokens = 1'000'000;
  for (const Task& task : dag.tasks) {
    if (task.plugin != monitors_dag) continue;  // the plugin has the DAG's name
    auto spec = parse_untrusted(task.spec_json, limits);
    if (!spec || !spec->is_object() || !spec->contains("params")) continue;
    json params = std::move((*spec)["params"]);
    if (params.is_object() && params.contains("monitors")) return std::move(params["monitors"]);
  }
  return nullptr;
}

std::string page_key(const MonitorSubject& watched, const Page& page) {
  return std::to_string(page.limit) + " " + std::to_string(page.offset) + " " + watched.id + "\n" +
         watched.kind + "\n" + watched.target;
}

}  // namespace

Result<std::int64_t> LakeMonitorReads::version_of(LakeCatalogue& lake, What what) {
  const LakeName name{"mngt", "platform", what == What::alerts ? "alert" : "monitor_result"};
  if (const auto there = lake.check(name); !there) {
    if (there.error().code == Errc::not_found) return std::int64_t{-1};
    return there.error();
  }
  const LakeSummary summary = lake.summary(name);
  if (!summary.problem.empty())
    return {Errc::conflict, name.path() + " cannot be read: " + summary.problem};
  return summary.version;
}

Result<std::shared_ptr<const ToldRows>> LakeMonitorReads::known(LakeCatalogue& lake, What what) {
  const auto version = version_of(lake, what);
  if (!version) return version.error();
  if (*version < 0) return std::make_shared<const ToldRows>();
  const std::lock_guard guard(mutex_);
  const auto& kept = what == What::alerts ? alerts_ : results_;
  return kept && kept->version == *version ? kept : nullptr;
}

Result<std::shared_ptr<const ToldRows>> LakeMonitorReads::read(LakeCatalogue& lake, What what,
                                                               const Ask& ask) {
  auto before = known(lake, what);  // who waited in the lane before may have read it
  if (!before || *before) return before;
  const auto version = version_of(lake, what);
  if (!version) return version.error();
  const bool alerts = what == What::alerts;
  const char* member = alerts ? "alerts" : "monitors";
  const json asked = alerts
                         ? json{{"operation", "alerts"}, {"state", "all"}, {"limit", most_alerts}}
                         : json{{"operation", "list"}};
  auto told = told_object(ask(asked), member);
  if (!told) return told.error();
  auto found = std::make_shared<ToldRows>();
  found->version = *version;
  for (json& row : (*told)[member])
    if (row.is_object())
      found->rows.push_back(told_row(std::move(row), alerts ? "state" : "status"));
  if (alerts) std::stable_sort(found->rows.begin(), found->rows.end(), sooner_looked_at);
  found->more = alerts && std::ssize(found->rows) >= most_alerts;
  const std::lock_guard guard(mutex_);
  (alerts ? alerts_ : results_) = found;
  return std::shared_ptr<const ToldRows>(found);
}

Result<LakeMonitorReads::Found> LakeMonitorReads::known_history(LakeCatalogue& lake,
                                                                const MonitorSubject& watched,
                                                                const Page& page) {
  const auto version = version_of(lake, What::results);
  if (!version) return version.error();
  if (*version < 0)
    return std::make_shared<const json>(json{{"results", json::array()}, {"total", 0}});
  const std::string key = page_key(watched, page);
  const std::lock_guard guard(mutex_);
  for (auto it = pages_.begin(); it != pages_.end(); ++it) {
    if (it->key != key) continue;
    if (it->version != *version) break;
    pages_.splice(pages_.begin(), pages_, it);
    return it->found;
  }
  return Found();
}

Result<LakeMonitorReads::Found> LakeMonitorReads::history(LakeCatalogue& lake,
                                                          const MonitorSubject& watched,
                                                          const Page& page, const Ask& ask) {
  auto before = known_history(lake, watched, page);
  if (!before || *before) return before;
  const auto version = version_of(lake, What::results);
  if (!version) return version.error();
  auto told = told_object(ask({{"operation", "history"},
                               {"monitor", watched.id},
                               {"kind", watched.kind},
                               {"target", watched.target},
                               {"limit", page.limit},
                               {"offset", page.offset}}),
                          "results");
  if (!told) return told.error();
  const Found found = std::make_shared<const json>(*std::move(told));
  const std::string key = page_key(watched, page);
  const std::lock_guard guard(mutex_);
  pages_.remove_if([&](const Page64& one) { return one.key == key; });
  pages_.push_front({key, *version, found});
  if (pages_.size() > most_pages) pages_.pop_back();
  return found;
}

std::shared_ptr<const DefinedMonitors> LakeMonitorReads::defined(const DagBagSnapshot& bag) {
  const auto at = bag.dags.find(std::string_view(monitors_dag));
  const auto dag = at == bag.dags.end() ? nullptr : at->second;
  {
    const std::lock_guard guard(mutex_);
    if (defined_ && dag_ == dag) return defined_;
  }
  auto out = std::make_shared<DefinedMonitors>();
  const json files = dag ? watched_files(*dag) : json();
  if (files.is_object()) {
    for (const auto& [domain, file] : files.items()) {
      for (const auto& one : monitor::parse_monitors(domain, json_text(file)).monitors) {
        out->push_back({one.id, one.domain, std::string(to_string(one.kind)), one.target(),
                        std::string(to_string(one.severity)), one.description,
                        one.kind == monitor::Kind::lag ? one.domain : one.dag});
      }
    }
  }
  std::sort(out->begin(), out->end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const std::lock_guard guard(mutex_);
  dag_ = dag;
  defined_ = out;
  return out;
}

bool may_watch(const Rights& rights, Action action, const std::string& kind,
               const std::string& target, const std::string& dag, const DagBagSnapshot& bag) {
  if (kind == "lag") return rights.may(action, "lake:" + dag + "/bronze");
  if (kind == "cost" && target.find('/') == target.npos) {  // of a whole domain
    for (const char* layer : {"/bronze", "/silver", "/gold"})
      if (!rights.may(action, "lake:" + target + layer)) return false;
    return true;
  }
  if (kind != "failures") {
    const auto name = lake_name(target);
    return rights.may(action, name ? name->resource() : "lake:platform/mngt");
  }
  if (!dag.empty()) return rights.may(action, "dag:" + dag);
  // Ids may have dots: "bank.eu" is a DAG, or the task eu of another.
  bool any = false;
  for (auto end = target.find('.');; end = target.find('.', end + 1)) {
    const std::string id = target.substr(0, end);
    if (bag.dags.contains(id)) {
      any = true;
      if (!rights.may(action, "dag:" + id)) return false;
    }
    if (end == target.npos) break;
  }
  return any || rights.may(action, "dag:" + target);
}

}  // namespace batuta::http
