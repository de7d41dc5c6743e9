#include "worker/agent.h"

#include <dirent.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "common/uuid.h"
#include "worker/agent_loop.h"
#include "worker/run_folder.h"
#include "worker/slot_user.h"
#include "worker/suspects.h"

namespace batuta {
namespace {

int cannot(const std::string& why) {
  std::fprintf(stderr, "batuta worker: %s\n", why.c_str());
  return 1;
}

std::string engine_beside_us() {
  std::error_code error;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto library = executable.parent_path() / "libduckdb.so";
  return !error && std::filesystem::exists(library, error) ? library.string() : std::string{};
}

// Locks and scratch folders of agents that died: what nobody holds is rubbish.
void clear_remnants(const std::string& run) {
  for (const char* sub : {"/slots", ""}) {
    const std::string folder = run + sub;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(folder.c_str()), &::closedir};
    while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
      const std::string name = entry->d_name;
      const bool ours = *sub != '\0' || name.starts_with("agent-");
      if (!ours || !name.ends_with(".lock")) continue;
      const std::string path = folder + "/" + name;
      if (!lock_is_free(path)) continue;
      ::unlink(path.c_str());
      if (*sub != '\0') remove_tree(run + "/scratch/" + name.substr(0, name.size() - 5));
    }
  }
}

}  // namespace

int run_agent(const AgentOptions& options) {
  if (options.slots < 1 || options.slots > 256) return cannot("slots must be 1 to 256");
  if (options.die_with_parent) {
    const pid_t parent = ::getppid();
    ::prctl(PR_SET_PDEATHSIG, orphan_signal, 0, 0, 0);
    if (::getppid() != parent) return cannot("the scheduler is gone");
  }
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // secrets pass through
  const std::string run = options.home + "/run";
  for (const char* sub : {"", "/slots", "/scratch"}) {
    if (Status made = make_folder(run + sub); !made) return cannot(made.error().message);
  }
  AgentOptions complete = options;
  if (!complete.slot_user.empty()) {
    auto user = find_slot_user(complete.slot_user);
    if (!user) return cannot(user.error().message);
    user->shares_lake = complete.slots_share();
    // A slot that leaves keeps its user until it is gone, and its successor does not wait for that.
    const std::size_t least = 2 * static_cast<std::size_t>(options.slots);
    if (complete.slot_users && complete.slot_users.size() < least) {
      return cannot("worker.user_range has " + std::to_string(complete.slot_users.size()) +
                    " users; " + std::to_string(options.slots) + " slots need " +
                    std::to_string(least) + ", two each");
    }
    if (Status ready = prepare_home(*user, options.home, options.plugins_folder); !ready) {
      return cannot(ready.error().message);
    }
    if (Status ready = prepare_run_folders(options.home, &*user); !ready) {
      return cannot(ready.error().message);
    }
    for (const std::string& name : complete.run_as_users) {
      const auto other = find_run_as(name, *user);
      if (!other) return cannot(other.error().message);
      if (Status may = check_run_as(*other, options.home, options.plugins_folder); !may) {
        return cannot(may.error().message);
      }
    }
    for (const char* word : {"--user", user->name.c_str()})
      complete.slot_command.emplace_back(word);
  } else if (!complete.run_as_users.empty()) {
    return cannot("worker.run_as_users needs worker.user: its group is the slots'");
  } else if (Status ready = prepare_run_folders(options.home, nullptr); !ready) {
    return cannot(ready.error().message);
  }
  collect_journals(run);
  clear_remnants(run);
  const std::string agent_id = to_string(make_uuid_v7(wall_now()));
  auto lock = lock_file(run + "/agent-" + agent_id + ".lock");
  if (!lock) return cannot(lock.error().message);
  if (complete.engine_library.empty()) complete.engine_library = engine_beside_us();
  Agent agent{std::move(complete), agent_id, std::move(*lock)};
  return agent.run();
}

}  // namespace batuta
