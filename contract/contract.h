// A data contract: one table described once, in Open Data Contract Standard 3.1 YAML. What the
// standard has no field for stands in customProperties under the names batuta.*
// (docs/contracts.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"

namespace batuta::contract {

// What silver holds in the place of a column's value.
enum class Mask { none, pseudonym, year, prefix, band, redact };

// A source's column and what it becomes.
struct Column {
  std::string name;           // in the lake
  std::string source_name;    // at the source: physicalName, else the name
  std::string logical_type;   // as written, may be empty
  std::string physical_type;  // as written, may be empty
  std::string type;      // in the lake, as Delta names it: "long", "decimal(18,6)", "timestamp"
  std::string format;    // of dates and times at the source, as strptime has it; empty: ISO
  std::string timezone;  // of times without an offset; empty: UTC
  bool required = false;
  bool unique = false;
  int key_position = 0;        // 1, 2… in the primary key; 0: not part of it
  int partition_position = 0;  // likewise
  std::string description, business_name, classification;
  std::vector<std::string> tags;
  // Limits of a good value, as written; absent where the contract has none.
  std::optional<std::string> minimum, maximum, exclusive_minimum, exclusive_maximum;
  std::optional<std::int64_t> min_length, max_length;
  std::string pattern;  // a regular expression; empty: any
  Mask mask = Mask::none;
  std::int64_t mask_size = 0;  // of prefix: characters; of band: its width
  // What readers without the right are shown in the server's views: "redact", "hash" or
  // "partial:<characters>"; empty: the value.
  std::string read_mask;
  std::string value;  // SQL over the table's other columns: of Table::computed alone
  std::string asked;  // the query parameter that lists the values which an extraction asked for
  // What rejected rows are told in the place of the usual names, by what is wrong: "missing",
  // "bad", "below_minimum", "above_maximum", "too_short", "too_long", "mismatch", "not_asked".
  std::map<std::string, std::string> reasons;
  bool operator==(const Column&) const = default;
};

enum class Metric {
  null_values,
  missing_values,
  invalid_values,
  duplicate_values,
  row_count,
  sql,
  referential
};
enum class Comparison {
  equal,
  not_equal,
  greater,
  greater_or_equal,
  less,
  less_or_equal,
  between,
  not_between
};

// One quality rule: a number found in the table's new rows, compared.
struct QualityCheck {
  std::string name;
  std::string column;  // empty: of the table
  Metric metric = Metric::null_values;
  Comparison comparison = Comparison::equal;
  double low = 0, high = 0;  // `high` of the two that take a range
  bool percent = false;      // of the rows, not their number
  bool blocking = true;      // a broken blocking rule keeps the version from being published
  std::string dimension;
  std::string query;  // of sql; {object} and {property} stand for table and column
  // Of duplicate_values over several; of referential those that are looked up.
  std::vector<std::string> columns;
  std::vector<std::string> values;  // the valid ones, or those that count as missing
  std::string pattern;              // of valid ones
  // Of referential: rows whose `columns` all have values, and which no row of silver's table
  // "domain/table" has in `other_columns`, one for each, are rejected with `name` as their reason.
  // What is compared is how many they are.
  std::string other_table;
  std::vector<std::string> other_columns;
  bool operator==(const QualityCheck&) const = default;
};

// A rule of single rows: one that meets `condition` (SQL over the table's columns as they are
// typed, and _ingested_at) is rejected, with `name` as its reason.
struct RowRule {
  std::string name, condition;
  std::string column;  // under which it stands; empty: of the table
  bool operator==(const RowRule&) const = default;
};

enum class SourceKind { none, csv, json, json_lines, parquet, sqlite, postgres, rest, stream };

// Where the rows come from: the contract's server.
struct Source {
  SourceKind kind = SourceKind::none;
  std::string why_none;  // when there is none: a sentence, with what to do
  std::string server;    // its name
  std::string path;      // files and sqlite: absolute, or below the server's home; may hold * and ?
  std::string table;     // of a database, topic of a stream: physicalName, else the table's name
  std::string schema;    // of a database
  std::string connection;  // of the scheduler, by id
  // CSV
  std::string delimiter = ",", quote = "\"", encoding;
  bool header = true;
  std::vector<std::string> null_texts;
  // REST
  std::string location;         // URL, or a path below the connection's
  std::string records;          // JSON pointer to the list; empty: the body is the list
  std::string paging = "none";  // none, page, cursor, link
  std::string page_parameter = "page", size_parameter, cursor_parameter = "cursor", next_cursor;
  std::int64_t page_size = 0, first_page = 1;
  std::int64_t requests_per_minute = 0;          // at most; 0: as fast as it answers
  std::string since_parameter, until_parameter;  // take the window's ends
  // Streams. Without brokers and connection the embedded log.
  std::string brokers;             // of Kafka's protocol, where there is no connection
  std::string group;               // empty: batuta-<domain>-<table>
  std::string on_gap = "fail";     // fail, earliest, latest: an offset that is gone
  std::string start = "earliest";  // or latest: of a partition's first run
  std::string dead_letters;        // topic; empty: <topic>.dlq; "none": only the table
  std::int64_t max_records = 100'000, max_bytes = std::int64_t{256} << 20;  // of one run
  std::int64_t max_record_bytes = std::int64_t{8} << 20;
  Duration max_time = std::chrono::minutes(5);  // likewise of one run
  bool operator==(const Source&) const = default;
};

// snapshot: full, and what a run does not find is gone. stream: each run takes what is new since
// the last, from the offsets that lie in bronze.
enum class Mode { full, incremental, snapshot, stream };

// What becomes of rows that the source no longer has.
enum class Deletes { keep, remove, mark };

struct ServiceLevel {
  std::string property, value, unit, element;
  bool operator==(const ServiceLevel&) const = default;
};

// How long rows stay: the service level "retention", where the table says in which layers it is
// carried out (batuta.retention).
struct Retention {
  std::vector<std::string>
      layers;          // "silver", "quarantine", "bronze"; none: no row goes by its age
  std::string column;  // of silver: a date or an instant. Elsewhere it is the day of reception
  std::int64_t count = 0;
  char unit = 'd';  // d, w, m (months), y
  bool operator==(const Retention&) const = default;
};

struct Table {
  std::string name;
  std::string description;
  std::vector<std::string> tags;
  std::vector<Column> columns;   // in the contract's order
  std::vector<Column> computed;  // columns that the source has not, and silver works out
  std::vector<QualityCheck> quality;
  std::vector<RowRule> row_rules;  // in the contract's order
  Source source;
  Mode mode = Mode::full;
  std::string watermark;          // the column that grows; of incremental
  Duration overlap{};             // how far the window reaches back
  bool starts_at_window = false;  // of incremental: the first run does not begin at the beginning
  std::string newest;  // the column that decides between rows of one key; empty: the reception
  Deletes deletes = Deletes::keep;
  std::int64_t most_deletes = 50;  // percent of the table's rows that may go at once
  std::string mask_key;            // the connection whose password is the key of pseudonyms
  bool history = false;            // changes of the table's rows are kept with their times (SCD 2)
  bool widen = false;  // a table that stands takes on wider types in place, as Delta widens types
  Retention retention;
  bool operator==(const Table&) const = default;

