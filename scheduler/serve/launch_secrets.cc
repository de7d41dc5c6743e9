// The secrets of launches: of connections and variables, and those that are kept elsewhere.
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/serve/connection_secret.h"
#include "scheduler/serve/launch_context.h"

namespace batuta {
namespace {

using json = nlohmann::json;

// Of an `extra` only values from this size are masked unless their name says secret: it is full of
// words like "get" and "true".
constexpr std::size_t shortest_nameless_secret = 6;

// Strings inside a connection's extra are secrets too (tokens live there).
void collect_strings(const json& value, bool sensitive, std::vector<std::string>& out) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (!text.empty() && (sensitive || text.size() >= shortest_nameless_secret)) {
      out.push_back(text);
    }
  } else if (value.is_structured()) {
    for (auto it = value.begin(); it != value.end(); ++it) {
      collect_strings(*it, sensitive || (value.is_object() && sensitive_name(it.key())), out);
    }
  }
}

// What of a variable must not be shown: all of it, and when it is JSON every value in it.
void collect_scalars(const json& value, std::vector<std::string>& out) {
  if (value.is_structured()) {
    for (const json& item : value) collect_scalars(item, out);
    return;
  }
  const bool text = value.is_string();
  std::string shown = text ? value.get<std::string>() : json_text(value);
  if (!shown.empty() && (text || shown.size() >= shortest_nameless_secret)) {
    out.push_back(std::move(shown));
  }
}
void collect_secrets(const Variable& variable, std::vector<std::string>& out) {
  if (!variable.value.empty()) out.push_back(variable.value);
  if (const auto parsed = parse_untrusted(variable.value)) collect_scalars(*parsed, out);
}

// The same value with every leaf starred out, so that paths into it still lead somewhere.
json starred(const json& value) {
  if (!value.is_structured()) return "***";
  json out = value;
  for (json& item : out) item = starred(item);
  return out;
}
std::string starred(const Variable& variable) {
  const auto parsed = parse_untrusted(variable.value);
  return parsed && parsed->is_structured() ? json_text(starred(*parsed)) : "***";
}

// The address of a webhook is all that guards it; and any address may hold a password or a key.
void collect_from_url(const Connection& connection, std::vector<std::string>& out) {
  const auto add = [&](std::string_view secret) {
    if (!secret.empty()) out.emplace_back(secret);
  };
  const UrlParts parts = split_url(connection.host);
  add(parts.user_info);
  if (const auto colon = parts.user_info.find(':'); colon != std::string_view::npos) {
    add(parts.user_info.substr(colon + 1));
  }
  const auto query = std::min(parts.rest.find('?'), parts.rest.size());
  if (query < parts.rest.size()) add(parts.rest.substr(query + 1));
  if (!address_is_secret(connection) || parts.rest.size() < 2) return;
  add(connection.host);
  add(parts.rest.substr(1));
}

}  // namespace

Secret connection_secret(const Connection& connection) {
  json fields{{"conn_type", connection.conn_type}, {"host", connection.host},
              {"login", connection.login},         {"password", connection.password},
              {"schema", connection.schema},       {"extra", connection.extra}};
  fields["port"] = connection.port ? json(*connection.port) : json(nullptr);
  Secret secret{connection.id, json_text(fields), {}};
  if (!connection.password.empty()) secret.mask.push_back(connection.password);
  if (const auto extra = parse_untrusted(connection.extra.empty() ? "{}" : connection.extra)) {
    collect_strings(*extra, false, secret.mask);
  }
  collect_from_url(connection, secret.mask);
  return secret;
}

void RegistryLaunchContext::begin_secrets() {
  looking_up_ = false;
  secret_fault_.reset();
}

Result<LaunchContext::Expansion> RegistryLaunchContext::expand(const Attempt& attempt) {
  begin_secrets();
  auto made = read_expansion(attempt);
  if (secret_fault_) return *secret_fault_;
  return made;
}

Result<LaunchContext::Gate> RegistryLaunchContext::gate(const Attempt& attempt) {
  begin_secrets();
  auto made = read_gate(attempt);
  if (secret_fault_) return *secret_fault_;
  return made;
}

Status RegistryLaunchContext::render_launch(const Attempt& attempt, Launch& out,
                                            std::string& rendered) {
  begin_secrets();
  auto made = fill_launch(attempt, out, rendered);
  if (secret_fault_) return *secret_fault_;
  return made;
}

Result<Resolution> RegistryLaunchContext::resolve(const Attempt& attempt, const DagFinder& newest,
                                                  Time now) {
  begin_secrets();
  auto made = read_resolution(attempt, newest, now);
  if (secret_fault_) return *secret_fault_;
  return made;
}

