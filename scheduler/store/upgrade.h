// What surrounds the migrations of a store that is there already: a copy before them, the room for
// both, and a file that is as good as new after them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "common/time.h"
#include "scheduler/store/migrator.h"
#include "scheduler/store/sqlite.h"

namespace batuta {

// Bytes that may still be written below a folder.
using FreeBytes = std::function<std::int64_t(const std::string& folder)>;
std::int64_t free_bytes_below(const std::string& folder);

// Makes `db` a writer and applies what it lacks; call check_migrations() first. A store of an
// earlier version is copied to backups/ beside it before. StoreError, nothing changed and no copy
// left, when there is no room for that or the first missing migration fails; one that fails after
// others keeps the copy. After an upgrade the log is empty, and room in the file can be given back
// if the disk has the room to bring that about.
void bring_up_to_date(Database& db, std::span<const Migration> migrations, Time now,
                      const FreeBytes& free_bytes = free_bytes_below);

}  // namespace batuta
