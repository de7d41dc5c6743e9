#include "worker/slot_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/uuid.h"
#include "worker/process_tree.h"
#include "worker/spawn.h"

namespace batuta {

Result<std::unique_ptr<SlotProcess>> SlotProcess::start(Options options) {
  std::unique_ptr<SlotProcess> slot{new SlotProcess(std::move(options))};
  if (Status ok = slot->open_page(); !ok) return ok.error();
  if (Status ok = slot->spawn(); !ok) return ok.error();
  return slot;
}

SlotProcess::~SlotProcess() {
  if (page_ != nullptr) ::munmap(page_, sizeof(SlotPage));
  ::unlink((options_.lock_folder + "/" + options_.name + ".lock").c_str());
  remove_tree(options_.scratch_folder + "/" + options_.name);
}

Status SlotProcess::open_page() {
  memory_.reset(::memfd_create("batuta-slot", MFD_CLOEXEC));
  if (!memory_ || ::ftruncate(memory_.get(), sizeof(SlotPage)) != 0) {
    return {Errc::unavailable, errno_text("slot page")};
  }
  void* memory =
      ::mmap(nullptr, sizeof(SlotPage), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (memory == MAP_FAILED) return {Errc::unavailable, errno_text("slot page")};
  page_ = new (memory) SlotPage{};
  page_->agent_tick_us = boot_us();
  page_->lease_us = options_.lease_us;
  random_bytes(page_->nonce, nonce_bytes);
  return success();
}

Status SlotProcess::spawn() {
  auto lock = lock_file(options_.lock_folder + "/" + options_.name + ".lock");
  if (!lock) return lock.error();
  lock_ = std::move(*lock);
  int link[2], log[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) != 0) {
    return {Errc::unavailable, errno_text("socketpair")};
  }
  control_.reset(link[0]);
  const UniqueFd slot_link{link[1]};
  if (::pipe2(log, O_CLOEXEC) != 0) return {Errc::unavailable, errno_text("pipe")};
  log_.reset(log[0]);
  const UniqueFd slot_log{log[1]};
  ::fcntl(control_.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(log_.get(), F_SETFL, O_NONBLOCK);
  const UniqueFd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  SpawnRequest request{options_.command,
                       {{null.get(), STDIN_FILENO},
                        {slot_log.get(), STDOUT_FILENO},
                        {slot_log.get(), STDERR_FILENO},
                        {slot_link.get(), slot_control_fd},
                        {memory_.get(), slot_page_fd},
                        {lock_.get(), slot_lock_fd}}};
  const auto add = [&](const char* flag, const std::string& value) {
    request.arguments.emplace_back(flag);
    request.arguments.push_back(value);
  };
  add("--plugins", options_.plugins);
  add("--scratch", options_.scratch_folder + "/" + options_.name);
  add("--name", options_.name);
  add("--agent", std::to_string(::getpid()));
  add("--max-attempts", std::to_string(options_.max_attempts));
  if (options_.user.uid != 0) add("--uid", std::to_string(options_.user.uid));
  if (!options_.run_as.empty()) add("--run-as", options_.run_as);
  if (options_.shared) add("--shared", "1");
  if (options_.memory_limit > 0) add("--memory-limit", std::to_string(options_.memory_limit));
  if (options_.lake_memory > 0) add("--lake-memory", std::to_string(options_.lake_memory));
  if (options_.lake_threads > 0) add("--lake-threads", std::to_string(options_.lake_threads));
  if (!options_.run_folders.empty()) add("--runs", options_.run_folders);
  if (options_.run_dir_limit > 0) add("--run-dir-limit", std::to_string(options_.run_dir_limit));
  if (options_.bounds_by_process) add("--bounds-by-process", "1");
  if (!options_.engine_library.empty()) add("--engine-library", options_.engine_library);
  const auto pid = spawn_process(request);
  if (!pid) return pid.error();
  pid_ = *pid;
  // From here on the lock is the slot's and its children's alone: an agent that is stopped must not
  // keep a successor waiting.
  lock_.reset();
  return success();
}

// ---- giving work --------------------------------------------------------------------------------

bool SlotProcess::fits(const PluginFile& file) const {
  const auto known = loaded_.find(file.name);
  return known == loaded_.end() || known->second == file.sha256;
}

void SlotProcess::give(std::unique_ptr<Attempt> attempt, const PluginFile& file) {
  attempt->number = next_number_++;
  const bool at_once = given_.empty();
  page_->place(attempt->number)
      .word.store(claim_word(attempt->number, at_once ? Claim::started : Claim::handed));
  if (at_once) {
    attempt->running = true;
    attempt->started = wall_now();
    attempt->started_boot_us = boot_us();
    log_number_ = attempt->number;
  }
  loaded_[file.name] = file.sha256;
  append_frame(unsent_, encode_slot_launch(attempt->number, file, attempt->body));
  given_.push_back(std::move(attempt));
}

std::unique_ptr<Attempt> SlotProcess::take_back(const AttemptKey& key) {
  const auto found = std::find_if(given_.begin(), given_.end(),
                                  [&](const auto& a) { return a->launch.key == key; });
  if (found == given_.end() || (*found)->running) return nullptr;
  const std::uint64_t number = (*found)->number;
  std::uint64_t expected = claim_word(number, Claim::handed);
  if (!page_->place(number).word.compare_exchange_strong(expected,
                                                         claim_word(number, Claim::recalled))) {
    return nullptr;
  }
  std::unique_ptr<Attempt> attempt = std::move(*found);
  given_.erase(found);
  return attempt;
}

bool SlotProcess::front_running() {
  if (given_.empty()) return false;
  Attempt& front = *given_.front();
  if (front.running) return true;
  const ClaimPlace& place = page_->place(front.number);
  if (place.word.load() != claim_word(front.number, Claim::started)) return false;
  front.running = true;
  front.started_boot_us = std::min(place.started_boot_us.load(), boot_us());
  front.started = wall_now() - Duration{boot_us() - front.started_boot_us};
  return true;
}

// ---- talking ------------------------------------------------------------------------------------

bool SlotProcess::flush() {
  std::size_t sent = 0;
  while (sent < unsent_.size()) {
    const ssize_t put = ::send(control_.get(), unsent_.data() + sent, unsent_.size() - sent,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) break;
    if (put <= 0) return false;
    sent += static_cast<std::size_t>(put);
  }
  unsent_.erase(0, sent);
  return true;
}

bool SlotProcess::read_reports(std::vector<SlotReport>& out) {
  if (garbage_) return false;  // whatever follows garbage is not to be believed
  std::array<char, 64 << 10> chunk;
  bool open = static_cast<bool>(control_);
  while (open) {
    const ssize_t got = ::recv(control_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    open = got > 0;
    if (got > 0) reader_.feed({chunk.data(), static_cast<std::size_t>(got)});
    while (const auto body = reader_.next()) {
      auto report = decode_slot_report(*body);
      if (!report) {
        garbage_ = true;
        return false;
      }
      out.push_back(*std::move(report));
    }
    garbage_ = reader_.bad();
    if (garbage_) return false;
    if (got < static_cast<ssize_t>(chunk.size())) break;
  }
  return open;
}

Attempt* SlotProcess::log_owner() {
  for (const auto& attempt : given_) {
    if (attempt->number == log_number_) return attempt.get();
  }
  return nullptr;  // output of an attempt that has ended: nobody's
}

void SlotProcess::feed_log(std::string_view bytes, const std::string& home) {
  Attempt* owner = bytes.empty() ? nullptr : log_owner();
  if (owner != nullptr) log_of(*owner, home, options_.log_limit).feed(bytes);
}

bool SlotProcess::read_log(std::size_t limit, const std::string& home) {
  std::array<char, 64 << 10> chunk;
  std::string head{mark_byte, 'S'};
  head.append(page_->nonce, nonce_bytes);
  for (std::size_t total = 0; total < limit;) {
    const ssize_t got = ::read(log_.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 && errno == EAGAIN;
    total += static_cast<std::size_t>(got);
    std::string joined;
    std::string_view bytes{chunk.data(), static_cast<std::size_t>(got)};
    if (!mark_.empty()) {
      joined = mark_ + std::string{bytes};
      mark_.clear();
      bytes = joined;
    }
    for (std::size_t from = 0; !bytes.empty();) {
      const std::size_t at = bytes.find(mark_byte, from);
      if (at == std::string_view::npos) {
        feed_log(bytes, home);
        break;
      }
      const std::string_view rest = bytes.substr(at);
      if (!head.starts_with(rest.substr(0, head.size()))) {
        from = at + 1;  // a level mark, or a byte of the plugin's
        continue;
      }
      feed_log(bytes.substr(0, at), home);
      if (rest.size() < switch_mark_bytes) {
        mark_ = rest;
        break;
      }
      std::memcpy(&log_number_, rest.data() + head.size(), sizeof log_number_);
      bytes = rest.substr(switch_mark_bytes);
      from = 0;
    }
    if (got < static_cast<ssize_t>(chunk.size())) return true;
  }
  return true;
}

// ---- ending -------------------------------------------------------------------------------------

void SlotProcess::kill() {
  if (dead_) return;
  // Its descendants, while /proc still shows whose they are; then the group; what is missed becomes
  // the agent's child, and is swept there.
  for (const pid_t pid : descendants_of(pid_)) ::kill(pid, SIGKILL);
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
}

}  // namespace batuta
