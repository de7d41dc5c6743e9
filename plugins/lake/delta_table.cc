#include "plugins/lake/delta_table.h"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/column_mapping.h"
#include "lakelog/deletion_vector.h"
#include "lakelog/table.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/checkpoint_reader.h"
#include "plugins/lake/mapped_columns.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& name, const Error& error) {
  // Errors of the log name the table and the version themselves.
  const bool named = error.message.find(name) != std::string::npos;
  const std::string text = named ? error.message : name + ": " + error.message;
  if (error.code == Errc::unavailable) throw plugin::RetryableError(text);
  throw plugin::FinalError(text);
}

std::string primitive_type(const std::string& type) {
  static const std::map<std::string, std::string> names = {
      {"string", "VARCHAR"}, {"long", "BIGINT"},           {"integer", "INTEGER"},
      {"short", "SMALLINT"}, {"byte", "TINYINT"},          {"float", "FLOAT"},
      {"double", "DOUBLE"},  {"boolean", "BOOLEAN"},       {"binary", "BLOB"},
      {"date", "DATE"},      {"timestamp", "TIMESTAMPTZ"}, {"timestamp_ntz", "TIMESTAMP"}};
  const auto found = names.find(type);
  if (found != names.end()) return found->second;
  if (type.starts_with("decimal(")) return type;
  throw plugin::FinalError("unknown column type " + type);
}

std::string nested_type(const json& type) {
  if (type.is_string()) return primitive_type(type.get<std::string>());
  const std::string kind = type.is_object() ? type.value("type", "") : "";
  if (kind == "array" && type.contains("elementType"))
    return nested_type(type["elementType"]) + "[]";
  if (kind == "map" && type.contains("keyType") && type.contains("valueType"))
    return "MAP(" + nested_type(type["keyType"]) + ", " + nested_type(type["valueType"]) + ")";
  if (kind == "struct" && type.contains("fields") && type["fields"].is_array()) {
    std::string fields;
    for (const json& field : type["fields"]) {
      if (!field.is_object() || !field.contains("type")) break;
      fields += (fields.empty() ? "" : ", ") + quoted_name(field.value("name", "")) + " " +
                nested_type(field["type"]);
    }
    if (!fields.empty()) return "STRUCT(" + fields + ")";
  }
  throw plugin::FinalError("unknown column type " + json_text(type));
}

std::string at_version(const DeltaTable& table) {
  return table.name() + " version " + std::to_string(table.version());
}

// A session-wide table from file name to partition values, for the view to join with.
void load_files(Session& session, const std::string& list, const DeltaTable& table,
                const std::vector<std::string>& partition_columns,
                const std::vector<lakelog::AddFile>& files) {
  std::string columns = "path VARCHAR, pattern VARCHAR";
  for (std::size_t i = 0; i < partition_columns.size(); ++i)
    columns += ", p" + std::to_string(i) + " VARCHAR";
  session.run("CREATE OR REPLACE TEMP TABLE " + list + " (" + columns + ")");
  Appender rows(session, list);
  for (const lakelog::AddFile& file : files) {
    const std::string path = table.local_path(file);
    rows.text(path);
    rows.text(exact_path(path));
    for (const std::string& column : partition_columns)
      rows.text(partition_value(table, file, column));
    rows.end_row();
  }
  rows.close();
}

// The engine's own name for the place of a row in its file.
void check_no_row_number(const DeltaTable& table, const std::vector<lakelog::Column>& columns) {
  for (const lakelog::Column& column : columns)
    if (::strcasecmp(column.name.c_str(), "file_row_number") == 0)
      throw plugin::FinalError(at_version(table) +
                               " has deletion vectors and a column file_row_number, whose name the "
                               "engine needs to read them");
}

lakelog::ColumnMapping mapping_of(const DeltaTable& table) {
  const auto& snapshot = table.snapshot();
  auto mapping = lakelog::column_mapping(snapshot.protocol, snapshot.metadata);
  if (!mapping) throw plugin::FinalError(at_version(table) + " " + mapping.error().message);
  return *std::move(mapping);
}

