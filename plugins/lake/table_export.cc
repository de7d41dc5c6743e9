#include "plugins/lake/table_export.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "common/csv_text.h"
#include "common/safe_json.h"
#include "common/tar.h"
#include "plugins/lake/cell_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::size_t write_bytes = 256u << 10;

std::string too_large_export(std::int64_t most_bytes) {
  return "the file would be larger than the " + std::to_string(most_bytes) +
         " bytes that an export may have: ask for fewer columns or rows (columns, where), for "
         "Parquet, or export where the lake is, with batuta lake export --files";
}

std::string too_many_files(const ExportOptions& options) {
  std::string by;
  for (const std::string& name : options.partition_by) by += (by.empty() ? "" : ", ") + name;
  if (by.empty()) by = "the table's own partitions";
  return "partition_by: by " + by + " there would be more than the " +
         std::to_string(options.most_files) +
         " files that an export may have: name columns with fewer values, choose rows (where), or "
         "take one file";
}

// A new file that takes so many bytes and no more.
class ExportFile {
 public:
  ExportFile(const std::string& path, std::int64_t most_bytes)
      : path_(path), most_(most_bytes), file_(std::fopen(path.c_str(), "wxe"), &std::fclose) {
    if (!file_) throw plugin::FinalError("cannot make " + path);
  }
  void add(const std::string& text) {
    waiting_ += text;
    if (waiting_.size() >= write_bytes) flush();
  }
  std::int64_t finish() {
    flush();
    if (std::fclose(file_.release()) != 0) fail();
    return bytes_;
  }

 private:
  [[noreturn]] void fail() const { throw plugin::RetryableError("cannot write " + path_); }
  void flush() {
    bytes_ += static_cast<std::int64_t>(waiting_.size());
    if (bytes_ > most_) throw plugin::FinalError(too_large_export(most_));
    if (std::fwrite(waiting_.data(), 1, waiting_.size(), file_.get()) != waiting_.size()) fail();
    waiting_.clear();
  }

  const std::string path_;
  const std::int64_t most_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::string waiting_;
  std::int64_t bytes_ = 0;
};

std::vector<std::string> keys_of(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const std::string& name : names)
    out.push_back((out.empty() ? "{" : ",") + json_text(name) + ":");
  return out;
}

void add_json_line(std::string& out, const std::vector<std::string>& keys,
                   const std::vector<Cell>& row) {
  for (std::size_t i = 0; i < row.size(); ++i) out += keys[i] + json_text(to_json(row[i]));
  out += "}\n";
}

Exported write_lines(Session& session, const BoundSelect& select, const ExportOptions& options,
                     const std::string& path) {
  const bool csv = options.format == "csv";
  Exported out;
  ExportFile file(path, options.most_bytes);
  std::string line;
  const auto keys = keys_of(select.columns);
  if (csv) {
    add_csv_line(line, json(select.columns));
    file.add(line);
  }
  session.stream(select.sql, select.params, [&](std::vector<Cell>&& row) {
    line.clear();
    if (csv) {
      json cells = json::array();
      for (const Cell& cell : row) cells.push_back(to_json(cell));
      add_csv_line(line, cells);
    } else {
      add_json_line(line, keys, row);
    }
    file.add(line);
    ++out.rows;
    return true;
  });
  out.bytes = file.finish();
  return out;
}

// In the file's own metadata: whoever reads it later knows what was not shown. Empty: nothing is.
std::string told_masked(const ExportOptions& options) {
  std::string names;
  for (const std::string& name : options.masked) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? std::string()
                       : ", KV_METADATA {" + std::string(masked_metadata) + ": " +
                             quoted_literal(names) + "}";
}

// Partition columns as the texts that name their folders: the engine would write NULL as the text
// NULL is written.
std::string with_partitions(const BoundSelect& select, const ExportOptions& options) {
  std::string out, by;
  const std::set<std::string> keys(options.partition_by.begin(), options.partition_by.end());
  for (const std::string& name : select.columns) {
    const std::string quoted = quoted_name(name);
    out += (out.empty() ? "" : ", ") +
           (keys.contains(name) ? "COALESCE(CAST(" + quoted +
                                      " AS VARCHAR), '__HIVE_DEFAULT_PARTITION__') AS " + quoted
                                : quoted);
  }
  for (const std::string& name : options.partition_by)
    by += (by.empty() ? "" : ", ") + quoted_name(name);
  return "COPY (SELECT " + out + " FROM (" + select.sql + ")) TO " +
         quoted_literal(options.folder + "/rows") + " (FORMAT parquet, COMPRESSION zstd" +
         told_masked(options) + ", PARTITION_BY (" + by + "))";
}

std::int64_t bytes_of(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return static_cast<std::int64_t>(fs::file_size(path));
  std::int64_t bytes = 0;
  for (const auto& one : fs::recursive_directory_iterator(path))
    if (one.is_regular_file()) bytes += static_cast<std::int64_t>(one.file_size());
  return bytes;
}

