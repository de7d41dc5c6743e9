// What of a table a reader is shown masked: a view over it that has other values in the place of
// some, so that no expression, filter, join or order of a statement ever sees the value itself.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

// Of the tables that one contract describes.
struct ContractMasks {
  std::map<std::string, std::string> masks;     // by column: redact, hash, partial:<characters>
  std::map<std::string, std::string> received;  // the same in bronze and among dead letters
  // Columns that are shown as they are. What is in neither of them is hidden: a column that the
  // contract no longer has, the text or the hash of a whole record. Names have no case.
  std::set<std::string> open;
};

struct ReadMasks {
  std::map<std::string, ContractMasks> contracts;  // by "domain/table"
  std::set<std::string> unmasked;                  // layers whose values may be seen: domain/layer
  bool empty() const { return contracts.empty(); }
};

// {"contracts": {"domain/table": {"masks": {column: mask}, "received": {…}, "open": [column…]}},
//  "unmasked": ["domain/layer"…]}. Throws plugin::FinalError for anything else: what hides nothing
// because it was not understood would show everything.
ReadMasks read_masks_of(const std::string& json);

// What a contract hides in a table, by column, whoever reads it.
std::map<std::string, std::string> masked_columns(const ReadMasks& masks, const std::string& table,
                                                  const std::vector<lakelog::Column>& columns);
// Whether whoever reads the table is shown it all.
bool shown_bare(const ReadMasks& masks, const std::string& table);

// Makes the temporary view `view` over `relation`, which has the table's columns, with these masks.
// Equal values have equal hashes within one session, and other ones in the next.
void create_masked_view(Session& session, const std::string& view, const std::string& relation,
                        const std::vector<lakelog::Column>& columns,
                        const std::map<std::string, std::string>& masked);

}  // namespace batuta::lake
