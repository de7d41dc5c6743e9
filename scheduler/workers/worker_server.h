// Accepts agents over a Transport and is the engine's Executor for all of them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/core/event.h"
#include "scheduler/engine/executor.h"
#include "scheduler/workers/transport.h"
#include "scheduler/workers/worker_offers.h"

namespace batuta {

class WorkerServer : public Executor {
 public:
  struct Options {
    std::string run_folder;  // <home>/run, exists, 0700
    std::string store_uuid;
    Duration heartbeat{};
    Duration lease{};
    Duration cancel_grace{};
    std::size_t max_agents = 256;
    Duration fetch_patience = std::chrono::seconds(2);
  };
  // Threads: the io thread runs `io`; Executor's methods belong to the control thread.
  WorkerServer(boost::asio::io_context& io, std::unique_ptr<Transport> transport, Options options);
  ~WorkerServer() override;

  // Told what each worker offers, and nullopt when it is gone. Io thread; set before start().
  // A worker's launches come after what it offers was told.
  using OffersSink = std::function<void(WorkerId, std::optional<WorkerOffers>)>;
  void set_offers_sink(OffersSink sink);

  // Takes a batch of events; false when it cannot for now (Engine::post). Io thread.
  using EventSink = std::function<bool(std::vector<Event>)>;
  // Listens, and hands events to `sink` from now on. The transport's error when it cannot.
  Status start(EventSink sink);
  // Any thread: nothing more is launched on any worker, those that join later included. What runs
  // goes on and reports.
  void hold_back();
  // Io thread: no new agents, every connection closed.
  void stop();
  // Agents found in restored rows: each whose lock is free is reported dead at once. Any thread.
  void check_agents(const std::vector<std::string>& agent_ids);

  // A part of a file of a connected agent, from `path` below its home: `size` bytes at most (and no
  // more than max_chunk_bytes). Blocks for up to `fetch_patience`; any thread but io's.
  // Errc::not_found when the agent says so, Errc::unavailable when it is gone or silent.
  Result<FileChunk> fetch_file(const std::string& agent_id, const std::string& path,
                               std::int64_t offset, std::int64_t size);

  // Asks a connected agent to take nothing new, or work again; it answers by what it offers, unless
  // it leaves, and takes nothing anyway. Any thread. Errc::not_found when it is not connected,
  // Errc::conflict when it is too old to know.
  Status drain(const std::string& agent_id, bool on);

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
