#include "plugins/builtin/spark_cluster.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/exact_json.h"
#include "common/http_client.h"
#include "common/safe_json.h"
#include "common/url.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

constexpr int most_cluster_asks = 4;
constexpr std::size_t max_cluster_answer = 8 << 20;
constexpr JsonLimits cluster_limits{max_cluster_answer, 64, 1'000'000, max_cluster_answer};
constexpr const char* yarn_ends[] = {"FINISHED", "FAILED", "KILLED"};
constexpr const char* driver_ends[] = {"FINISHED", "FAILED", "KILLED", "ERROR"};
constexpr std::size_t driver_log_bytes = 256 << 10;  // of each of its streams
// A log's first line is the command that started the driver.
constexpr std::size_t launch_bytes = 64 << 10;
constexpr std::string_view launch_command = "Launch Command:";
// Drivers whose log cannot be read: of more nobody is asked.
constexpr std::size_t most_asked_about = 20;
constexpr const char* killed_state = R"({"state":"KILLED"})";

// Nothing came back, not even a refusal.
struct NoAnswer : RetryableError {
  using RetryableError::RetryableError;
};

std::string member(const json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

const json& object_in(const json& object, const char* name) {
  static const json none = json::object();
  const auto at = object.is_object() ? object.find(name) : object.end();
  return at != object.end() && at->is_object() ? *at : none;
}

template <std::size_t N>
bool is_among(const std::string& state, const char* const (&ends)[N]) {
  return std::any_of(std::begin(ends), std::end(ends),
                     [&](const char* each) { return state == each; });
}

}  // namespace

struct SparkCluster::Answer {
  int status = 0;
  json body;
  std::string text;
};

SparkCluster::SparkCluster(const Context& context, Kind kind, std::string tracking, Duration pause)
    : context_(context), kind_(kind), tracking_(std::move(tracking)), pause_(pause) {
  const Connection connection = context.connection(tracking_);
  if (connection.conn_type != "http") {
    throw FinalError("the connection " + tracking_ + " is of type \"" + connection.conn_type +
                         "\", and must be of type http: it leads to " +
                         (kind == Kind::yarn ? "YARN's ResourceManager, such as http://rm:8088"
                                             : "the Spark master's REST port, such as "
                                               "http://master:6066"),
                     spark_code::refused);
  }
  const auto door =
      server_door(connection.conn_type, connection.host, connection.schema,
                  static_cast<int>(connection.port), connection.login, connection.password);
  base_ = door.base;
  login_ = door.login;
  password_ = door.password;
  outgoing_ = outgoing_of(connection.extra_json);
  if (connection.extra_json.empty()) return;
  if (const auto extra = parse_untrusted(connection.extra_json)) page_ = member(*extra, "page");
  while (page_.ends_with('/')) page_.pop_back();
  if (!page_.empty() && !page_.starts_with("http://") && !page_.starts_with("https://"))
    throw FinalError("the connection " + tracking_ +
                         ": \"page\" of its extra is the address of the master's page, such as "
                         "http://master:8080",
                     spark_code::refused);
}

// Asked again after what passes: a look changes nothing, and a kill may be said twice.
SparkCluster::Answer SparkCluster::ask(const char* method, const std::string& url,
                                       const std::string& body) const {
  const bool own = url.starts_with('/');  // else a page of the cluster's, which gets no login
  const std::string path = url;
  HttpRequest request;
  request.method = method;
  request.url = own ? base_ + path : url;
  request.headers = {{"Accept", own ? "application/json" : "application/json, text/plain"}};
  if (own) request.login = login_;
  if (own) request.password = password_;
  request.body = body;
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.timeout = std::chrono::seconds(30);
  request.max_body = max_cluster_answer;
  request.outgoing = outgoing_;
  Duration pause = pause_;
  for (int asked = 1;; ++asked) {
    const auto answer = http_call(request);
    const bool passes = answer ? answer->status == 429 || answer->status >= 500
                               : answer.error().code == Errc::unavailable;
    if (answer && !passes) {
      auto parsed = parse_untrusted_repeating(answer->body, cluster_limits);
      return {answer->status, parsed ? *std::move(parsed) : json(), answer->body};
    }
    const std::string why = std::string(method) + " " + path.substr(0, path.find('?')) +
                            (answer ? " was answered by " + std::to_string(answer->status)
                                    : " failed: " + answer.error().message);
    if (!passes) throw FinalError(why, spark_code::refused);
    if (asked == most_cluster_asks && !answer) throw NoAnswer(why, spark_code::busy);
    if (asked == most_cluster_asks) throw RetryableError(why, spark_code::busy);
    context_.warn(why + "; it is asked again");
    if (!context_.sleep(pause)) throw RetryableError("cancelled; " + why, spark_code::busy);
    pause *= 2;
  }
}

