// Alerts: what is told is settled in the engine's turn and kept as a payload; how a channel says it
// is made when it is sent.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/http_client.h"
#include "common/mail_client.h"
#include "common/result.h"
#include "scheduler/core/notifier.h"
#include "scheduler/core/rows.h"
#include "scheduler/store/registry.h"

namespace batuta {

struct Alert {
  std::string connection;
  std::string channel_kind = "slack";  // slack, webhook, mail; request: no alert, what is owed to a
                                       // server that a deferred task waited for
  AlertOn on = AlertOn::failure;
  std::string dag_id;
  std::string dag_run_id;    // empty: of a DAG
  std::string execution_id;  // the run's UUID
  std::string logical_date;  // ISO, or empty
  std::string task_id;       // empty: of a run or a DAG
  std::int32_t map_index = -1;
  std::string map_name;
  std::int32_t try_number = 0;
  std::string reason;
  std::string text;      // the author's own, rendered and quoted for the channel; may be empty
  std::string mishap;    // why there is no such text though there should be
  std::string channel;   // slack
  std::string username;  // slack
  std::vector<std::string> to;  // mail
  std::string subject;          // mail; empty: made of what is told
  std::string log;              // the attempt's, below logs/; empty: none
  std::string request_json;     // request: {"method","url","body"}
  Duration every{};             // at most one message in so long; what comes between goes together
};

std::string alert_payload(const Alert& alert);
// Payloads of releases before too: only a text. Errc::malformed when it is none of ours.
Result<Alert> read_alert(const std::string& payload_json);

// Alerts of one connection whose groups are the same may go in one message; made of DAG, receiver
// and the sender's name.
std::string alert_group(const Alert& alert);

// "Task failed: etl.load[3] eu": what happened to what, in a line.
std::string alert_headline(const Alert& alert);
// For people, in lines: the author's text, and whatever of DAG, task, run and reason it leaves out.
// `quote` is applied to what the author did not write.
std::string alert_text(const Alert& alert,
                       const std::function<std::string(const std::string&)>& quote);

// What goes out beside the alerts themselves.
struct Sending {
  std::string sender;    // the installation's UUID: with an alert's number, it tells repeats apart
  std::string base_url;  // of the page; empty: no links
  Time now;
  std::function<std::string(const std::string& log)> log_tail;  // last lines; may be empty
};
struct NumberedAlert {
  std::int64_t id = 0;
  Alert alert;
};

// alert_channels.cc: a message of all of these, which are of one group, at least one.
// Slack's incoming webhook: a text, and blocks that say the same with links and the last lines of
// the log. Of the first slack_fits() alerts: what Slack takes in one message, at least one.
std::string slack_body(const std::vector<NumberedAlert>& alerts, const Sending& sending);
std::size_t slack_fits(const std::vector<NumberedAlert>& alerts, const Sending& sending);
// {"version":1,"sender":…,"alerts":[…]}
std::string webhook_body(const std::vector<NumberedAlert>& alerts, const Sending& sending);
// X-Batuta-Signature: "t=<seconds>,v1=<hex of HMAC-SHA256 of "<seconds>.<body>">".
std::string webhook_signature(const std::string& key, const std::string& body, Time now);
// Subject, text and message id into a request that has the rest.
void fill_mail(const std::vector<NumberedAlert>& alerts, const Sending& sending,
               MailRequest& request);

struct SendResult {
  bool sent = false;
  bool final = false;                   // the receiver will never take it (4xx but 429)
  std::optional<Duration> retry_after;  // as the receiver asked, at most 15 minutes
  std::string error;
  std::size_t left = 0;  // of the rows, the last so many: they did not fit, and were not tried
};

struct Senders {
  std::function<Result<HttpAnswer>(const HttpRequest&)> http = http_call;
  std::function<Status(const MailRequest&)> mail = send_mail;
};

// One message to what the connection names. Blocking. Errors name the receiver's host, and never
// the path behind it, which is the secret.
SendResult send_alerts(const std::vector<OutboxRow>& rows,
                       const std::optional<Connection>& connection, const Sending& sending,
                       const Senders& senders);

}  // namespace batuta