// A session-wide table of the rows that files have lost; false when none has lost any.
bool load_deleted(Session& session, const std::string& list, const DeltaTable& table,
                  const std::vector<lakelog::AddFile>& files) {
  const bool any = std::any_of(files.begin(), files.end(), [](const lakelog::AddFile& file) {
    return file.has_deletion_vector;
  });
  if (!any) return false;
  session.run("CREATE OR REPLACE TEMP TABLE " + list + " (path VARCHAR, lost BIGINT)");
  Appender rows(session, list);
  for (const lakelog::AddFile& file : files) {
    const auto vector = lakelog::deletion_vector_of(file);
    if (!vector) throw plugin::FinalError(at_version(table) + ": " + vector.error().message);
    if (!*vector) continue;
    const auto lost = lakelog::deleted_rows(*table.storage(), table.name(), **vector);
    if (!lost && lost.error().code == Errc::unavailable)
      throw plugin::RetryableError(at_version(table) + ": " + lost.error().message);
    if (!lost)
      throw plugin::FinalError(at_version(table) + " cannot be read: " + lost.error().message);
    const std::string path = table.local_path(file);
    for (const std::int64_t row : *lost) {
      rows.text(path);
      rows.integer(row);
      rows.end_row();
    }
  }
  rows.close();
  return true;
}

// What reads the list of files in the variable. By name: with the union of their columns. By id:
// with the columns that the mapping has, whatever the files call them.
std::string file_reader(const std::string& view, const std::string& file, bool numbered,
                        const std::string& by_id) {
  return "read_parquet(getvariable('" + view + "_files'), filename = '" + file +
         "', hive_partitioning = false" + (numbered ? ", file_row_number = true" : "") +
         (by_id.empty() ? ", union_by_name = true)" : ", schema = MAP {" + by_id + "})");
}

// Whether all files are of one partition.
bool alike(const DeltaTable& table, const std::vector<std::string>& partition_columns,
           const std::vector<lakelog::AddFile>& files) {
  return std::all_of(files.begin(), files.end(), [&](const lakelog::AddFile& file) {
    return std::all_of(partition_columns.begin(), partition_columns.end(),
                       [&](const std::string& column) {
                         return partition_value(table, file, column) ==
                                partition_value(table, files.front(), column);
                       });
  });
}

// A name that no column has, whatever its case: the engine tells each row's file under it.
std::string file_column(const std::vector<lakelog::Column>& columns) {
  std::string name = "batuta_file";
  const auto taken = [&name](const lakelog::Column& column) {
    return ::strcasecmp(column.name.c_str(), name.c_str()) == 0;
  };
  while (std::any_of(columns.begin(), columns.end(), taken)) name += "_";
  return name;
}

