#include <glob.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "plugins/contract/avro_file.h"
#include "plugins/contract/sources.h"
#include "plugins/contract/store_files.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/bronze_rows.h"
#include "plugins/lake/layer/publication.h"
#include "plugins/lake/must.h"
#include "plugins/lake/sql_error.h"

namespace batuta::from_contract {
namespace {

namespace fs = std::filesystem;
using contract::Source;
using contract::SourceKind;
using lake::quoted_literal;
using lake::quoted_name;

constexpr std::size_t max_files = 10'000;
// Larger ones are read where they lie: raw is written in one piece.
constexpr std::uintmax_t max_landed_bytes = std::uintmax_t{256} << 20;
// So many files become one of bronze.
constexpr std::size_t files_together = 20;
constexpr std::uintmax_t bytes_together = std::uintmax_t{512} << 20;

std::string day_of(const plugin::Context& context) {
  const OptTime logical = context.logical_date();
  if (!logical)
    throw plugin::FinalError("the path names {{ ds }}, and this run has no logical date");
  return to_iso(*logical).substr(0, 10);
}

// The path with {{ ds }} and {{ ds_nodash }} filled in.
std::string path_of(const plugin::Context& context, const Source& source) {
  std::string path = context.text("path", source.path);
  for (std::size_t at = 0; (at = path.find("{{", at)) != path.npos;) {
    const auto end = path.find("}}", at);
    std::string name = end == path.npos ? "" : path.substr(at + 2, end - at - 2);
    std::erase(name, ' ');
    std::string value;
    if (name == "ds") {
      value = day_of(context);
    } else if (name == "ds_nodash") {
      value = day_of(context);
      std::erase(value, '-');
    } else {
      throw plugin::FinalError(
          "the path " + path +
          ": a contract knows {{ ds }} and {{ ds_nodash }}; others go into the "
          "task's parameter \"path\"");
    }
    path.replace(at, end + 2 - at, value);
    at += value.size();
  }
  if (!path.starts_with("/") && !is_in_store(path))
    throw plugin::FinalError("the path of a source must be absolute, or a URL in a store, not " +
                             path);
  return path;
}

std::vector<std::string> files_at(const std::string& path) {
  // A file of that very name, though it holds what a pattern would take for a choice: "a[1].csv".
  std::error_code unknown;
  if (fs::is_regular_file(path, unknown)) return {path};
  ::glob_t found{};
  const int code = ::glob(path.c_str(), GLOB_MARK, nullptr, &found);
  std::vector<std::string> files;
  for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i) {
    const std::string name = found.gl_pathv[i];
    if (!name.ends_with("/")) files.push_back(name);
  }
  ::globfree(&found);
  if (code != 0 && code != GLOB_NOMATCH)
    throw plugin::RetryableError("the folder of " + path + " cannot be read");
  if (files.empty()) throw plugin::RetryableError("there is no file " + path);
  if (files.size() > max_files)
    throw plugin::FinalError(path + " matches more than 10,000 files: let each run read its own");
  return files;
}

struct Piece {
  std::string source;  // absolute, as _source_file
  std::string path;    // what is read
  std::uintmax_t bytes = 0;
};

class FilesReader {
 public:
  explicit FilesReader(Extraction& extraction)
      : to_(extraction),
        source_(extraction.described.table.source),
        lake_(lake::lake_folder(extraction.context)),
        table_(lake::DeltaTable::open(extraction.session, lake_, extraction.bronze.name)),
        version_(extraction.bronze, table_, lakelog::Operation::append) {
    version_.set_blind();
  }

