// What the versions of a model's table tell of how they were made: by which model, of which
// versions of its inputs. It stands in the operationMetrics of their commits.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "common/result.h"
#include "lakelog/action.h"
#include "plugins/lake/delta_table.h"

namespace batuta::models {

// The operationMetrics of a commit; an empty object where it has none.
nlohmann::json metrics_of(const lakelog::Commit& commit);

struct NewestChange {
  std::int64_t version = -1;
  lakelog::Commit commit;
};

// The table's newest version that may have changed rows, as far as the log tells: a version that
// cannot be read counts, without a commit, and so does one behind a thousand that changed none.
// Maintenance does not count. nullopt when there is none above `after`.
std::optional<NewestChange> newest_change(const lake::DeltaTable& table, std::int64_t after = -1);

// What is known of how the table came to hold its rows, as operationMetrics have it, and "version":
// the newest that may have changed rows. It is what that version says, or what a run said since
// that computed the same rows of other inputs, or by another text, and so made no version
// (confirm()). Of a table without a version: an object with nothing.
nlohmann::json made_by(const lake::DeltaTable& table);

// What tells the versions of a table from those of another under its name: its id, and of a version
// that a branch of the lake has put the branch, too, for the lake has another one of its number.
std::string id_of(const lake::DeltaTable& table);

// Keeps beside the table that its rows as they are in `table` are also what a model makes that is
// told by `metrics`. An object in the table's folder that readers of Delta tables do not see:
// gold/mart/t/_confirmed.json; it holds for that version, of that table, alone. Where it cannot be
// written only the next run computes again: the error says why.
Status confirm(const lake::DeltaTable& table, nlohmann::json metrics);

// Whether the table holds what it held at `version`.
bool unchanged_since(const lake::DeltaTable& table, std::int64_t version);

// Whether a person was erased from it since, or the log no longer tells: rows have gone from it
// that its changes do not have, for what follows bronze need not read the rest again.
bool erased_since(const lake::DeltaTable& table, std::int64_t version);

// A version of an input; the id tells a table from one that was made anew in its place.
struct InputVersion {
  std::int64_t version = -1;
  std::string table_id;
};

// What the newest version of a model's table read.
struct LastRead {
  std::map<std::string, InputVersion> inputs;  // by table
  std::string model;                           // statement and values, as the version tells them
  std::string unknown;                         // why it does not tell; then there are no inputs
};

// `statement`: what the table must have been made by, beside the values of templates.
LastRead last_read(const lake::DeltaTable& target, const std::string& statement);

}  // namespace batuta::models
