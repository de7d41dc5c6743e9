#include "scheduler/workers/agent_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "common/fd.h"

namespace batuta {

std::string agent_lock_name(const std::string& agent_id) {
  return "agent-" + agent_id + ".lock";
}

bool agent_is_dead(const std::string& run_folder, const std::string& lock_name) {
  if (lock_name.find('/') != std::string::npos) return false;
  const UniqueFd fd{
      ::open((run_folder + "/" + lock_name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd) return errno == ENOENT;
  return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace batuta
