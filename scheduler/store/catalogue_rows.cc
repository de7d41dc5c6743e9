#include "scheduler/store/catalogue_rows.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta {
namespace {

using nlohmann::json;

// Written by us and never by hand, but a damaged file must not become a crash.
constexpr JsonLimits params_limits{.bytes = 16 << 20, .string_bytes = 4 << 20};

std::string params_text(const std::vector<ParamInfo>& params) {
  json list = json::array();
  for (const ParamInfo& p : params) {
    list.push_back({{"name", p.name},
                    {"type", static_cast<int>(p.type)},
                    {"required", p.required},
                    {"default", p.default_json},
                    {"help", p.help}});
  }
  return json_text(list);
}

[[noreturn]] void throw_damaged() {
  throw StoreError("the stored plugin catalogue is damaged; restore a backup", false);
}

std::string text_of(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_string()) throw_damaged();
  return found->get<std::string>();
}

std::vector<ParamInfo> params_of(const std::string& text) {
  const Result<json> list = parse_untrusted(text, params_limits);
  if (!list || !list->is_array()) throw_damaged();
  std::vector<ParamInfo> params;
  for (const json& item : *list) {
    if (!item.is_object()) throw_damaged();
    ParamInfo& p = params.emplace_back();
    p.name = text_of(item, "name");
    p.default_json = text_of(item, "default");
    p.help = text_of(item, "help");
    const auto type = item.contains("type") ? json_int(item["type"]) : std::nullopt;
    const bool known = type && *type >= 0 && *type <= static_cast<int>(ParamType::any);
    if (!known || !item.contains("required") || !item["required"].is_boolean()) throw_damaged();
    p.type = static_cast<ParamType>(*type);
    p.required = item["required"] == true;
  }
  return params;
}

}  // namespace

void replace_catalogue(Database& db, const std::vector<PluginInfo>& catalogue) {
  Transaction transaction(db);
  db.statement("DELETE FROM catalogue").run();
  std::int64_t position = 0;
  for (const PluginInfo& p : catalogue) {
    db.statement(
          "INSERT INTO catalogue (id, name, version, kind, summary, sha256, params_json) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)")
        .run(++position, p.name, p.version, p.kind, p.summary, p.sha256, params_text(p.params));
  }
  transaction.commit();
}

std::vector<PluginInfo> read_catalogue(Database& db) {
  std::vector<PluginInfo> result;
  Rows rows = db.statement(
                    "SELECT name, version, kind, summary, sha256, params_json "
                    "FROM catalogue ORDER BY id")
                  .query();
  while (rows.next()) {
    PluginInfo& p = result.emplace_back();
    std::string params;
    rows.read(p.name, p.version, p.kind, p.summary, p.sha256, params);
    p.params = params_of(params);
  }
  return result;
}

}  // namespace batuta
