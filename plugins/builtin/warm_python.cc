#include "plugins/builtin/warm_python.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/fd.h"
#include "common/safe_json.h"
#include "plugins/builtin/child.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

constexpr std::size_t most_kept = 2;  // of a slot
constexpr int link_fd = 7;            // its number there, as batuta.py has it
constexpr int cancel_poll_ms = 50;
constexpr std::size_t most_answer = 1000;

// Pid of a child that the slot must not end with the attempt; `keep` 0: no more.
using KeepProcess = void (*)(std::int64_t pid, std::int32_t keep);

struct Warm {
  std::string key;
  pid_t pid = -1;
  UniqueFd link;  // its end is the interpreter's
};

// The newest is the last.
std::vector<Warm>& kept() {
  static std::vector<Warm> all;
  return all;
}

std::string failure() {
  return std::strerror(errno);
}

// What an interpreter reads as it starts, or modules as they are imported: the worker's own
// variables, and those of a task that mean something to Python itself.
std::map<std::string, std::string> start_environment(
    const std::map<std::string, std::string>& all) {
  std::map<std::string, std::string> out;
  const auto set = [&](const std::string& name) {
    if (const auto found = all.find(name); found != all.end()) out.insert(*found);
  };
  for (const char* name : {"PATH", "HOME", "LANG", "LANGUAGE", "TZ"}) set(name);
  if (const char* text = std::getenv("BATUTA_COMMAND_ENV")) {
    const auto settings = parse_untrusted(text);
    if (settings && settings->is_object()) {
      for (const auto& [name, value] : settings->items()) set(name);
    }
  }
  for (const auto& [name, value] : all) {
    if (name.starts_with("LC_") || (name.starts_with("PYTHON") && name != "PYTHONPATH")) {
      out[name] = value;
    }
  }
  return out;
}

// An interpreter or an environment that was made anew meanwhile is another one.
std::string identity_of(const std::string& program) {
  std::string out = program;
  struct stat link {
  }, file{};
  if (::lstat(program.c_str(), &link) != 0 || ::stat(program.c_str(), &file) != 0) return out;
  for (const struct stat& one : {link, file}) {
    out += ' ' + std::to_string(one.st_dev) + ':' + std::to_string(one.st_ino) + ':' +
           std::to_string(one.st_mtim.tv_sec) + ':' + std::to_string(one.st_mtim.tv_nsec);
  }
  return out;
}

std::string key_of(const std::string& program, const std::vector<std::string>& preload,
                   const std::map<std::string, std::string>& environment) {
  std::string key = identity_of(program);
  const auto add = [&](const std::string& text) { (key += '\0') += text; };
  for (const std::string& name : preload) add(name);
  add("");
  for (const auto& [name, value] : environment) add(name + "=" + value);
  return key;
}

KeepProcess keeper(const Context& context) {
  void* power = const_cast<void*>(context.extension("batuta.keep_process"));
  return reinterpret_cast<KeepProcess>(power);
}

// It ends by itself when its link is closed; that of a slot which died, too.
void let_go(Context& context, std::vector<Warm>::iterator which) {
  keeper(context)(which->pid, 0);
  kept().erase(which);
}

// A child of this process that a signal has stopped, as an attempt of the same user can.
bool is_stopped(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');  // the name before it may hold anything
  if (name_end == std::string::npos) return false;
  std::istringstream rest(text.substr(name_end + 1));
  char state = 0;
  pid_t parent = 0;
  rest >> state >> parent;
  return (state == 'T' || state == 't') && parent == ::getpid();
}

// What it says next; nullopt: it has ended, or was stopped and is ended here, for it must not go on
// with a question that another is asked instead.
std::optional<std::string> hear(const Context& context, const Warm& warm) {
  for (;;) {
    pollfd event{warm.link.get(), POLLIN, 0};
    if (::poll(&event, 1, cancel_poll_ms) <= 0) {  // or a signal came
      context.check_cancelled();
      if (!is_stopped(warm.pid)) continue;
      ::kill(warm.pid, SIGKILL);
      return std::nullopt;
    }
    std::string text(most_answer, '\0');
    const ssize_t got = ::recv(warm.link.get(), text.data(), text.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(got));
    return text;
  }
}