  std::int64_t run() {
    std::vector<Piece> pieces;
    std::uintmax_t bytes = 0;
    const std::string path = path_of(to_.context, source_);
    if (is_in_store(path)) {
      if (source_.connection.empty())
        throw plugin::FinalError(path + ": the contract's server names no batuta.connection");
      store_.emplace(to_.context, path, to_.context.connection(source_.connection));
    }
    const auto files = store_ ? store_->find(max_files) : files_at(path);
    for (std::size_t i = 0; i < files.size(); ++i) {
      to_.context.check_cancelled();
      Piece piece = landed(files[i]);
      if (piece.bytes == 0) {
        to_.context.warn(files[i] + " is empty");
        continue;
      }
      bytes += piece.bytes;
      pieces.push_back(std::move(piece));
      if (pieces.size() < files_together && bytes < bytes_together) continue;
      stage(pieces);
      let_go(pieces);
      bytes = 0;
      to_.context.progress(static_cast<double>(i + 1) / static_cast<double>(files.size()));
    }
    if (!pieces.empty()) stage(pieces);
    let_go(pieces);
    if (!version_.empty()) {
      lake::mark_snapshot(version_, table_, to_.snapshot);
      nlohmann::json metrics = {{"rows_out", rows_}};
      const auto own = parse_untrusted(to_.described.metrics_json());
      if (own) metrics.update(*own);
      version_.hand_in(to_.context, json_text(metrics));
    }
    return rows_;
  }

 private:
  // What was fetched or made for these only.
  void let_go(std::vector<Piece>& pieces) const {
    std::error_code ignored;
    for (const Piece& piece : pieces)
      if (piece.path.starts_with(scratch_file("avro-", "")) ||
          (store_ && piece.path.starts_with(scratch_file("fetched-", ""))))
        fs::remove(piece.path, ignored);
    pieces.clear();
  }

  Piece landed(const std::string& source) {
    const std::string file = store_ ? store_->fetch(source) : source;
    std::error_code failed;
    const std::uintmax_t bytes = fs::file_size(file, failed);
    if (failed) throw plugin::RetryableError(source + ": " + failed.message());
    if (source_.kind == SourceKind::json_lines && is_avro_file(file))
      return landed_avro(source, file, bytes);
    if (bytes > max_landed_bytes) {
      to_.context.warn(source +
                       " is larger than 256 MiB: it is read where it lies, not kept in raw");
      return {source, file, bytes};
    }
    if (bytes == 0) return {source, file, 0};
    const auto [name, size] = to_.landing.add_file(file, std::string(to_string(source_.kind)));
    if (store_) fs::remove(file, failed);
    const auto kept = lake_.local_file(name, size);
    return {source, lake::must(kept), static_cast<std::uintmax_t>(size)};
  }

  // Raw has the file as it came; what is read is made of it for this attempt.
  Piece landed_avro(const std::string& source, const std::string& file, std::uintmax_t bytes) {
    if (bytes > max_landed_bytes) {
      to_.context.warn(source +
                       " is larger than 256 MiB: it is read where it lies, not kept in raw");
    } else {
      to_.landing.add_file(file, "avro");
    }
    const std::string lines = scratch_file("avro-", std::to_string(++converted_) + ".jsonl");
    avro_to_json_lines(file, source, lines, [this] { to_.context.check_cancelled(); });
    std::error_code failed;
    if (store_) fs::remove(file, failed);
    const std::uintmax_t size = fs::file_size(lines, failed);
    if (failed) throw plugin::RetryableError(source + ": " + failed.message());
    return {source, lines, size};
  }

  std::string scratch_file(const char* kind, const std::string& name) const {
    return to_.context.scratch() + "/" + kind + name;
  }

  void stage(const std::vector<Piece>& pieces) {
    std::string rows;
    for (const Piece& piece : pieces) rows += (rows.empty() ? "" : " UNION ALL ") + rows_of(piece);
    std::string columns;
    for (const contract::Column& column : to_.described.table.columns)
      columns += quoted_name(column.name) + ", ";
    const std::string select =
        "SELECT " + lake::column_list(to_.bronze) + " FROM (SELECT " + columns +
        lake::system_columns_sql("CAST($5 AS TIMESTAMPTZ)", "_source", "_number", "_payload", 2) +
        " FROM (" + rows + ")" + within_window() + ")";
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    const std::int64_t before = staged_rows();
    try {
      // The engine reads files, and lines within them, in their order: nothing needs to be sorted,
      // so that a file of any size passes through.
      version_.stage(
          to_.session, select, {},
          {to_.context.execution_id(), to_.context.task_id(), to_.context.try_number(), now},
          lakelog::PartitionValues{{to_.bronze.partition, to_iso(now).substr(0, 10)}});
    } catch (const lake::SqlError& error) {
      std::string names;
      for (const Piece& piece : pieces) names += (names.empty() ? "" : ", ") + piece.source;
      throw plugin::FinalError(names + " cannot be read as " +
                               std::string(to_string(source_.kind)) + ": " +
                               lake::without_values(error.what()));
    }
    rows_ += staged_rows() - before;
  }

