// What the outbox needs of an installation for its alerts.
#pragma once

#include <functional>
#include <string>

#include "scheduler/outbox/outbox.h"

namespace batuta {

// The last lines of <home>/logs/<log>, which is <run uuid>/<task_log_name()>; empty when it does
// not lie on this machine. Bounded in lines and bytes. Blocking; any thread.
std::string log_tail(const std::string& home, const std::string& log);

// Alerts go to `take`, as their connection and what would be sent, instead of being sent. The
// connection need not exist, and its secret address is nobody's business here.
void divert_alerts(Outbox::Hooks& hooks,
                   const std::function<void(const std::string&, const std::string&)>& take);

}  // namespace batuta
