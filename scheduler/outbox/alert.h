// Alerts: rendering belongs to the engine's turn, sending to the outbox. Slack's incoming webhook.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/http_client.h"
#include "common/result.h"
#include "scheduler/store/registry.h"

namespace batuta {

// The payload of an alert's OutboxRow:
// {"connection": id, "dag_id": id, "body": {"text","channel","username"}}.
std::string alert_payload(const std::string& connection, const std::string& dag_id,
                          const std::string& text, const std::string& channel,
                          const std::string& username);

// Alerts of one connection whose groups are the same may go in one message; made of DAG, channel
// and the sender's name.
std::string alert_group(const std::string& payload_json);

// One payload that says what all of these say, in their order; each text is whole. They are of one
// group, at least one.
std::string alert_digest(const std::vector<std::string>& payloads);

struct SendResult {
  bool sent = false;
  bool final = false;                   // the receiver will never take it (4xx but 429)
  std::optional<Duration> retry_after;  // as the receiver asked, at most 15 minutes
  std::string error;
};

// One POST to the connection's webhook, at `now`. `call` is http_call, or a fake. Blocking. Errors
// name the receiver's host, and never the path behind it, which is the secret.
SendResult send_alert(const std::string& payload_json, const std::optional<Connection>& connection,
                      Time now, const std::function<Result<HttpAnswer>(const HttpRequest&)>& call);

// The connection a payload names; empty when the payload is not ours.
std::string alert_connection(const std::string& payload_json);

}  // namespace batuta
