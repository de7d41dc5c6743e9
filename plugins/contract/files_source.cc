#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "plugins/contract/avro_file.h"
#include "plugins/contract/line_parts.h"
#include "plugins/contract/source_paths.h"
#include "plugins/contract/sources.h"
#include "plugins/contract/store_files.h"
#include "plugins/contract/typed_bronze.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/bronze_rows.h"
#include "plugins/lake/layer/publication.h"
#include "plugins/lake/must.h"
#include "plugins/lake/rescued.h"
#include "plugins/lake/sql_error.h"

namespace batuta::from_contract {
namespace {

namespace fs = std::filesystem;
using contract::Source;
using contract::SourceKind;
using lake::quoted_literal;
using lake::quoted_name;

// Larger ones are read where they lie: raw is written in one piece.
constexpr std::uintmax_t max_landed_bytes = std::uintmax_t{256} << 20;
// So many files become one of bronze.
constexpr std::size_t files_together = 20;
constexpr std::uintmax_t bytes_together = std::uintmax_t{512} << 20;

struct Piece {
  std::string source;  // absolute, as _source_file
  std::string path;    // what is read
  std::uintmax_t bytes = 0;
  FileColumns columns{};    // of a file that has them; known once it is to be read
  std::int64_t before = 0;  // records of the same source in front of it
};

// Large files of lines are cut, so that each of the engine's threads reads a part.
constexpr std::uintmax_t least_cut_bytes = std::uintmax_t{16} << 20;
constexpr std::uintmax_t most_part_bytes = std::uintmax_t{128} << 20;

class FilesReader {
 public:
  explicit FilesReader(Extraction& extraction)
      : to_(extraction),
        source_(extraction.described.table.source),
        lake_(lake::lake_folder(extraction.context)),
        table_(lake::DeltaTable::open(extraction.session, lake_, extraction.bronze.name)),
        shape_(extraction.bronze) {
    lake::check_may_write(table_);
  }

  std::int64_t run() {
    std::vector<Piece> pieces;
    std::uintmax_t bytes = 0;
    const std::string path = source_path(to_.context, source_);
    if (is_in_store(path)) {
      if (source_.connection.empty())
        throw plugin::FinalError(path + ": the contract's server names no batuta.connection");
      store_.emplace(to_.context, path, to_.context.connection(source_.connection));
    }
    const auto files = store_ ? store_->find(most_source_files) : source_files(path);
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
    if (version_ && !version_->empty()) {
      lake::mark_snapshot(*version_, table_, to_.snapshot);
      nlohmann::json metrics = {{"rows_out", rows_}};
      const auto own = parse_untrusted(to_.described.metrics_json());
      if (own) metrics.update(*own);
      version_->hand_in(to_.context, json_text(metrics));
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
    FileColumns columns = avro_columns(file, source);
    avro_to_json_lines(file, source, lines, [this] { to_.context.check_cancelled(); });
    std::error_code failed;
    if (store_) fs::remove(file, failed);
    const std::uintmax_t size = fs::file_size(lines, failed);
    if (failed) throw plugin::RetryableError(source + ": " + failed.message());
    return {source, lines, size, std::move(columns)};
  }

  std::string scratch_file(const char* kind, const std::string& name) const {
    return to_.context.scratch() + "/" + kind + name;
  }

  // The first file says which types the columns have that bronze does not have yet: Parquet, and
  // Avro among lines of JSON.
  void begin(const Piece& first) {
    if (source_.kind == SourceKind::parquet || (of_json() && !first.columns.empty()))
      shape_ = with_file_types(std::move(shape_), table_, to_.described, first.columns);
    version_.emplace(shape_, table_, lakelog::Operation::append);
    version_->set_blind();
  }

  bool is_typed() const { return !lake::column_type(shape_.columns, lake::rescued_column).empty(); }

  void stage(std::vector<Piece>& pieces) {
    if (!of_json())
      for (Piece& piece : pieces) piece.columns = columns_of(piece, reader_of(piece));
    if (!version_) begin(pieces.front());
    now_ = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    const std::int64_t before = staged_rows();
    const std::size_t threads = threads_worth();
    if (pieces.size() == 1 && threads > 1 && source_.kind == SourceKind::json_lines &&
        pieces.front().bytes >= least_cut_bytes && !is_packed(pieces.front().path)) {
      stage_parts(pieces.front(), threads);
    } else {
      stage_groups(pieces, threads);
    }
    rows_ += staged_rows() - before;
  }

  // The engine unpacks what has such a name, and its bytes have no lines.
  static bool is_packed(const std::string& path) {
    return path.ends_with(".gz") || path.ends_with(".zst");
  }

  // Sessions beside each other share the engine's memory, and a reader of lines wants some of it.
  std::size_t threads_worth() const {
    constexpr std::int64_t bytes_a_reader = std::int64_t{128} << 20;
    const std::int64_t fit = to_.session.memory_bytes() / bytes_a_reader;
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>(fit, 1, std::max(to_.session.threads(), 1)));
  }