  const Column* column(std::string_view name) const;  // also a computed one
  // Names in the order of their positions.
  std::vector<std::string> keys() const;
  std::vector<std::string> partitions() const;
};

struct Contract {
  std::string api_version, id, version, status, name, domain, description;
  std::vector<Table> tables;
  std::vector<std::string> owners;
  std::vector<std::string> tags;
  std::vector<ServiceLevel> service_levels;
  std::string retention;  // "3 y": as the service level says; what goes by it says Table::retention
  bool operator==(const Contract&) const = default;

  // By name; with an empty name the only one. nullptr otherwise.
  const Table* table(std::string_view table_name) const;
};

struct ContractProblem {
  std::string file;
  int line = 0;  // 1-based; 0 = the whole file
  int column = 0;
  std::string pointer;
  std::string message;       // what is wrong and how to mend it
  std::string text() const;  // "file:line:column pointer: message"
};

struct ContractResult {
  std::optional<Contract> contract;  // without one there are problems
  std::vector<ContractProblem> problems;
  std::vector<ContractProblem> warnings;  // of a contract that is good: what is not carried out
};

inline constexpr std::size_t max_contract_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_columns = 2000;

// Pure. `file` is for messages only. Checked: YAML within its bounds, the standard's JSON Schema,
// unknown keys, and what the standard leaves open (types, names, references between fields, the
// batuta.* properties). At most 50 problems, in the order of the file.
ContractResult read_contract(std::string_view yaml, const std::string& file);

// As JSON for people and programs: {"id": …, "tables": [{"columns": […]}]}.
std::string contract_json(const Contract& contract);

std::string_view to_string(SourceKind kind);
std::string_view to_string(Metric metric);
std::string_view to_string(Mode mode);
std::string_view to_string(Deletes deletes);
std::string_view to_string(Mask mask);
// "at most 3", "between 1 and 5 percent".
std::string expectation(const QualityCheck& check);

}  // namespace batuta::contract