std::string SparkCluster::path_of(const std::string& id) const {
  return kind_ == Kind::yarn ? "/ws/v1/cluster/apps/" + id : "/v1/submissions/status/" + id;
}

nlohmann::json SparkCluster::got(const std::string& path) const {
  Answer answer = ask("GET", path, {});
  if (answer.status >= 200 && answer.status < 300 && answer.body.is_object())
    return std::move(answer.body);
  throw FinalError("GET " + path.substr(0, path.find('?')) + " was answered by " +
                       std::to_string(answer.status) +
                       (answer.body.is_object() ? "" : ", and by no JSON object") +
                       ": does the connection " + tracking_ + " lead to " +
                       (kind_ == Kind::yarn ? "the ResourceManager?"
                                            : "the master's REST port "
                                              "(spark.master.rest.enabled)?"),
                   spark_code::refused);
}

SparkCluster::Look SparkCluster::look(const std::string& id) const {
  const json answer = got(path_of(id));
  Look out;
  if (kind_ == Kind::yarn) {
    const json& app = object_in(answer, "app");
    out.state = member(app, "state");
    out.page = member(app, "amContainerLogs");
    if (out.page.empty()) out.page = member(app, "trackingUrl");
    out.ended = is_among(out.state, yarn_ends);
    if (out.ended)
      out.verdict = yarn_verdict(out.state, member(app, "finalStatus"), member(app, "diagnostics"));
    return out;
  }
  out.state = member(answer, "driverState");
  out.ended = out.state.empty() || is_among(out.state, driver_ends);
  if (out.ended) out.verdict = driver_verdict(out.state, member(answer, "message"));
  if (const std::string worker = member(answer, "workerHostPort"); !worker.empty())
    out.page = "the driver's log lies on the worker " + worker;
  return out;
}

std::optional<std::string> SparkCluster::find(const std::string& tag) const {
  if (kind_ != Kind::yarn) return std::nullopt;
  json answer;
  try {
    answer = got("/ws/v1/cluster/apps?applicationTags=" + tag);
  } catch (const FinalError& refused) {  // nothing may be submitted: it might be there already
    throw RetryableError(refused.what(), spark_code::busy);
  }
  const json& apps = object_in(answer, "apps");
  const auto list = apps.find("app");
  if (list == apps.end() || !list->is_array()) return std::nullopt;
  std::optional<std::string> newest;
  std::int64_t started = -1;
  for (const json& app : *list) {
    if (!app.is_object() || member(app, "id").empty()) continue;
    const auto at = app.find("startedTime");
    const std::int64_t when = at == app.end() ? 0 : json_int(*at).value_or(0);
    if (when <= started) continue;
    started = when;
    newest = member(app, "id");
  }
  return newest;
}

namespace {

// The page's list of that name; of what is none: nothing.
std::vector<json> listed(const json& page, const char* name) {
  const auto list = page.find(name);
  std::vector<json> out;
  if (list == page.end() || !list->is_array()) return out;
  for (const json& each : *list)
    if (each.is_object()) out.push_back(each);
  return out;
}

}  // namespace

std::string SparkCluster::log_of_worker(const json& page, const std::string& worker) const {
  std::string at;
  for (const json& each : listed(page, "workers"))
    if (member(each, "id") == worker) at = member(each, "webuiaddress");
  if (at.starts_with('/')) at = page_ + at;  // where the master stands before its workers
  return worker.empty() || at.empty() ? std::string() : at + "/log/?driverId=";
}

