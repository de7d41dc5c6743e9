#include "scheduler/cli/client.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/http_client.h"
#include "common/safe_json.h"
#include "common/version.h"
#include "scheduler/cli/hints.h"
#include "scheduler/store/history.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

// A wait for a run's end answers after a minute at the latest.
constexpr Duration call_timeout = std::chrono::seconds(75);
constexpr Duration hint_timeout = std::chrono::seconds(2);

// What an environment says; a variable that is empty says nothing.
const char* told_by(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr || *value == '\0' ? nullptr : value;
}

std::optional<std::pair<std::string, std::string>> endpoint_of(const std::string& home) {
  const char* url = told_by("BATUTA_URL");
  const char* token = told_by("BATUTA_TOKEN");
  if (url != nullptr && token != nullptr) {
    std::string address = url;  // as a browser shows it, with a slash that paths bring themselves
    while (address.ends_with('/')) address.pop_back();
    return std::pair<std::string, std::string>(std::move(address), token);
  }
  if (url != nullptr || token != nullptr) {
    throw Failure(
        std::string(url != nullptr ? "BATUTA_URL is set and BATUTA_TOKEN is not"
                                   : "BATUTA_TOKEN is set and BATUTA_URL is not") +
            ": set both (a token is made with `batuta tokens create USER --password`), or "
            "unset the one to use the home's own server",
        2);
  }
  std::ifstream in(home + "/run/endpoint.json");
  if (!in) return std::nullopt;
  std::stringstream text;
  text << in.rdbuf();
  const auto endpoint = parse_untrusted(text.str());
  if (!endpoint || !endpoint->is_object()) return std::nullopt;
  return std::pair<std::string, std::string>(endpoint->value("url", ""),
                                             endpoint->value("token", ""));
}

std::string no_server(const std::string& home) {
  return "no server is running on home " + home + "\n  start one:      batuta standalone --home " +
         home + "\n  or name one:    --home DIR, or BATUTA_URL and BATUTA_TOKEN in the environment";
}

// A large XCom (64 MiB as JSON) and the entry around it.
constexpr std::size_t max_answer = std::size_t{66} << 20;

// {"detail": "…"} or {"detail": [{"loc": […], "msg": "…"}…]} as people read it.
std::string detail_of(const std::string& body) {
  const auto parsed = parse_untrusted(body);
  if (!parsed || !parsed->is_object() || !parsed->contains("detail")) {
    constexpr std::size_t most = 500;  // a page of some other server
    return body.size() <= most ? body
                               : body.substr(0, most) + "… (" + std::to_string(body.size()) +
                                     " bytes, no answer of Batuta: is it its address?)";
  }
  const json& detail = (*parsed)["detail"];
  if (detail.is_string()) return detail;
  std::string text;
  if (detail.is_array()) {
    for (const json& problem : detail) {
      if (!text.empty()) text += "\n  ";
      std::string where;
      for (const json& part : problem.value("loc", json::array())) {
        const std::string name = part.is_string() ? part.get<std::string>() : json_text(part);
        if (name != "body") where += (where.empty() ? "" : ".") + name;
      }
      const std::string says = problem.value("msg", json_text(problem));
      text += (where.empty() || says.starts_with(where + " ") ? "" : where + ": ") + says;
    }
  }
  return text.empty() ? json_text(detail) : text;
}

// What to do about an answer whose own words do not say it.
std::string remedy_of(const std::string& method, const std::string& path,
                      const HttpAnswer& answer) {
  const int status = answer.status;
  if (status == 401 && path.starts_with("/hooks/")) {
    return "\n  set $BATUTA_HOOK_SECRET to the secret of the connection or variable that the DAG's "
           "\"webhook\" names, and see that it is there; why it was refused: batuta events list "
           "--event hook_refused";
  }
  const bool bad_token = answer.body.find("the token is unknown") != std::string::npos;
  if ((status == 401 && path != "/auth/token") || (status == 403 && bad_token)) {
    return "\n  make a new token: batuta tokens create USER --password, then set BATUTA_URL and "
           "BATUTA_TOKEN; "
           "or unset both to use the home's own";
  }
  if (status == 403) return "\n  who you are: batuta tokens show";
  const bool passes = (status == 429 || status == 503) && answer.header("retry-after") != nullptr;
  if (!passes) return "";  // a question that is too slow is as slow again
  return std::string(method == "GET" ? "\n  " : "\n  nothing was changed: ") +
         "try again in a moment";
}

}  // namespace

Client::Client(std::string url, std::string token)
    : url_(std::move(url)), token_(std::move(token)), timeout_(call_timeout) {}

Client Client::hurried(Duration timeout) const {
  Client client = *this;
  client.timeout_ = timeout;
  client.hints_ = false;
  return client;
}

Client Client::patient(Duration timeout) const {
  Client client = *this;
  client.timeout_ = timeout;
  return client;
}

// In the server's words first, then what may have been meant; what was asked of it stands last, for
// those who look into it.
Failure Client::refused(const std::string& method, const std::string& path,
                        const HttpAnswer& answer) const {
  std::string near;
  if (answer.status == 404 && hints_) near = near_id(hurried(hint_timeout), path);
  return Failure(detail_of(answer.body) + (near.empty() ? "" : "\n  " + near) +
                     remedy_of(method, path, answer) + "\n  (" + method + " " + path +
                     " was answered with " + std::to_string(answer.status) + ")",
                 1);
}

