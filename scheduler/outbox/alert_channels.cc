// How Slack, a webhook and a mail say what is told.
#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/safe_json.h"
#include "common/slack_text.h"
#include "common/url.h"
#include "scheduler/outbox/alert.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr Duration max_retry_after = std::chrono::minutes(15);
// Slack refuses a message whose section is longer than 3,000 characters, or with more than 50
// blocks.
constexpr std::size_t longest_section = 2900;
constexpr std::size_t most_sections = 45;
constexpr std::size_t longest_field = 500;
constexpr std::size_t longest_text = 39'000;  // beside the blocks; Slack cuts at 40,000

// At most so many bytes, whole characters and whole entities, with dots where it was cut.
std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  if (const auto entity = text.rfind('&', end);
      entity != std::string::npos && end - entity < 5 && text.find(';', entity) >= end) {
    end = entity;
  }
  return text.substr(0, end) + "…";
}

const char* sign_of(AlertOn on) {
  switch (on) {
    case AlertOn::success:
    case AlertOn::recovery:
      return ":large_green_circle: ";
    case AlertOn::retry:
    case AlertOn::skipped:
    case AlertOn::tick_skipped:
    case AlertOn::input_required:
      return ":large_yellow_circle: ";
    default:
      return ":red_circle: ";
  }
}

// Where the page shows it.
std::string link_of(const Alert& alert, const Sending& sending) {
  if (sending.base_url.empty()) return {};
  std::string link = sending.base_url + "/#/dags/" + percent_encoded(alert.dag_id);
  if (!alert.dag_run_id.empty()) link += "/runs/" + percent_encoded(alert.dag_run_id);
  std::string task = alert.task_id;
  if (alert.map_index >= 0) task += "[" + std::to_string(alert.map_index) + "]";
  if (!task.empty()) link += "?task=" + percent_encoded(task);
  return link;
}

std::string tail_of(const Alert& alert, const Sending& sending) {
  return alert.log.empty() || !sending.log_tail ? std::string() : sending.log_tail(alert.log);
}

// The channel's own text has its sign before it; an author's stands as it was written.
std::string slack_text(const Alert& alert) {
  const std::string text = alert_text(alert, slack_escaped);
  return alert.text.empty() ? sign_of(alert.on) + text : text;
}

// Verbatim: Slack makes no link of an address that somebody wrote into a param or a reason.
json mrkdwn(const std::string& text) {
  return {{"type", "mrkdwn"}, {"text", text}, {"verbatim", true}};
}

json section(const std::string& text) {
  return {{"type", "section"}, {"text", mrkdwn(shortened(text, longest_section))}};
}

// The parts of a text that are shown, with dots where even so many do not suffice.
std::vector<std::string> parts_of(const std::string& text) {
  auto parts = slack_parts(text, longest_section - 3);
  if (parts.size() > most_sections) {
    parts.resize(most_sections);
    parts.back() += "…";
  }
  return parts;
}

json link_block(const std::string& link) {
  return {{"type", "actions"},
          {"elements", json::array({{{"type", "button"},
                                     {"text", {{"type", "plain_text"}, {"text", "Open in Batuta"}}},
                                     {"url", link}}})}};
}

json blocks_of_one(const Alert& alert, const Sending& sending) {
  json fields = json::array();
  const auto field = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    fields.push_back(
        mrkdwn("*" + std::string(name) + "*\n" + shortened(slack_escaped(value), longest_field)));
  };
  std::string task = alert.task_id;
  if (alert.map_index >= 0) task += "[" + std::to_string(alert.map_index) + "] " + alert.map_name;
  field("DAG", alert.dag_id);
  field("Task", task);
  field("Run", alert.dag_run_id);
  field("Try", alert.try_number > 0 ? std::to_string(alert.try_number) : "");
  field("Logical date", alert.logical_date);
  json blocks = json::array();
  for (const std::string& part : parts_of(alert.text)) blocks.push_back(section(part));
  if (blocks.empty()) {
    blocks.push_back(
        section(sign_of(alert.on) + ("*" + slack_escaped(alert_headline(alert)) + "*")));
  }
  if (!alert.mishap.empty()) blocks.push_back(section(slack_escaped(alert.mishap)));
  blocks.push_back({{"type", "section"}, {"fields", std::move(fields)}});
  if (!alert.reason.empty()) {
    blocks.push_back(section("*Reason*\n" + slack_escaped(alert.reason)));
  }
  if (std::string tail = tail_of(alert, sending); !tail.empty()) {
    // A fence within would end the block.
    for (std::size_t at = 0; (at = tail.find("```", at)) != std::string::npos;) {
      tail.replace(at, 3, "'''");
    }
    const std::string quoted = shortened(slack_escaped(tail), longest_section - 30);
    blocks.push_back(section("*Last lines of its log*\n```\n" + quoted + "\n```"));
  }
  if (const std::string link = link_of(alert, sending); !link.empty()) {
    blocks.push_back(link_block(link));
  }
  return blocks;
}

