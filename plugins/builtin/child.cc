#include "plugins/builtin/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/safe_json.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

constexpr int cancel_poll_ms = 50;
constexpr int above_all = 10;  // the numbers a child sees are below

std::string reason() {
  return std::generic_category().message(errno);
}

struct Pipe {
  UniqueFd reading, writing;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw RetryableError("no pipe for the command: " + reason());
  Pipe pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
  ::fcntl(pipe.reading.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

// False at the end of the stream.
bool drain(int fd, const std::function<void(std::string_view)>& handler) {
  char chunk[16 << 10];
  for (;;) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    handler({chunk, static_cast<std::size_t>(got)});
  }
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

pid_t start(const Child& child, const std::map<int, int>& descriptors) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addchdir_np(&actions, child.folder.c_str());
  for (const auto& [theirs, ours] : descriptors) {
    ::posix_spawn_file_actions_adddup2(&actions, ours, theirs);
  }
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  // Its whole path: some find their own files by it, such as a Python of a prefix of its own.
  std::vector<std::string> words{child.program};
  words.insert(words.end(), child.arguments.begin(), child.arguments.end());
  std::vector<std::string> lines;
  for (const auto& [name, value] : child.environment) lines.push_back(name + "=" + value);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, child.program.c_str(), &actions, &attributes,
                                  pointers(words).data(), pointers(lines).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    throw RetryableError("cannot start " + child.program + ": " +
                         std::generic_category().message(error));
  }
  return pid;
}

}  // namespace

std::int32_t start_child(const Child& child) {
  return start(child, child.descriptors);
}

