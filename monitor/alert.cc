#include "monitor/alert.h"

#include <map>

namespace batuta::monitor {
namespace {

Alert opened(const Judged& one, std::int64_t id, const std::string& run, Time now) {
  Alert alert;
  alert.id = id;
  alert.monitor_id = one.monitor.id;
  alert.domain = one.monitor.domain;
  alert.kind = to_string(one.monitor.kind);
  alert.target = one.monitor.target();
  alert.severity = to_string(one.monitor.severity);
  alert.message = one.verdict.message;
  alert.opened_at = now;
  alert.opened_run = run;
  return alert;
}

// A look that began later and ended sooner knows more than this one. No look takes an hour: an
// alert or closing from further ahead is another clock's, and would else hold until that hour
// comes.
bool later_than_this_look(Time when, Time now) {
  return when > now && when - now < std::chrono::hours(1);
}

}  // namespace

Settled settle(std::vector<Alert> open, const std::vector<Judged>& judged,
               const std::set<std::string>& domains, std::int64_t next_id, const std::string& run,
               Time now, const std::vector<Alert>& closed_after) {
  std::map<std::string, const Judged*> verdicts;
  for (const Judged& one : judged) verdicts.emplace(one.monitor.id, &one);
  Settled out;
  std::set<std::string> standing;
  for (Alert& alert : open) {
    const auto found = verdicts.find(alert.monitor_id);
    const bool gone = found == verdicts.end() && domains.contains(alert.domain);
    const bool well = found != verdicts.end() && found->second->verdict.status == Status::well;
    if ((!gone && !well) || later_than_this_look(alert.opened_at, now)) {
      standing.insert(alert.monitor_id);
      out.open.push_back(std::move(alert));
      continue;
    }
    alert.closed_at = now;
    alert.closed_by = closed_by_itself;
    alert.closed_run = run;
    alert.close_note = gone ? "there is no such monitor any more" : found->second->verdict.message;
    out.closed.push_back(std::move(alert));
  }
  for (const Alert& alert : closed_after)
    if (alert.closed_at && later_than_this_look(*alert.closed_at, now))
      standing.insert(alert.monitor_id);
  for (const Judged& one : judged) {
    if (one.verdict.status != Status::unwell || !standing.insert(one.monitor.id).second) continue;
    out.opened.push_back(opened(one, next_id++, run, now));
    out.open.push_back(out.opened.back());
  }
  return out;
}

}  // namespace batuta::monitor
