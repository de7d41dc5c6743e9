#include "scheduler/workers/worker_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <mutex>

#include "common/log.h"
#include "scheduler/workers/agent_lock.h"
#include "scheduler/workers/worker_link.h"

namespace batuta {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {

bool same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == geteuid() || peer.uid == 0;
}

// A connection can end a moment before the kernel frees the dead agent's lock.
constexpr std::array lock_checks{std::chrono::milliseconds(0), std::chrono::milliseconds(10),
                                 std::chrono::milliseconds(50), std::chrono::milliseconds(200),
                                 std::chrono::milliseconds(600)};
// A report that could not be handed over (inbox full, disk full) is tried again.
constexpr auto report_retry = std::chrono::milliseconds(250);

}  // namespace

struct WorkerServer::Impl : std::enable_shared_from_this<WorkerServer::Impl> {
  Impl(asio::io_context& context, Options o) : io(context), options(std::move(o)), acceptor(io) {}

  void accept() {
    acceptor.async_accept(
        [self = shared_from_this()](boost::system::error_code error, Local::socket socket) {
          if (error == asio::error::operation_aborted) return;
          if (!error) self->admit(std::move(socket));
          self->accept();
        });
  }

  void admit(Local::socket socket) {
    std::unique_lock lock(mutex);
    if (links.size() >= options.max_agents || !same_user(socket.native_handle())) {
      lock.unlock();
      log::warn("worker connection refused: another user's, or too many agents");
      return;
    }
    const WorkerId id = next_id++;
    WorkerLink::Callbacks callbacks;
    callbacks.events = [self = weak_from_this(), id](std::vector<Event> events) {
      const auto impl = self.lock();
      return impl && impl->forward(id, std::move(events));
    };
    callbacks.joined = [self = weak_from_this(), id](const Hello& hello) {
      if (const auto impl = self.lock()) impl->on_joined(id, hello);
    };
    callbacks.closed = [self = weak_from_this(), id](const std::string& reason) {
      if (const auto impl = self.lock()) impl->on_closed(id, reason);
    };
    const Welcome welcome{options.store_uuid, options.heartbeat.count(), options.lease.count()};
    auto link = std::make_shared<WorkerLink>(id, std::move(socket), welcome, std::move(callbacks));
    links[id] = {link, {}};
    lock.unlock();
    link->start();
  }

  bool forward(WorkerId id, std::vector<Event> events) {
    for (const Event& event : events) {
      if (!catalogue_sink) break;
      if (const auto* joined = std::get_if<WorkerJoined>(&event)) {
        catalogue_sink(id, joined->hello.catalogue);
      } else if (const auto* changed = std::get_if<WorkerCatalogue>(&event)) {
        catalogue_sink(id, changed->catalogue);
      }
    }
    return engine->post(std::move(events));
  }

  void on_joined(WorkerId id, const Hello& hello) {
    log::info("worker " + hello.hostname + " pid " + std::to_string(hello.pid) + " joined with " +
              std::to_string(hello.slots) + " slots, " + std::to_string(hello.running.size()) +
              " attempts running");
    std::lock_guard lock(mutex);
    if (const auto found = links.find(id); found != links.end())
      found->second.agent_id = hello.agent_id;
  }

  void on_closed(WorkerId id, const std::string& reason) {
    std::string agent_id;
    {
      std::lock_guard lock(mutex);
      const auto found = links.find(id);
      if (found == links.end()) return;
      agent_id = found->second.agent_id;
      links.erase(found);
    }
    if (agent_id.empty()) return;  // never greeted: the engine does not know it
    if (catalogue_sink) catalogue_sink(id, std::nullopt);
    // Whoever keeps the worker tells why it ended; what it ran shows as lost.
    const std::string who = "worker " + agent_id + " (connection " + std::to_string(id) + ")";
    reason.empty() ? log::info(who + " has left") : log::warn(who + " is cut off: " + reason);
    report_lost(id);
    watch_for_death(agent_id, 0);
  }

  void report_lost(WorkerId id) {
    if (!engine->post(WorkerLost{id})) later(report_retry, [this, id] { report_lost(id); });
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
    if (!engine->post(AgentDead{agent_id})) {
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

  void queue(WorkerId id, const ToAgent& message) {
    auto& link = touched[id];
    if (!link) link = find(id);
    if (link) link->queue(message);
  }

  struct Entry {
    std::shared_ptr<WorkerLink> link;
    std::string agent_id;  // empty until it has greeted
  };

  asio::io_context& io;
  const Options options;
  Local::acceptor acceptor;
  Engine* engine = nullptr;
  CatalogueSink catalogue_sink;
  std::mutex mutex;
  std::map<WorkerId, Entry> links;                          // guarded by mutex
  WorkerId next_id = 1;                                     // guarded by mutex
  std::map<WorkerId, std::shared_ptr<WorkerLink>> touched;  // control thread: this turn's
};

WorkerServer::WorkerServer(asio::io_context& io, Options options)
    : impl_(std::make_shared<Impl>(io, std::move(options))) {}

WorkerServer::~WorkerServer() = default;

void WorkerServer::set_catalogue_sink(CatalogueSink sink) {
  impl_->catalogue_sink = std::move(sink);
}

Status WorkerServer::start(Engine& engine) {
  impl_->engine = &engine;
  const std::string path = impl_->options.run_folder + "/worker.sock";
  ::unlink(path.c_str());  // a left-over of a dead scheduler: the home lock says there is no other
  const mode_t old_mask = umask(0077);
  boost::system::error_code error;
  impl_->acceptor.open(Local(), error);
  if (!error && path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    error = boost::system::errc::make_error_code(boost::system::errc::filename_too_long);
  }
  if (!error) impl_->acceptor.bind(Local::endpoint(path), error);
  if (!error) impl_->acceptor.listen(64, error);
  umask(old_mask);
  if (error) {
    return {Errc::unavailable,
            "cannot listen on " + path + ": " + error.message() +
                " (a home folder with a shorter path helps when it is too long)"};
  }
  impl_->accept();
  return success();
}

void WorkerServer::stop() {
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  std::vector<std::shared_ptr<WorkerLink>> links;
  {
    std::lock_guard lock(impl_->mutex);
    for (auto& [id, entry] : impl_->links) links.push_back(entry.link);
    impl_->links.clear();
  }
  for (const auto& link : links) link->close("the scheduler stops");
}

void WorkerServer::check_agents(const std::vector<std::string>& agent_ids) {
  for (const std::string& id : agent_ids) {
    if (!agent_is_dead(impl_->options.run_folder, agent_lock_name(id))) continue;
    asio::post(impl_->io, [impl = impl_, id] { impl->report_dead(id); });
  }
}

void WorkerServer::launch(WorkerId worker, Launch launch) {
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