// Of a folder in which somebody writes; looked through until either is too much.
Outgrown outgrown_folder(const std::string& folder, const ExportOptions& options) {
  namespace fs = std::filesystem;
  std::error_code failure;
  std::int64_t bytes = 0, files = 0;
  for (auto at = fs::recursive_directory_iterator(folder, failure);
       !failure && at != fs::recursive_directory_iterator(); at.increment(failure)) {
    std::error_code gone;
    if (!at->is_regular_file(gone) || gone) continue;
    const auto size = at->file_size(gone);
    if (gone) continue;
    bytes += static_cast<std::int64_t>(size);
    if (bytes > options.most_bytes) return Outgrown::bytes;
    if (++files > options.most_files) return Outgrown::files;
  }
  return Outgrown::no;
}

// Before a folder is made: a column of ids would make one for each row.
void check_file_count(Session& session, const BoundSelect& select, const ExportOptions& options) {
  std::string by;
  for (const std::string& name : options.partition_by)
    by += (by.empty() ? "" : ", ") + quoted_name(name);
  const std::string count = "SELECT count(*) FROM (SELECT DISTINCT " + by + " FROM (" + select.sql +
                            ") LIMIT " + std::to_string(options.most_files + 1) + ")";
  if (session.value(count, select.params).integer() > options.most_files)
    throw plugin::FinalError(too_many_files(options));
}

// The folders become the one file.
void move_into_tar(const ExportOptions& options, Exported& out) {
  const std::string name = "rows.tar";
  const auto size =
      move_to_tar(options.folder + "/rows", options.folder + "/" + name, options.most_bytes);
  if (!size && size.error().code == Errc::too_large)
    throw plugin::FinalError(too_large_export(options.most_bytes));
  if (!size) throw plugin::RetryableError(size.error().message);
  out.file = name;
  out.bytes = *size;
}

void check_partitions(const BoundSelect& select, const ExportOptions& options) {
  const std::set<std::string> there(select.columns.begin(), select.columns.end());
  std::set<std::string> keys;
  for (const std::string& name : options.partition_by) {
    if (!there.contains(name))
      throw plugin::FinalError("partition_by: \"" + name +
                               "\" is none of the columns that are "
                               "written");
    if (!keys.insert(name).second)
      throw plugin::FinalError("partition_by: \"" + name + "\" stands there twice");
  }
  if (keys.size() == there.size())
    throw plugin::FinalError("partition_by: no column is left for the files");
}

}  // namespace

Outgrown export_outgrows(const ExportOptions& options) {
  std::error_code failure;
  // Also of the table's own partitions, which nobody has looked up yet.
  const std::string folders = options.folder + "/rows";
  if (std::filesystem::is_directory(folders, failure)) return outgrown_folder(folders, options);
  const auto bytes =
      std::filesystem::file_size(options.folder + "/rows." + options.format, failure);
  const bool larger = !failure && bytes > static_cast<std::uintmax_t>(options.most_bytes);
  return larger ? Outgrown::bytes : Outgrown::no;
}

std::string outgrown_export(const ExportOptions& options, Outgrown what) {
  switch (what) {
    case Outgrown::bytes:
      return too_large_export(options.most_bytes);
    case Outgrown::files:
      return too_many_files(options);
    case Outgrown::no:
      break;
  }
  return {};
}

std::string export_name(const ExportOptions& options) {
  if (options.format != "parquet" && options.format != "csv" && options.format != "jsonl")
    throw plugin::FinalError("format: " + std::string(export_formats));
  if (options.partition_by.empty()) return "rows." + options.format;
  if (options.format != "parquet")
    throw plugin::FinalError("partition_by: folders by partition are of Parquet files only");
  return "rows";
}

Exported export_rows(Session& session, const BoundSelect& select, const ExportOptions& options) {
  const std::string name = export_name(options);
  const std::string path = options.folder + "/" + name;
  Exported out;
  if (options.format != "parquet") {
    out = write_lines(session, select, options, path);
  } else {
    if (!options.partition_by.empty()) {
      check_partitions(select, options);
      check_file_count(session, select, options);
    }
    const std::string copy = options.partition_by.empty()
                                 ? "COPY (" + select.sql + ") TO " + quoted_literal(path) +
                                       " (FORMAT parquet, COMPRESSION zstd" + told_masked(options) +
                                       ")"
                                 : with_partitions(select, options);
    out.rows = session.value(copy, select.params).integer();
    std::filesystem::create_directories(
        options.partition_by.empty() ? options.folder : path);  // of no rows there is no folder
    if (const Outgrown what = export_outgrows(options); what == Outgrown::files)
      throw plugin::FinalError(outgrown_export(options, what));
    out.bytes = bytes_of(path);
    if (out.bytes > options.most_bytes)
      throw plugin::FinalError(too_large_export(options.most_bytes));
  }
  out.file = name;
  if (options.tar) move_into_tar(options, out);
  return out;
}

}  // namespace batuta::lake