std::string SparkCluster::driver_log(const std::string& id) const {
  if (kind_ != Kind::master || page_.empty()) return {};
  const std::string worker = member(got(path_of(id)), "workerId");
  const std::string at = log_of_worker(got(page_ + "/json/"), worker);
  if (at.empty()) throw FinalError("the master's page knows no worker that has the log of " + id);
  std::string out;
  for (const char* type : {"stderr", "stdout"}) {
    const Answer told =
        ask("GET", at + id + "&logType=" + type + "&byteLength=" + std::to_string(driver_log_bytes),
            {});
    if (told.status != 200)
      throw FinalError(at + id + " was answered by " + std::to_string(told.status) + " for " +
                       type);
    out += std::string(type) + " of " + id + "\n" + told.text + "\n";
  }
  return out;
}

// Whether that driver was started with this word in its command: nullopt where its log, whose first
// line that is, cannot be read (it waits for a worker, or the log is gone).
std::optional<bool> SparkCluster::started_with(const json& page, const json& driver,
                                               const std::string& word,
                                               std::set<std::string>& silent) const {
  const std::string at = log_of_worker(page, member(driver, "worker"));
  if (at.empty() || silent.contains(at)) return std::nullopt;
  try {
    const Answer told = ask("GET",
                            at + member(driver, "id") + "&logType=stderr&offset=0&byteLength=" +
                                std::to_string(launch_bytes),
                            {});
    const auto begin = told.text.find(launch_command);
    if (told.status != 200 || begin == std::string::npos) return std::nullopt;
    const auto end = told.text.find('\n', begin);
    if (end == std::string::npos) return std::nullopt;  // longer than was asked for
    return std::string_view(told.text).substr(begin, end - begin).find(word) !=
           std::string_view::npos;
  } catch (const NoAnswer&) {
    silent.insert(at);
  } catch (const RetryableError&) {
    context_.check_cancelled();
  } catch (const FinalError&) {  // that log is not to be had
  }
  return std::nullopt;
}

std::optional<SparkCluster::Begun> SparkCluster::drivers_since(const std::string& main_class,
                                                               const std::string& word,
                                                               std::int64_t since) const {
  if (kind_ != Kind::master || page_.empty()) return std::nullopt;
  const json page = got(page_ + "/json/");
  Begun out;
  std::set<std::string> silent;
  for (const char* name : {"activedrivers", "completeddrivers"}) {
    for (const json& driver : listed(page, name)) {
      std::int64_t began = 0;  // milliseconds, as a text
      const std::string text = member(driver, "starttime");
      std::from_chars(text.data(), text.data() + text.size(), began);
      const bool same = main_class.empty() || member(driver, "mainclass") == main_class;
      if (!same || began / 1000 < since) continue;
      const auto own = out.unknown.size() < most_asked_about
                           ? started_with(page, driver, word, silent)
                           : std::nullopt;
      if (own && *own) return Begun{member(driver, "id"), {}};
      if (!own) out.unknown.push_back(member(driver, "id"));
    }
  }
  return out;
}

void SparkCluster::kill(const std::string& id) const {
  try {
    const Answer answer = kind_ == Kind::yarn ? ask("PUT", path_of(id) + "/state", killed_state)
                                              : ask("POST", "/v1/submissions/kill/" + id, {});
    if (answer.status >= 200 && answer.status < 300) return context_.info(id + " was killed");
    context_.error(id + " goes on: its kill was answered by " + std::to_string(answer.status));
  } catch (const std::exception& error) {
    context_.error(id + " goes on: it cannot be killed: " + error.what());
  }
}

json SparkCluster::wait_for(const std::string& id) const {
  const bool yarn = kind_ == Kind::yarn;
  json ends = json::array();
  if (yarn) {
    for (const char* each : yarn_ends) ends.push_back(each);
  } else {
    for (const char* each : driver_ends) ends.push_back(each);
  }
  // Of YARN the state alone: what it says of a whole application repeats names, and a wait refuses
  // such JSON.
  json look{{"connection", tracking_},
            {"url", path_of(id) + (yarn ? "/state" : "")},
            {"pointer", yarn ? "/state" : "/driverState"},
            {"in", std::move(ends)}};
  json cancel{{"connection", tracking_},
              {"method", yarn ? "PUT" : "POST"},
              {"url", yarn ? path_of(id) + "/state" : "/v1/submissions/kill/" + id}};
  if (yarn) cancel["body"] = json{{"state", "KILLED"}};
  json out = json::object();
  out["wait_for"] = json::object();
  out["wait_for"]["http"] = std::move(look);
  out["on_cancel"] = std::move(cancel);
  return out;
}

}  // namespace batuta::plugin
