// A version of a table that maintenance prepares (OPTIMIZE, RESTORE, VACUUM): put under Delta's
// conflict rules, without a task's fence, for it neither adds nor loses a row that somebody handed
// in, or does so by the wish of who asked for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "common/result.h"
#include "lakelog/conflict.h"
#include "lakelog/log_folder.h"

namespace batuta::lakelog {

struct Change {
  std::int64_t read_version = -1;  // what it was prepared at
  Intent intent;
  Commit commit;          // without commitInfo; its removes get their time when it is put
  std::string operation;  // "OPTIMIZE", as `batuta lake history` shows it
  std::map<std::string, std::string> parameters{};
  std::map<std::string, std::int64_t> metrics{};
  std::string info_json{};  // an object that says who did it, or empty
  // Looks at each commit that came since; a reason is a conflict. Null = the intent alone decides.
  std::function<std::string(const Commit&)> find_objection{};
};

// Puts it as the next version; lost races for the number are run again. The version that holds it.
// Errors:
//   Errc::conflict     a commit since read_version touched what it read, or the log was cleaned up:
//                      one prepared anew may pass
//   Errc::malformed    a commit since cannot be parsed
//   Errc::unavailable  the storage said no
// Called again after a crash it puts a second one, if the first had got through: callers read the
// table first and find nothing left to do.
Result<std::int64_t> put_change(const LogFolder& log, const Change& change, std::int64_t now_ms);

// What commitInfo calls the operation; empty when it does not tell.
std::string operation_of(const Commit& commit);

}  // namespace batuta::lakelog
