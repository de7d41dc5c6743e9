#include "scheduler/serve/secret_lookup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>

#include "common/fd.h"
#include "scheduler/http/utf8.h"
#include "scheduler/serve/aws_secrets.h"
#include "scheduler/serve/spawn_attributes.h"
#include "scheduler/serve/vault_client.h"

extern char** environ;

namespace batuta {
namespace {

constexpr std::size_t max_kept_secrets = 1024;
constexpr std::size_t max_lookup_threads = 4;
constexpr int lookup_poll_ms = 50;

Error no_secret(std::string why) {
  return {Errc::unavailable, std::move(why), {}};
}

// What is no text cannot go where secrets go: into JSON, headers and environments.
Result<std::string> as_secret(std::string value, const std::string& whose) {
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  if (value.empty()) return no_secret(whose + " is empty");
  if (value.size() > max_secret_bytes) return no_secret(whose + " has more than 64 KiB");
  if (value.find('\0') != std::string::npos || !valid_utf8(value)) {
    return no_secret(whose + " is no text in UTF-8");
  }
  return value;
}

Result<std::string> secret_of_env(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    return no_secret("the server's environment has no variable \"" + name + "\"");
  }
  return as_secret(value, "the environment variable \"" + name + "\"");
}

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> found(::realpath(path.c_str(), nullptr), std::free);
  return found ? std::string(found.get()) : std::string();
}

// Mounted secrets are links within their folder; one that leads out of it is not what was allowed.
bool stays_inside(const std::string& real, const std::string& path, const SecretSources& sources) {
  return std::any_of(sources.folders.begin(), sources.folders.end(), [&](const auto& folder) {
    if (folder != "/" && !path.starts_with(folder + "/")) return false;
    const std::string root = real_path(folder);
    return root == "/" || (!root.empty() && real.starts_with(root + "/"));
  });
}

Result<std::string> secret_of_file(const std::string& path, const SecretSources& sources) {
  const std::string whose = "the file \"" + path + "\"";
  const auto unreadable = [&] {
    return no_secret(whose + " cannot be read: " + std::strerror(errno));
  };
  const std::string real = real_path(path);
  if (real.empty()) return unreadable();
  if (!stays_inside(real, path, sources)) {
    return {Errc::forbidden, whose +
                                 " is a link that leads out of the folders of "
                                 "\"secrets.folders\" in batuta.json"};
  }
  const UniqueFd fd(::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return unreadable();
  if (!S_ISREG(info.st_mode)) return no_secret(whose + " is no regular file");
  std::string text(max_secret_bytes + 3, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable();
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  text.resize(size);
  return as_secret(std::move(text), whose);
}

// In a group of its own, so that all it starts can be ended. What it says on standard error is
// thrown away: it may have the secret in it.
Result<pid_t> spawn_lookup(std::vector<std::string> words, int out) {
  std::vector<char*> arguments, variables;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  for (char** at = environ; *at != nullptr; ++at) {
    if (!std::string_view(*at).starts_with("BATUTA_")) variables.push_back(*at);
  }
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const SpawnAttributes attributes;
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, words.front().c_str(), &actions, attributes.get(),
                                  arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return no_secret(std::string("it cannot be started: ") + std::strerror(error));
  return pid;
}

using LookupEnd = std::chrono::steady_clock::time_point;

// Why a program is not waited for any longer; empty: it is.
std::string why_given_up(LookupEnd end, Duration limit, const std::function<bool()>& stop) {
  if (stop && stop()) return "was ended, for the server stops";
  if (std::chrono::steady_clock::now() < end) return {};
  return "took longer than " +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) +
         " s and was ended";
}

// Until it closes its output and ends; empty, or why it was given up. `status` as of waitpid().
std::string run_until_end(pid_t pid, int fd, Duration limit, const std::function<bool()>& stop,
                          std::string& output, int& status) {
  const LookupEnd end = std::chrono::steady_clock::now() + limit;
  char chunk[4096];
  bool open = true;
  while (true) {
    if (std::string why = why_given_up(end, limit, stop); !why.empty()) return why;
    if (!open) {
      if (::waitpid(pid, &status, WNOHANG) == pid) return {};
      ::poll(nullptr, 0, lookup_poll_ms / 10);
      continue;
    }
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, lookup_poll_ms) <= 0) continue;
    const ssize_t n = ::read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    open = n > 0;
    if (open) output.append(chunk, static_cast<std::size_t>(n));
    if (output.size() > max_secret_bytes + 2) return "printed more than 64 KiB and was ended";
  }
}

Result<std::string> secret_of_command(const std::vector<std::string>& words, Duration limit,
                                      const std::function<bool()>& stop) {
  const std::string whose = "the program \"" + words.front() + "\"";
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return no_secret(std::string("no pipe: ") + strerror(errno));
  const UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  const auto pid = spawn_lookup(words, write.get());
  if (!pid) return no_secret(whose + ": " + pid.error().message);
  write.reset();
  std::string output;
  int status = 0;
  const std::string why = run_until_end(*pid, read.get(), limit, stop, output, status);
  ::kill(-*pid, SIGKILL);  // whatever it has started and left behind, too
  if (!why.empty()) {
    while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
    }
    return no_secret(whose + " " + why);
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return no_secret(whose +
                     (WIFEXITED(status)
                          ? " ended with exit code " + std::to_string(WEXITSTATUS(status))
                          : " was ended by signal " + std::to_string(WTERMSIG(status))) +
                     "; run it by hand as the server's user to see why");
  }
  return as_secret(std::move(output), "what " + whose + " prints");
}

}  // namespace

