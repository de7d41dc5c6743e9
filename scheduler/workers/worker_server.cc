#include "scheduler/workers/worker_server.h"

#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <mutex>

#include "common/log.h"
#include "common/log_limit.h"
#include "scheduler/workers/agent_lock.h"
#include "scheduler/workers/file_fetches.h"
#include "scheduler/workers/worker_link.h"

namespace batuta {

namespace asio = boost::asio;

namespace {

// A connection can end a moment before the kernel frees the dead agent's lock.
constexpr std::array lock_checks{std::chrono::milliseconds(0), std::chrono::milliseconds(10),
                                 std::chrono::milliseconds(50), std::chrono::milliseconds(200),
                                 std::chrono::milliseconds(600)};
// A report that could not be handed over (inbox full, disk full) is tried again.
constexpr auto report_retry = std::chrono::milliseconds(250);

}  // namespace

struct WorkerServer::Impl : std::enable_shared_from_this<WorkerServer::Impl> {
  Impl(asio::io_context& context, std::unique_ptr<Transport> way, Options o)
      : io(context), transport(std::move(way)), options(std::move(o)) {}

  Status listen() {
    return transport->listen([self = weak_from_this()](std::shared_ptr<Channel> channel) {
      if (const auto impl = self.lock()) impl->admit(std::move(channel));
    });
  }

  void admit(std::shared_ptr<Channel> channel) {
    std::shared_ptr<WorkerLink> link;
    {
      std::lock_guard lock(mutex);
      if (links.size() < options.max_agents) {
        const WorkerId id = next_id++;
        const Welcome welcome{0, options.store_uuid, options.heartbeat.count(),
                              options.lease.count(), options.cancel_grace.count()};
        link = std::make_shared<WorkerLink>(id, channel, welcome, callbacks_of(id));
        links[id].link = link;
      }
    }
    if (link) return link->start();
    say("worker connection refused: there are " + std::to_string(options.max_agents) + " already");
    channel->start({[](std::string_view) {}, [](const std::string&) {}});
    channel->close("too many workers");
  }

  WorkerLink::Callbacks callbacks_of(WorkerId id) {
    WorkerLink::Callbacks callbacks;
    callbacks.offers = [self = weak_from_this(), id](WorkerOffers offers) {
      const auto impl = self.lock();
      if (impl && impl->offers_sink) impl->offers_sink(id, std::move(offers));
    };
    callbacks.events = [self = weak_from_this()](std::vector<Event> events) {
      const auto impl = self.lock();
      return impl && impl->forward(std::move(events));
    };
    callbacks.joined = [self = weak_from_this(), id](const Hello& hello) {
      if (const auto impl = self.lock()) impl->on_joined(id, hello);
    };
    callbacks.closed = [self = weak_from_this(), id](const std::string& reason) {
      if (const auto impl = self.lock()) impl->on_closed(id, reason);
    };
    callbacks.leaving = [self = weak_from_this(), id](const Leaving& leaving) {
      if (const auto impl = self.lock()) impl->on_leaving(id, leaving.reason);
    };
    callbacks.file_chunk = [self = weak_from_this(), id](FileChunk chunk) {
      if (const auto impl = self.lock()) impl->fetches.answered(id, std::move(chunk));
    };
    return callbacks;
  }

  // A line that may come again and again while something is wrong. Io thread.
  void say(const std::string& text) {
    if (const auto behind = limit.pass(text, read_clock().boot.since.count())) {
      log::warn(text + *behind);
    }
  }

  bool forward(std::vector<Event> events) {
    for (Event& event : events) {
      if (!held_back) break;
      if (auto* joined = std::get_if<WorkerJoined>(&event)) {
        joined->hello.catalogue.clear();
      } else if (auto* changed = std::get_if<WorkerCatalogue>(&event)) {
        changed->catalogue.clear();
      }
    }
    return sink(std::move(events));
  }

  void on_joined(WorkerId id, const Hello& hello) {
    const std::string line = "worker " + hello.hostname + " pid " + std::to_string(hello.pid) +
                             " joined with " + std::to_string(hello.slots) + " slots, " +
                             std::to_string(hello.running.size()) + " attempts running";
    const auto now = read_clock().boot.since.count();
    if (const auto behind = limit.pass(line, now)) log::info(line + *behind);
    std::lock_guard lock(mutex);
    if (const auto found = links.find(id); found != links.end())
      found->second.agent_id = hello.agent_id;
  }

