// Time travel in a query: table@v12 is the table as it was at version 12.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lakelog/snapshot.h"

namespace batuta::lake {

// The SQL with each name@v12, and "name"@v12, made one quoted name, "name@v12", which the engine's
// parser takes. What stands in texts, quoted names and comments stays.
std::string quote_pinned_names(std::string_view sql);

struct PinnedName {
  std::string name;  // without what pins it
  std::int64_t version = lakelog::latest_version;
  std::string branch{};  // of the lake, by its name; empty: none
};

// Takes "quotes@v12" apart, and "quotes@branch:fix", the table as that branch has it, which has to
// be quoted; a name without such an end is as it is, and of the newest version.
PinnedName split_pinned_name(const std::string& name);

}  // namespace batuta::lake
