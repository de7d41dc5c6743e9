// Stands in for Slack's incoming webhook: POST {"text","channel","username"} to any path -> 200
// "ok".
#pragma once

#include <functional>
#include <string>

#include "scheduler/http/exchange.h"

namespace batuta::demo {

struct AlertReceiverOptions {
  std::string file;                               // one JSON line per alert is added; empty: none
  std::function<void(const std::string&)> print;  // one line per alert; null: standard output
};

// 400 "invalid_payload" for anything but an object with a text, 405 for another method. Called by
// one thread.
http::Handler make_alert_handler(AlertReceiverOptions options);

}  // namespace batuta::demo
