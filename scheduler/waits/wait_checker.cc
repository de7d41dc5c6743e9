#include "scheduler/waits/wait_checker.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace batuta {
struct WaitChecker::Impl {
  struct Look {
    std::string server;
    CheckEffect effect;
  };

  // Servers in turn, each with so many calls at once. Files are one server without a limit.
  class Lane {
   public:
    explicit Lane(int calls) : calls_(calls) {}

    void add(Look look) {
      Server& server = servers_[look.server];
      server.queue.push_back(std::move(look));
      offer(server);
    }
    std::optional<Look> take() {
      if (turns_.empty()) return std::nullopt;
      Server& server = *turns_.front();
      turns_.pop_front();
      server.offered = false;
      Look look = std::move(server.queue.front());
      server.queue.pop_front();
      ++server.calls;
      offer(server);
      return look;
    }
    void done(const std::string& name) {
      const auto at = servers_.find(name);
      --at->second.calls;
      offer(at->second);
      if (at->second.calls == 0 && at->second.queue.empty()) servers_.erase(at);
    }

    std::condition_variable wake;

   private:
    struct Server {
      std::deque<Look> queue;
      int calls = 0;
      bool offered = false;  // it stands in turns_
    };
    void offer(Server& server) {
      if (server.offered || server.queue.empty() || server.calls >= calls_) return;
      server.offered = true;
      turns_.push_back(&server);
      wake.notify_one();
    }

    const int calls_;
    std::map<std::string, Server> servers_;
    std::deque<Server*> turns_;
  };

  Impl(Options o, LookHooks h, Post p)
      : options(o),
        hooks(std::move(h)),
        post(std::move(p)),
        files(o.file_threads),
        servers(o.calls_per_server),
        databases(o.calls_per_server) {
    hooks.cancelled = [this] { return stopping.load(); };
  }

  Lane& lane_of(const std::string& server) {
    if (server.empty()) return files;
    return server.starts_with(database_server) ? databases : servers;
  }

  void start() {
    for (int i = 0; i < options.file_threads; ++i) threads.emplace_back([this] { run(files); });
    for (int i = 0; i < options.http_threads; ++i) threads.emplace_back([this] { run(servers); });
    for (int i = 0; i < options.sql_threads; ++i) threads.emplace_back([this] { run(databases); });
  }

  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    files.wake.notify_all();
    servers.wake.notify_all();
    databases.wake.notify_all();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }

  void run(Lane& lane) {
    std::unique_lock lock(mutex);
    while (!stopping) {
      const std::optional<Look> next = lane.take();
      if (!next) {
        lane.wake.wait(lock);
        continue;
      }
      lock.unlock();
      const CheckEffect& asked = next->effect;
      const Looked looked = asked.watcher != 0 ? look_for_change(asked.argument_json, hooks)
                                               : look(asked.argument_json, hooks);
      lock.lock();
      lane.done(next->server);
      tell({asked.key, looked.outcome, looked.message, asked.watcher, looked.seen}, lane, lock);
    }
  }

  // The wait is not looked at again before it has its answer, so it must not get lost.
  void tell(const WaitChecked& answer, Lane& lane, std::unique_lock<std::mutex>& lock) {
    while (!stopping) {
      lock.unlock();
      const bool told = post(answer);
      lock.lock();
      if (told || stopping) return;
      lane.wake.wait_for(lock, options.post_again);
    }
  }

  const Options options;
  LookHooks hooks;
  const Post post;
  std::mutex mutex;
  Lane files;
  Lane servers;
  Lane databases;
  std::atomic<bool> stopping{false};
  std::vector<std::thread> threads;
};

WaitChecker::WaitChecker(Options options, LookHooks hooks, Post post)
    : impl_(std::make_unique<Impl>(options, std::move(hooks), std::move(post))) {}

WaitChecker::~WaitChecker() {
  stop();
}

void WaitChecker::start() {
  impl_->start();
}

void WaitChecker::stop() {
  impl_->stop();
}

void WaitChecker::check(CheckEffect effect) {
  Impl::Look asked{server_of(effect.argument_json), std::move(effect)};
  std::lock_guard lock(impl_->mutex);
  impl_->lane_of(asked.server).add(std::move(asked));
}

}  // namespace batuta
