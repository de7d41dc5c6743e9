// Setting lake.monitor_notices: who is sent a message when alerts of monitors open and close.
//   {"notifiers": one or up to eight of docs/alerts.md, "severity": "warning"}
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace batuta {

// For its row of the table: whether it can be, put in order. "{}": nobody is told.
bool fits_monitor_notices(std::string& text);
// What is wrong, and where: "/notifiers/1/text: no such filter: …"; empty: nothing is.
std::string why_monitor_notices_unfit(const std::string& text);

// The task of the DAG lake_monitors that tells what the task `evaluate` returned, or null: nobody
// is told. It succeeds where an evaluation opened or closed alerts, else it is skipped; its own
// notices are the messages. `notices`: as the setting has them.
nlohmann::json monitor_notices_task(const std::string& notices);

// From which severity on alerts are told; empty: all.
std::string monitor_notices_severity(const std::string& notices);

}  // namespace batuta
