// What lake_erase was asked for, and what contracts say of the columns by which it looks.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugins/lake/erase.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// What contracts say of a column.
struct ColumnFacts {
  std::string source, type, mask;  // what the source calls it; Delta's type; the mask's name
  std::string format, timezone;    // of dates and times at the source, as strptime has it
};

// By contract ("shop/orders"), by lower column.
using ContractFacts = std::map<std::string, std::map<std::string, ColumnFacts>>;
// Of the parameter `contracts`: {"shop/orders": {"cpf": {"source", "type", …}}}.
ContractFacts contract_facts(const std::string& given_json);

// Throws plugin::FinalError, naming the parameter, for what cannot be meant.
struct EraseOrder {
  explicit EraseOrder(const plugin::Context& context);

  bool apply = false;
  std::string operation, subject, domain, table, by, who, means;
  std::vector<ErasedKey> keys;         // each with its value, and pseudonyms that were given
  std::vector<std::string> mask_keys;  // keys of pseudonyms
  ContractFacts facts;

  // Of "silver/shop/orders": by the domain, or by what contracts call the table.
  bool in_scope(const std::string& name) const;
  // nullptr: no contract has the column of this table of any layer.
  const ColumnFacts* facts_of(const std::string& name, const std::string& column) const;
  // What the record compares: an object without any value.
  std::string asked_json() const;

 private:
  void read_keys(const std::string& text);
};

std::string lower_text(std::string text);
// "silver" of "silver/shop/orders".
std::string layer_of(const std::string& table);
// "shop/orders" of "silver/shop/orders_hist", by which contracts are named.
std::string described_name(const std::string& table);

}  // namespace batuta::lake
