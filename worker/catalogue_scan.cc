#include "worker/catalogue_scan.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/frame.h"
#include "common/log.h"
#include "worker/plugin_host.h"
#include "worker/process_tree.h"
#include "worker/slot_link.h"
#include "worker/spawn.h"

namespace batuta {
namespace {

constexpr std::size_t max_description = 1 << 20;
constexpr int most_extensions = 5;

void tell(char kind, std::string_view text) {
  std::string frame;
  append_frame(frame, kind + std::string{text});
  // Anything but a full write means that the agent is gone; then nobody cares.
  if (::write(slot_control_fd, frame.data(), frame.size()) < 0) ::_exit(1);
}

}  // namespace

int describe_plugins(const std::string& folder, const std::vector<std::string>& names) {
  const auto manifest = read_manifest(folder);
  if (!manifest) return 1;
  PluginHost host{folder};
  for (const std::string& name : names) {
    tell('b', name);
    const PluginFile* file = nullptr;
    for (const PluginFile& entry : manifest->files) {
      if (entry.name == name) file = &entry;
    }
    if (file == nullptr) {
      tell('e', "no longer in the manifest");
      continue;
    }
    const auto plugin = host.load(*file);
    if (!plugin) {
      tell('e', plugin.error().message);
      continue;
    }
    std::string body;
    encode(FromAgent{CatalogueChanged{{(*plugin)->info}, {}}}, body);
    tell('i', body);
  }
  ::_exit(0);  // not exit: a library's destructors are as little ours as its constructors
}

CatalogueScan::~CatalogueScan() {
  end_child();
}

void CatalogueScan::child_reaped(int code, int status) {
  child_ = -1;
  // These two are sent. What a process brings on itself has other signals, or an exit code.
  const bool sent = code == CLD_KILLED && (status == SIGKILL || status == SIGTERM);
  killed_by_ = sent ? status : 0;
}

// How the child ended, if it does so already: once we kill it, that can be told no more.
void CatalogueScan::collect_ending_child() {
  if (child_ <= 0 || !is_ending(child_)) return;
  ::kill(-child_, SIGKILL);  // what it started; its own end stands
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED) != 0) {
    if (errno != EINTR) return;
  }
  child_reaped(info.si_code, info.si_status);
}