UniqueFd sealed_file(std::string_view text) {
  UniqueFd file{::memfd_create("batuta", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  while (file && !text.empty()) {
    const ssize_t put = ::write(file.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) file.reset();
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
  }
  if (!file || ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    throw RetryableError("no memory for the command: " + reason());
  }
  return file;
}

ChildEnd run_child(const Child& child) {
  // Out of the way of the child's numbers: setting one must not close what the next is made of.
  std::vector<UniqueFd> kept;
  std::map<int, int> descriptors;
  const auto give = [&](int theirs, int ours) {
    const int fd = ::fcntl(ours, F_DUPFD_CLOEXEC, above_all);
    if (fd < 0) throw RetryableError("no descriptor for the command: " + reason());
    kept.emplace_back(fd);
    descriptors[theirs] = fd;
  };
  for (const auto& [theirs, ours] : child.descriptors) give(theirs, ours);
  std::vector<Pipe> pipes;
  std::vector<pollfd> events{{-1, POLLIN, 0}};
  for (const Child::Stream& stream : child.streams) {
    const Pipe& pipe = pipes.emplace_back(make_pipe());
    give(stream.number, pipe.writing.get());
    events.push_back({pipe.reading.get(), POLLIN, 0});
  }
  const pid_t pid = child.starter ? child.starter(descriptors) : start(child, descriptors);
  kept.clear();
  for (Pipe& pipe : pipes) pipe.writing.reset();
  const UniqueFd ended{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  events[0].fd = ended.get();
  bool told = false;
  for (;;) {
    ::poll(events.data(), events.size(), cancel_poll_ms);
    for (std::size_t i = 1; i < events.size(); ++i) {
      const bool more = events[i].revents == 0 || drain(events[i].fd, child.streams[i - 1].handler);
      if (!more) events[i].fd = -1;
    }
    if ((events[0].revents & POLLIN) != 0) break;
    if (!told && child.cancelled && child.cancelled()) {
      told = true;
      ::kill(-pid, SIGTERM);
    }
  }
  int status = 0;
  rusage used{};
  while (::wait4(pid, &status, 0, &used) < 0 && errno == EINTR) {
  }
  for (std::size_t i = 1; i < events.size(); ++i) {
    if (events[i].fd >= 0) drain(events[i].fd, child.streams[i - 1].handler);
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
          used.ru_maxrss};
}

void add_own_variables(const Context& context, bool (*may_set)(std::string_view),
                       std::map<std::string, std::string>& out) {
  if (const auto text = context.json("env"); !text.empty() && text != "null") {
    const auto given = parse_untrusted(text);
    if (!given || !given->is_object()) throw FinalError("parameter env: expected an object");
    for (const auto& [name, value] : given->items()) {
      if (!may_set(name)) {
        throw FinalError("parameter env: the variable " + name + " may not be set");
      }
      const auto shown = value.is_string() ? value.get_ref<const std::string&>() : json_text(value);
      if (shown.find('\0') != std::string::npos) {
        throw FinalError("parameter env: NUL in the value of " + name);
      }
      out[name] = shown;
    }
  }
  out["BATUTA_DAG_ID"] = context.dag_id();
  out["BATUTA_RUN_ID"] = context.run_id();
  out["BATUTA_TASK_ID"] = context.task_id();
  out["BATUTA_TRY_NUMBER"] = std::to_string(context.try_number());
  out["BATUTA_MAP_INDEX"] = std::to_string(context.map_index());
  if (!context.traceparent().empty()) out["TRACEPARENT"] = context.traceparent();
}

std::map<std::string, std::string> environment_of(const Context& context) {
  std::map<std::string, std::string> out;
  for (const char* name : {"PATH", "HOME", "LANG", "USER", "LOGNAME", "SHELL"}) {
    if (const char* value = std::getenv(name)) out[name] = value;
  }
  if (const char* text = std::getenv("BATUTA_COMMAND_ENV")) {  // checked where it was read
    const auto settings = parse_untrusted(text);
    if (!settings || !settings->is_object()) throw FinalError("worker.env is no JSON object");
    for (const auto& [name, value] : settings->items()) out[name] = value.get<std::string>();
  }
  add_own_variables(context, allowed_variable, out);
  out["BATUTA_SCRATCH"] = context.scratch();
  if (const void* folder = context.extension("batuta.run_folder")) {
    out["BATUTA_RUN_DIR"] = static_cast<const char*>(folder);
  }
  return out;
}

std::string working_folder(const Context& context) {
  std::string folder = context.text("working_dir", "");
  if (folder.empty()) return context.scratch();
  if (!folder.starts_with('/')) {
    throw FinalError("working_dir: " + folder + " is not an absolute path on the worker's machine");
  }
  struct stat found {};
  if (::stat(folder.c_str(), &found) == 0 && !S_ISDIR(found.st_mode))
    errno = ENOTDIR;
  else if (::access(folder.c_str(), X_OK) == 0)
    return folder;
  throw RetryableError("working_dir: cannot enter " + folder + ": " + reason());
}

void write_private(const std::string& path, std::string_view text) {
  const UniqueFd file{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw RetryableError("cannot write " + path + ": " + reason());
  }
}

bool allowed_variable(std::string_view name) {
  static constexpr std::string_view refused[] = {
      "IFS",           "PATH",     "ENV",          "BASH_ENV",    "SHELLOPTS",  "BASHOPTS",
      "PS4",           "CDPATH",   "GCONV_PATH",   "LOCPATH",     "NLSPATH",    "HOSTALIASES",
      "PYTHONSTARTUP", "PERL5OPT", "NODE_OPTIONS", "RES_OPTIONS", "LOCALDOMAIN"};
  const bool well_formed = !name.empty() && name.size() <= 128 &&
                           !(name[0] >= '0' && name[0] <= '9') &&
                           std::all_of(name.begin(), name.end(), [](char c) {
                             return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                                    (c >= '0' && c <= '9') || c == '_';
                           });
  return well_formed && !name.starts_with("LD_") && !name.starts_with("BASH_FUNC_") &&
         !name.starts_with("MALLOC_") && !name.starts_with("GLIBC_") &&
         std::find(std::begin(refused), std::end(refused), name) == std::end(refused);
}

}  // namespace batuta::plugin
