// What was found right on a branch becomes the lake's: each table of the branch is one version more
// of the lake's, with the files that the branch has and the lake has not. Here it is worked out
// which tables may go and what their publications are; they are published as any task's are, all of
// one attempt's or none (publish.h).
//
// Such a version tells in its metrics which branch it is of and how far it had got, so that the
// branch can go on and be promoted again, and asking twice does nothing twice.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "lakelog/branch.h"
#include "lakelog/checkpoint.h"
#include "lakelog/payload.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {

// Names of a version's metrics.
inline constexpr const char* promoted_branch = "promoted_branch";    // the branch's ref
inline constexpr const char* promoted_version = "promoted_version";  // of the branch

// Why a table of the lake is not what the branch stands on.
struct LakeMoved {
  std::int64_t version = -1;  // the first that is another; -1: none tells it, `reason` does
  std::int64_t timestamp_ms = 0;
  std::string operation{};  // as its commitInfo says; empty where it says none
  std::string dag_id{}, run_id{};
  std::string reason{};  // for people
};

struct PromotedTable {
  std::string table;
  std::int64_t base = -1;     // see BranchTable
  std::int64_t version = -1;  // of the branch: what goes
  std::int64_t from =
      -1;  // of the branch: what the lake has of it; base until something was promoted
  std::int64_t lake_version = -1;  // the lake's newest; -1: it has no such table
  std::int64_t promoted_at = -1;   // the lake's version that made it what `from` was; -1: none did
  // Rows of the quarantine that only came: they go beside what the lake has, whatever that is.
  bool appends = false;
  std::int64_t added_files = 0, removed_files = 0;
  bool changes_schema = false;
  std::optional<LakeMoved> moved{};  // it may not go

  bool is_done() const { return from == version; }
  // The lake's version that it will be, if nobody puts another first.
  std::int64_t expected() const { return is_done() ? promoted_at : lake_version + 1; }
  // The lake's version, once the branch is promoted, up to which somebody has read this table who
  // had read it up to `version` on the branch. Rather an older one than rows that nobody reads.
  std::int64_t landed(std::int64_t read_version) const;
};

// Tables of the branch, in the order in which they are to be published: what others are made of
// comes first. By the logs since the branch's base, and the lake's records of erasures since
// branch.created_ms; no file is looked at and no checkpoint read. Errors as read_snapshot, and as
// check_branch where the branch was dropped meanwhile.
Result<std::vector<PromotedTable>> look_at_promotion(const std::shared_ptr<Storage>& lake,
                                                     const Branch& branch);

// Errc::conflict, in words for people, with every table that has moved: then none may go.
Status check_promotion(const Branch& branch, const std::vector<PromotedTable>& tables);

struct PromotionReaders {
  CheckpointReader* lake = nullptr;  // null: a table that needs its checkpoint cannot be promoted
  CheckpointReader* branch = nullptr;
  // Which table a progress marker of `table` counts the versions of; empty: it is not known, and
  // what the branch took in by it the lake takes in once more.
  std::function<std::string(const std::string& table, const std::string& marker)> source_of{};
};

// The publication of tables[which], which has not moved and is not done. What counts versions of
// the branch counts the lake's then: markers, and the inputs that a model's version tells (metrics
// `inputs` and `input_tables`). Errors:
//   Errc::conflict     the lake's is not what it was when it was looked at
//   Errc::invalid      the table may not be written
//   others as read_snapshot
Result<Payload> promotion_payload(const std::shared_ptr<Storage>& lake, const Branch& branch,
                                  const std::vector<PromotedTable>& tables, std::size_t which,
                                  const PromotionReaders& readers);

// Makes the branch's files the lake's, beside the branch's own: `bring` puts what lies at one key
// at another, where it may lie already from a try before. When it returns they are whole and there,
// whatever fails afterwards, and the payload tells `now_ms` as their time. Nobody reads them before
// they are published; files that never are go with a vacuum. Errors as check_branch where the
// branch was dropped since the payload was made: it may not be handed in.
Status bring_files(
    Storage& lake, const Branch& branch, Payload& payload, std::int64_t now_ms,
    const std::function<Status(const std::string& from, const std::string& to)>& bring);

}  // namespace batuta::lakelog
