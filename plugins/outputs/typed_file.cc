#include "plugins/outputs/typed_file.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <vector>

#include "plugins/contract/references.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/layer/transform.h"
#include "plugins/models/result_shape.h"

namespace batuta::outputs {
namespace {

using from_contract::Described;
using lake::quoted_literal;
using lake::quoted_name;

constexpr std::size_t most_told = 8;

std::string format_of(const TypedFile& file) {
  if (!file.format.empty()) return file.format;
  static constexpr std::pair<const char*, const char*> ends[] = {{".parquet", "parquet"},
                                                                 {".csv", "csv"},
                                                                 {".jsonl", "jsonl"},
                                                                 {".ndjson", "jsonl"},
                                                                 {".json", "jsonl"}};
  for (const auto& [end, format] : ends)
    if (file.name.ends_with(end)) return format;
  throw plugin::FinalError("output " + file.table + ": what \"" + file.name +
                           "\" holds its name does not tell (.parquet, .csv, .jsonl): say its "
                           "\"format\"");
}

// The file; or those of a folder that an engine of several writers made, in an order that is the
// same each time.
std::string paths_of(const TypedFile& file, const std::string& format) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(file.path, error)) return quoted_literal(lake::exact_path(file.path));
  const std::string what = "output " + file.table + ": the folder \"" + file.name + "\" ";
  if (format != "parquet")
    throw plugin::FinalError(what + "holds what is taken as " + format +
                             ": a folder of files must be of Parquet");
  std::vector<std::string> parts;
  for (fs::directory_iterator at(file.path, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    const std::string name = at->path().filename().string();
    if (name.starts_with('.') || name.starts_with('_')) continue;
    if (at->is_symlink(ignored) || !at->is_regular_file(ignored) || !name.ends_with(".parquet"))
      throw plugin::FinalError(what + "holds \"" + name +
                               "\", which is no Parquet file: partitions are the table's own "
                               "(partition_by), write the folder without");
    parts.push_back(at->path().string());
  }
  if (error) throw plugin::RetryableError(what + "cannot be read: " + error.message());
  if (parts.empty()) throw plugin::FinalError(what + "holds no Parquet file");
  std::sort(parts.begin(), parts.end());
  std::string list;
  for (const std::string& part : parts)
    list += (list.empty() ? "[" : ", ") + quoted_literal(lake::exact_path(part));
  return list + "]";
}

// `columns`, of JSON lines: each a text as it is written; empty: what the engine makes of them.
std::string reader(const TypedFile& file, bool as_texts, const std::string& columns = {}) {
  const std::string format = format_of(file);
  const std::string path = paths_of(file, format);
  if (format == "parquet") return "read_parquet(" + path + ")";
  if (format == "csv")
    return "read_csv(" + path + ", header = true, " +
           (as_texts ? "all_varchar = true" : "sample_size = -1") + ")";
  if (format == "jsonl")
    return "read_json(" + path +
           ", format = 'newline_delimited', maximum_object_size = 16777216, " +
           (columns.empty() ? "sample_size = -1" : "columns = {" + columns + "}") + ")";
  throw plugin::FinalError("output " + file.table + ": the format " + format +
                           " is none of parquet, csv, jsonl");
}

// The engine would make up a column.
void refuse_empty(const TypedFile& file) {
  std::error_code error;
  if (std::filesystem::file_size(file.path, error) != 0 || error) return;
  throw plugin::FinalError("output " + file.table + ": " + file.name +
                           " is empty, and tells no columns: no rows are a CSV file with its "
                           "header, or Parquet; exit code 99 is a task that had nothing to do");
}

struct FileColumn {
  std::string name, type;  // the engine's
};

std::vector<FileColumn> columns_of(lake::Session& session, const std::string& from) {
  std::vector<FileColumn> out;
  for (const auto& row : session.query("DESCRIBE SELECT * FROM " + from).rows)
    out.push_back({row.at(0).text(), row.at(1).text()});
  return out;
}

// The view `given`: the file's rows, of formats that have no types of their own as texts.
std::vector<FileColumn> view_given(lake::Session& session, const TypedFile& file) {
  std::string from = reader(file, true);
  auto columns = columns_of(session, from);
  if (format_of(file) == "jsonl") {
    std::string texts;
    for (FileColumn& column : columns) {
      texts += (texts.empty() ? "" : ", ") + quoted_literal(column.name) + ": 'VARCHAR'";
      column.type = "VARCHAR";
    }
    from = reader(file, true, texts);
  }
  session.run("CREATE TEMP VIEW given AS SELECT * FROM " + from);
  return columns;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < most_told; ++i)
    out += (out.empty() ? "" : ", ") + names[i];
  if (names.size() > most_told)
    out += ", and " + std::to_string(names.size() - most_told) + " more";
  return out;
}

// The columns of the contract that the file has, by name.
std::map<std::string, std::string> types_by_contract(const std::vector<FileColumn>& columns,
                                                     const TypedFile& file,
                                                     const Described& described) {
  std::map<std::string, std::string> types;
  std::vector<std::string> unknown, missing;
  for (const FileColumn& column : columns) {
    types[column.name] = column.type;
    if (described.table.column(column.name) == nullptr) unknown.push_back(column.name);
  }
  for (const contract::Column& column : described.table.columns) {
    const bool needed = column.required || column.key_position > 0 || column.partition_position > 0;
    if (needed && types.count(column.name) == 0) missing.push_back(column.name);
  }
  std::string why;
  if (!unknown.empty()) why += "; it has columns that the contract does not: " + listed(unknown);
  if (!missing.empty()) why += "; it lacks columns that the contract requires: " + listed(missing);
  if (!why.empty())
    throw plugin::FinalError("output " + file.table + ": " + file.name +
                             " does not fit the contract " + described.path + why);
  return types;
}

