#include "scheduler/waits/look.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/core/sha1.h"

namespace batuta {
namespace {

using json = nlohmann::json;
using enum WaitChecked::Outcome;

constexpr char sql_timeout[] = "30s";
constexpr Duration http_timeout = std::chrono::seconds(30);
constexpr std::size_t max_body = std::size_t{1} << 20;

constexpr char nothing_there[] = "nothing";
constexpr std::size_t max_seen = 120;  // bytes of a text that stands for itself

// Short texts stand for themselves, others by their hash.
std::string as_seen(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != 127;
  });
  if (plain && text.size() <= max_seen) return text;
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = std::to_string(text.size()) + " bytes, sha1 ";
  for (const std::uint8_t byte : sha1(text)) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

// What is at the paths: a file that was put anew at the same place is another.
std::string state_of_files(const glob_t& found) {
  std::string state;
  std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0) continue;  // it went meanwhile
    const auto changed = Time(std::chrono::seconds(file.st_mtim.tv_sec) +
                              std::chrono::microseconds(file.st_mtim.tv_nsec / 1000));
    state += (state.empty() ? "" : "; ") + std::to_string(file.st_size) + " bytes of " +
             to_iso(changed) + " in " + path;
  }
  return state;
}

Looked look_at_file(const std::string& pattern, bool watches) {
  glob_t found{};
  // A folder that is not there yet has nothing; one that cannot be read tells nothing.
  const auto unreadable = [](const char*, int error) { return error == ENOENT ? 0 : 1; };
  const int result = ::glob(pattern.c_str(), GLOB_NOSORT, unreadable, &found);
  const std::string state = result == 0 && watches ? state_of_files(found) : std::string();
  ::globfree(&found);
  // What fits may be gone by now, or a link to nowhere.
  if (result == 0 && watches && state.empty()) return {not_yet, "nothing there", nothing_there};
  if (result == 0) return {satisfied, {}, as_seen(state)};
  if (result == GLOB_NOMATCH) return {not_yet, "nothing there", nothing_there};
  return {not_yet, result == GLOB_ABORTED ? "a folder on the way cannot be read"
                                          : "not enough memory to look"};
}

void add_headers(const json& headers, HttpRequest& request) {
  if (!headers.is_object()) return;
  for (const auto& [name, value] : headers.items()) {
    if (value.is_string()) request.headers.emplace_back(name, value.get<std::string>());
  }
}

// Else it is a path, whose query may well hold an address.
bool has_server(std::string_view url) {
  const auto mark = url.find("://");
  return mark != std::string_view::npos && mark < url.find_first_of("/?#");
}

Status add_connection(const std::string& id, const LookHooks& hooks, HttpRequest& request) {
  auto connection = hooks.connection(id);
  if (!connection) return {Errc::not_found, "connection \"" + id + "\" does not exist"};
  if (Status opened = hooks.open(*connection); !opened) {
    return {opened.error().code, "connection \"" + id + "\": " + opened.error().message};
  }
  const ServerDoor door =
      server_door(connection->conn_type, connection->host, connection->schema,
                  connection->port.value_or(0), connection->login, connection->password);
  const std::string& base = door.base;
  if (!has_server(request.url)) {
    const bool slash = request.url.starts_with('/') || request.url.empty();
    request.url = base + (slash ? "" : "/") + request.url;
  }
  // Its secrets go to its server and to no other.
  if (!lies_below(request.url, base)) {
    return {Errc::invalid, "the url is not on the host of connection " + id};
  }
  request.login = door.login;
  request.password = door.password;
  if (!door.bearer.empty()) request.headers.emplace_back("Authorization", "Bearer " + door.bearer);
  request.outgoing = outgoing_of(connection->extra);
  const auto extra = parse_untrusted(connection->extra.empty() ? "{}" : connection->extra);
  if (extra && extra->is_object() && extra->contains("headers")) {
    add_headers((*extra)["headers"], request);
  }
  return success();
}

bool may_come_yet(int status) {
  return status == 404 || status == 408 || status == 425 || status == 429 || status >= 500;
}

std::string state_of_answer(const HttpAnswer& answer) {
  for (const char* name : {"etag", "last-modified"}) {
    if (const std::string* value = answer.header(name)) return as_seen(*value);
  }
  return as_seen(answer.body);
}

