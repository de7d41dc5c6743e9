// Branches of a lake: whoever works on one reads the lake as it is where the branch has nothing of
// its own, and writes beside it, copying nothing.
//
//   _branches/<name>.json          that there is the branch: its id, who made it
//   _branches/<name>/<id>/<key>    what was written on it, by the key it has in the lake
//
// A table leaves the lake with the first entry that is put into its log on the branch: of version
// n, so that the branch has the lake's log up to n - 1, its base, and nothing of what comes there
// later. That one object is the whole act; there is no state in between. The files of the base stay
// the lake's: vacuum and the clean-up of logs ask pinned_versions() which versions branches stand
// on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {

inline constexpr std::size_t max_branches = 100;
inline constexpr std::size_t max_branch_note = 1000;  // bytes

// 1 to 64 of a-z 0-9 - _, a letter or digit first.
bool valid_branch_name(std::string_view name);
std::string no_branch_name(std::string_view name);

struct Branch {
  std::string name;
  std::string
      id;  // another one each time, so that what an older branch of the name left is not its
  std::string created_by{};
  std::string note{};
  std::int64_t created_ms = 0;
  bool dropping = false;  // a drop began: it is no branch any more, and drop_branch() goes on
  bool readable = true;   // false: its marker is none; it can only be dropped, and has no id

  // "<name>/<id>", which runs keep.
  std::string ref() const { return name + "/" + id; }
};

// The name in a ref, for people; empty for an empty one.
std::string branch_name_of(std::string_view ref);

struct BranchTable {
  std::string table;
  std::int64_t base = -1;  // the lake's version that it stands on; -1: the lake had no such table
  std::int64_t version = -1;  // its newest on the branch
};

// Sets `branch.id`. Goes on with a drop of that name first. Errc::invalid for a name that cannot
// be, Errc::conflict where there is one of that name or there are max_branches.
Result<Branch> create_branch(Storage& lake, Branch branch);
// Those being dropped too, and those whose marker cannot be read, ascending by name.
Result<std::vector<Branch>> list_branches(const Storage& lake);
// Errc::not_found, in words for people, also of one that is being dropped.
Result<Branch> find_branch(const Storage& lake, const std::string& name);
// Whether the branch that a ref names is there still: that one, not a later one of its name.
// Errc::conflict, in words for people.
Status check_branch(const Storage& lake, const std::string& ref);
// Nothing can be written on it from the first step on. Called again after a crash anywhere, it goes
// on. `id`: that one, and no later one of its name. Folders that are left empty are the caller's.
// Threads of one process make and drop branches one after another; of several processes one may at
// a time. Errc::not_found.
Status drop_branch(Storage& lake, const std::string& name, const std::string& id = {});

// What was written on it, ascending by table.
Result<std::vector<BranchTable>> branch_tables(const Storage& lake, const Branch& branch);

// Takes away what lies below _branches and is of no branch: what somebody went on writing while
// the branch was dropped. What may be of a branch whose marker cannot be read stays. Folders that
// are left empty are the caller's. How many objects went.
Result<std::int64_t> remove_left_over(Storage& lake);

// The lake's versions of the table that branches stand on, ascending, each once. Those of a branch
// whose marker cannot be read, too.
Result<std::vector<std::int64_t>> pinned_versions(const Storage& lake, const std::string& table);

// The lake as a branch sees it. `ref` is a Branch's; whether it is there is asked with every write
// (Errc::conflict). Removing takes away the branch's own objects only. What lies below _branches is
// not to be seen. Entries of one log may be put by one at a time.
std::shared_ptr<Storage> branch_storage(std::shared_ptr<Storage> lake, const std::string& ref);

// How a storage sees a table. The number of a version above the base is another version than the
// lake's of that number.
struct SeenTable {
  std::string ref{};                 // of the branch; empty: the storage is no branch's
  std::optional<std::int64_t> base;  // nullopt: the table is the lake's, which it has not left
};
Result<SeenTable> seen_table(const Storage& storage, const std::string& table);

// Where the branch's own object of the key lies in the lake.
std::string branch_key(std::string_view ref, std::string_view key);

}  // namespace batuta::lakelog
