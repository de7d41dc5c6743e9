#include "plugins/builtin/container_owner.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "plugins/builtin/container_engine.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

constexpr const char* host_label = "batuta.host";
constexpr const char* owner_label = "batuta.owner";

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

}  // namespace

Labels container_labels(const Context& context) {
  const std::string pid = std::to_string(::getpid());
  return {{"batuta.dag_id", context.dag_id()},
          {"batuta.run_id", context.run_id()},
          {"batuta.execution_id", context.execution_id()},
          {"batuta.task_id", context.task_id()},
          {"batuta.map_index", std::to_string(context.map_index())},
          {"batuta.try_number", std::to_string(context.try_number())},
          {"batuta.fence", std::to_string(context.fence())},
          {host_label, this_host()},
          {owner_label, boot_id() + " " + pid + " " + began(pid)}};
}

std::string container_name(const Context& context) {
  const std::int64_t index = context.map_index();
  return "batuta-" + context.execution_id() + (index < 0 ? "" : "-" + std::to_string(index)) + "." +
         context.task_id();
}

bool owner_is_gone(const Labels& labels) {
  const std::string host = label(labels, host_label), owner = label(labels, owner_label);
  if (host.empty() || host != this_host()) return false;
  std::istringstream words(owner);
  std::string boot, pid, start;
  if (!(words >> boot >> pid >> start)) return false;
  const int number = std::atoi(pid.c_str());
  if (boot != boot_id() || number <= 0 || (::kill(number, 0) != 0 && errno == ESRCH)) return true;
  const std::string now = began(pid);
  return !now.empty() && now != start;
}

int remove_remnants(const ContainerEngine& engine) {
  const std::string host = this_host();
  if (host.empty()) return 0;
  int removed = 0;
  for (const auto& found : engine.labelled(std::string(host_label) + "=" + host)) {
    if (!owner_is_gone(found.labels)) continue;
    engine.remove(found.id);
    ++removed;
  }
  return removed;
}

}  // namespace batuta::plugin
