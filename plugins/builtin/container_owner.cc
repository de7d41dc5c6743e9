#include "plugins/builtin/container_owner.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "plugins/builtin/container_engine.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

constexpr const char* host_label = "batuta.host";
constexpr const char* owner_label = "batuta.owner";
constexpr const char* home_label = "batuta.home";
constexpr const char* folder_label = "batuta.folder";
// A container that the engine cannot remove must not hold up those that come after.
constexpr Duration remnant_limit = std::chrono::seconds(10);
constexpr Duration remnants_limit = std::chrono::seconds(30);
constexpr int most_failures = 5;

std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

std::string boot_id() {
  return first_word("/proc/sys/kernel/random/boot_id");
}

// Where numbers of processes mean the same: the machine, and its namespace where a worker runs in a
// container of its own.
std::string this_host() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  char space[64] = {};
  if (::readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0) return {};
  return std::string(name) + " " + space;
}

// The folder of all slots' scratch folders (context.scratch() is <that>/<slot>/<attempt>). Unlike a
// process's number it means the same to a worker's successor in another container. Empty: none.
std::string slots_folder(const Context& context) {
  const std::string& own = context.scratch();
  const auto slot = own.rfind('/');
  const auto all = slot == std::string::npos || slot == 0 ? slot : own.rfind('/', slot - 1);
  return all == std::string::npos ? std::string() : own.substr(0, all);
}

// With its number on its disk: two workers' containers may have the same path for two folders.
std::string this_home(const Context& context) {
  const std::string folder = slots_folder(context);
  struct stat seen = {};
  if (folder.empty() || ::stat(folder.c_str(), &seen) != 0) return {};
  return folder + " " + std::to_string(seen.st_ino);
}

// When the process began, in ticks since the boot: its number alone may be another's by now. Empty:
// nobody lets us see.
std::string began(const std::string& pid) {
  if (pid.empty() || pid.find_first_not_of("0123456789") != std::string::npos) return {};
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(text.substr(name_end + 1));
  std::string word, state;
  for (int field = 3; field <= 22 && rest >> word; ++field) {
    if (field == 3) state = word;
  }
  if (!rest) return {};
  return state == "Z" || state == "X" ? "dead" : word;
}

std::string label(const Labels& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

std::string this_owner() {
  const std::string pid = std::to_string(::getpid());
  return boot_id() + " " + pid + " " + began(pid);
}

// The process that waits for it, where its number means something to us.
bool owner_is_gone(const Labels& labels) {
  const std::string host = label(labels, host_label), owner = label(labels, owner_label);
  if (host.empty() || host != this_host()) return false;
  if (owner == this_owner()) return true;  // a slot runs one attempt after the other
  std::istringstream words(owner);
  std::string boot, pid, start;
  if (!(words >> boot >> pid >> start)) return false;
  const int number = std::atoi(pid.c_str());
  if (boot != boot_id() || number <= 0 || (::kill(number, 0) != 0 && errno == ESRCH)) return true;
  const std::string now = began(pid);
  return !now.empty() && now != start;
}

// A slot removes its attempt's folder, the worker a slot's, and the next worker those of the last.
bool folder_is_gone(const Context& context, const Labels& labels) {
  const std::string home = label(labels, home_label), folder = label(labels, folder_label);
  if (home.empty() || home != this_home(context)) return false;
  if (!folder.starts_with(slots_folder(context) + "/")) return false;
  struct stat seen = {};
  return ::stat(folder.c_str(), &seen) != 0 && errno == ENOENT;
}

}  // namespace

Labels container_labels(const Context& context, const std::string& folder) {
  return {{"batuta.dag_id", context.dag_id()},
          {"batuta.run_id", context.run_id()},
          {"batuta.execution_id", context.execution_id()},
          {"batuta.task_id", context.task_id()},
          {"batuta.map_index", std::to_string(context.map_index())},
          {"batuta.try_number", std::to_string(context.try_number())},
          {"batuta.fence", std::to_string(context.fence())},
          {host_label, this_host()},
          {owner_label, this_owner()},
          {home_label, this_home(context)},
          {folder_label, folder}};
}

std::string container_name(const Context& context) {
  const std::int64_t index = context.map_index();
  return "batuta-" + context.execution_id() + (index < 0 ? "" : "-" + std::to_string(index)) + "." +
         context.task_id();
}

bool is_remnant(const Context& context, const Labels& labels) {
  return owner_is_gone(labels) || folder_is_gone(context, labels);
}

int remove_remnants(const Context& context, const ContainerEngine& engine) {
  const auto end = read_clock().boot + remnants_limit;
  std::set<std::string> seen;
  int removed = 0, failures = 0;
  const Labels where{{host_label, this_host()}, {home_label, this_home(context)}};
  for (const auto& [name, value] : where) {
    if (value.empty()) continue;
    std::vector<ContainerEngine::Found> all;
    try {
      all = engine.labelled(name + "=" + value);
    } catch (const std::exception& error) {
      context.warn(std::string("no look at the containers whose worker is gone: ") + error.what());
      continue;
    }
    for (const auto& found : all) {
      if (!is_remnant(context, found.labels) || !seen.insert(found.id).second) continue;
      if (context.cancelled() || failures == most_failures || read_clock().boot >= end)
        return removed;
      try {
        engine.remove(found.id, remnant_limit);
        ++removed;
      } catch (const std::exception& error) {
        ++failures;
        context.warn("a container whose worker is gone stays, " + found.id.substr(0, 12) + ": " +
                     error.what());
      }
    }
  }
  return removed;
}

}  // namespace batuta::plugin
