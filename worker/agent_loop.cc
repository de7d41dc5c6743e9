#include "worker/agent_loop.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "common/log.h"
#include "common/slot_loads.h"

namespace batuta {
namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t rescan_delay_us = 100'000;  // a build writes many files: look once
constexpr std::size_t log_bytes_per_turn = 256 << 10;
constexpr std::int64_t short_connection_us = 5'000'000;
constexpr std::int64_t longest_pause_us = 2'000'000;

}  // namespace

Agent::Agent(AgentOptions options, std::string agent_id, UniqueFd lock)
    : options_(std::move(options)),
      agent_id_(std::move(agent_id)),
      lock_(std::move(lock)),
      link_(options_.home + "/run/worker.sock"),
      scan_({options_.slot_command, options_.plugins_folder, options_.plugin_load_timeout.count()}),
      jitter_(std::random_device{}()),
      seats_(static_cast<std::size_t>(options_.slots)),
      heartbeat_us_(options_.heartbeat.count()),
      lease_us_(options_.lease.count()),
      cancel_grace_us_(options_.cancel_grace.count()) {}

Agent::~Agent() {
  end_all_slots();
}

Status Agent::prepare() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return {Errc::unavailable, errno_text("epoll")};
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, orphan_signal})
    sigaddset(&wanted, number);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return {Errc::unavailable, errno_text("signalfd")};
  if (Status open = journal_.open(options_.home + "/run/agent-" + agent_id_ + ".running"); !open) {
    log::warn("worker: who kills it will not be known: " + open.error().message);
  }
  inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  watch(signals_.get(), false);
  if (inotify_) watch(inotify_.get(), false);
  if (!options_.slot_user.empty()) {
    const auto user = find_slot_user(options_.slot_user);
    if (!user) return user.error();
    result_readers_ = user->gid;
  }
  open_attempt_groups();
  for (Seat& seat : seats_) {
    if (!fill(seat)) return {Errc::unavailable, "no slot can be started"};
  }
  watch_plugins();
  scan_.start();
  if (!scan_.active()) catalogue_ready();
  return success();
}

int Agent::run() {
  if (Status ready = prepare(); !ready) {
    log::error("worker: " + ready.error().message);
    return 1;
  }
  // A kept worker is announced by the scheduler that keeps it, when it has joined.
  if (!options_.die_with_parent) {
    log::info("worker " + agent_id_ + ": " + std::to_string(options_.slots) + " slots");
  }
  while (!stop_) turn();
  link_.close();
  end_all_slots();
  return 0;
}

// Read what came, act on time, give work, then write once to everybody.
void Agent::turn() {
  epoll_event events[64];
  const int count = ::epoll_wait(epoll_.get(), events, 64, wait_ms());
  tell_slots_who_is_there();
  for (int i = 0; i < count; ++i) on_event(events[i].data.fd, events[i].events);
  on_timers();
  dispatch();
  flush_all();
}

void Agent::tell_slots_who_is_there() {
  const std::int64_t now = boot_us();
  for (Seat& seat : seats_) {
    if (!seat.slot) continue;
    SlotPage& page = seat.slot->page();
    page.agent_tick_us.store(now, std::memory_order_relaxed);
    page.scheduler_away_us.store(away_since_us_, std::memory_order_relaxed);
  }
}

void Agent::watch(int fd, bool write) {
  if (fd < 0) return;  // a scan between two children
  const std::uint32_t wanted = EPOLLIN | (write ? EPOLLOUT : 0u);
  const auto [at, added] = watched_.try_emplace(fd, 0u);
  if (!added && at->second == wanted) return;
  epoll_event event{};
  event.events = wanted;
  event.data.fd = fd;
  // The number may belong to a new file that took the place of a closed one.
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  at->second = wanted;
}