std::string digest_title(const std::vector<NumberedAlert>& alerts, std::size_t count) {
  return std::to_string(count) + " alerts of " + alerts.front().alert.dag_id;
}

struct Digest {
  json blocks = json::array();
  std::size_t count = 0;  // of the alerts, from the first
};

// Many alerts in sections of a few each, as many of them as Slack takes in one message: nothing of
// one is left out for the sake of the next.
Digest digest_of(const std::vector<NumberedAlert>& alerts, const Sending& sending) {
  Digest digest;
  std::string text;  // of the section that is being filled
  const auto flush = [&] {
    if (!text.empty()) digest.blocks.push_back(section(text));
    text.clear();
  };
  for (const NumberedAlert& each : alerts) {
    std::string one = slack_text(each.alert);
    if (const std::string link = link_of(each.alert, sending); !link.empty()) {
      one += " <" + link + "|open>";
    }
    const auto parts = parts_of(one);
    const bool joins = parts.size() == 1 && !text.empty() &&
                       text.size() + 2 + parts.front().size() <= longest_section;
    const std::size_t needed = joins ? 1 : parts.size() + (text.empty() ? 0 : 1);
    if (digest.count > 0 && digest.blocks.size() + needed > most_sections) break;
    if (joins) text += "\n\n";
    for (const std::string& part : parts) {
      if (!joins) flush();
      text += part;
    }
    ++digest.count;
  }
  flush();
  digest.blocks.insert(digest.blocks.begin(),
                       section("*" + slack_escaped(digest_title(alerts, digest.count)) + "*"));
  return digest;
}

json webhook_alert(const NumberedAlert& each, const Sending& sending) {
  const Alert& a = each.alert;
  const auto or_null = [](const std::string& text) { return text.empty() ? json() : json(text); };
  return {{"id", sending.sender + "/" + std::to_string(each.id)},
          {"on", to_string(a.on)},
          {"summary", alert_headline(a)},
          {"dag_id", a.dag_id},
          {"dag_run_id", or_null(a.dag_run_id)},
          {"execution_id", or_null(a.execution_id)},
          {"logical_date", or_null(a.logical_date)},
          {"task_id", or_null(a.task_id)},
          {"map_index", a.map_index},
          {"try_number", a.try_number},
          {"reason", a.reason},
          {"text", or_null(a.text)},
          {"template_error", or_null(a.mishap)},
          {"log_tail", or_null(tail_of(a, sending))},
          {"url", or_null(link_of(a, sending))}};
}

std::string hex(const unsigned char* bytes, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += "0123456789abcdef"[bytes[i] >> 4];
    out += "0123456789abcdef"[bytes[i] & 15];
  }
  return out;
}