void CatalogueScan::end_child() {
  if (child_ > 0) {
    ::kill(-child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  child_ = -1;
  pipe_.reset();
  buffer_.clear();
}

void CatalogueScan::start() {
  if (active()) {
    again_ = true;
    return;
  }
  const auto manifest = read_manifest(options_.folder);
  faults_.clear();
  wanted_.clear();
  incomplete_ = false;
  if (!manifest) {
    // What was offered stays so: its files are still checked by their hashes when they are loaded.
    faults_["manifest.json"] = options_.folder + ": " + manifest.error().message;
    finish();
    return;
  }
  for (const auto& [name, why] : manifest->faults) blame(name, why);
  std::map<std::string, Offer> kept;
  for (const PluginFile& file : manifest->files) {
    const auto known = offers_.find(file.name);
    if (known != offers_.end() && known->second.file == file) {
      kept.insert(*known);
    } else {
      wanted_.emplace(file.name, file);
    }
  }
  offers_ = std::move(kept);
  next_child();
}

// Starts a child for what is still wanted. True when nothing is: the scan is complete.
bool CatalogueScan::next_child() {
  if (wanted_.empty()) return finish();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail_all(std::string("no pipe to describe it: ") + std::strerror(errno));
  }
  UniqueFd reading{ends[0]}, writing{ends[1]};
  ::fcntl(writing.get(), F_SETFL, 0);
  const UniqueFd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  SpawnRequest request{
      options_.command,
      {{null.get(), 0}, {null.get(), 1}, {null.get(), 2}, {writing.get(), slot_control_fd}}};
  const auto add = [&](std::string text) { request.arguments.push_back(std::move(text)); };
  add("--catalogue");
  add("--plugins");
  add(options_.folder);
  add("--agent");
  add(std::to_string(::getpid()));
  for (const auto& [name, file] : wanted_) add(name);
  const auto pid = spawn_process(request);
  if (!pid) return fail_all("no process to describe it: " + pid.error().message);
  child_ = *pid;
  killed_by_ = 0;
  pipe_ = std::move(reading);
  current_.clear();
  deadline_us_ = boot_us() + options_.load_timeout_us;
  extensions_ = 0;
  return false;
}

bool CatalogueScan::finish() {
  wanted_.clear();
  end_child();
  if (!incomplete_) kills_ = 0;
  for (const auto& [name, why] : faults_) log::warn("plugin " + name + " is not offered: " + why);
  if (!again_) return true;
  again_ = false;
  start();
  return !active();
}

void CatalogueScan::take(std::string_view body) {
  if (body.empty()) return;
  const std::string_view rest = body.substr(1);
  deadline_us_ = boot_us() + options_.load_timeout_us;
  extensions_ = 0;
  if (body[0] == 'b') {
    current_ = rest;
    return;
  }
  const auto wanted = wanted_.find(current_);
  if (wanted == wanted_.end()) return;
  if (body[0] == 'i') {
    auto message = decode_from_agent(rest);
    auto* changed = message ? std::get_if<CatalogueChanged>(&*message) : nullptr;
    if (changed != nullptr && changed->catalogue.size() == 1 &&
        changed->catalogue[0].name == current_ &&
        changed->catalogue[0].sha256 == wanted->second.sha256) {
      offers_[current_] = {wanted->second, std::move(changed->catalogue[0])};
    } else {
      blame(current_, "it changed, or disturbed its own description");
    }
  } else {
    blame(current_, std::string{rest.substr(0, 1024)});
  }
  wanted_.erase(wanted);
  current_.clear();
  kills_ = 0;
}

// Whoever reads it must find the file.
void CatalogueScan::blame(const std::string& name, const std::string& why) {
  const std::string file = name + ".so";
  const bool named = why.find(file) != std::string::npos;
  faults_[name] = (named ? options_.folder + ": " : options_.folder + "/" + file + ": ") + why;
}

bool CatalogueScan::fail_current(const std::string& why) {
  end_child();
  // A child that dies before its first plugin would do so again.
  if (current_.empty()) return fail_all(why);
  blame(current_, why);
  wanted_.erase(current_);
  return next_child();
}

bool CatalogueScan::fail_all(const std::string& why) {
  for (const auto& [name, file] : wanted_) blame(name, why);
  incomplete_ = true;
  return finish();
}

bool CatalogueScan::child_ended() {
  if (wanted_.empty()) return finish();
  collect_ending_child();
  return killed_by_ != 0 ? child_killed() : fail_current("it ended the process that loaded it");
}

bool CatalogueScan::child_killed() {
  const std::string signal = "signal " + std::to_string(std::exchange(killed_by_, 0));
  const std::string where = current_.empty() ? "" : " while it loaded " + current_;
  kills_ = std::min(kills_ + 1, most_kills);
  if (kills_ == most_kills) {
    incomplete_ = true;
    return fail_current(
        "the process that looks at plugins was killed from outside (" + signal + ") " +
        std::to_string(most_kills) +
        " times in a row, the last time at this one, by somebody or for want of memory; a worker "
        "tries again every " +
        std::to_string(std::max<std::int64_t>(1, retry_after_us() / 1'000'000)) + " s");
  }
  const std::int64_t pause_us = options_.kill_pause_us << (kills_ - 1);
  log::warn("the process that looks at the plugins was killed from outside (" + signal + ")" +
            where + "; it is started again in " + std::to_string(pause_us / 1'000) + " ms");
  end_child();
  current_.clear();
  pausing_ = true;
  deadline_us_ = boot_us() + pause_us;
  return false;
}

bool CatalogueScan::on_readable() {
  char chunk[16 << 10];
  for (;;) {
    const ssize_t got = ::read(pipe_.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return child_ended();
    buffer_.append(chunk, static_cast<std::size_t>(got));
    if (buffer_.size() > max_description) return fail_current("it describes itself without end");
    FrameReader reader{max_description};
    reader.feed(buffer_);
    std::size_t used = 0;
    while (const auto body = reader.next()) {
      used += 4 + body->size();
      take(*body);
    }
    if (reader.bad()) return fail_current("it disturbed its own description");
    buffer_.erase(0, used);
  }
}

bool CatalogueScan::on_timeout() {
  if (pausing_) {
    pausing_ = false;
    return next_child();
  }
  // Dead, and its pipe is held open by what it had started.
  if (killed_by_ != 0) return child_killed();
  // On a machine at its limit a sound plugin takes its time, and a worker without it is worse.
  if (extensions_ < most_extensions && wants_processor(child_)) {
    ++extensions_;
    deadline_us_ = boot_us() + options_.load_timeout_us;
    return false;
  }
  incomplete_ = true;
  return fail_current("loading it takes too long");
}

std::vector<PluginInfo> CatalogueScan::plugins() const {
  std::vector<PluginInfo> out;
  for (const auto& [name, offer] : offers_) out.push_back(offer.info);
  return out;
}

const PluginFile* CatalogueScan::find(const std::string& name) const {
  const auto found = offers_.find(name);
  return found == offers_.end() ? nullptr : &found->second.file;
}

}  // namespace batuta
