#include "monitor/alert.h"

#include <algorithm>
#include <map>
#include <utility>

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

constexpr std::size_t longest_reason = 300;

// In one line, cut at a whole character.
std::string one_line(const std::string& text) {
  std::string line = text.substr(0, longest_reason + 1);
  std::replace(line.begin(), line.end(), '\n', ' ');
  if (line.size() <= longest_reason) return line;
  std::size_t end = longest_reason;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end) + "…";
}

// A severity that no release of ours wrote is as grave as can be.
Severity gravity_of(const Alert& alert) {
  return severity_named(alert.severity).value_or(Severity::critical);
}

void keep_grave(std::vector<Alert>& alerts, Severity from) {
  std::erase_if(alerts, [&](const Alert& alert) { return gravity_of(alert) < from; });
  std::stable_sort(alerts.begin(), alerts.end(),
                   [](const Alert& a, const Alert& b) { return gravity_of(a) > gravity_of(b); });
}

void add_lines(const std::vector<Alert>& alerts, const char* what, std::string& text) {
  for (std::size_t i = 0; i < std::min(alerts.size(), max_named_alerts); ++i) {
    const Alert& a = alerts[i];
    text += "\n" + std::string(what) + ": " + a.severity + ", alert " + std::to_string(a.id) +
            " of " + a.monitor_id + " (" + a.kind + " of " + a.target +
            "): " + one_line(a.closed_at ? a.close_note : a.message);
  }
  if (alerts.size() > max_named_alerts) {
    text += "\n" + std::string(what) + ": " + std::to_string(alerts.size() - max_named_alerts) +
            " more, as `batuta monitors alerts` lists them";
  }
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

Message message_of(std::vector<Alert> opened, std::vector<Alert> closed, Severity from) {
  keep_grave(opened, from);
  keep_grave(closed, from);
  Message out{opened.size() + closed.size(), {}};
  if (out.alerts == 0) return out;
  out.text = "Alerts of monitors: " + std::to_string(opened.size()) + " opened, " +
             std::to_string(closed.size()) + " closed";
  add_lines(opened, "Opened", out.text);
  add_lines(closed, "Closed", out.text);
  return out;
}

}  // namespace batuta::monitor