std::optional<Result<std::string>> RegistryLaunchContext::find_secret(
    const SecretReference& reference) const {
  if (!find_secret_) {
    return Result<std::string>(Errc::unavailable, "nothing here looks secrets up");
  }
  return find_secret_(reference);
}

// One that is kept elsewhere is a secret whatever its name. A template cannot say why it got none:
// whoever renders it does.
std::optional<std::string> RegistryLaunchContext::variable(std::string_view key,
                                                           std::vector<std::string>* hidden) {
  auto found = registry_.variable(key);
  if (!found) return std::nullopt;
  const std::string stored = found->value;
  if (hidden) {
    std::vector<std::string> opened;
    const auto whole = open_variable(
        *found, [this](const SecretReference& one) { return find_secret(one); }, opened);
    if (!whole && !secret_fault_) secret_fault_ = whole.error();
    if (whole && !*whole) looking_up_ = true;
    if (opened.empty() && !sensitive_name(key)) return stored;
    collect_secrets(*found, *hidden);
    return found->value;
  }
  if (sensitive_name(key)) return starred(*found);
  const auto reference = read_secret_reference(std::string_view(stored));
  return !reference || *reference ? "***" : stored;
}

Status RegistryLaunchContext::add_secrets(const Attempt& attempt, Launch& out) {
  std::vector<std::string> names = attempt.task.connections;
  {
    std::lock_guard lock(mutex_);
    const auto plugin = catalogue_.find(attempt.task.plugin);
    if (plugin != catalogue_.end()) {
      std::optional<json> params;  // read only for plugins that name a connection there
      for (const ParamInfo& info : plugin->second.params) {
        if (info.type != ParamType::connection) continue;
        if (!params) {
          auto parsed = parse_untrusted(out.params_json);
          if (!parsed) break;
          params = std::move(*parsed);
        }
        json value = params->value(info.name, json(nullptr));
        if (value.is_null() && !info.default_json.empty()) {
          const auto given = parse_untrusted(info.default_json);
          value = given ? *given : json(info.default_json);
        }
        if (value.is_string()) names.push_back(value);
      }
    }
  }
  for (const std::string& name : names) {
    if (Status added = add_secret(name, out); !added) return added;
  }
  if (!lake_store_.empty() && uses_lake(attempt, out))
    out.secrets.insert(out.secrets.end(), lake_store_.begin(), lake_store_.end());
  return success();
}

namespace {

// Whether a command reads tables as files, or hands such in. A variable of that name is no table.
bool names_tables(const std::string& params_json) {
  constexpr std::string_view fields[] = {"reads", "outputs"};
  const bool may = std::any_of(std::begin(fields), std::end(fields), [&](std::string_view field) {
    return params_json.find(field) != std::string::npos;
  });
  if (!may) return false;
  const auto params = parse_untrusted(params_json, {16u << 20, 64, 2'000'000, 16u << 20});
  if (!params || !params->is_object()) return true;
  return std::any_of(std::begin(fields), std::end(fields), [&](std::string_view field) {
    const auto tables = params->find(std::string(field));
    return tables != params->end() && !tables->empty();
  });
}

}  // namespace

// All but the plugins of which it is known that they do not: one that got no access would take the
// lake for an empty folder.
bool RegistryLaunchContext::uses_lake(const Attempt& attempt, const Launch& out) const {
  const std::lock_guard lock(mutex_);
  const auto plugin = catalogue_.find(attempt.task.plugin);
  if (plugin == catalogue_.end() || plugin->second.kind != "builtin") return true;
  return attempt.task.plugin == "model_test" || attempt.task.plugin == "lake_sql" ||
         names_tables(out.params_json);
}

// Goes on past a secret that is being looked up, so that all of them are at once.
Status RegistryLaunchContext::add_secret(const std::string& name, Launch& out) {
  auto connection = registry_.connection(name);
  if (!connection) {
    return {Errc::invalid, "connection \"" + name +
                               "\" does not exist: create it with `batuta connections add " + name +
                               " --conn-type …`"};
  }
  std::vector<std::string> opened;
  const auto whole = open_connection(
      *connection, [this](const SecretReference& one) { return find_secret(one); }, opened);
  if (!whole) {
    const Error& error = whole.error();
    return {error.code, "connection \"" + name + "\": " + error.message};
  }
  looking_up_ = looking_up_ || !*whole;
  Secret secret = connection_secret(*connection);
  secret.mask.insert(secret.mask.end(), opened.begin(), opened.end());
  out.secrets.push_back(std::move(secret));
  return success();
}

}  // namespace batuta
