// Tables of a lake as SQL names, in a session that can do nothing but read them.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/read_masks.h"
#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// Which version of a table a query reads; one that the name itself pins (table@v12) goes before.
struct TimeTravel {
  std::int64_t version = lakelog::latest_version;
  // The newest version that is not younger, in milliseconds since 1970; 0 = the newest.
  std::int64_t at_ms = 0;
};

// The table as it was. Throws plugin::FinalError where it is younger than the time, or has no such
// version.
DeltaTable open_travelled(Session& session, const Lake& lake, const std::string& table,
                          const TimeTravel& travel);

// What whoever asks may read, as "domain/layer" each; nullopt: all of the lake.
using ReadableLayers = std::optional<std::set<std::string>>;

// A table that may not be read is named: whether it is there or not, in the same words.
struct NotReadable : plugin::FinalError {
  using FinalError::FinalError;
};

struct ReadTable {
  std::string name;  // "silver/financial/quotes"
  std::int64_t version = 0;
  std::vector<std::string> masked,
      bare;  // columns that a contract masks: hidden, or shown as a right
};

// Makes `view` over the table as it was opened, masked where `masks` say so. `told` is told which
// columns those are. Returns the relation to read. `files`: of these alone; null: of all.
std::string create_shown_view(Session& session, const std::string& view, const DeltaTable& table,
                              const ReadMasks& masks, ReadTable& told,
                              const std::vector<lakelog::AddFile>* files = nullptr);

// Makes each named table a view, and opens no other: layer.domain.table or "layer/domain/table", or
// layer.table where that is unique among those of its layer that may be read. A name is the table
// spelt like it, else the one that differs in case only; with @v12 behind its last part it is of
// that version, with @branch:fix as that branch of the lake has it. mngt.… must be one of
// `control_tables`, which attach_rows() makes. Throws NotReadable for what `readable` leaves out;
// plugin::FinalError for a name that is no table or more than one, and for a table that cannot be
// read, by name and with the reason. Returns what was opened, as it was named.
std::vector<ReadTable> attach_tables(Session& session, const Lake& lake,
                                     const std::vector<NamedTable>& names,
                                     const std::vector<std::string>& control_tables,
                                     const TimeTravel& travel = {},
                                     const ReadableLayers& readable = {},
                                     const ReadMasks& masks = {});

// A small table that comes from elsewhere (the scheduler's control tables), as mngt.<name>.
// `table_json`: {"columns":[{"name","type"}],"rows":[[text, number or null…]…]}, Delta types.
void attach_rows(Session& session, const std::string& name, const std::string& table_json);

// Makes the table, at the version it was opened, a view under the name that a model has for it:
// layer.domain.table or "layer/domain/table". Throws plugin::FinalError where the engine itself
// has a catalogue of the layer's name.
void attach_table(Session& session, const NamedTable& named, const DeltaTable& table);

// Makes `relation`, a temporary table or view, known under such a name.
void attach_relation(Session& session, const NamedTable& named, const std::string& relation);

// From here on files under `lake` only, and under `also` where it is told, and no extensions.
// Cannot be undone.
void close_outside(Session& session, const std::string& lake, const std::string& also = {});

// The same, and no settings.
void lock_down(Session& session, const std::string& lake, const std::string& also = {});

}  // namespace batuta::lake