Looked judge_body(const json& http, const HttpAnswer& answer) {
  if (!http.contains("pointer")) return {satisfied, {}, state_of_answer(answer)};
  const std::string pointer = http.at("pointer").get<std::string>();
  const auto body = parse_untrusted(answer.body, {.bytes = max_body});
  if (!body) return {not_yet, "the answer is not JSON"};
  const json::json_pointer at(pointer);
  if (!body->contains(at))
    return {not_yet, "the answer has nothing at '" + pointer + "'", nothing_there};
  const json& value = (*body)[at];
  const auto in = http.find("in");
  const bool fits = in == http.end() ? value == http.at("equals")
                                     : std::find(in->begin(), in->end(), value) != in->end();
  if (fits) return {satisfied, {}, as_seen(json_text(value))};
  return {not_yet, "'" + pointer + "' of the answer is another value", nothing_there};
}

// A secret that cannot be looked up for now may come, as an answer of a server that is away.
Looked not_asked(const Error& error) {
  return {error.code == Errc::unavailable ? not_yet : failed, error.message};
}

Looked look_at_http(const json& http, const LookHooks& hooks, bool watches) {
  HttpRequest request;
  request.method = http.value("method", "GET");
  request.url = http.value("url", "");
  request.timeout = http_timeout;
  request.max_body = max_body;
  request.ignore_body = !watches && !http.contains("pointer");
  request.cancelled = hooks.cancelled;
  if (http.contains("connection")) {
    const auto status = add_connection(http.at("connection").get<std::string>(), hooks, request);
    if (!status) return not_asked(status.error());
  }
  add_headers(http.value("headers", json::object()), request);
  if (http.contains("body")) {
    const json& body = http.at("body");
    request.body = body.is_string() ? body.get<std::string>() : json_text(body);
    request.headers.emplace_back("Content-Type",
                                 body.is_string() ? "text/plain" : "application/json");
  }
  const auto answer = hooks.http(request);
  if (!answer) {
    const bool away = answer.error().code == Errc::unavailable;
    return {away ? not_yet : failed, answer.error().message};
  }
  const json wanted = http.value("status", json::array());
  const bool right = wanted.empty()
                         ? answer->status >= 200 && answer->status < 300
                         : std::find(wanted.begin(), wanted.end(), answer->status) != wanted.end();
  if (right) return judge_body(http, *answer);
  const std::string told = "HTTP " + std::to_string(answer->status);
  if (!may_come_yet(answer->status)) return {failed, told};
  return {not_yet, told, answer->status == 404 ? nothing_there : ""};
}

Looked look_at_topic(const json& topic, const LookHooks& hooks) {
  const auto stream = hooks.stream(topic.value("connection", ""));
  if (!stream) return not_asked(stream.error());
  const std::string name = topic.at("name").get<std::string>();
  const std::string group = topic.at("group").get<std::string>();
  const auto lags = stream::lag(**stream, group, name);
  if (!lags) {
    const Errc code = lags.error().code;
    const bool may_come = code == Errc::not_found || code == Errc::unavailable;
    return {may_come ? not_yet : failed, lags.error().message,
            code == Errc::not_found ? nothing_there : ""};
  }
  std::int64_t fresh = 0;
  std::string ends;
  for (const stream::PartitionLag& one : *lags) {
    fresh += one.lag;
    ends += (ends.empty() ? "" : " ") + std::to_string(one.partition) + ":" +
            std::to_string(one.kept.next);
  }
  const std::int64_t wanted = topic.value("at_least", std::int64_t{1});
  if (fresh >= wanted) return {satisfied, {}, as_seen(ends)};
  return {not_yet, std::to_string(fresh) + " new messages of " + std::to_string(wanted),
          nothing_there};
}

// As PostgreSQL writes a `numeric` that is zero: "0", "0.00", "-0.0", "0E-20".
bool is_zero(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view digits = text.substr(0, text.find_first_of("eE"));
  if (digits.find('0') == std::string_view::npos) return false;
  if (digits.find_first_not_of("0.") != std::string_view::npos) return false;
  if (std::count(digits.begin(), digits.end(), '.') > 1) return false;
  if (digits.size() == text.size()) return true;
  std::string_view exponent = text.substr(digits.size() + 1);
  if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
  return !exponent.empty() && exponent.find_first_not_of("0123456789") == std::string_view::npos;
}