  // As many parts at a time as there are threads. A part that cannot be read is told of in the
  // whole file, whose lines have other numbers.
  void stage_parts(const Piece& whole, std::size_t threads) {
    const auto parts = (whole.bytes + most_part_bytes - 1) / most_part_bytes;
    const auto rounds = (parts + threads - 1) / threads;
    LineParts cut(whole.path, scratch_file("part-", ""),
                  static_cast<std::int64_t>(whole.bytes / (rounds * threads) + 1));
    for (bool more = true; more;) {
      std::vector<Piece> pieces;
      LinePart part;
      while (pieces.size() < threads && (more = cut.next(part)))
        pieces.push_back(Piece{whole.source, part.path, 0, whole.columns, part.before});
      to_.context.check_cancelled();
      try {
        if (!pieces.empty()) stage_groups(pieces, threads);
      } catch (const plugin::FinalError&) {
        read_through(whole);
        throw;
      }
      std::error_code ignored;
      for (const Piece& piece : pieces) fs::remove(piece.path, ignored);
    }
  }

  // Throws for what is wrong in it, and its line.
  void read_through(const Piece& piece) {
    try {
      to_.session.run("SELECT max(_payload) FROM (" + rows_of(piece) + ")");
    } catch (const lake::SqlError& error) {
      throw_unreadable(piece.source, error);
    }
  }

  // Within a handler of `error`.
  [[noreturn]] void throw_unreadable(const std::string& names, const lake::SqlError& error) const {
    if (lake::is_shortage(error)) throw;
    throw plugin::FinalError(names + " cannot be read as " + std::string(to_string(source_.kind)) +
                             ": " + lake::without_values(error.what()));
  }

  // Neighbours together, as many groups of about the same size as there are threads. The engine
  // reads files, and lines within them, in their order: nothing needs to be sorted, so that a file
  // of any size passes through.
  void stage_groups(const std::vector<Piece>& pieces, std::size_t threads) {
    std::uintmax_t bytes = 0, done = 0;
    for (const Piece& piece : pieces) bytes += piece.bytes;
    // Few bytes are one file of bronze, and parts come as they are to be read.
    if (bytes > 0 && bytes < least_cut_bytes) threads = 1;
    std::vector<std::string> selects;
    std::string rows, names;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      rows += (rows.empty() ? "" : " UNION ALL ") + rows_of(pieces[i]);
      names += (names.empty() ? "" : ", ") + pieces[i].source;
      done += pieces[i].bytes;
      const bool full = bytes == 0 || done * threads >= bytes * (selects.size() + 1);
      if (!full && i + 1 < pieces.size()) continue;
      selects.push_back(select_of(rows));
      rows.clear();
    }
    try {
      version_->stage_beside(
          to_.session, selects,
          {to_.context.execution_id(), to_.context.task_id(), to_.context.try_number(), now_},
          lakelog::PartitionValues{{shape_.partition, to_iso(now_).substr(0, 10)}});
    } catch (const lake::SqlError& error) {
      throw_unreadable(names, error);
    }
  }

  std::string select_of(const std::string& rows) const {
    std::string columns;
    for (const contract::Column& column : to_.described.table.columns)
      columns += quoted_name(column.name) + ", ";
    if (is_typed()) columns += quoted_name(lake::rescued_column) + ", ";
    return "SELECT " + lake::column_list(shape_) + " FROM (SELECT " + columns +
           lake::system_columns_sql("CAST($5 AS TIMESTAMPTZ)", "_source", "_number", "_payload",
                                    2) +
           " FROM (" + rows + ")" + within_window() + ")";
  }

  std::int64_t staged_rows() const { return version_->rows(); }

  bool of_json() const {
    return source_.kind == SourceKind::json || source_.kind == SourceKind::json_lines;
  }

