#include "scheduler/dagfile/output_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/builtin_fields.h"
#include "scheduler/dagfile/changed_call.h"
#include "scheduler/dagfile/model_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

void read_file_name(FieldReader& of, json& out) {
  const auto file = of.text("file");
  if (!file) {
    if (!of.find("file"))
      of.problem("file", "an output needs the \"file\" that the task writes in $BATUTA_SCRATCH");
    return;
  }
  out["file"] = *file;
  const bool leads_out = file->empty() || file->starts_with('/') || file->find("..") != file->npos;
  if (leads_out)
    of.problem("file",
               "the file lies below $BATUTA_SCRATCH, the folder that the task begins in: "
               "\"orders.parquet\"");
  static const std::vector<std::string> formats = {"parquet", "csv", "jsonl"};
  if (const auto format = of.text("format")) {
    if (std::find(formats.begin(), formats.end(), *format) == formats.end())
      of.problem("format", "format is parquet, csv or jsonl" + did_you_mean(*format, formats));
    out["format"] = *format;
    return;
  }
  static const std::vector<std::string> ends = {".parquet", ".csv",  ".jsonl",
                                                ".ndjson",  ".json", "}}"};
  const bool told = std::any_of(ends.begin(), ends.end(),
                                [&](const std::string& end) { return file->ends_with(end); });
  if (!told)
    of.problem("file",
               "its name does not tell what it holds (.parquet, .csv, .jsonl): say its "
               "\"format\"");
}

bool read_contract(FieldReader& of, json& out) {
  const json* contract = of.find("contract");
  if (contract == nullptr) return false;
  if (!contract->is_object()) return true;  // told where it was looked for
  // The file's own {{ ds }} is not this task's to fill in.
  out["contract"] = {{"name", contract->value("name", "")},
                     {"yaml", without_templates(contract->value("yaml", ""))}};
  return true;
}

json read_output(const json& given, const std::string& pointer, Problems& problems) {
  json out = json::object();
  FieldReader of(given, pointer, problems);
  read_file_name(of, out);
  const bool by_contract = read_contract(of, out);
  read_table_fields(of, by_contract, out);
  if (out.contains("history"))
    of.problem("history", "a history is a model's: one that selects this table can keep it");
  of.refuse_unknown("an output");
  return out;
}

}  // namespace

void read_table_outputs(FieldReader& fields, json& params) {
  const json* outputs = fields.find("outputs");
  if (outputs == nullptr) return;
  if (!outputs->is_array() || outputs->size() > max_table_outputs)
    return fields.problem("outputs", "outputs are a list of at most " +
                                         std::to_string(max_table_outputs) +
                                         " objects: {\"table\": \"silver/shop/orders\", \"file\": "
                                         "\"orders.parquet\"}");
  json list = json::array();
  std::set<std::string> tables;
  for (std::size_t i = 0; i < outputs->size(); ++i) {
    const std::string pointer = fields.pointer_to("outputs") + "/" + std::to_string(i);
    const json& given = (*outputs)[i];
    if (!given.is_object()) {
      fields.problems().add(pointer, "an output is an object with \"table\" and \"file\"");
      continue;
    }
    json out = read_output(given, pointer, fields.problems());
    const std::string table = out.value("table", "");
    if (!table.empty() && !tables.insert(table).second)
      fields.problems().add(pointer + "/table", table + " is an output of this task already");
    list.push_back(std::move(out));
  }
  params["outputs"] = std::move(list);
}

void read_table_inputs(FieldReader& fields, json& params) {
  const auto tables = fields.texts("reads", max_table_reads);
  if (!tables) return;
  params["reads"] = *tables;
  for (std::size_t i = 0; i < tables->size(); ++i) {
    const std::string& table = (*tables)[i];
    // A folder of the lake: as SQL writes it, it is none.
    if (table.find('/') != table.npos || is_template(json(table))) continue;
    std::string path = table;
    std::replace(path.begin(), path.end(), '.', '/');
    fields.problems().add(
        fields.pointer_to("reads") + "/" + std::to_string(i),
        "\"" + table.substr(0, 120) + "\" is no table: " +
            (is_table_name(path) ? "write \"" + path + "\"" : "one is <layer>/<domain>/<table>"));
  }
}

void read_tables(FieldReader& fields, json& params) {
  read_table_inputs(fields, params);
  read_table_outputs(fields, params);
}

}  // namespace batuta
