// The temporary folder of one plugin call outside an agent (slot_call.h), and what killed processes
// left of theirs.
#pragma once

#include <string>

#include "common/fd.h"

namespace batuta {

// Locks, scratch and logs of one call's slot: <parent>/batuta-slot-XXXXXX, gone with the object,
// and locked as long as that lives.
class CallFolder {
 public:
  // `shared`: another user's process finds its way through to its own folder in there.
  CallFolder(const std::string& parent, bool shared);
  ~CallFolder();
  CallFolder(const CallFolder&) = delete;
  CallFolder& operator=(const CallFolder&) = delete;
  // Empty: it could not be made.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  UniqueFd lock_;
};

// Removes this user's folders of calls in `parent` that nobody works in any more: a process that
// was killed, or a machine that went down, leaves what its engine had spilled there. None of the
// last minute's, which may be in the making. Best effort.
void remove_left_calls(const std::string& parent);

}  // namespace batuta