  // A row whose watermark is no time stays: silver says so, and keeps it in quarantine.
  std::string within_window() const {
    const contract::Table& table = to_.described.table;
    if (table.watermark.empty() || (!to_.window.start && !to_.window.end)) return "";
    const std::string value = "CAST(CAST(" +
                              received_sql(*table.column(table.watermark),
                                           lake::column_type(shape_.columns, table.watermark)) +
                              " AS TIMESTAMP) AS TIMESTAMPTZ)";
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

  // The declared columns as bronze has them, with _payload, _number and _source.
  std::string rows_of(const Piece& piece) {
    const std::string behind = ", row_number() OVER () + " + std::to_string(piece.before) +
                               " AS _number, " + quoted_literal(piece.source) + " AS _source FROM ";
    std::string reader = reader_of(piece);
    if (of_json()) {
      std::string texts;
      reader = json_texts(reader, texts);
      if (!is_typed())
        return "SELECT " + texts + "CAST(json AS VARCHAR) AS _payload" + behind + reader;
      const auto held = held_columns(to_.described, shape_, piece.columns);
      return "SELECT " + lake::from_texts_sql(to_.described.columns(), shape_.columns, held) +
             ", _payload" + behind + "(SELECT " + texts +
             "CAST(json AS VARCHAR) AS _payload FROM " + reader + ")";
    }
    std::string columns, payload;
    std::vector<std::pair<std::string, std::string>> rescued;
    for (const contract::Column& column : to_.described.table.columns) {
      const auto given = given_as(column, piece.columns);
      const std::string text =
          given ? "CAST(" + quoted_name(given->first) + " AS VARCHAR)" : "CAST(NULL AS VARCHAR)";
      columns += value_of(column, given, text, rescued) + " AS " + quoted_name(column.name) + ", ";
      payload += ", coalesce(" + text + ", chr(30))";
    }
    if (is_typed())
      columns += lake::rescued_sql(rescued) + " AS " + quoted_name(lake::rescued_column) + ", ";
    return "SELECT " + columns + "concat_ws(chr(31)" + payload + ") AS _payload" + behind + reader;
  }

  // As bronze has it. What is no value of the column's type goes to `rescued`.
  std::string value_of(const contract::Column& column,
                       const std::optional<FileColumns::value_type>& given, const std::string& text,
                       std::vector<std::pair<std::string, std::string>>& rescued) const {
    const std::string held = lake::column_type(shape_.columns, column.name);
    if (held.empty() || held == "string") return text;
    const std::string type = lake::sql_type(held);
    if (given && fits_held(column, given->second, held))
      return "CAST(" + quoted_name(given->first) + " AS " + type + ")";
    if (given) rescued.emplace_back(column.name, text);
    return "CAST(NULL AS " + type + ")";
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

  // The file's columns, once they have been compared with the contract.
  FileColumns columns_of(const Piece& piece, const std::string& reader) {
    FileColumns names;
    try {
      for (const auto& row : to_.session.query("DESCRIBE SELECT * FROM " + reader).rows)
        names.emplace_back(row.at(0).text(), row.at(1).text());
    } catch (const lake::SqlError& error) {
      throw_unreadable(piece.source, error);
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
      if (given_as(column, names)) continue;
      std::string& list = column.required || column.key_position > 0 ? missing : absent;
      list += (list.empty() ? "" : ", ") + column.source_name;
    }
    for (const auto& [name, type] : names) {
      const std::string& given = name;
      if (std::none_of(columns.begin(), columns.end(),
                       [&](const auto& column) { return column.source_name == given; }))
        further += (further.empty() ? "" : ", ") + given;
    }
    if (!missing.empty())
      throw plugin::FinalError(piece.source +
                               " lacks columns that the contract requires: " + missing);
    if (!absent.empty()) to_.context.warn(piece.source + " lacks: " + absent);
    if (!further.empty())
      to_.context.warn(piece.source + " has columns that the contract does not name: " + further);
    return names;
  }

  // The column in the file; a file without names has the contract's order.
  std::optional<FileColumns::value_type> given_as(const contract::Column& column,
                                                  const FileColumns& file) const {
    if (source_.kind == SourceKind::csv && !source_.header) {
      const auto& columns = to_.described.table.columns;
      return file.at(static_cast<std::size_t>(&column - columns.data()));
    }
    const auto found = std::find_if(file.begin(), file.end(), [&](const auto& each) {
      return each.first == column.source_name;
    });
    return found == file.end() ? std::nullopt : std::optional(*found);
  }

  Extraction& to_;
  const Source& source_;
  const lake::Lake lake_;
  lake::DeltaTable table_;
  lake::TableShape shape_;
  std::optional<lake::Publication> version_;  // of shape_, once that is known
  std::optional<StoreFiles> store_;           // where the files lie in one
  Time now_{};                                // when the files at hand were received
  std::int64_t rows_ = 0;
  int converted_ = 0;
};

}  // namespace

std::int64_t receive_files(Extraction& extraction) {
  return FilesReader(extraction).run();
}

}  // namespace batuta::from_contract
