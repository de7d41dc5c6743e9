#include "scheduler/api/lake_retention.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "common/safe_json.h"
#include "contract/retention.h"
#include "scheduler/api/codecs.h"

namespace batuta::http {
namespace {

using contract::Expiry;
using nlohmann::json;

// The texts of each contract that a task names, by "domain/table".
std::map<std::string, std::set<std::string>> texts_of_contracts(const DagBagSnapshot& bag) {
  std::map<std::string, std::set<std::string>> texts;
  for (const auto& entry : bag.dags) {
    const std::string& definition_json = entry.second->canonical_json;
    // Few DAGs have one: the others are not parsed for it.
    if (definition_json.find("\"contract\":{") == std::string::npos) continue;
    const auto definition = stored_json(definition_json);
    const auto tasks = definition.find("tasks");
    if (tasks == definition.end() || !tasks->is_array()) continue;
    for (const auto& task : *tasks) {
      const auto named = task.find("contract");
      if (named == task.end() || !named->is_object()) continue;
      const auto name = named->find("name"), yaml = named->find("yaml");
      if (name == named->end() || yaml == named->end() || !name->is_string() || !yaml->is_string())
        continue;
      texts[name->get<std::string>()].insert(yaml->get<std::string>());
    }
  }
  return texts;
}

std::vector<Expiry> expiries_of(const std::string& name, const std::string& yaml, Time now) {
  if (yaml.find("batuta.retention") == yaml.npos) return {};
  const auto read = contract::read_contract(yaml, name);
  const auto slash = name.find('/');
  if (!read.contract || slash == name.npos) return {};
  const contract::Table* table = read.contract->table(name.substr(slash + 1));
  return table == nullptr ? std::vector<Expiry>{} : contract::expiries(*table, name, now);
}

// What both let go: the earlier day, by the same column.
std::vector<Expiry> in_both(const std::vector<Expiry>& one, const std::vector<Expiry>& other) {
  std::vector<Expiry> out;
  for (Expiry each : one) {
    const auto same = std::find_if(other.begin(), other.end(), [&](const Expiry& its) {
      return its.table == each.table && its.column == each.column;
    });
    if (same == other.end()) continue;
    each.before = std::min(each.before, same->before);
    out.push_back(std::move(each));
  }
  return out;
}

}  // namespace

std::string retention_told(const DagBagSnapshot& bag, Time now) {
  json out = json::array();
  for (const auto& [name, texts] : texts_of_contracts(bag)) {
    std::optional<std::vector<Expiry>> all;
    for (const std::string& yaml : texts) {
      auto its = expiries_of(name, yaml, now);
      all = all ? in_both(*all, its) : std::move(its);
      if (all->empty()) break;
    }
    for (const Expiry& each : *all)
      out.push_back({{"table", each.table}, {"column", each.column}, {"before", each.before}});
  }
  return out.empty() ? std::string() : json_text(out);
}

Status check_clock(const Now& begun, const Now& now) {
  const Duration ahead = (now.wall - begun.wall) - (now.boot - begun.boot);
  if (ahead <= most_ahead) return success();
  return {Errc::conflict,
          "the clock was set forward by " + std::to_string(ahead / std::chrono::minutes(1)) +
              " minutes since the server began, and rows would go before their time: set it right, "
              "or restart the server where the clock is right now"};
}

}  // namespace batuta::http