void Agent::unwatch(int fd) {
  if (fd < 0 || watched_.erase(fd) == 0) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Agent::flush_all() {
  if (link_.connected()) {
    if (!link_.flush()) {
      disconnect("it does not read");
    } else {
      watch(link_.fd(), link_.wants_write());
    }
  }
  for (Seat& seat : seats_) {
    if (!seat.slot || seat.slot->control_fd() < 0) continue;
    // A broken link is heard of when reading, with whatever the slot had said before.
    const bool open = seat.slot->flush();
    watch(seat.slot->control_fd(), open && seat.slot->wants_write());
  }
}

void Agent::on_event(int fd, std::uint32_t) {
  if (fd == link_.fd()) return read_scheduler();
  if (fd == signals_.get()) return on_signals();
  if (scan_.active() && fd == scan_.fd()) {
    unwatch(fd);  // a scan may go on with another pipe under the same number
    if (scan_.on_readable()) catalogue_ready();
    if (scan_.active()) watch(scan_.fd(), false);
    return;
  }
  if (fd == inotify_.get()) {
    char buffer[4096];
    while (::read(fd, buffer, sizeof buffer) > 0) {
    }
    if (rescan_at_us_ == 0) rescan_at_us_ = boot_us() + rescan_delay_us;
    return;
  }
  for (Seat& seat : seats_) {
    if (!seat.slot) continue;
    if (fd == seat.slot->control_fd()) return read_slot(seat);
    if (fd == seat.slot->log_fd()) {
      if (!seat.slot->read_log(log_bytes_per_turn, options_.home)) unwatch(fd);
      return;
    }
  }
}

void Agent::on_signals() {
  signalfd_siginfo info;
  bool children = false;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    children = children || info.ssi_signo == SIGCHLD;
    if (info.ssi_signo == static_cast<std::uint32_t>(orphan_signal)) stop_ = true;
    if (info.ssi_signo == SIGHUP) log::reopen();
    if (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT) continue;
    // Whoever keeps us says when; a terminal or a service manager says it to all of a group at
    // once.
    const bool ours = info.ssi_pid == static_cast<std::uint32_t>(::getppid());
    if (ours || !options_.die_with_parent) on_stop_signal();
  }
  if (children) reap();
}

// ---- time ---------------------------------------------------------------------------------------

int Agent::wait_ms() {
  std::int64_t at = never;
  const auto by = [&](std::int64_t when) {
    if (when > 0) at = std::min(at, when);
  };
  by(link_.connected() || !catalogue_known_ ? 0 : connect_at_us_);
  by(beat_at_us_);
  by(rescan_at_us_);
  by(predecessors_at_us_);
  by(sweep_at_us_);
  if (stopping_) by(asked_all_ ? last_word_until_us_ : drain_until_us_);
  if (scan_.active()) by(scan_.deadline_us());
  for (const Seat& seat : seats_) {
    if (!seat.slot) {
      by(seat.retry_us);
      continue;
    }
    if (seat.slot->idle()) continue;
    const Attempt& front = *seat.slot->given().front();
    if (!front.running) continue;
    if (!front.announced) by(front.started_boot_us + announce_after_us);
    if (front.stopping) {
      by(front.kill_boot_us);
    } else if (front.launch.timeout_us > 0) {
      by(front.started_boot_us + front.launch.timeout_us);
    }
  }
  if (at == never) return -1;
  const std::int64_t left = at - boot_us();
  return left <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>((left + 999) / 1'000, 60'000));
}

void Agent::on_timers() {
  const std::int64_t now = boot_us();
  if (beat_at_us_ <= now) beat();
  if (!link_.connected() && catalogue_known_ && connect_at_us_ <= now) connect();
  if (rescan_at_us_ != 0 && rescan_at_us_ <= now) {
    rescan_at_us_ = 0;
    watch_plugins();
    scan_.start();
    if (!scan_.active()) catalogue_ready();
  }
  if (scan_.active() && scan_.deadline_us() <= now) {
    unwatch(scan_.fd());
    if (scan_.on_timeout()) catalogue_ready();
  }
  if (scan_.active()) watch(scan_.fd(), false);
  if (predecessors_at_us_ != 0 && predecessors_at_us_ <= now) judge_predecessors();
  if (sweep_at_us_ != 0 && sweep_at_us_ <= now) sweep_orphans();
  slot_timers();
  if (stopping_) stop_timers(now);
}

// ---- the scheduler ------------------------------------------------------------------------------

