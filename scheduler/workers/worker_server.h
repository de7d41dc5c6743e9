// Accepts agents on <home>/run/worker.sock and is the engine's Executor for all of them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/engine/engine.h"

namespace batuta {

class WorkerServer : public Executor {
 public:
  struct Options {
    std::string run_folder;  // <home>/run, exists, 0700
    std::string store_uuid;
    Duration heartbeat{};
    Duration lease{};
    std::size_t max_agents = 256;
  };
  // Threads: the io thread runs `io`; Executor's methods belong to the control thread.
  WorkerServer(boost::asio::io_context& io, Options options);
  ~WorkerServer() override;

  // Told what each worker offers, and nullopt when it is gone. Io thread; set before start().
  using CatalogueSink = std::function<void(WorkerId, std::optional<std::vector<PluginInfo>>)>;
  void set_catalogue_sink(CatalogueSink sink);

  // Listens (0600; peers of another user are refused) and hands events to `engine` from now on.
  // Errc::unavailable when the socket cannot be bound.
  Status start(Engine& engine);
  // Io thread: no new agents, every connection closed.
  void stop();
  // Agents found in restored rows: each whose lock is free is reported dead at once. Any thread.
  void check_agents(const std::vector<std::string>& agent_ids);

  void launch(WorkerId worker, Launch launch) override;
  void cancel(WorkerId worker, Cancel cancel) override;
  void recall(WorkerId worker, Recall recall) override;
  void ack(WorkerId worker, Ack ack) override;
  void drop(WorkerId worker, const std::string& reason) override;
  void drop_all(const std::string& reason) override;
  void flush() override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace batuta