// What SqlSensor of Airflow takes for a yes; its numbers may come as text here.
bool is_yes(const json& cell) {
  if (cell.is_null()) return false;
  if (cell.is_boolean()) return cell.get<bool>();
  if (cell.is_number()) return cell != 0;
  if (!cell.is_string()) return !cell.empty();
  const std::string& text = cell.get_ref<const std::string&>();
  return !text.empty() && !is_zero(text);
}

Looked judge_cell(const json& sql, const std::string& told) {
  const auto cell = parse_untrusted(told, {.bytes = max_body});
  if (!cell) return {failed, "its result cannot be read: " + cell.error().message};
  const auto equals = sql.find("equals");
  const bool holds = equals == sql.end() ? is_yes(*cell) : *cell == *equals;
  if (holds) return {satisfied, {}, as_seen(json_text(*cell))};
  if (cell->is_null()) return {not_yet, "no row, or NULL", nothing_there};
  return {not_yet,
          equals == sql.end() ? "the result is 0, false or empty" : "the result is another value",
          nothing_there};
}

Looked look_at_sql(const json& sql, const LookHooks& hooks) {
  const std::string id = sql.at("connection").get<std::string>();
  auto connection = hooks.connection(id);
  const std::string named = "connection \"" + id + "\"";
  if (!connection) return {failed, named + " does not exist"};
  const std::string& type = connection->conn_type;
  if (type != "postgres" && type != "postgresql" && type != "sqlite") {
    return {failed, named + " is of type \"" + type + "\": a wait takes postgres or sqlite"};
  }
  if (Status opened = hooks.open(*connection); !opened) {
    return not_asked({opened.error().code, named + ": " + opened.error().message, {}});
  }
  json params{{"connection", id},
              {"sql", sql.at("sql")},
              {"timeout", sql.value("timeout", json(sql_timeout))},
              {"result", "value"},
              {"read_only", true}};
  if (const auto given = sql.find("parameters"); given != sql.end()) params["parameters"] = *given;
  const auto told = hooks.sql(json_text(params), *connection, hooks.cancelled);
  return told ? judge_cell(sql, *told) : not_asked(told.error());
}

}  // namespace

std::string server_of(const std::string& argument_json) {
  const auto argument = parse_untrusted(argument_json);
  if (argument && argument->contains("topic")) {
    const auto id = (*argument)["topic"].find("connection");
    const bool named = id != (*argument)["topic"].end() && id->is_string();
    return named ? id->get<std::string>() : "topic:";
  }
  const bool sql = argument && argument->contains("sql");
  if (!sql && (!argument || !argument->contains("http"))) return {};
  const json& http = (*argument)[sql ? "sql" : "http"];
  const auto text = [&](const char* name) {
    const auto at = http.find(name);
    return at != http.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  const std::string connection = text("connection");
  if (sql) return std::string(database_server) + connection;
  return connection.empty() ? "//" + std::string(split_url(text("url")).host) : connection;
}

namespace {

Looked look_at(const std::string& argument_json, const LookHooks& hooks, bool watches) {
  try {
    const auto argument = parse_untrusted(argument_json);
    if (!argument) return {failed, argument.error().message};
    if (argument->contains("file")) {
      return look_at_file(argument->at("file").get<std::string>(), watches);
    }
    if (argument->contains("sql")) return look_at_sql(argument->at("sql"), hooks);
    if (argument->contains("topic")) return look_at_topic(argument->at("topic"), hooks);
    return look_at_http(argument->at("http"), hooks, watches);
  } catch (const json::exception& error) {
    // A template made something of it that is no text, number or object where one is needed.
    return {failed, std::string("it cannot be looked at as it is written: ") + error.what()};
  }
}

}  // namespace

Looked look(const std::string& argument_json, const LookHooks& hooks) {
  return look_at(argument_json, hooks, false);
}

Looked look_for_change(const std::string& argument_json, const LookHooks& hooks) {
  return look_at(argument_json, hooks, true);
}

}  // namespace batuta