  std::int64_t staged_rows() const { return version_.rows(); }

  // A row whose watermark is no time stays: silver says so, and keeps it in quarantine.
  std::string within_window() const {
    const contract::Table& table = to_.described.table;
    if (table.watermark.empty() || (!to_.window.start && !to_.window.end)) return "";
    const std::string value =
        "CAST(CAST(" + typed_sql(*table.column(table.watermark)) + " AS TIMESTAMP) AS TIMESTAMPTZ)";
    std::string inside;
    const auto bound = [&](const std::optional<Time>& time, const char* comparison) {
      if (!time) return;
      inside += (inside.empty() ? "" : " AND ") + value + " " + comparison + " CAST(" +
                quoted_literal(to_iso(*time)) + " AS TIMESTAMPTZ)";
    };
    bound(to_.window.start, ">=");
    bound(to_.window.end, "<");
    return " WHERE " + value + " IS NULL OR (" + inside + ")";
  }

  std::string reader_of(const Piece& piece) const {
    const std::string path = quoted_literal(lake::exact_path(piece.path));
    switch (source_.kind) {
      case SourceKind::csv: {
        std::string options = ", all_varchar = true, header = ";
        options += source_.header ? "true" : "false";
        options += ", delim = " + quoted_literal(source_.delimiter);
        options += ", quote = " + quoted_literal(source_.quote);
        options += ", escape = " + quoted_literal(source_.quote);
        options += ", null_padding = false, ignore_errors = false, strict_mode = true";
        if (!source_.encoding.empty())
          options += ", encoding = " + quoted_literal(source_.encoding);
        std::string nulls = "''";
        for (const std::string& text : source_.null_texts) nulls += ", " + quoted_literal(text);
        return "read_csv(" + path + options + ", nullstr = [" + nulls + "])";
      }
      case SourceKind::json:
        return "read_json_objects(" + path + ", format = 'array')";
      case SourceKind::json_lines:
        return "read_json_objects(" + path + ", format = 'newline_delimited')";
      default:
        return "read_parquet(" + path + ")";
    }
  }

  // The declared columns as text, with _payload, _number and _source.
  std::string rows_of(const Piece& piece) {
    const bool of_json = source_.kind == SourceKind::json || source_.kind == SourceKind::json_lines;
    std::string reader = reader_of(piece);
    std::string columns;
    std::string payload;
    if (of_json) {
      reader = json_texts(reader, columns);
      payload = "CAST(json AS VARCHAR)";
    } else {
      const auto names = names_of(piece, reader);
      for (const contract::Column& column : to_.described.table.columns) {
        const std::string text = value_of(column, names);
        columns += text + " AS " + quoted_name(column.name) + ", ";
        payload += ", coalesce(" + text + ", chr(30))";
      }
      payload = "concat_ws(chr(31)" + payload + ")";
    }
    return "SELECT " + columns + payload + " AS _payload, row_number() OVER () AS _number, " +
           quoted_literal(piece.source) + " AS _source FROM " + reader;
  }

  // The reader with the lists of texts that the columns are taken from: each record is parsed once
  // for all of them. A nested value is a text as it was written.
  std::string json_texts(const std::string& reader, std::string& columns) const {
    std::string plain, nested;
    std::size_t plains = 0, nesteds = 0;
    for (const contract::Column& column : to_.described.table.columns) {
      const bool whole = column.logical_type == "object" || column.logical_type == "array";
      std::string& paths = whole ? nested : plain;
      paths += (paths.empty() ? "" : ", ") + quoted_literal(json_path(column.source_name));
      columns += (whole ? "nested_texts[" + std::to_string(++nesteds)
                        : "texts[" + std::to_string(++plains)) +
                 "] AS " + quoted_name(column.name) + ", ";
    }
    std::string lists;
    if (plains > 0)
      lists += ", json_extract_string(" + std::string(exact_json) + ", [" + plain + "]) AS texts";
    if (nesteds > 0) lists += ", json_extract_string(json, [" + nested + "]) AS nested_texts";
    return "(SELECT json" + lists + " FROM " + reader + ")";
  }