// Both as the text that the contract's rules look at, and as the value of the contract's type.
void add_column(const contract::Column& column, const std::map<std::string, std::string>& types,
                std::string& texts, std::string& values) {
  const std::string name = quoted_name(column.name);
  const auto of_file = types.find(column.name);
  texts += texts.empty() ? "" : ", ";
  values += values.empty() ? "" : ", ";
  if (of_file == types.end()) {
    texts += "CAST(NULL AS VARCHAR) AS " + name;
    values +=
        "CAST(NULL AS " + lake::sql_type(column.type) + ") AS " + quoted_name("new_" + column.name);
    return;
  }
  const std::string type = models::delta_type(of_file->second);
  const bool typed = !type.empty() && type != "string" && models::fits_into(type, column.type);
  texts += "CAST(" + name + " AS VARCHAR) AS " + name;
  if (typed) texts += ", " + name + " AS " + quoted_name("typed_" + column.name);
  values += (typed ? from_contract::bounded_sql(
                         column.type, "CAST(" + quoted_name("typed_" + column.name) + " AS " +
                                          lake::sql_type(column.type) + ")")
                   : from_contract::typed_sql(column)) +
            " AS " + quoted_name("new_" + column.name);
}

// Every rule over one row, in one scan; all that are broken are told.
void check_rows(lake::Session& session, const TypedFile& file, const Described& described) {
  std::string counts, conditions;
  const auto reasons = from_contract::silver_spec(described).reasons;
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    const std::string name = "broken_" + std::to_string(i);
    conditions += (i == 0 ? "(" : ", (") + reasons[i].condition + ") AS " + name;
    counts += (i == 0 ? "" : ", ") + ("count(*) FILTER (WHERE " + name) + ")";
  }
  if (counts.empty()) return;
  // Apart, for a condition may ask another table, which no aggregate does.
  const auto found =
      session.query("SELECT " + counts + " FROM (SELECT " + conditions + " FROM typed)");
  std::vector<std::string> broken;
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    const std::int64_t rows = found.rows.at(0).at(i).integer();
    if (rows > 0) broken.push_back(reasons[i].name + " in " + std::to_string(rows) + " rows");
  }
  if (broken.empty()) return;
  throw plugin::FinalError("output " + file.table + ": " + file.name + " breaks the contract " +
                           described.path + ": " + listed(broken));
}

// What the file's column is for the table: itself where it fits or never could.
std::string as_the_tables(const FileColumn& column, const lakelog::Column* there) {
  const std::string name = quoted_name(column.name);
  const std::string type = models::delta_type(column.type);
  if (there == nullptr || type.empty() || models::fits_into(type, there->type)) return name;
  const std::string cast = "CAST(" + name + " AS " + lake::sql_type(there->type) + ")";
  if (type == "string") return cast;
  const bool whole = type == "long" || type == "integer" || type == "short" || type == "byte";
  if (whole && there->type.starts_with("decimal(")) return cast;
  if (!whole || (there->type != "double" && there->type != "float")) return name;
  return "CASE WHEN CAST(" + cast + " AS HUGEINT) <> " + name + " THEN error('" +
         "a whole number of the column has more digits than the table''s keeps') ELSE " + cast +
         " END";
}

}  // namespace

void read_as_it_is(lake::Session& session, const TypedFile& file, const lake::DeltaTable& target) {
  refuse_empty(file);
  const std::string from = reader(file, false);
  const bool untyped = format_of(file) != "parquet";
  std::string select;
  for (const FileColumn& column : columns_of(session, from)) {
    const lakelog::Column* there = nullptr;
    for (const lakelog::Column& known : target.snapshot().metadata.columns)
      if (untyped && known.name == column.name) there = &known;
    select += (select.empty() ? "" : ", ") + as_the_tables(column, there) + " AS " +
              quoted_name(column.name);
  }
  session.run("CREATE TEMP TABLE computed AS SELECT " + select + " FROM " + from);
}

void read_by_contract(plugin::Context& context, lake::Session& session, const TypedFile& file,
                      const Described& described) {
  refuse_empty(file);
  session.register_text_functions();
  const auto types = types_by_contract(view_given(session, file), file, described);
  std::string texts, values, names;
  for (const contract::Column& column : described.table.columns) {
    add_column(column, types, texts, values);
    names += (names.empty() ? "" : ", ") +
             (quoted_name("new_" + column.name) + " AS " + quoted_name(column.name));
  }
  session.run("CREATE TEMP VIEW texts AS SELECT " + texts + " FROM given");
  session.run("CREATE TEMP TABLE typed AS SELECT *, " + values + " FROM texts");
  from_contract::prepare_references(context, session, described);
  check_rows(session, file, described);
  session.run("CREATE TEMP TABLE computed AS SELECT " + names + " FROM typed");
  session.run("DROP TABLE typed");
  session.run("CREATE TEMP VIEW new_rows AS SELECT * FROM computed");
  from_contract::check_quality(context, session, described,
                               {file.table, from_contract::JudgedRows::References::left_out});
}

}  // namespace batuta::outputs