void Agent::connect() {
  connect_at_us_ = boot_us() + 50'000 + static_cast<std::int64_t>(jitter_() % 200'000);
  if (Status ok = link_.connect(); !ok) {
    // Nobody listening is ordinary while a scheduler starts; anything else is told once.
    const bool news = ok.error().code != Errc::unavailable && ok.error().message != connect_fault_;
    if (news) log::error("worker: " + ok.error().message);
    connect_fault_ = ok.error().message;
    return;
  }
  connect_fault_.clear();
  connected_at_us_ = boot_us();
  Hello hello;
  hello.versions = protocol_versions;
  hello.agent_id = agent_id_;
  hello.agent_lock = "agent-" + agent_id_ + ".lock";
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  hello.hostname = host;
  hello.pid = ::getpid();
  hello.slots = options_.slots;
  hello.queues = options_.queues;
  hello.catalogue = scan_.plugins();
  for (const auto& [name, why] : scan_.faults()) hello.faults.push_back({name, why});
  hello.leaving = stopping_;
  hello.drained = drained_;
  for (Seat& seat : seats_) {
    if (!seat.slot || !seat.slot->front_running()) continue;
    Attempt& front = *seat.slot->given().front();
    hello.running.push_back({front.launch.key, front.started, seat.slot->name()});
    front.announced = true;
  }
  for (const Burial& burial : burials_) {
    for (const auto& victim : burial.victims) {
      hello.running.push_back({victim->launch.key, victim->started, burial.slot->name()});
    }
  }
  link_.send(std::move(hello));
  for (auto& [key, unkept] : unkept_) {  // before the end of its attempt
    unkept.sent = 0;
    send_checkpoint(unkept);
  }
  for (const auto& [key, body] : unacked_) link_.send_encoded(body);
  acked_at_us_ = boot_us();
  watch(link_.fd(), false);
}

void Agent::disconnect(const std::string& why) {
  const std::int64_t now = boot_us();
  const std::string line = "worker: the scheduler's connection ended: " + why;
  if (const auto behind = log_limit_.pass(line, now)) log::warn(line + *behind);
  unwatch(link_.fd());
  link_.close();
  if (away_since_us_ == 0) away_since_us_ = now;
  tell_slots_who_is_there();
  // A scheduler that was there for long has been restarted, and is awaited; one that sends us away
  // again and again has a reason that we do not mend by asking more often.
  short_connections_ = now - connected_at_us_ < short_connection_us ? short_connections_ + 1 : 0;
  const std::int64_t pause =
      std::min<std::int64_t>(longest_pause_us, 20'000LL << std::min(short_connections_, 10));
  connect_at_us_ = now + pause + static_cast<std::int64_t>(jitter_() % 100'000);
  // What has not started is the scheduler's again.
  for (Seat& seat : seats_) {
    if (!seat.slot) continue;
    auto& given = seat.slot->given();
    for (std::size_t i = given.size(); i-- > 0;) {
      const AttemptKey key = given[i]->launch.key;
      if (const auto taken = seat.slot->take_back(key)) {
        known_.erase(key);
        journal_.clear(taken->journal_place);
      }
    }
  }
  for (const auto& attempt : queue_) known_.erase(attempt->launch.key);
  for (const auto& attempt : awaiting_) known_.erase(attempt->launch.key);
  queue_.clear();
  awaiting_.clear();
  predecessors_at_us_ = 0;
}

void Agent::read_scheduler() {
  std::vector<SchedulerLink::Incoming> incoming;
  incoming.reserve(32);
  const bool open = link_.read(incoming);
  for (auto& message : incoming) {
    if (link_.connected()) on_message(std::move(message));
  }
  if (!open && link_.connected()) disconnect("it was closed");
}

void Agent::beat() {
  const std::int64_t now = boot_us();
  beat_at_us_ = now + heartbeat_us_;
  if (plugin_watch_ < 0) {
    watch_plugins();
    if (plugin_watch_ >= 0) rescan_at_us_ = now;
  }
  if (!link_.connected()) return;
  if (now - acked_at_us_ > lease_us_) return disconnect("it has been silent for a lease");
  SlotLoads loads;
  Heartbeat beat{++beat_, loads.of(::getpid())};
  beat.slots_left_out = loads.left_out();
  link_.send(beat);
}

// ---- plugins ------------------------------------------------------------------------------------

void Agent::watch_plugins() {
  if (!inotify_) return;
  plugin_watch_ = ::inotify_add_watch(
      inotify_.get(), options_.plugins_folder.c_str(),
      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF);
}

void Agent::tell_catalogue() {
  CatalogueChanged changed{scan_.plugins(), {}, drained_};
  for (const auto& [name, why] : scan_.faults()) changed.faults.push_back({name, why});
  link_.send(changed);
}

void Agent::catalogue_ready() {
  auto plugins = scan_.plugins();
  if (!catalogue_known_) {
    catalogue_known_ = true;
    connect_at_us_ = boot_us();
  } else if (link_.connected() && !stopping_ &&
             (plugins != told_ || scan_.faults() != told_faults_)) {
    tell_catalogue();
  }
  told_ = std::move(plugins);
  told_faults_ = scan_.faults();
  if (scan_.incomplete() && rescan_at_us_ == 0) rescan_at_us_ = boot_us() + scan_.retry_after_us();
}

}  // namespace batuta