// What it could not do begins with "!".
std::string heard(const Context& context, const Warm& warm) {
  const auto text = hear(context, warm);
  if (!text) throw RetryableError("the warm interpreter ended");
  if (text->starts_with('!')) throw RetryableError(text->substr(1));
  return *text;
}

void make(Context& context, const std::string& key, const std::string& program,
          const std::map<std::string, std::string>& environment, const WarmStart& what) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw RetryableError("no socket for the interpreter: " + failure());
  }
  Warm warm{key, -1, UniqueFd{ends[0]}};
  UniqueFd theirs{ends[1]};
  Child child;
  child.program = program;
  child.arguments = {"-u", "-B", what.module, "--serve"};
  child.arguments.insert(child.arguments.end(), what.preload.begin(), what.preload.end());
  child.environment = environment;
  child.folder = "/";
  child.descriptors = {{link_fd, theirs.get()}};
  while (kept().size() >= most_kept) let_go(context, kept().begin());
  warm.pid = start_child(child);
  theirs.reset();  // so that its end is heard
  keeper(context)(warm.pid, 1);
  kept().push_back(std::move(warm));
  try {
    heard(context, kept().back());
  } catch (...) {
    let_go(context, std::prev(kept().end()));
    throw;
  }
}

// False when it is gone.
bool ask(const Warm& warm, const std::vector<int>& fds) {
  char word = 'r';
  iovec data{&word, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  ssize_t put = -1;
  do {
    put = ::sendmsg(warm.link.get(), &message, MSG_NOSIGNAL);
  } while (put < 0 && errno == EINTR);
  return put == 1;
}

// What the attempt alone reads.
UniqueFd given_of(const Child& child, const WarmStart& what) {
  std::string text = child.folder + '\0' + what.module + '\0' + what.script;
  for (const auto& [name, value] : child.environment) (((text += '\0') += name) += '=') += value;
  return sealed_file(text);
}

}  // namespace

bool warm_by_default() {
  const char* said = std::getenv("BATUTA_WARM_PYTHON");
  return said != nullptr && std::string_view(said) == "1";
}

bool can_stay_warm(const Context& context) {
  return keeper(context) != nullptr;
}

pid_t start_warm(Context& context, const Child& child, const std::map<int, int>& descriptors,
                 const WarmStart& what) {
  const auto environment = start_environment(child.environment);
  const std::string key = key_of(child.program, what.preload, environment);
  const auto known = [&] {
    return std::find_if(kept().begin(), kept().end(),
                        [&](const Warm& one) { return one.key == key; });
  };
  const UniqueFd given = given_of(child, what);
  for (bool again = known() != kept().end();; again = false) {
    if (known() == kept().end()) make(context, key, child.program, environment, what);
    std::rotate(known(), known() + 1, kept().end());
    const Warm& warm = kept().back();
    // Of this question alone: what another one may have started must not take the go-ahead.
    int gate[2];
    if (::pipe2(gate, O_CLOEXEC) != 0) throw RetryableError("no pipe: " + failure());
    const UniqueFd go_read{gate[0]}, go{gate[1]};
    std::vector<int> fds{given.get(), go_read.get()};
    for (const auto& [theirs, ours] : descriptors) fds.push_back(ours);  // 3, 4, 6
    // One that has died between two attempts started nothing. One that dies now may have, and what
    // it started ends without a go-ahead.
    if (!ask(warm, fds)) {
      let_go(context, std::prev(kept().end()));
      if (again) continue;
      throw RetryableError("the warm interpreter ended");
    }
    std::optional<std::string> told;
    try {
      told = hear(context, warm);
    } catch (...) {  // its answer, which comes yet, must not be the next attempt's
      let_go(context, std::prev(kept().end()));
      throw;
    }
    if (!told) {
      let_go(context, std::prev(kept().end()));
      if (again) continue;
      throw RetryableError("the warm interpreter ended");
    }
    if (told->starts_with('!')) throw RetryableError("no process: " + told->substr(1));
    pid_t pid = 0;
    std::from_chars(told->data(), told->data() + told->size(), pid);
    if (pid <= 0 || ::write(go.get(), "g", 1) != 1) {
      throw RetryableError("the warm interpreter started no process");
    }
    return pid;
  }
}

}  // namespace batuta::plugin
