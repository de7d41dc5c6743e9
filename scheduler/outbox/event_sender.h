// Sends events of one kind (of lineage, or traces), one after the other in the order of their rows:
// to a collector over HTTP, to a file of JSON lines, or to both. At least once. A thread of its
// own, so that a slow collector holds up nothing else.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/http_client.h"
#include "common/time.h"
#include "scheduler/core/rows.h"
#include "scheduler/store/registry.h"

namespace batuta {

// Where events go. Neither a URL nor a file: they are off.
struct EventTransport {
  std::string what = "lineage";  // as the settings begin: "lineage", "traces"
  std::string url{};             // whole, with its path
  std::string token{};  // a secret reference as JSON text, sent as bearer token; empty: none
  std::string file{};   // absolute; lines are added to it
  std::function<std::string(std::string_view)> gzip{};  // null: bodies go as they are

  bool on() const { return !url.empty() || !file.empty(); }
};

struct EventStanding {
  std::size_t waiting = 0;
  std::size_t waiting_bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;  // by the collector, for good
  std::uint64_t dropped = 0;  // they waited when this was switched off
  std::string trouble{};      // why what waits does not go; empty: it goes
  OptTime since{};            // of the trouble
};

class EventSender {
 public:
  struct Hooks {
    // Durable, on the control thread; false = try again later.
    std::function<bool(const std::vector<std::int64_t>& ids)> delete_rows;
    std::function<bool(OutboxRow row)> save_row;
    // Refused events that the store keeps; none: it cannot be read for now. On the sender's thread.
    std::function<std::optional<std::int64_t>()> kept_dead;
    // Puts the value in the place of the reference in `password`; blocking.
    std::function<Status(Connection&)> open;
    std::function<Result<HttpAnswer>(const HttpRequest&)> http;
    std::function<Time()> now;
  };
  // Rows that are forgotten in one write; the longest that a refusal's text is kept.
  static constexpr std::size_t most_at_once = 64;
  static constexpr std::size_t longest_answer = 500;
  // So many refused events stay in the store as dead rows for people to look at; further ones are
  // forgotten, and counted.
  static constexpr std::size_t most_dead = 100;
  // After so many refusals in a row it is not the events that are wrong: they wait.
  static constexpr int most_refused_in_a_row = 20;

  EventSender(EventTransport transport, Hooks hooks);
  ~EventSender();

  void start();
  void stop();  // finishes the event under way

  // Any thread. An id already known is ignored.
  void add(OutboxRow row);
  void remove(std::int64_t id);
  void retry_now(std::int64_t id);
  // The store was read again: what is not in `pending` is gone.
  void resync(std::vector<OutboxRow> pending);
  void wake();

  EventStanding standing() const;  // any thread

 private:
  enum class Fate : std::uint8_t { sent, refused, later };
  void run();
  std::vector<OutboxRow> next_rows(std::unique_lock<std::mutex>& lock);
  void send(std::vector<OutboxRow> rows);
  Fate send_one(const OutboxRow& row, const std::string& token, std::string& error);
  Status write_lines(const std::vector<OutboxRow>& rows);
  Result<std::string> open_token();
  bool pause_for_store();
  bool forget(const std::vector<std::int64_t>& ids);
  void refuse(OutboxRow row, const std::string& error);
  void hold(OutboxRow row, const std::string& error);
  void take_out(std::int64_t id);  // with mutex_ held

  const EventTransport transport_;
  const Hooks hooks_;
  HttpConnections connections_;
  int refused_in_a_row_ = 0;  // the sender's thread
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<std::int64_t, OutboxRow> waiting_;
  std::size_t waiting_bytes_ = 0;   // of their texts
  std::set<std::int64_t> written_;  // of those, what the file has already
  OptTime held_until_;
  EventStanding standing_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace batuta