// The rows of files that are read alike; their lists are called by `view`.
std::string select_of(Session& session, const std::string& view, const DeltaTable& table,
                      const std::vector<lakelog::Column>& columns,
                      const std::vector<std::string>& partition_columns,
                      const lakelog::ColumnMapping& mapping, const FileGroup& group) {
  const std::vector<lakelog::AddFile>& files = group.files;
  // Then a row need not be asked which file it is from: that compares a name for each.
  const bool one_partition = alike(table, partition_columns, files);
  std::string selected, typed, by_id;
  for (const lakelog::Column& column : columns) {
    const std::string name = quoted_name(column.name);
    const std::string type = sql_type(column.type);
    const auto at = std::find(partition_columns.begin(), partition_columns.end(), column.name);
    const bool stored = at == partition_columns.end();
    const FileColumn in_files =
        stored ? file_column_of(column, mapping, group.fields) : FileColumn{};
    if (stored) {
      typed += ", CAST(NULL AS " + in_files.type + ") AS " + quoted_name(in_files.name);
      if (mapping.mode == lakelog::MappingMode::id)
        by_id += (by_id.empty() ? "" : ", ") + std::to_string(mapping.columns.at(column.name).id) +
                 ": {name: " + quoted_literal(in_files.name) +
                 ", type: " + quoted_literal(in_files.type) + ", default_value: NULL}";
    }
    const auto partition_sql = [&]() -> std::string {
      if (!one_partition) return "f.p" + std::to_string(at - partition_columns.begin());
      const auto text = partition_value(table, files.front(), column.name);
      return text ? quoted_literal(*text) : "NULL";
    };
    const std::string value = files.empty() ? "CAST(NULL AS " + type + ")"
                              : stored      ? in_files.expression
                                            : "CAST(" + partition_sql() + " AS " + type + ")";
    selected += (selected.empty() ? "" : ", ") + value + " AS " + name;
  }
  std::string from = " WHERE false";
  if (!files.empty()) {
    session.keep(table.kept());
    // The list travels as a variable: no path ever becomes part of an SQL text. The empty relation
    // in front gives every column its declared type, and those that no file has at all.
    const std::string list = quoted_name(view + "_files");
    const std::string file = file_column(columns);
    load_files(session, view + "_files", table, partition_columns, files);
    const bool lost = load_deleted(session, view + "_lost", table, files);
    if (lost) check_no_row_number(table, columns);
    session.run("SET VARIABLE " + list + " = (SELECT list(pattern) FROM " + list + ")");
    from = " FROM (SELECT CAST(NULL AS VARCHAR) AS " + file + typed +
           " WHERE false UNION ALL BY NAME SELECT * FROM " + file_reader(view, file, lost, by_id) +
           ") r";
    if (!one_partition) from += " JOIN " + list + " f ON r." + file + " = f.path";
    if (lost)
      from += " ANTI JOIN " + quoted_name(view + "_lost") + " d ON r." + file +
              " = d.path AND r.file_row_number = d.lost";
  }
  return "SELECT " + selected + from;
}

}  // namespace

DeltaTable DeltaTable::open(Session& session, const Lake& lake, const std::string& name,
                            std::int64_t version) {
  EngineCheckpoints checkpoints(session, lake);
  return read(lake, name, version, &checkpoints);
}

DeltaTable DeltaTable::open(const Lake& lake, const std::string& name, std::int64_t version) {
  return read(lake, name, version, nullptr);
}

DeltaTable DeltaTable::read(const Lake& lake, const std::string& name, std::int64_t version,
                            lakelog::CheckpointReader* checkpoints) {
  DeltaTable table;
  table.name_ = name;
  table.lake_ = lake;
  auto storage = lake.storage();
  if (!storage) fail(name, storage.error());
  table.storage_ = *std::move(storage);
  auto snapshot =
      lakelog::read_snapshot(lakelog::LogFolder(*table.storage_, name), version, checkpoints);
  if (snapshot) {
    table.snapshot_ = std::move(*snapshot);
  } else if (snapshot.error().code != Errc::not_found || version != lakelog::latest_version) {
    fail(name, snapshot.error());
  }
  return table;
}

std::string DeltaTable::local_path(const lakelog::AddFile& file) const {
  const auto gone = [&] {
    throw plugin::FinalError(at_version(*this) + " cannot be read: its file " + file.path +
                             " is gone; a version is readable until its files are vacuumed");
  };
  const auto found = lake_.local_file(name_ + "/" + file.path, file.size);
  if (!found && found.error().code == Errc::not_found) gone();
  if (!found) fail(at_version(*this), found.error());
  // As the engine spells the files it found, for the list of files is compared with them.
  std::string path = std::filesystem::path(*found).lexically_normal().string();
  if (::access(path.c_str(), F_OK) != 0) gone();
  return path;
}

std::int64_t DeltaTable::marker(const std::string& app_id) const {
  const auto found = snapshot_.txns.find(app_id);
  return found == snapshot_.txns.end() ? -1 : found->second.version;
}

