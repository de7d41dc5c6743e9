// misbehave: one plugin for everything a plugin should not do while it runs; `how` picks.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

#include "plugins/sdk/plugin.h"

namespace {

using batuta::plugin::Context;

void say(std::string_view text) {
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(77);
}

void hang_blocked() {
  sigset_t all;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  for (int n = 1; n < 65; ++n) ::signal(n, SIG_IGN);
  for (;;) ::pause();
}

// A double fork into another session: no group and no parent leads back to the slot.
void daemonize(const std::string& marker) {
  if (const pid_t child = ::fork(); child > 0) return;
  ::setsid();
  if (::fork() > 0) ::_exit(0);
  const std::string text = std::to_string(::getpid());
  const int fd = ::open(marker.c_str(), O_WRONLY | O_CREAT, 0600);
  if (::write(fd, text.data(), text.size()) < 0) ::_exit(1);
  ::close(fd);
  for (;;) ::sleep(1);
}

void wait_for_file(const std::string& path) {
  while (::access(path.c_str(), R_OK) != 0) ::usleep(1000);
  ::usleep(20'000);
}

void pieces(Context& context) {
  const std::string secret = context.connection("vault").password;
  for (const char c : secret) {
    say({&c, 1});
    ::usleep(2000);
  }
  say("\n");
  context.info("url " + secret + " end");
  std::fprintf(stderr, "in one: %s\n", secret.c_str());
  throw std::runtime_error("refused with " + secret);
}

void probe(Context& context) {
  char cwd[512];
  context.return_text(std::string{::getcwd(cwd, sizeof cwd)} + "|" + std::to_string(::umask(022)) +
                      "|" + (std::getenv("DIRT") == nullptr ? "clean" : "dirty") + "|" +
                      (::signal(SIGTERM, SIG_DFL) == SIG_DFL ? "default" : "handled"));
}

void load_and_memory(Context& context, const std::string& how) {
  if (how == "leak_fds") {
    for (int i = 0; i < 100; ++i)
      if (::dup(0) < 0) break;
  } else if (how == "leak_memory") {
    void* at =
        ::mmap(nullptr, 400u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(at, 1, 400u << 20);
  } else if (how == "flood") {
    std::string lines;
    for (int i = 0; i < 1000; ++i) lines += std::string(99, 'x') + "\n";
    for (int i = 0; i < 800 && !context.cancelled(); ++i) say(lines);
    say("the very end\n");
  } else if (how == "long_line") {
    say(std::string(100'000, 'y') + "\n");
  }
}

struct Misbehave {
  static constexpr auto name = "misbehave";
  static constexpr auto version = "0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Does what a plugin should not";
  static constexpr batuta_param params[] = {
      batuta::plugin::required(BATUTA_PARAM_STRING, "how", "which fault"),
      batuta::plugin::optional(BATUTA_PARAM_STRING, "file", "a file to leave a mark in")};

  void execute(Context& context) {
    const std::string how = context.text("how");
    const std::string file = context.text("file", "");
    if (how == "throw") throw std::runtime_error("thrown on purpose");
    if (how == "throw_int") throw 42;
    if (how == "final") throw batuta::plugin::FinalError("no use", 7);
    if (how == "skip") throw batuta::plugin::Skip("nothing to do");
    if (how == "abort") std::abort();
    if (how == "segfault") ::raise(SIGSEGV);
    if (how == "terminate") std::thread{[] { throw 1; }}.join();
    if (how == "exit0") std::exit(0);
    if (how == "_exit0") ::_exit(0);
    if (how == "hang") hang_blocked();
    if (how == "spin")
      while (!context.cancelled()) {
      }
    if (how == "daemon" || how == "daemon_hang" || how == "daemon_abort") {
      daemonize(file);
      wait_for_file(file);
      if (how == "daemon_hang") hang_blocked();
      if (how == "daemon_abort") std::abort();
    }
    if (how == "closefrom") ::close_range(3, ~0u, 0);
    if (how == "garbage") (void)!::write(3, "\xff\xff\xff\xff garbage", 12);
    if (how == "garbage_frame") (void)!::write(3, "\x04\0\0\0abcd", 8);
    if (how == "pieces") pieces(context);
    if (how == "dirty") {
      (void)!::chdir("/tmp");
      ::umask(0);
      ::setenv("DIRT", "1", 1);
      ::signal(SIGTERM, SIG_IGN);
    }
    if (how == "limits" || how == "hard_limits") {
      const rlim_t hard = how == "limits" ? RLIM_INFINITY : 100;
      rlimit files{};
      ::getrlimit(RLIMIT_NOFILE, &files);
      files.rlim_cur = 64;
      files.rlim_max = std::min(files.rlim_max, hard);
      ::setrlimit(RLIMIT_NOFILE, &files);
      ::alarm(1);
    }
    if (how == "count_files") {
      rlimit files{};
      ::getrlimit(RLIMIT_NOFILE, &files);
      ::usleep(1'200'000);  // an alarm left behind would strike now
      context.return_json(std::to_string(files.rlim_cur));
    }
    if (how == "probe") probe(context);
    if (how == "pid") context.return_json(std::to_string(::getpid()));
    if (how == "stop_self") ::raise(SIGSTOP);
    load_and_memory(context, how);
  }
};

}  // namespace

BATUTA_PLUGIN(Misbehave)