  // The record with its long numbers as strings: the engine reads numbers as doubles, which round
  // them. Cut into texts, which stay as they are, and what lies between them, where a run of digits
  // can be nothing but a number.
  static constexpr const char* exact_json =
      R"(CASE WHEN batuta_long_number(CAST(json AS VARCHAR))
              THEN CAST(array_to_string(list_transform(
                     regexp_extract_all(CAST(json AS VARCHAR), '"(?:[^"\\]|\\.)*"|[^"]+'),
                     lambda part: CASE WHEN starts_with(part, '"') THEN part
                       ELSE regexp_replace(part, '(-?[0-9][0-9.eE+-]{15,})', '"\1"', 'g') END),
                   '') AS JSON)
              ELSE json END)";

  // $."name", or the pointer that it is.
  static std::string json_path(const std::string& name) {
    if (name.starts_with("/")) return name;
    std::string out = "$.\"";
    for (const char c : name) out += c == '"' ? "\\\"" : std::string(1, c);
    return out + "\"";
  }

  // What the file calls its columns, once it has been compared with the contract.
  std::vector<std::string> names_of(const Piece& piece, const std::string& reader) {
    std::vector<std::string> names;
    try {
      names = lake::first_column(to_.session.query("DESCRIBE SELECT * FROM " + reader));
    } catch (const lake::SqlError& error) {
      throw plugin::FinalError(piece.source + " cannot be read as " +
                               std::string(to_string(source_.kind)) + ": " +
                               lake::without_values(error.what()));
    }
    const auto& columns = to_.described.table.columns;
    if (source_.kind == SourceKind::csv && !source_.header) {
      if (names.size() != columns.size())
        throw plugin::FinalError(piece.source + " has " + std::to_string(names.size()) +
                                 " columns, and the contract " + std::to_string(columns.size()));
      return names;
    }
    std::string missing, absent, further;
    for (const contract::Column& column : columns) {
      if (std::find(names.begin(), names.end(), column.source_name) != names.end()) continue;
      std::string& list = column.required || column.key_position > 0 ? missing : absent;
      list += (list.empty() ? "" : ", ") + column.source_name;
    }
    for (const std::string& name : names) {
      if (std::none_of(columns.begin(), columns.end(),
                       [&](const auto& column) { return column.source_name == name; }))
        further += (further.empty() ? "" : ", ") + name;
    }
    if (!missing.empty())
      throw plugin::FinalError(piece.source +
                               " lacks columns that the contract requires: " + missing);
    if (!absent.empty()) to_.context.warn(piece.source + " lacks: " + absent);
    if (!further.empty())
      to_.context.warn(piece.source + " has columns that the contract does not name: " + further);
    return names;
  }

  std::string value_of(const contract::Column& column,
                       const std::vector<std::string>& names) const {
    std::string name = column.source_name;
    if (source_.kind == SourceKind::csv && !source_.header) {
      const auto& columns = to_.described.table.columns;
      name = names[static_cast<std::size_t>(&column - columns.data())];
    } else if (std::find(names.begin(), names.end(), name) == names.end()) {
      return "CAST(NULL AS VARCHAR)";
    }
    return "CAST(" + quoted_name(name) + " AS VARCHAR)";
  }

  Extraction& to_;
  const Source& source_;
  const lake::Lake lake_;
  lake::DeltaTable table_;
  lake::Publication version_;
  std::optional<StoreFiles> store_;  // where the files lie in one
  std::int64_t rows_ = 0;
  int converted_ = 0;
};

}  // namespace

std::int64_t receive_files(Extraction& extraction) {
  return FilesReader(extraction).run();
}

}  // namespace batuta::from_contract