SecretSources sources_for(const SecretReference& reference) {
  const std::string& first = reference.words.front();
  switch (reference.kind) {
    case SecretReference::Kind::env:
      return {{first}, {}, {}};
    case SecretReference::Kind::file:
      return {{}, {std::filesystem::path(first).parent_path().string()}, {}};
    case SecretReference::Kind::command:
      return {{}, {}, {first}};
    case SecretReference::Kind::vault:
      return {{}, {}, {}, SecretSources{}.of_programs, {first}};
    case SecretReference::Kind::aws:
      return {{}, {}, {}, SecretSources{}.of_programs, {}, {first}};
  }
  return {};
}

Result<std::string> look_up_secret(const SecretReference& reference, const SecretSources& sources,
                                   Duration limit, const std::function<bool()>& stop) {
  if (auto status = check_secret_reference(reference, sources); !status) return status.error();
  switch (reference.kind) {
    case SecretReference::Kind::env:
      return secret_of_env(reference.words.front());
    case SecretReference::Kind::file:
      return secret_of_file(reference.words.front(), sources);
    case SecretReference::Kind::command:
      return secret_of_command(reference.words, limit, stop);
    case SecretReference::Kind::vault:
    case SecretReference::Kind::aws:
      return no_secret("settings cannot refer to a vault, which they themselves lead to");
  }
  return no_secret("it refers to nothing that is known");
}

SecretLookup::SecretLookup(SecretSources sources) : SecretLookup(std::move(sources), Options()) {}

SecretLookup::SecretLookup(SecretSources sources, Options options)
    : sources_(std::move(sources)), options_(std::move(options)) {}

SecretLookup::~SecretLookup() {
  stop();
}

Status SecretLookup::check(const SecretReference& reference) const {
  return check_secret_reference(reference, sources_);
}

std::optional<Result<std::string>> SecretLookup::find(const SecretReference& reference) {
  if (auto status = check(reference); !status) return Result<std::string>(status.error());
  std::lock_guard lock(mutex_);
  return find_locked(reference);
}

std::optional<Result<std::string>> SecretLookup::find_locked(const SecretReference& reference) {
  auto at = known_.find(reference);
  if (at != known_.end() && at->second.pending) return std::nullopt;
  if (at != known_.end() && options_.now() < at->second.until) return at->second.value;
  if (stopping_) return std::nullopt;  // no attempt fails for it: the next start asks again
  if (at == known_.end() && !make_room()) {
    if (options_.waits_for_room) return std::nullopt;
    return Result<std::string>(Errc::unavailable,
                               "more than " + std::to_string(max_kept_secrets) +
                                   " different secrets are looked up within a minute: try again");
  }
  known_[reference] = Entry{};
  queue_.push_back(reference);
  if (queue_.size() > idle_ && threads_.size() < max_lookup_threads) {
    threads_.emplace_back([this] { run(); });
  }
  work_.notify_one();
  return std::nullopt;
}

bool SecretLookup::make_room() {
  if (known_.size() < max_kept_secrets) return true;
  const auto now = options_.now();
  std::erase_if(known_,
                [&](const auto& one) { return !one.second.pending && one.second.until <= now; });
  return known_.size() < max_kept_secrets;
}

Result<std::string> SecretLookup::wait(const SecretReference& reference, Duration longest) {
  if (auto status = check(reference); !status) return status.error();
  std::unique_lock lock(mutex_);
  const auto end = Clock::now() + longest;
  while (!stopping_) {
    if (auto found = find_locked(reference)) return *std::move(found);
    if (done_.wait_until(lock, end) == std::cv_status::timeout) {
      return no_secret("it is being looked up yet: try again");
    }
  }
  return no_secret("the server stops");
}

void SecretLookup::forget(const SecretReference& reference) {
  std::lock_guard lock(mutex_);
  const auto at = known_.find(reference);
  if (at != known_.end() && !at->second.pending) known_.erase(at);
}

Result<std::string> SecretLookup::look(const SecretReference& reference) const {
  if (options_.look) return options_.look(reference);
  const auto stop = [this] { return stopping_.load(); };
  if (reference.kind == SecretReference::Kind::aws) {
    if (!options_.aws) return no_secret("\"secrets.aws_region\" in batuta.json is not set");
    auto value = options_.aws->read(reference.words, options_.limit, stop);
    return value ? as_secret(*std::move(value), "what AWS Secrets Manager has there") : value;
  }
  if (reference.kind != SecretReference::Kind::vault)
    return look_up_secret(reference, sources_, options_.limit, stop);
  if (!options_.vault) return no_secret("\"secrets.vault_url\" in batuta.json names no vault");
  auto value = options_.vault->read(reference.words, options_.limit, stop);
  return value ? as_secret(*std::move(value), "what the vault has there") : value;
}

void SecretLookup::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (stopping_) return;
    const SecretReference reference = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    auto value = look(reference);
    lock.lock();
    if (stopping_) return;
    Entry& entry = known_[reference];
    entry.pending = false;
    entry.until = options_.now() + (value ? options_.keep : options_.keep_failure);
    entry.value = std::move(value);
    done_.notify_all();
  }
}

void SecretLookup::stop() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  work_.notify_all();
  done_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

FindSecret SecretLookup::finder() {
  return [this](const SecretReference& reference) { return find(reference); };
}

Result<std::string> SecretLookup::value_of(const SecretReference& reference, bool anew) {
  if (anew) forget(reference);
  return wait(reference, options_.patience);
}

}  // namespace batuta
