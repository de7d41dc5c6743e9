// A person taken out of what sources sent: the raw files beside bronze. Everything else in them
// stays byte for byte. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/lake/erase.h"

namespace batuta::lake {

struct RawRest {
  std::string text;          // without the person; as it was where there was none
  std::int64_t records = 0;  // taken out
  std::string problem;       // why nothing could be looked for; empty: it could
};

// RE2's pattern of a JSON member of one of the names with one of the values, also in JSON within
// JSON's text.
std::string member_pattern(const ErasedKey& key);

// The same as a search: whether the text has such a member.
bool names_person(std::string_view text, const std::vector<ErasedKey>& keys);

// Lines (JSON lines) that name the person, each with its end.
RawRest without_lines(std::string_view text, const std::vector<ErasedKey>& keys);

// A JSON document: of each member that names the person the nearest object around it that is an
// item of a list. A document that is no such list but the person's own is left as "{}".
RawRest without_objects(std::string_view text, const std::vector<ErasedKey>& keys);

// CSV (RFC 4180) with a line of names, whatever stands between its cells.
RawRest without_records(std::string_view text, const std::vector<ErasedKey>& keys);

}  // namespace batuta::lake
