// What a contract says of its tables in the lake: their shapes, and the SQL that makes one of the
// other.
#pragma once

#include <string>
#include <vector>

#include "contract/contract.h"
#include "plugins/lake/layer/table_shape.h"
#include "plugins/lake/layer/transform.h"
#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {

struct Described {
  contract::Contract contract;
  contract::Table table;  // the one that the task is about
  std::string path;       // "brokerage/clients": below each layer

  std::vector<std::string> columns() const;
  // For the history of each version: {"contract": …, "contract_version": …}.
  std::string metrics_json() const;
  // Which columns of bronze each of silver comes of, as TransformSpec::column_lineage_json.
  std::string column_lineage_json() const;
};

// Of the contract's text; `name` is "brokerage/clients". Throws as described_by().
Described describe(const std::string& name, const std::string& text);
// Of the parameters contract (the file's text) and contract_name ("brokerage/clients"). Throws
// plugin::FinalError with everything that is wrong.
Described described_by(const plugin::Context& context);

// All of texts; and as a table that is there has it, whose columns may hold the source's types
// (typed_bronze.h).
lake::TableShape bronze_shape(const Described& described);
lake::TableShape bronze_shape(const Described& described, const lake::DeltaTable& table);
// The list of all keys at the source, beside the increments in bronze: <table>_keys.
lake::TableShape keys_shape(const Described& described);
// For a snapshot, or a list of keys, that found nothing: it is not believed.
plugin::RetryableError nothing_there(const std::string& table);
// Whether a run reads such a list.
bool lists_keys(const Described& described);
// From bronze to silver: what is typed, judged, merged and kept out.
// It fits itself to a bronze that holds types.
lake::TransformSpec silver_spec(const Described& described);

// The first day (UTC) that silver keeps, "2023-11-28", by the contract's retention; empty where it
// keeps all.
std::string first_day_in_silver(const Described& described);

// The column's value of its bronze text; NULL where the text is none.
std::string typed_sql(const contract::Column& column);
// The same of the SQL of a text.
std::string typed_sql(const contract::Column& column, const std::string& text);
// A value of a Delta type; dates and instants outside of the years 0001 to 9999, which the engine
// has (also -infinity) and other readers of Delta have not, become NULL.
std::string bounded_sql(const std::string& type, const std::string& value);

// A rule of single rows over the values of a table that holds the contract's types: which rows
// break it, as SQL over the columns by their names.
struct ValueRule {
  std::string name, broken;
};
// What the contract says of single rows, for who has values and not the source's texts: what must
// be there, limits, lengths, patterns and rules of rows, with the names that rejected rows are
// told. A text that must be there is more than blanks. Rules over other tables are not among them.
std::vector<ValueRule> value_rules(const Described& described);

// Which rows check_quality() looks at.
struct JudgedRows {
  std::string table;  // as reports call it; empty: silver/<path>
  // Of rules over another table: by the reasons in the transform's table `judged` of the session;
  // looked up in the view, for which prepare_references() was called; or not counted, for who
  // refuses such rows one by one.
  enum class References { left_out, by_reasons, looked_up } references = References::left_out;
};
// Judges the view new_rows of the session by the contract's quality rules and reports each. Throws
// plugin::FinalError when a blocking one is broken.
void check_quality(plugin::Context& context, lake::Session& session, const Described& described,
                   const JudgedRows& rows = {});

}  // namespace batuta::from_contract
