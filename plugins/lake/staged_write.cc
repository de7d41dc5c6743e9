#include "plugins/lake/staged_write.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "lakelog/posix_file.h"
#include "plugins/lake/beside.h"
#include "plugins/lake/must.h"
#include "plugins/lake/one_thread.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::size_t max_text_bound = 64;

std::int64_t to_integer(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "2015-02-17 14:30:00.123456+00" widened down or up to a whole millisecond, in Delta's form; null
// when the text has another shape.
json instant_bound(std::string text, bool upper) {
  if (!text.ends_with("+00")) return nullptr;
  text.replace(text.size() - 3, 3, "Z");
  const auto time = parse_iso(text);
  if (!time) return nullptr;
  const auto millis = upper ? std::chrono::ceil<std::chrono::milliseconds>(*time)
                            : std::chrono::floor<std::chrono::milliseconds>(*time);
  return to_iso(millis);
}

json bound(const lakelog::Column& column, const std::string& text, bool upper) {
  if (column.type == "long" || column.type == "integer" || column.type == "short" ||
      column.type == "byte") {
    std::int64_t value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    return ec == std::errc{} && end == text.data() + text.size() ? json(value) : json();
  }
  if (column.type == "date") return text.size() == 10 ? json(text) : json();
  if (column.type == "timestamp") return instant_bound(text, upper);
  // A long text may have been cut, and a cut upper bound is too low.
  if (column.type == "string" && text.size() <= max_text_bound) return text;
  return nullptr;
}

bool is_partition(const StagedWrite& write, const std::string& column) {
  const auto& names = write.partition_columns;
  return std::find(names.begin(), names.end(), column) != names.end();
}

std::string statistics(const StagedWrite& write, std::int64_t rows, const Cell& columns) {
  json low = json::object();
  json high = json::object();
  json nulls = json::object();
  for (const lakelog::Column& column : write.columns) {
    if (is_partition(write, column.name)) continue;
    const Cell* told = columns.field(quoted_name(column.name));
    if (told == nullptr) told = columns.field(column.name);
    if (told == nullptr) continue;
    if (const Cell* count = told->field("null_count"))
      nulls[column.name] = to_integer(count->text());
    const Cell* least = told->field("min");
    const Cell* most = told->field("max");
    if (least == nullptr || most == nullptr || least->is_null() || most->is_null()) continue;
    const json lower = bound(column, least->text(), false);
    const json upper = bound(column, most->text(), true);
    if (lower.is_null() || upper.is_null()) continue;
    low[column.name] = lower;
    high[column.name] = upper;
  }
  return json_text(
      {{"numRecords", rows}, {"minValues", low}, {"maxValues", high}, {"nullCount", nulls}});
}

// One row of COPY's RETURN_STATS: filename, count, file_size_bytes, footer_size_bytes,
// column_statistics, partition_keys.
lakelog::AddFile to_add(const StagedWrite& write, const std::string& folder,
                        const std::vector<Cell>& row) {
  lakelog::AddFile add;
  const std::string path = row.at(0).text();
  const std::string prefix = folder + "/";
  if (!path.starts_with(prefix))
    throw plugin::FinalError("the lake engine wrote outside the table: " + path);
  add.path = path.substr(prefix.size());
  if (write.only) add.partition_values = *write.only;
  for (const std::string& column : write.partition_columns) {
    if (write.only) break;
    const Cell* key = row.at(5).field(column);
    if (key == nullptr) throw plugin::FinalError("a file without its " + column + ": " + path);
    if (key->is_null()) {
      add.partition_values[column] = std::nullopt;
    } else {
      add.partition_values[column] = key->text();
    }
  }
  const auto* count = std::get_if<std::int64_t>(&row.at(1).value);
  const std::int64_t rows = count != nullptr ? *count : to_integer(row.at(1).text());
  add.stats_json = statistics(write, rows, row.at(4));
  const auto* size = std::get_if<std::int64_t>(&row.at(2).value);
  add.size = size != nullptr ? *size : to_integer(row.at(2).text());
  add.modification_ms =
      std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1);
  return add;
}

