// What the verbs of `batuta lake` share: the folder of the lake, and a slot with the engine.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/result.h"
#include "lakelog/storage.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/slot_run.h"

namespace batuta::cli {

inline constexpr int interrupted_code = 130;  // as a shell tells it

// The value; an error ends the verb with its message.
template <class T>
T value_of(Result<T> result) {
  if (!result) throw Failure(result.error().message, 1);
  return std::move(*result);
}

// Absolute. Throws Failure where there is none.
std::string lake_folder(const Session& session);
// Of the folder, or of the store that the settings name.
std::shared_ptr<lakelog::Storage> open_lake(const Session& session);

// The table that an argument names, by its path or as SQL does, layer.domain.table. Throws Failure
// when it names none.
std::string table_argument(const std::string& written);

// A call of a lake plugin with the installation's settings; `plugins` empty: those beside the
// executable. Parameters and patience are the caller's.
SlotRun lake_slot(Session& session, const std::string& plugin, const std::string& plugins);

// "2026-11-20T10:00:00Z" and the like, in milliseconds since 1970; a Failure names the option.
std::int64_t parse_moment(const std::string& option, const std::string& text);

// lake optimize, vacuum, restore.
void add_lake_maintenance(CLI::App& lake, Session& session);
// lake erase
void add_lake_erase(CLI::App& lake, Session& session);
// lake rotate-key
void add_lake_rotate(CLI::App& lake, Session& session);
// lake export
void add_lake_export(CLI::App& lake, Session& session);
// lake diff, lake explain
void add_lake_looks(CLI::App& lake, Session& session);
// lake branch
void add_branch_commands(CLI::App& lake, Session& session);
// lake quarantine
void add_quarantine_commands(CLI::App& lake, Session& session);
// "/api/lake/quarantine/shop/orders" of "shop/orders", as the catalogue and SQL name it too. Throws
// Failure for what names no table.
std::string quarantine_path(const std::string& table);
// lake quarantine repair, replay, discard
void add_quarantine_orders(CLI::App& quarantine, Session& session);
// monitors
void add_monitor_commands(CLI::App& app, Session& session);

}  // namespace batuta::cli