  void on_leaving(WorkerId id, const std::string& reason) {
    std::lock_guard lock(mutex);
    const auto found = links.find(id);
    if (found == links.end()) return;
    log::info("worker " + found->second.agent_id + " leaves (" + reason +
              "): it takes nothing new");
  }

  void on_closed(WorkerId id, const std::string& reason) {
    fetches.gone(id);
    std::string agent_id;
    {
      std::lock_guard lock(mutex);
      const auto found = links.find(id);
      if (found == links.end()) return;
      agent_id = found->second.agent_id;
      links.erase(found);
    }
    if (offers_sink) offers_sink(id, std::nullopt);
    if (agent_id.empty()) {  // the engine does not know it
      if (!reason.empty()) say("a worker was sent away: " + reason);
      return;
    }
    // Whoever keeps the worker tells why it ended; what it ran shows as lost.
    if (reason.empty()) {
      log::info("worker " + agent_id + " has left");
    } else {
      say("worker " + agent_id + " is cut off: " + reason);
    }
    report_lost(id);
    watch_for_death(agent_id, 0);
  }

  void report_lost(WorkerId id) {
    if (!sink({WorkerLost{id}})) later(report_retry, [this, id] { report_lost(id); });
  }

  // A connection can end before its agent's lock is free, or the agent may live and come back.
  void watch_for_death(const std::string& agent_id, std::size_t check) {
    if (agent_is_dead(options.run_folder, agent_lock_name(agent_id))) {
      ::unlink((options.run_folder + "/" + agent_lock_name(agent_id)).c_str());
      return report_dead(agent_id);
    }
    if (check + 1 < lock_checks.size()) {
      later(lock_checks[check + 1],
            [this, agent_id, check] { watch_for_death(agent_id, check + 1); });
    }
  }

  void report_dead(const std::string& agent_id) {
    if (!sink({AgentDead{agent_id}})) {
      later(report_retry, [this, agent_id] { report_dead(agent_id); });
    }
  }

  template <class F>
  void later(std::chrono::milliseconds delay, F action) {
    auto timer = std::make_shared<asio::steady_timer>(io, delay);
    timer->async_wait([timer, self = shared_from_this(), action](boost::system::error_code error) {
      if (!error) action();
    });
  }

  std::shared_ptr<WorkerLink> find(WorkerId id) {
    std::lock_guard lock(mutex);
    const auto found = links.find(id);
    return found == links.end() ? nullptr : found->second.link;
  }

  const std::shared_ptr<WorkerLink>& touch(WorkerId id) {
    auto& link = touched[id];
    if (!link) link = find(id);
    return link;
  }

  void queue(WorkerId id, const ToAgent& message) {
    if (const auto& link = touch(id)) link->queue(message);
  }

  bool same_host(WorkerId id) {
    const auto& link = touch(id);
    return !link || link->same_host();
  }

  // One that does not know run_as would run the attempt as its own user.
  bool may_run(WorkerId id, const Launch& launch) {
    const auto& link = touch(id);
    return launch.run_as.empty() || !link || link->version() >= run_as_version;
  }

  void refuse(WorkerId id, const Launch& launch) {
    AttemptFinished told{id, {}};
    told.report.key = launch.key;
    told.report.outcome = Outcome::refused;
    told.report.reason = "it is to run as the user \"" + launch.run_as +
                         "\" (run_as), and this worker is of a version that knows of no such "
                         "thing: restart it with the scheduler's version";
    told.report.started = told.report.ended = read_clock().wall;
    asio::post(io, [self = shared_from_this(), told] { self->tell_refused(told); });
  }
  void tell_refused(const AttemptFinished& told) {
    if (!sink({told})) later(report_retry, [this, told] { tell_refused(told); });
  }

  // Workers here are to be given nothing more; those that join later neither.
  void hold_back() {
    held_back = true;
    std::vector<Event> events;
    {
      std::lock_guard lock(mutex);
      for (const auto& [id, entry] : links) {
        if (!entry.agent_id.empty()) events.push_back(WorkerCatalogue{id, {}});
      }
    }
    if (!events.empty() && !sink(std::move(events))) later(report_retry, [this] { hold_back(); });
  }

  std::shared_ptr<WorkerLink> link_of(const std::string& agent_id) {
    std::lock_guard lock(mutex);
    std::shared_ptr<WorkerLink> link;
    for (const auto& [id, entry] : links) {
      if (entry.agent_id == agent_id) link = entry.link;
    }
    return link;
  }

