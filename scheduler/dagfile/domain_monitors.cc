#include "scheduler/dagfile/domain_monitors.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "common/safe_json.h"
#include "common/text.h"
#include "contract/service_level.h"
#include "monitor/definition.h"

namespace batuta::domains {
namespace {

using contract::ServiceLevel;
using nlohmann::json;

constexpr std::size_t monitors_a_table = 4;
constexpr std::size_t longest_word = 40;
constexpr std::int64_t most_let_pass = 1000;

// A table's name as a part of a monitor's: a-z, 0-9, _ and -; each once.
std::string word_of_table(const std::string& table, std::set<std::string>& taken) {
  std::string word = table.substr(0, longest_word);
  for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::string unique = word;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = word + "_" + std::to_string(i);
  return unique;
}

// One without an element, or whose element is of no table, is of all of them.
bool speaks_of(const ServiceLevel& level, const contract::Table& table,
               const contract::Contract& contract) {
  const std::string element = level.element.substr(0, level.element.find('.'));
  return element.empty() || element == table.name || contract.table(element) == nullptr;
}

std::optional<std::int64_t> count_of_level(const ServiceLevel& level) {
  std::int64_t count = 0;
  const char* const end = level.value.data() + level.value.size();
  const auto read = std::from_chars(level.value.data(), end, count);
  if (read.ec != std::errc{} || read.ptr != end || count < 0 || count > most_let_pass) return {};
  return count;
}

// Service levels that are bounds of what the domain may cost in 30 days.
struct Budget {
  std::string_view property;
  const char* bound;  // of a cost monitor
  bool is_of_bytes;
};
constexpr Budget budgets_of_contracts[] = {{"budgetRuns", "runs", false},
                                           {"budgetCpuSeconds", "cpu_seconds", false},
                                           {"budgetBytesStored", "bytes_stored", true},
                                           {"budgetBytesScanned", "bytes_scanned", true}};

const Budget* budget_named(const std::string& property) {
  const auto* at = std::find_if(std::begin(budgets_of_contracts), std::end(budgets_of_contracts),
                                [&](const Budget& one) { return one.property == property; });
  return at == std::end(budgets_of_contracts) ? nullptr : at;
}

// Above zero; bytes also as "2GiB".
std::optional<std::int64_t> amount_of(const Budget& budget, const ServiceLevel& level) {
  constexpr std::int64_t most_of_a_budget = std::int64_t{1} << 53;
  std::int64_t amount = 0;
  const char* const end = level.value.data() + level.value.size();
  const auto read = std::from_chars(level.value.data(), end, amount);
  if (read.ec != std::errc{} || read.ptr != end)
    amount = budget.is_of_bytes ? parse_byte_size(level.value).value_or(0) : 0;
  if (amount < 1 || amount > most_of_a_budget) return std::nullopt;
  return amount;
}

// Null: the contract has none that can be held.
json budget_monitor(const contract::Contract& contract) {
  json bounds = json::object();
  for (const ServiceLevel& level : contract.service_levels) {
    const Budget* budget = budget_named(level.property);
    const auto amount = budget && level.element.empty() ? amount_of(*budget, level) : std::nullopt;
    if (!amount) continue;
    json& bound = bounds[budget->bound];
    if (bound.is_null() || *amount < json_int(bound).value_or(*amount)) bound = *amount;
  }
  if (bounds.empty()) return nullptr;
  return {{"name", "budget"}, {"kind", "cost"}, {"window", "30d"}, {"at_most", bounds}};
}

// The strictest of what is said of the table; `otherwise` where nothing is.
std::int64_t let_pass(const char* property, const contract::Table& table,
                      const contract::Contract& contract, std::int64_t otherwise) {
  std::optional<std::int64_t> least;
  for (const ServiceLevel& level : contract.service_levels) {
    if (level.property != property || !speaks_of(level, table, contract)) continue;
    if (const auto count = count_of_level(level); count && (!least || *count < *least))
      least = count;
  }
  return least.value_or(otherwise);
}

std::optional<Duration> oldest(const contract::Table& table, const contract::Contract& contract) {
  std::optional<Duration> least;
  for (const ServiceLevel& level : contract.service_levels) {
    if (!is_of_age(level) || !speaks_of(level, table, contract)) continue;
    if (const auto bound = duration_of(level); bound && (!least || *bound < *least)) least = bound;
  }
  return least;
}

std::string said(const ServiceLevel& level) {
  return "service level " + level.property + " " + level.value +
         (level.unit.empty() ? "" : " " + level.unit);
}

std::vector<std::string> levels_without(const contract::Contract& contract) {
  std::vector<std::string> out;
  for (const ServiceLevel& level : contract.service_levels) {
    if (level.property == "retention") continue;
    if (const Budget* budget = budget_named(level.property)) {
      if (!level.element.empty()) {
        out.push_back("monitor of the " + said(level) +
                      ": a budget is of the whole domain, so leave its element out");
      } else if (!amount_of(*budget, level)) {
        out.push_back("monitor of the " + said(level) + ": write it as a whole number above zero" +
                      (budget->is_of_bytes ? ", or as a size such as 2GiB" : ""));
      }
      continue;
    }
    if (is_of_age(level)) {
      if (!duration_of(level))
        out.push_back("monitor of the " + said(level) +
                      ": write it as a number above zero with the unit s, m, h, d or w");
    } else if (level.property == "ingestionFailures" || level.property == "processingFailures") {
      if (!count_of_level(level))
        out.push_back("monitor of the " + said(level) +
                      ": write it as a whole number from 0 to 1000");
    } else {
      out.push_back("monitor of the " + said(level) + ": nobody is told when it is missed");
    }
  }
  return out;
}

}  // namespace

DomainMonitors monitors_of(const std::string& domain, const std::string& ingestion_dag,
                           const std::vector<const contract::Table*>& tables,
                           const contract::Contract& contract) {
  DomainMonitors out;
  json list = json::array();
  std::set<std::string> taken;
  if (json budget = budget_monitor(contract); !budget.is_null()) list.push_back(std::move(budget));
  for (const contract::Table* table : tables) {
    if (list.size() + monitors_a_table > monitor::max_monitors) {
      out.not_carried_out.push_back("monitors of " + table->name + " and what comes after it: " +
                                    std::to_string(monitor::max_monitors) +
                                    " are the most of a domain");
      break;
    }
    const std::string word = word_of_table(table->name, taken);
    const std::string silver = "silver/" + domain + "/" + table->name;
    const auto failures = [&](const char* what, const char* layer, const char* property) {
      list.push_back({{"name", word + what},
                      {"kind", "failures"},
                      {"dag", ingestion_dag},
                      {"task", table->name + layer},
                      {"let_pass", let_pass(property, *table, contract, 0)}});
    };
    failures("_ingestion", "_bronze", "ingestionFailures");
    failures("_processing", "_silver", "processingFailures");
    list.push_back({{"name", word + "_quality"}, {"kind", "quality"}, {"table", silver}});
    if (const auto within = oldest(*table, contract)) {
      const auto seconds = std::max<std::int64_t>(1, *within / std::chrono::seconds(1));
      list.push_back({{"name", word + "_latency"},
                      {"kind", "freshness"},
                      {"table", silver},
                      {"within", std::to_string(seconds) + "s"}});
    }
  }
  out.text = json{{"monitors", list}}.dump(2) + "\n";
  for (std::string& note : levels_without(contract)) out.not_carried_out.push_back(std::move(note));
  return out;
}

}  // namespace batuta::domains