// Seconds, or a date of HTTP (RFC 9110 10.2.3), "Fri, 20 Nov 2026 07:28:00 GMT".
std::optional<Duration> retry_after(const HttpAnswer& answer, Time now) {
  const std::string* value = answer.header("retry-after");
  if (value == nullptr) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc{}) {
    std::tm date{};
    const char* rest = ::strptime(value->c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    const Time until{std::chrono::seconds(::timegm(&date))};
    return std::clamp<Duration>(until - now, Duration::zero(), max_retry_after);
  }
  if (seconds < 0) return std::nullopt;
  return std::min<Duration>(std::chrono::seconds(std::min<std::int64_t>(seconds, 86'400)),
                            max_retry_after);
}

SendResult post(const HttpRequest& request, const Sending& sending, const Senders& senders) {
  const std::string host(split_url(request.url).host);  // never the path, which is the secret
  const auto answer = senders.http(request);
  if (!answer) return {false, false, {}, host + ": " + answer.error().message};
  if (answer->status >= 200 && answer->status < 300) return {true, false, {}, {}};
  const std::string error =
      "the webhook at " + host + " answered " + std::to_string(answer->status);
  const bool passing = answer->status == 429 || answer->status == 408 || answer->status >= 500;
  return {false, !passing, retry_after(*answer, sending.now), error};
}

SendResult send_by_mail(const std::vector<NumberedAlert>& alerts, const Connection& connection,
                        const Sending& sending, const Senders& senders) {
  auto request = mail_by(connection.host, connection.port.value_or(0), connection.login,
                         connection.password, connection.extra);
  // The connection can be mended while the alert waits.
  if (!request) return {false, false, {}, request.error().message};
  fill_mail(alerts, sending, *request);
  const MailReach sent = send_to_each(*request, senders.mail);
  if (!sent.status) {
    const Error& error = sent.status.error();
    return {false, error.code == Errc::invalid, {}, error.message};
  }
  for (const std::string& missed : sent.missed) {
    log::warn("alert " + std::to_string(alerts.front().id) + " did not reach " + missed);
  }
  return {true, false, {}, {}};
}

// Else it is a path, whose query may well hold an address.
bool names_server(std::string_view url) {
  const auto mark = url.find("://");
  return mark != std::string_view::npos && mark < url.find_first_of("/?#");
}

// {"headers": {name: value}}: a connection may log in by them, as it does when a wait looks.
void add_own_headers(const std::string& extra_json, HttpRequest& request) {
  const auto extra = parse_untrusted(extra_json.empty() ? "{}" : extra_json);
  if (!extra || !extra->is_object()) return;
  const auto headers = extra->find("headers");
  if (headers == extra->end() || !headers->is_object()) return;
  for (const auto& [name, value] : headers->items()) {
    if (value.is_string()) request.headers.emplace_back(name, value.get<std::string>());
  }
}

// One request, as a deferred task left it: to its connection's server and to no other.
SendResult send_request(const Alert& alert, const Connection& connection, const Sending& sending,
                        const Senders& senders) {
  const auto asked = parse_untrusted(alert.request_json);
  if (!asked || !asked->is_object()) return {false, true, {}, "the request is not readable"};
  const ServerDoor door =
      server_door(connection.conn_type, connection.host, connection.schema,
                  connection.port.value_or(0), connection.login, connection.password);
  HttpRequest request;
  request.method = asked->value("method", "POST");
  request.url = asked->value("url", "");
  if (!names_server(request.url)) {
    request.url = door.base + (request.url.starts_with('/') ? "" : "/") + request.url;
  }
  if (!lies_below(request.url, door.base)) {
    return {false, true, {}, "the url is not on the host of connection " + connection.id};
  }
  request.login = door.login;
  request.password = door.password;
  if (!door.bearer.empty()) request.headers.emplace_back("Authorization", "Bearer " + door.bearer);
  if (const auto body = asked->find("body"); body != asked->end()) {
    request.body = json_text(*body);
    request.headers.emplace_back("Content-Type", "application/json");
  }
  add_own_headers(connection.extra, request);
  request.ignore_body = true;
  request.outgoing = outgoing_of(connection.extra);
  return post(request, sending, senders);
}

}  // namespace

std::size_t slack_fits(const std::vector<NumberedAlert>& alerts, const Sending& sending) {
  return alerts.size() == 1 ? 1 : digest_of(alerts, sending).count;
}

std::string slack_body(const std::vector<NumberedAlert>& alerts, const Sending& sending) {
  const Alert& first = alerts.front().alert;
  json body;
  if (!first.channel.empty()) body["channel"] = first.channel;
  if (!first.username.empty()) body["username"] = first.username;
  Digest digest;
  if (alerts.size() > 1) digest = digest_of(alerts, sending);
  if (digest.count <= 1) {
    body["text"] = shortened(slack_text(first), longest_text);
    body["blocks"] = blocks_of_one(first, sending);
    return json_text(body);
  }
  std::string text = "*" + slack_escaped(digest_title(alerts, digest.count)) + "*";
  for (std::size_t i = 0; i < digest.count; ++i) text += "\n\n" + slack_text(alerts[i].alert);
  body["text"] = shortened(text, longest_text);
  body["blocks"] = std::move(digest.blocks);
  return json_text(body);
}

std::string webhook_body(const std::vector<NumberedAlert>& alerts, const Sending& sending) {
  json list = json::array();
  for (const NumberedAlert& each : alerts) list.push_back(webhook_alert(each, sending));
  return json_text({{"version", 1}, {"sender", sending.sender}, {"alerts", std::move(list)}});
}

std::string webhook_signature(const std::string& key, const std::string& body, Time now) {
  const std::string seconds = std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  const std::string text = seconds + "." + body;
  unsigned char mac[crypto_auth_hmacsha256_BYTES];
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()),
                              key.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(text.data()),
                                text.size());
  crypto_auth_hmacsha256_final(&state, mac);
  return "t=" + seconds + ",v1=" + hex(mac, sizeof mac);
}