  Status drain(const std::string& agent_id, bool on) {
    const auto link = agent_id.empty() ? nullptr : link_of(agent_id);
    if (!link) {
      return {Errc::not_found,
              "no worker '" + agent_id + "' is connected; `batuta workers list` " + "names them"};
    }
    if (link->version() < drain_version) {
      return {Errc::conflict, "worker '" + agent_id + "' speaks protocol " +
                                  std::to_string(link->version()) +
                                  " and cannot be drained; stop it with SIGTERM instead"};
    }
    link->send(Drain{on});
    return success();
  }

  Result<FileChunk> fetch(const std::string& agent_id, FetchFile question) {
    const std::shared_ptr<WorkerLink> link = link_of(agent_id);
    if (!link) return {Errc::unavailable, "the worker that keeps the file is not connected"};
    // Its folder is ours: what is not there has not been written.
    if (link->same_host()) return {Errc::not_found, "there is no such file"};
    question.request = fetches.begin(link->id());
    const std::uint64_t request = question.request;
    link->send(std::move(question));
    return fetches.wait(request, options.fetch_patience);
  }

  struct Entry {
    std::shared_ptr<WorkerLink> link;
    std::string agent_id;  // empty until it has greeted
  };

  asio::io_context& io;
  const std::unique_ptr<Transport> transport;
  const Options options;
  EventSink sink;
  OffersSink offers_sink;
  FileFetches fetches;
  LogLimit limit;          // io thread
  bool held_back = false;  // io thread
  std::mutex mutex;
  std::map<WorkerId, Entry> links;                          // guarded by mutex
  WorkerId next_id = 1;                                     // guarded by mutex
  std::map<WorkerId, std::shared_ptr<WorkerLink>> touched;  // control thread: this turn's
};

WorkerServer::WorkerServer(asio::io_context& io, std::unique_ptr<Transport> transport,
                           Options options)
    : impl_(std::make_shared<Impl>(io, std::move(transport), std::move(options))) {}

WorkerServer::~WorkerServer() = default;

void WorkerServer::set_offers_sink(OffersSink sink) {
  impl_->offers_sink = std::move(sink);
}

Status WorkerServer::start(EventSink sink) {
  impl_->sink = std::move(sink);
  return impl_->listen();
}

void WorkerServer::stop() {
  impl_->transport->stop();
  std::vector<std::shared_ptr<WorkerLink>> links;
  {
    std::lock_guard lock(impl_->mutex);
    for (auto& [id, entry] : impl_->links) links.push_back(entry.link);
    impl_->links.clear();
  }
  for (const auto& link : links) link->close("the scheduler stops");
}

void WorkerServer::hold_back() {
  asio::post(impl_->io, [impl = impl_] { impl->hold_back(); });
}

Result<FileChunk> WorkerServer::fetch_file(const std::string& agent_id, const std::string& path,
                                           std::int64_t offset, std::int64_t size) {
  return impl_->fetch(agent_id, {0, path, offset, size});
}

Status WorkerServer::drain(const std::string& agent_id, bool on) {
  return impl_->drain(agent_id, on);
}

void WorkerServer::check_agents(const std::vector<std::string>& agent_ids) {
  for (const std::string& id : agent_ids) {
    if (!agent_is_dead(impl_->options.run_folder, agent_lock_name(id))) continue;
    asio::post(impl_->io, [impl = impl_, id] { impl->report_dead(id); });
  }
}

void WorkerServer::launch(WorkerId worker, Launch launch) {
  if (!impl_->may_run(worker, launch)) return impl_->refuse(worker, launch);
  // A lock proves something on its own host only; elsewhere a lease of silence does.
  if (launch.predecessor.kind == Predecessor::Kind::slot_lock && !impl_->same_host(worker)) {
    launch.predecessor.kind = Predecessor::Kind::lease;
    launch.predecessor.lease_us = impl_->options.lease.count();
  }
  impl_->queue(worker, std::move(launch));
}
void WorkerServer::cancel(WorkerId worker, Cancel cancel) {
  impl_->queue(worker, std::move(cancel));
}
void WorkerServer::recall(WorkerId worker, Recall recall) {
  impl_->queue(worker, recall);
}
void WorkerServer::ack(WorkerId worker, Ack ack) {
  impl_->queue(worker, ack);
}

void WorkerServer::drop(WorkerId worker, const std::string& reason) {
  if (const auto link = impl_->find(worker)) link->close(reason);
}

void WorkerServer::drop_all(const std::string& reason) {
  std::lock_guard lock(impl_->mutex);
  for (auto& [id, entry] : impl_->links) entry.link->close(reason);
}

void WorkerServer::flush() {
  for (auto& [id, link] : impl_->touched) {
    if (link) link->flush();
  }
  impl_->touched.clear();
}

}  // namespace batuta
