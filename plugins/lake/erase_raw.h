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
  std::string problem;       // why not all could be looked for; empty: it could
  bool hidden = false;       // with a problem: the person may be in it though no value's bytes are
};

// How the source's contract says that its CSV is written.
struct CsvForm {
  bool known = false;  // false: there is no contract; quotes are `"`, and whatever else is seen
  std::string delimiter{}, quote{}, encoding{};  // no quote: there are none; no encoding: UTF-8
};

// RE2's pattern of a JSON member of one of the names with one of the values, also in JSON within
// JSON's text.
std::string member_pattern(const ErasedKey& key);

// The same as a search: whether the text has such a member.
bool names_person(std::string_view text, const std::vector<ErasedKey>& keys);

// Lines (JSON lines) that name the person, each with its end.
RawRest without_lines(std::string_view text, const std::vector<ErasedKey>& keys);

// A JSON document: of each member that names the person the nearest object around it that is an
// item of a list. A document that is no such list but the person's own is left as "{}"; one in
// which others may be, for it has a list or several objects, is left as it is, and the problem says
// so.
RawRest without_objects(std::string_view text, const std::vector<ErasedKey>& keys);

// CSV (RFC 4180) with a line of names. Where quotes do not fit or a record has not as many cells as
// the head nothing is taken out, for what counts as one record may be those of many.
RawRest without_records(std::string_view text, const std::vector<ErasedKey>& keys,
                        const CsvForm& form = {});

}  // namespace batuta::lake