// The same for every repeat of a message and for no other: a receiver that has one by this id
// throws the next away, though another digest begins with the same alert.
std::string message_id(const std::vector<NumberedAlert>& alerts, const Sending& sending) {
  std::string id = std::to_string(alerts.front().id);
  if (alerts.size() > 1) {
    std::string all;
    for (const NumberedAlert& each : alerts) all += std::to_string(each.id) + " ";
    std::array<unsigned char, crypto_generichash_BYTES_MIN> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(all.data()),
                       all.size(), nullptr, 0);
    id += "-" + hex(hash.data(), hash.size());
  }
  return id + "." + sending.sender + "@batuta";
}

void fill_mail(const std::vector<NumberedAlert>& alerts, const Sending& sending,
               MailRequest& request) {
  const Alert& first = alerts.front().alert;
  const auto plain = [](const std::string& text) { return text; };
  request.to = first.to;
  request.date = sending.now;
  request.message_id = message_id(alerts, sending);
  if (alerts.size() > 1) {
    request.subject = "[Batuta] " + digest_title(alerts, alerts.size());
  } else {
    request.subject = first.subject.empty() ? "[Batuta] " + alert_headline(first) : first.subject;
  }
  for (const NumberedAlert& each : alerts) {
    if (!request.text.empty()) request.text += "\n----\n\n";
    request.text += alert_text(each.alert, plain) + "\n";
    if (const auto link = link_of(each.alert, sending); !link.empty()) request.text += link + "\n";
    if (alerts.size() > 1) continue;
    if (const auto tail = tail_of(each.alert, sending); !tail.empty()) {
      request.text += "\nLast lines of its log:\n" + tail + "\n";
    }
  }
}

SendResult send_alerts(const std::vector<OutboxRow>& rows,
                       const std::optional<Connection>& connection, const Sending& sending,
                       const Senders& senders) {
  std::vector<NumberedAlert> alerts;
  for (const OutboxRow& row : rows) {
    auto alert = read_alert(row.payload_json);
    if (!alert) return {false, true, {}, alert.error().message};
    alerts.push_back({row.id, *std::move(alert)});
  }
  const Alert& first = alerts.front().alert;
  if (!connection) {
    return {false,
            false,
            {},
            "connection \"" + first.connection +
                "\" does not exist: create it with `batuta connections add`"};
  }
  if (first.channel_kind == "request") {
    SendResult result = send_request(first, *connection, sending, senders);
    result.left = alerts.size() - 1;
    return result;
  }
  if (first.channel_kind == "mail") return send_by_mail(alerts, *connection, sending, senders);
  const bool slack = first.channel_kind == "slack";
  HttpRequest request;
  request.method = "POST";
  request.url = webhook_url(connection->host, connection->schema, connection->port.value_or(0),
                            slack ? connection->password : std::string());
  request.headers = {{"Content-Type", "application/json"}};
  const std::size_t fits = slack ? slack_fits(alerts, sending) : alerts.size();
  const std::size_t left = alerts.size() - fits;
  alerts.resize(fits);
  request.body = slack ? slack_body(alerts, sending) : webhook_body(alerts, sending);
  if (!slack && !connection->password.empty()) {
    request.headers.emplace_back(
        "X-Batuta-Signature", webhook_signature(connection->password, request.body, sending.now));
  }
  request.ignore_body = true;  // a long answer is an answer
  request.outgoing = outgoing_of(connection->extra);
  SendResult result = post(request, sending, senders);
  result.left = left;
  return result;
}

}  // namespace batuta