Client Client::find(const std::string& home) {
  auto endpoint = endpoint_of(home);
  if (!endpoint) throw Failure(no_server(home), 1);
  return Client(std::move(endpoint->first), std::move(endpoint->second));
}

bool Client::server_is_named() {
  return told_by("BATUTA_URL") != nullptr;
}

bool Client::server_is_running(const std::string& home) {
  const auto endpoint = endpoint_of(home);
  if (!endpoint) return false;
  HttpRequest request;
  request.url = endpoint->first + "/api/v2/version";
  request.timeout = std::chrono::seconds(2);
  request.outgoing.direct = true;
  return http_call(request).ok();
}

HttpAnswer Client::send(const std::string& method, const std::string& path, const std::string& body,
                        const std::string& accept, const Headers& headers) const {
  HttpRequest request;
  request.method = method;
  request.url = url_ + path;
  request.headers = {{"Authorization", "Bearer " + token_},
                     {"Accept", accept},
                     {"User-Agent", std::string("batuta-cli/") + version}};
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = body;
  request.timeout = timeout_;
  request.outgoing.direct = true;
  request.max_body = max_answer;
  const auto answer = http_call(request);
  if (!answer) {
    throw Failure("the server at " + url_ + " does not answer: " + answer.error().message +
                      "\n  is it running?  batuta doctor; or start it: batuta standalone",
                  1);
  }
  return *answer;
}

std::string Client::exchange(const std::string& method, const std::string& path,
                             const std::string& body, const std::string& accept,
                             const Headers& headers) const {
  HttpAnswer answer = send(method, path, body, accept, headers);
  if (answer.status < 200 || answer.status > 299) {
    throw refused(method, path, answer);
  }
  return std::move(answer.body);
}

json Client::health() const {
  const std::string path = "/api/v2/monitor/health";
  const HttpAnswer answer = send("GET", path, "", "application/json", {});
  auto body = parse_untrusted(answer.body);
  const bool told = body.ok() && body->is_object() && body->contains("scheduler");
  if (told) return std::move(*body);
  throw refused("GET", path, answer);
}

namespace {

json answer_of(const std::string& text) {
  if (text.empty()) return nullptr;
  JsonLimits limits;
  limits.bytes = max_answer;
  limits.string_bytes = max_answer;  // a large XCom may be one text
  limits.tokens = max_answer / 4;
  auto parsed = parse_untrusted(text, limits);
  if (!parsed) throw Failure("the server's answer is not readable: " + parsed.error().message, 1);
  return *parsed;
}

}  // namespace

json Client::call(const std::string& method, const std::string& path, const json& body,
                  const Headers& headers) const {
  return answer_of(
      exchange(method, path, body.is_null() ? "" : json_text(body), "application/json", headers));
}

json Client::get(const std::string& path) const {
  return call("GET", path, nullptr);
}

json Client::look_up(const std::string& path) const {
  const HttpAnswer answer = send("GET", path, "", "application/json", {});
  if (answer.status == 404) return nullptr;
  if (answer.status < 200 || answer.status > 299) throw refused("GET", path, answer);
  return answer_of(answer.body);
}

json Client::all(const std::string& path, const std::string& plural) const {
  json rows = json::array();
  const std::string more = path + (path.find('?') == std::string::npos ? "?" : "&");
  for (;;) {
    json page =
        get(more + "limit=" + std::to_string(max_page) + "&offset=" + std::to_string(rows.size()));
    const std::size_t before = rows.size();
    for (json& row : page[plural]) rows.push_back(std::move(row));
    const auto total = json_int(page["total_entries"]).value_or(0);
    if (rows.size() == before || static_cast<std::int64_t>(rows.size()) >= total) return rows;
  }
}

std::string Client::get_text(const std::string& path) const {
  return exchange("GET", path, "", "text/plain");
}

std::string Client::bytes_of(const std::string& method, const std::string& path, const json& body,
                             const std::string& type, Headers* answered) const {
  HttpAnswer answer = send(method, path, json_text(body), type, {});
  if (answer.status < 200 || answer.status > 299) throw refused(method, path, answer);
  if (answered != nullptr) *answered = std::move(answer.headers);
  return std::move(answer.body);
}

Client::Headers Client::download(const std::string& path,
                                 const std::function<bool(std::string_view)>& take,
                                 const std::function<bool()>& cancelled) const {
  HttpRequest request;
  request.url = url_ + path;
  request.headers = {{"Authorization", "Bearer " + token_},
                     {"Accept", "*/*"},
                     {"User-Agent", std::string("batuta-cli/") + version}};
  request.outgoing.direct = true;
  request.on_body = take;
  request.cancelled = cancelled;
  auto answer = http_call(request);
  if (!answer)
    throw Failure("the download from " + url_ + " ended early: " + answer.error().message, 1);
  if (answer->status < 200 || answer->status > 299) throw refused("GET", path, *answer);
  return std::move(answer->headers);
}

}  // namespace batuta::cli
