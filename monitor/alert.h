// Alerts of monitors: what opens, what is well again. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/time.h"
#include "monitor/judge.h"

namespace batuta::monitor {

// As a row of mngt/platform/alert.
struct Alert {
  std::int64_t id = 0;  // from 1, in the order of opening
  std::string monitor_id, domain, kind, target, severity;
  std::string message;  // why it opened
  Time opened_at{};
  std::string opened_run;  // execution id of the evaluation that opened it
  OptTime acked_at;
  std::string acked_by, ack_note;
  OptTime closed_at;  // nullopt: it is open
  std::string closed_by, close_note;
  std::string closed_run;  // of the evaluation that closed it; empty: a person did
};

// What closed_by says of an alert that no person closed.
inline constexpr const char* closed_by_itself = "monitor";

struct Judged {
  Monitor monitor;
  Verdict verdict;
};

struct Settled {
  std::vector<Alert> open;            // all that are open from now on
  std::vector<Alert> opened, closed;  // by this evaluation
  bool differs() const { return !opened.empty() || !closed.empty(); }
};

// A monitor has one open alert at most: it opens when the monitor is unwell and has none, and
// closes when it is well, or when its domain was judged and has no such monitor any more.
// `domains`: those that were judged; alerts of others stay as they are. `closed_after`: alerts that
// were closed after `now`, by people or by looks that began later: this look opens none of their
// monitors again, for who closed them knew more.
Settled settle(std::vector<Alert> open, const std::vector<Judged>& judged,
               const std::set<std::string>& domains, std::int64_t next_id, const std::string& run,
               Time now, const std::vector<Alert>& closed_after = {});

// What people are sent of an evaluation.
struct Message {
  std::size_t alerts = 0;  // that it is of; 0: there is nothing to send
  std::string text;        // a first line that counts, then one for each, the gravest first
};
inline constexpr std::size_t max_named_alerts = 20;  // of those opened, and as many closed

// Of the alerts that are as grave as `from` or graver. Those beyond the first 20 are counted; a
// reason is cut at 300 bytes, and says so by dots. One of a severity that is none is told.
Message message_of(std::vector<Alert> opened, std::vector<Alert> closed, Severity from);

}  // namespace batuta::monitor