std::vector<std::string> keys_of(const std::string& table,
                                 const std::vector<lakelog::AddFile>& files) {
  std::vector<std::string> keys;
  keys.reserve(files.size());
  for (const lakelog::AddFile& file : files) keys.push_back(table + "/" + file.path);
  return keys;
}

// Two partitions in one file would be one of them lost; and in one folder they are not to be told
// apart by whoever reads folders.
void check_distinct(const StagedWrite& write, const std::vector<lakelog::AddFile>& files) {
  std::set<std::string> paths;
  std::map<std::string, lakelog::PartitionValues> folders;
  for (const lakelog::AddFile& file : files) {
    const auto slash = file.path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : file.path.substr(0, slash);
    const auto& values = folders.emplace(folder, file.partition_values).first->second;
    if (paths.insert(file.path).second && values == file.partition_values) continue;
    throw plugin::FinalError(write.table +
                             ": a partition column holds NULL and the text NULL, which have one "
                             "folder: write another text for one of them");
  }
}

std::string sorted_by(const StagedWrite& write) {
  std::string order;
  // Rows of one partition come together: the engine keeps few files open at a time, and begins a
  // second one for a partition that it comes back to.
  for (const auto* columns : {&write.partition_columns, &write.order}) {
    if (write.only && columns == &write.partition_columns) continue;
    for (const std::string& column : *columns)
      order += (order.empty() ? " ORDER BY " : ", ") + quoted_name(column);
  }
  return order;
}

std::string without_slash(const std::string& folder) {
  return folder.ends_with('/') ? folder.substr(0, folder.size() - 1) : folder;
}

// "day=2026-11-20/", where all rows are of one partition.
std::string folder_of_only(const StagedWrite& write) {
  std::string folder;
  for (const std::string& column : write.partition_columns) {
    const auto& value = write.only->at(column);
    const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
    if (!value || value->empty() || !std::all_of(value->begin(), value->end(), plain))
      throw std::logic_error("a partition that needs an escaped folder: " + column);
    folder += column + "=" + *value + "/";
  }
  return folder;
}

std::string partitioned_by(const StagedWrite& write) {
  std::string names;
  for (const std::string& column : write.partition_columns)
    names += (names.empty() ? "" : ", ") + quoted_name(column);
  return names;
}

// The files of one COPY, by one thread unless they are one file that may be written together.
std::vector<lakelog::AddFile> copied(Session& session, const StagedWrite& write,
                                     const std::string& folder) {
  Uuid id;  // from the kernel at call time: two slots must never choose the same name
  random_bytes(id.bytes.data(), id.bytes.size());
  const bool whole = write.partition_columns.empty() || write.only;
  // The engine keeps the order of sorted rows in one file, whoever writes it, but in none that it
  // ends by size or partition.
  const bool together = whole && !write.order.empty() && write.expected_bytes > 0 &&
                        write.expected_bytes <= write.most_bytes;
  // The name holds only hexadecimal digits and dashes; COPY takes no parameter for it. Rows keep
  // the query's order because one thread writes them.
  std::optional<OneThread> one;
  if (!together) one.emplace();
  const std::string subfolder = write.subfolder + (write.only ? folder_of_only(write) : "");
  // Of a store it is not there because files lie in it.
  if (whole && !subfolder.empty())
    (void)must(write.storage->stage(write.table + "/" + without_slash(subfolder)));
  const std::string name = "part-" + to_string(id);
  const bool several = whole && write.most_bytes > 0 && !together;
  std::string options;
  if (!whole) options = "PARTITION_BY (" + partitioned_by(write) + "), ";
  if (several) options = "FILE_SIZE_BYTES " + std::to_string(write.most_bytes) + ", ";
  if (!whole || several) options += "FILENAME_PATTERN '" + name + "-{i}', OVERWRITE_OR_IGNORE, ";
  const std::string copy =
      "COPY (SELECT *" + (write.only ? " EXCLUDE (" + partitioned_by(write) + ")" : "") +
      " FROM (" + write.select + ")" + sorted_by(write) +
      ") TO $1 (FORMAT parquet, COMPRESSION snappy, " + options + "RETURN_STATS)";
  const std::string below = without_slash(folder + "/" + subfolder);
  std::vector<Param> params = {whole && !several ? below + "/" + name + ".parquet" : below};
  params.insert(params.end(), write.params.begin(), write.params.end());
  const Table written = session.query(copy, params);
  std::vector<lakelog::AddFile> files;
  for (const auto& row : written.rows) {
    lakelog::AddFile add = to_add(write, folder, row);
    // Without partitions the engine writes a file for no rows, too.
    if (whole && lakelog::record_count(add) == 0) {
      (void)must(write.storage->remove(write.table + "/" + add.path));
      continue;
    }
    files.push_back(std::move(add));
  }
  return files;
}

