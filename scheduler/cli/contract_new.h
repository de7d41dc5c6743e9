// Contracts made from what is there: a file or a table that is looked at.
#pragma once

#include <string>

namespace batuta::cli {

struct NewContract {
  std::string source;  // a file: .csv, .tsv, .json, .jsonl, .ndjson, .parquet, .db, .sqlite
  std::string table;   // of a database; empty: the only one
  std::string domain = "domain";
  std::string name;     // of the lake's table; empty: after the file or table
  std::string plugins;  // folder, for Parquet; empty: beside the executable
};

// The contract's YAML: types of the first 20,000 rows within the first 8 MiB. Throws Failure (1)
// when the source cannot be read.
std::string new_contract(const NewContract& what);

// To standard output when `to` is empty, else into that file, whose folders are made. Throws
// Failure (1) for a file that is there, unless `overwrite`.
void write_contract(const std::string& text, const std::string& to, bool overwrite);

}  // namespace batuta::cli
