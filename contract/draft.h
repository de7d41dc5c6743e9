// Contracts made from what is there: from rows that were looked at, and from contracts of the older
// Data Contract Specification. Texts to begin with, for people to finish.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::contract {

// What values a column was seen to have.
class SeenColumn {
 public:
  explicit SeenColumn(std::string source_name) : source_name_(std::move(source_name)) {}
  void add(const std::optional<std::string>& value);
  // What the source itself says of it, in the place of what its values look like.
  void declare(std::string logical, std::string physical);

  const std::string& source_name() const { return source_name_; }
  bool required() const { return seen_ > 0 && nulls_ == 0; }
  bool distinct() const { return distinct_ && seen_ > 1 && nulls_ == 0; }
  // "integer", "number", "boolean", "date", "timestamp", "string": the narrowest of all.
  std::string logical_type() const;
  // Of dates and times that are not ISO 8601; else empty.
  std::string format() const;
  // "decimal(p,s)" of numbers; else empty.
  std::string physical_type() const;

 private:
  std::string source_name_;
  std::string declared_logical_, declared_physical_;
  std::size_t seen_ = 0, nulls_ = 0;
  bool whole_ = true, number_ = true, truth_ = true;
  std::size_t before_point_ = 1, behind_point_ = 0;
  std::vector<std::string> formats_;  // that all values so far have; filled by the first
  bool first_ = true, distinct_ = true;
  std::map<std::string, bool> values_;  // the first ones, to see whether they are distinct
};

struct DraftSource {
  std::string domain, table;
  std::string server_json;        // of the contract's servers
  std::string physical_name;      // of a database's table; empty: none
  std::vector<std::string> keys;  // source names of the primary key, as a database tells it
};

// The source name of a column that may be the primary key: the first without repeats among the rows
// that were looked at, whole numbers or texts. Empty: none. Rows to come may repeat it.
std::string suggested_key(const std::vector<SeenColumn>& columns);

// The YAML of a contract that read_contract() takes.
std::string draft_contract(const DraftSource& source, const std::vector<SeenColumn>& columns);

// A name for the lake: "Order Day" becomes order_day.
std::string lake_name(std::string_view source_name);

struct Converted {
  std::string yaml;
  std::vector<std::string> notes;  // what is not carried over
};
// A contract of the Data Contract Specification (1.x) as one of the Open Data Contract Standard.
// Errc::malformed or Errc::invalid when it is none.
Result<Converted> convert_contract(std::string_view yaml);

}  // namespace batuta::contract
