#include "plugins/lake/erase_order.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/pseudonym.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::size_t most_keys = 20, most_values = 100, most_value_bytes = 4096;
constexpr std::size_t most_mask_keys = 20;

void check_erase_operation(const std::string& operation) {
  const bool good = !operation.empty() && operation.size() <= 64 &&
                    std::all_of(operation.begin(), operation.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '-' || c == '_';
                    });
  if (!good) throw plugin::FinalError("parameter operation: 1 to 64 of A-Z a-z 0-9 - _");
}

std::vector<std::string> mask_keys_of(const std::string& text) {
  const auto given = parse_untrusted(text.empty() ? "[]" : text);
  if (!given || !given->is_array() || given->size() > most_mask_keys)
    throw plugin::FinalError("parameter mask_keys: a list of 20 texts at most");
  std::vector<std::string> out;
  for (const json& key : *given) {
    if (!key.is_string() || key.get_ref<const std::string&>().size() < least_pseudonym_key)
      throw plugin::FinalError(
          "parameter mask_keys: a key of pseudonyms has 16 characters at least");
    out.push_back(key.get<std::string>());
  }
  return out;
}

}  // namespace

std::string lower_text(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string layer_of(const std::string& table) {
  return table.substr(0, table.find('/'));
}

std::string described_name(const std::string& table) {
  const auto slash = table.find('/');
  std::string name = slash == table.npos ? table : table.substr(slash + 1);
  for (const char* suffix : {"_hist", "_keys"})
    if (name.ends_with(suffix)) return name.substr(0, name.size() - 5);
  return name;
}

EraseOrder::EraseOrder(const plugin::Context& context)
    : apply(context.boolean("apply", false)),
      operation(context.text("operation")),
      subject(context.text("subject")),
      domain(context.text("domain", "")),
      table(context.text("table", "")),
      by(context.text("by", "")),
      who(context.text("who", "")),
      means(context.text("means", "")),
      mask_keys(mask_keys_of(context.json("mask_keys"))) {
  check_erase_operation(operation);
  if (!domain.empty() && !table.empty())
    throw plugin::FinalError("parameter domain or table: one of them");
  read_keys(context.json("keys"));
  facts = contract_facts(context.json("contracts"));
}

void EraseOrder::read_keys(const std::string& text) {
  const auto given = parse_untrusted(text);
  const char* const wrong =
      R"(parameter keys: a list of 1 to 20 objects {"column": "cpf", "value": "123"})";
  if (!given || !given->is_array() || given->empty() || given->size() > most_keys)
    throw plugin::FinalError(wrong);
  for (const json& one : *given) {
    ErasedKey key;
    if (!one.is_object() || !one.value("column", json()).is_string() ||
        !one.value("value", json()).is_string())
      throw plugin::FinalError(wrong);
    key.column = one["column"].get<std::string>();
    key.values = {one["value"].get<std::string>()};
    const json pseudonyms = one.value("pseudonyms", json::array());
    for (const json& pseudonym : pseudonyms) {
      if (!pseudonym.is_string()) throw plugin::FinalError(wrong);
      key.values.push_back(pseudonym.get<std::string>());
    }
    if (key.column.empty() || key.values.size() > most_values ||
        std::any_of(key.values.begin(), key.values.end(), [](const std::string& value) {
          return value.find_first_not_of(" \t\r\n") == value.npos ||
                 value.size() > most_value_bytes;
        }))
      throw plugin::FinalError(
          "parameter keys: a value is 1 to 4096 bytes and not blank: who has no value is nobody");
    keys.push_back(std::move(key));
  }
}

ContractFacts contract_facts(const std::string& given_json) {
  const auto given = parse_untrusted(given_json.empty() ? "{}" : given_json);
  if (!given || !given->is_object()) throw plugin::FinalError("parameter contracts: an object");
  ContractFacts out;
  for (const auto& [name, columns] : given->items()) {
    if (!columns.is_object()) throw plugin::FinalError("parameter contracts: an object of objects");
    for (const auto& [column, told] : columns.items()) {
      const auto field = [&of = told](const char* member) {
        const json value = of.is_object() ? of.value(member, json()) : json();
        return value.is_string() ? value.get<std::string>() : std::string();
      };
      out[name][lower_text(column)] = {field("source"), field("type"), field("mask"),
                                       field("format"), field("timezone")};
    }
  }
  return out;
}

bool EraseOrder::in_scope(const std::string& name) const {
  const auto slash = name.find('/');
  const std::string rest = slash == name.npos ? std::string() : name.substr(slash + 1);
  if (!domain.empty()) return rest.starts_with(domain + "/");
  if (table.empty()) return true;
  return name == table || rest == table || described_name(name) == table;
}

const ColumnFacts* EraseOrder::facts_of(const std::string& name, const std::string& column) const {
  const auto found = facts.find(described_name(name));
  if (found == facts.end()) return nullptr;
  const auto one = found->second.find(lower_text(column));
  return one == found->second.end() ? nullptr : &one->second;
}

std::string EraseOrder::asked_json() const {
  json columns = json::array();
  for (const ErasedKey& key : keys) columns.push_back(key.column);
  json out = {{"subject", subject}, {"columns", columns}, {"domain", domain}, {"table", table}};
  if (!who.empty()) out["who"] = who;
  return json_text(out);
}

}  // namespace batuta::lake