bool is_worth_all_threads(const Session& session, const StagedWrite& write) {
  // Fewer are written before the threads have started; and a row in work takes about a kibibyte.
  constexpr std::int64_t least_rows = 100'000, bytes_a_row = 1024;
  return !write.partition_columns.empty() && !write.only && write.params.empty() &&
         session.threads() > 1 && write.expected_rows >= least_rows &&
         write.expected_rows <= session.memory_bytes() / bytes_a_row;
}

// Neighbouring partitions go to one thread, so that each has about as many rows. Sessions beside
// this one do not see its temporary relations: the rows and their partitions are tables.
std::vector<lakelog::AddFile> copied_beside(Session& session, const StagedWrite& write,
                                            const std::string& folder) {
  Uuid id;
  random_bytes(id.bytes.data(), id.bytes.size());
  const std::string rows = quoted_name("staged_rows_" + to_string(id));
  const std::string groups = quoted_name("staged_groups_" + to_string(id));
  const std::string names = partitioned_by(write), threads = std::to_string(session.threads());
  session.run("CREATE TABLE " + rows + " AS " + write.select);
  session.run("CREATE TABLE " + groups + " AS SELECT " + names +
              ", CAST(floor((sum(batuta_rows) OVER (ORDER BY " + names +
              " ROWS UNBOUNDED PRECEDING) - batuta_rows) * " + threads +
              " / sum(batuta_rows) OVER ()) AS BIGINT) AS batuta_group FROM (SELECT " + names +
              ", count(*) AS batuta_rows FROM " + rows + " GROUP BY " + names + ")");
  std::string same;
  for (const std::string& column : write.partition_columns)
    same += (same.empty() ? "r." : " AND r.") + quoted_name(column) + " IS NOT DISTINCT FROM g." +
            quoted_name(column);
  const auto found = session.query("SELECT DISTINCT batuta_group FROM " + groups + " ORDER BY 1");
  std::vector<std::vector<lakelog::AddFile>> parts(found.rows.size());
  std::vector<std::function<void(Session&)>> works;
  for (std::size_t i = 0; i < found.rows.size(); ++i) {
    StagedWrite part = write;
    part.select = "SELECT r.* FROM " + rows + " r SEMI JOIN (SELECT * FROM " + groups +
                  " WHERE batuta_group = " + std::to_string(found.rows[i].at(0).integer()) +
                  ") g ON " + same;
    works.emplace_back([part = std::move(part), &files = parts[i], &folder](Session& own) {
      files = copied(own, part, folder);
    });
  }
  run_beside(session, works);
  session.run("DROP TABLE " + rows);
  session.run("DROP TABLE " + groups);
  std::vector<lakelog::AddFile> files;
  for (auto& part : parts)
    files.insert(files.end(), std::make_move_iterator(part.begin()),
                 std::make_move_iterator(part.end()));
  return files;
}

}  // namespace

std::vector<lakelog::AddFile> write_files(Session& session, const StagedWrite& write) {
  const std::string folder = must(write.storage->stage(write.table));
  auto files = is_worth_all_threads(session, write) ? copied_beside(session, write, folder)
                                                    : copied(session, write, folder);
  check_distinct(write, files);
  if (write.durable_later) {
    for (const lakelog::AddFile& file : files) lakelog::start_write_back(folder + "/" + file.path);
  } else {
    make_durable(*write.storage, write.table, files);
  }
  return files;
}

void make_durable(lakelog::Storage& storage, const std::string& table,
                  std::vector<lakelog::AddFile>& files) {
  const auto keys = keys_of(table, files);
  must(storage.sync(keys));
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto told = must(storage.stat(keys[i]));
    files[i].size = told.size;
    files[i].modification_ms = told.modified_ms;
  }
}

}  // namespace batuta::lake
