#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"
#include "common/uuid.h"
#include "scheduler/api/codecs.h"
#include "scheduler/store/secret_reference.h"

namespace batuta::http {

using nlohmann::json;

namespace {
constexpr std::string_view mask = "***";

// A reference says where a secret is, not what it is.
bool is_reference(const json& value) {
  const auto found = read_secret_reference(value);
  return found && *found;
}
json shown_secret(const std::string& text) {
  if (text.empty()) return nullptr;
  const auto found = read_secret_reference(std::string_view(text));
  return found && *found ? json((*found)->text()) : json(mask);
}

// Airflow masks values of sensitive names inside `extra` too, at any depth.
void mask_sensitive(json& value, int depth) {
  if (!value.is_structured() || depth > 64) return;
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (value.is_object() && sensitive_name(it.key()) && !it->is_null() && !is_reference(*it)) {
      *it = mask;
    } else {
      mask_sensitive(*it, depth + 1);
    }
  }
}

std::string_view name_of(ParamType type) {
  constexpr std::array<std::string_view, 8> names = {"string", "integer", "number",     "boolean",
                                                     "array",  "object",  "connection", "any"};
  return names[static_cast<std::size_t>(type)];
}
}  // namespace

json pool_json(const PoolView& pool) {
  return {{"name", pool.row.name},
          {"slots", pool.row.slots},
          {"description", text_or_null(pool.row.description)},
          {"include_deferred", false},
          {"occupied_slots", pool.occupied_slots},
          {"running_slots", pool.running_slots},
          {"queued_slots", pool.queued_slots},
          {"scheduled_slots", pool.scheduled_slots},
          {"open_slots", pool.open_slots},
          {"deferred_slots", 0},
          {"team_name", nullptr}};
}

json variable_json(const Variable& variable) {
  const bool masked = sensitive_name(variable.key) && !variable.value.empty();
  return {{"key", variable.key},
          {"value", masked ? shown_secret(variable.value) : json(variable.value)},
          {"description", text_or_null(variable.description)},
          {"is_encrypted", true},
          {"team_name", nullptr}};
}

// Never the user info, nor a query, which holds keys; of a webhook nothing behind the host.
std::string shown_host(const Connection& connection) {
  const UrlParts parts = split_url(connection.host);
  std::string shown(parts.scheme);
  if (!parts.user_info.empty()) shown += std::string(mask) + "@";
  shown += parts.host;
  const auto query = std::min(parts.rest.find_first_of("?#"), parts.rest.size());
  const bool hidden = address_is_secret(connection) && parts.rest.size() > 1;
  if (hidden) return shown + "/" + std::string(mask);
  shown += parts.rest.substr(0, query);
  return query < parts.rest.size() ? shown + "?" + std::string(mask) : shown;
}

json connection_json(const Connection& connection) {
  json extra = stored_json(connection.extra);
  mask_sensitive(extra, 0);
  return {{"connection_id", connection.id},
          {"conn_type", connection.conn_type},
          {"description", text_or_null(connection.description)},
          {"host", text_or_null(shown_host(connection))},
          {"login", text_or_null(connection.login)},
          {"schema", text_or_null(connection.schema)},
          {"port", connection.port ? json(*connection.port) : json(nullptr)},
          {"password", shown_secret(connection.password)},
          {"extra", extra.is_null() ? json(nullptr) : json(json_text(extra))},
          {"team_name", nullptr}};
}

json user_json(const User& user) {
  const auto issuer = user.identity.substr(0, user.identity.find('\n'));
  return {{"username", user.name},
          {"role", user.role},
          {"created_at", to_iso(user.created_at)},
          {"provider", issuer.empty() ? json(nullptr) : json(issuer)}};
}

json token_json(const TokenInfo& token) {
  return {{"token_id", token.id},
          {"username", token.user},
          {"purpose", token.purpose},
          {"created_at", to_iso(token.created_at)},
          {"expires_at", to_iso(token.expires_at)},
          {"scope", grants_json(token.scope)}};
}

json grants_json(const std::vector<Grant>& grants) {
  json list = json::array();
  for (const Grant& grant : grants) list.push_back(to_string(grant));
  return list;
}

json role_json(const Role& role) {
  return {{"name", role.name},
          {"description", role.description},
          {"built_in", built_in_role(role.name) != nullptr},
          {"grants", grants_json(role.grants)}};
}

json group_json(const UserGroup& group) {
  return {{"name", group.name},
          {"description", group.description},
          {"roles", group.roles},
          {"users", group.users}};
}

json event_log_json(const EventLogView& view) {
  const auto& row = view.row;
  return {{"event_log_id", view.id},
          {"when", to_iso(row.when)},
          {"dag_id", text_or_null(row.dag_id)},
          {"dag_display_name", text_or_null(row.dag_id)},
          {"task_id", text_or_null(row.task_id)},
          {"task_display_name", text_or_null(row.task_id)},
          {"run_id", text_or_null(row.dag_run_id)},
          {"map_index", nullptr},
          {"try_number", nullptr},
          {"event", row.event},
          {"logical_date", nullptr},
          {"owner", text_or_null(row.owner)},
          {"extra", text_or_null(row.extra_json)}};
}

json plugin_json(const PluginInfo& plugin) {
  json params = json::array();
  for (const auto& param : plugin.params) {
    params.push_back({{"name", param.name},
                      {"type", name_of(param.type)},
                      {"required", param.required},
                      {"default", stored_json(param.default_json)},
                      {"help", param.help}});
  }
  return {{"name", plugin.name},       {"version", plugin.version}, {"kind", plugin.kind},
          {"summary", plugin.summary}, {"sha256", plugin.sha256},   {"params", params}};
}

json outbox_json(const OutboxRow& row) {
  static constexpr const char* kinds[] = {"publish", "alert", "lineage", "trace"};
  return {{"id", row.id},
          {"kind", kinds[static_cast<std::size_t>(row.kind)]},
          {"key", row.key},
          {"created_at", to_iso(row.created_at)},
          {"tries", row.tries},
          {"next_try_at", iso_or_null(row.next_try_at)},
          {"last_error", text_or_null(row.last_error)},
          {"dead", row.dead}};
}

json job_config_json(const JobConfigView& row) {
  return {{"job_name", row.job_name},
          {"params", stored_json(row.params_json)},
          {"interval", text_or_null(row.interval)},
          {"overlap", text_or_null(row.overlap)},
          {"bucket_name", text_or_null(row.bucket_name)},
          {"updated_by", text_or_null(row.updated_by)},
          {"created_at", to_iso(row.created_at)},
          {"updated_at", to_iso(row.updated_at)}};
}

json job_execution_json(const JobExecutionView& view) {
  const JobExecutionRow& row = view.row;
  const Time heard = row.heartbeat_at.value_or(row.start_time);
  return {{"id", view.id},
          {"execution_id", to_string(row.execution_id)},
          {"job_name", row.job_name},
          {"try_number", row.try_number},
          {"params", stored_json(row.params_json)},
          {"interval", text_or_null(view.interval)},
          {"overlap", text_or_null(view.overlap)},
          {"bucket_name", text_or_null(view.bucket_name)},
          {"start_time", iso_or_null(view.window_start)},
          {"end_time", iso_or_null(view.window_end)},
          {"filename", stored_json(row.filename)},
          {"records", row.records},
          {"status", row.status},
          {"error", text_or_null(row.error)},
          {"heartbeat_at", iso_or_null(row.heartbeat_at)},
          {"created_at", to_iso(row.start_time)},
          {"updated_at", to_iso(row.end_time.value_or(heard))}};
}

}  // namespace batuta::http
