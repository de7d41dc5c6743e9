#include "worker/attempt.h"

namespace batuta {

AttemptLog& log_of(Attempt& attempt, const std::string& home, std::int64_t limit) {
  if (!attempt.log) {
    const Launch& launch = attempt.launch;
    std::vector<std::string> secrets;
    for (const Secret& secret : launch.secrets) {
      secrets.insert(secrets.end(), secret.mask.begin(), secret.mask.end());
    }
    attempt.log = std::make_unique<AttemptLog>(
        task_log_path(home, launch.run_uuid, launch.key, launch.try_number), secrets, launch.watch,
        LogFile::Limits::of(limit));
    attempt.log->bound_by_process(attempt.process_memory);
  }
  return *attempt.log;
}

}  // namespace batuta
