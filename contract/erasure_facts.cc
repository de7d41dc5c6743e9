#include "contract/erasure_facts.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::contract {

std::string erasure_facts_json(const Table& table) {
  using nlohmann::json;
  json out{{"columns", json::object()}, {"csv", nullptr}};
  for (const Column& column : table.columns)
    out["columns"][column.name] = {{"source", column.source_name},
                                   {"type", column.type},
                                   {"mask", std::string(to_string(column.mask))},
                                   {"format", column.format},
                                   {"timezone", column.timezone}};
  if (table.source.kind == SourceKind::csv)
    out["csv"] = {{"delimiter", table.source.delimiter},
                  {"quote", table.source.quote},
                  {"encoding", table.source.encoding}};
  return json_text(out);
}

}  // namespace batuta::contract
