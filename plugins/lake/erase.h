// A person taken out of one table: the rows that name them leave by a new version, and every file
// that held one, of whatever version or of none yet, goes at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lakelog/action.h"

#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

using stores::Lake;

// A row names the person where the column has one of the values.
struct ErasedKey {
  std::string column;               // as the lake calls it; upper and lower case are the same
  std::vector<std::string> names;   // what sources call it in messages: `column` among them
  std::vector<std::string> values;  // as text: the value, and pseudonyms of it
  std::string type{};               // Delta's, of what bronze has as text; empty: a text
  std::string format{};             // of dates and times there, as strptime has it; empty: ISO
  std::string timezone{};           // of times without an offset; empty: UTC
};

struct EraseOptions {
  std::vector<ErasedKey> keys;  // any of them is enough
  bool apply = false;           // false: nothing is written, only counted
  // Followers are not to take the rows that stay for new ones (bronze: they are handled by its
  // readers already). Otherwise they see a change, and gold follows.
  bool data_change = true;
  bool letters = false;     // dead letters: a message's text is searched for members of the names
  std::string operation{};  // stands in each version and in each vacuum
  std::string info_json{};  // who did it; see lakelog::Change
  std::function<bool()> cancelled{};
  // For tests: called before each step that changes something, with its name.
  std::function<void(const char*)> step{};
};

struct ErasedTable {
  std::vector<std::string> columns;  // of the table, by which it was searched; none: by nothing
  std::int64_t rows = 0;            // of the newest version; with apply those that the log tells of
                                    // under this operation, whichever call took them
  std::int64_t versions = 0;        // put under this operation
  std::int64_t version = -1;        // the newest there is
  std::int64_t old_files = 0;       // that no newest version needs and that hold the person: to be
                                    // deleted, or deleted under this operation
  std::vector<std::string> unread;  // files that the engine cannot read: they may hold the person
  std::int64_t encoded_letters = 0;    // whose text is in base64, where nothing is found
  std::vector<std::string> raw_files;  // that rows of the person came from (_source_file), some
};

// Safe beside everything: an append stands, a merge that took the same files is looked at anew, and
// from the moment at which the first file goes every publication that was staged before is refused
// and its task runs again. Killed
// anywhere, another call goes on. Throws plugin::FinalError for a table that cannot be read or may
// not be written, with nothing changed; plugin::RetryableError when the storage says no, or others
// changed the same files again and again.
ErasedTable erase(Session& session, const Lake& lake, const std::string& table,
                  const EraseOptions& options);

// The names of the columns by which `table` can be searched; what it cannot is in no list.
std::vector<std::string> searched_columns(const std::vector<lakelog::Column>& columns,
                                          const EraseOptions& options);

}  // namespace batuta::lake