Changes DeltaTable::changes_since(std::int64_t version) const {
  Changes changes;
  changes.whole = version < 0 || version > snapshot_.version;
  const lakelog::LogFolder log(*storage_, name_);
  const lakelog::ColumnMapping mapping = mapping_of(*this);
  for (std::int64_t at = version + 1; !changes.whole && at <= snapshot_.version; ++at) {
    auto text = log.read(at);
    if (!text && text.error().code == Errc::not_found) {
      changes.whole = true;  // cleaned up behind a checkpoint
      break;
    }
    if (!text) fail(name_, text.error());
    auto commit = lakelog::parse_commit(*text);
    if (!commit) fail(name_ + " version " + std::to_string(at), commit.error());
    bool held_new = false;
    for (const lakelog::RemoveFile& remove : commit->removes) {
      held_new = changes.added.erase(remove.path) != 0 || held_new;
      if (!remove.data_change) continue;
      if (remove.partition_values) {
        changes.removed.push_back(lakelog::visible_names(*remove.partition_values, mapping));
      } else {
        changes.whole = true;
      }
    }
    for (const lakelog::AddFile& add : commit->adds)
      if (add.data_change || held_new) changes.added.insert(add.path);
  }
  if (!changes.whole) return changes;
  for (const auto& [path, file] : snapshot_.files) changes.added.insert(path);
  return changes;
}

std::vector<lakelog::AddFile> DeltaTable::files(const FileFilter& filter) const {
  std::vector<lakelog::AddFile> out;
  for (const auto& [path, file] : snapshot_.files)
    if (filter(file)) out.push_back(file);
  return out;
}

std::optional<std::string> partition_value(const DeltaTable& table, const lakelog::AddFile& file,
                                           const std::string& column) {
  const auto found = file.partition_values.find(column);
  if (found == file.partition_values.end())
    throw plugin::FinalError(at_version(table) + " cannot be read: its log does not tell the " +
                             column + " of " + file.path);
  return found->second;
}

void check_may_write(const DeltaTable& table) {
  if (!table.exists()) {
    if (auto may = lakelog::check_place(*table.storage(), table.name()); !may)
      fail(table.name(), may.error());
    return;
  }
  const auto& snapshot = table.snapshot();
  if (auto may = lakelog::check_writable(snapshot.protocol, snapshot.metadata); !may)
    throw plugin::FinalError(table.name() + ": " + may.error().message);
}

void create_view(Session& session, const std::string& view, const DeltaTable& table) {
  const auto& metadata = table.snapshot().metadata;
  create_view(session, view, table, metadata.columns, metadata.partition_columns,
              table.files([](const lakelog::AddFile&) { return true; }));
}

void create_view(Session& session, const std::string& view, const DeltaTable& table,
                 const std::vector<lakelog::Column>& columns,
                 const std::vector<std::string>& partition_columns,
                 const std::vector<lakelog::AddFile>& files) {
  if (columns.empty()) throw plugin::FinalError(at_version(table) + " has no columns");
  const lakelog::ColumnMapping mapping = mapping_of(table);
  std::vector<lakelog::Column> stored;
  for (const lakelog::Column& column : columns)
    if (std::find(partition_columns.begin(), partition_columns.end(), column.name) ==
        partition_columns.end())
      stored.push_back(column);
  const auto groups = alike_files(session, table, stored, mapping, files);
  std::string whole;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::string part = i == 0 ? view : view + "_alike" + std::to_string(i);
    whole += (i == 0 ? "" : " UNION ALL ") +
             select_of(session, part, table, columns, partition_columns, mapping, groups[i]);
  }
  session.run("CREATE OR REPLACE TEMP VIEW " + quoted_name(view) + " AS " + whole);
}

std::string sql_type(const std::string& delta_type) {
  if (!delta_type.starts_with("{")) return primitive_type(delta_type);
  auto parsed = parse_untrusted(delta_type);
  if (!parsed) throw plugin::FinalError("unknown column type " + delta_type);
  return nested_type(*parsed);
}

}  // namespace batuta::lake
