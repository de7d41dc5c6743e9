#include "contract/judged_again.h"

#include <algorithm>

namespace batuta::contract {
namespace {

constexpr const char* at_the_source = "; mend it at the source, and let it come again";

}  // namespace

std::string why_not_judged_again(const Table& table, const std::vector<std::string>& corrected) {
  if (table.keys().empty())
    return "the contract gives " + table.name +
           " no primary key: a row is its content, and one that is taken from the quarantine would "
           "be there twice once its source has it right" +
           at_the_source;
  for (const Column& column : table.columns) {
    if (column.mask != Mask::none)
      return "the column " + column.name +
             " is masked (batuta.mask): the quarantine does not have what the source sent" +
             at_the_source;
  }
  for (const std::string& name : corrected) {
    const auto there = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const Column& column) { return column.name == name; });
    if (there == table.columns.end()) {
      std::string known;
      for (const Column& column : table.columns) known += (known.empty() ? "" : ", ") + column.name;
      return "the source of " + table.name + " has no column " + name + "; it has " + known;
    }
  }
  return {};
}

}  // namespace batuta::contract
