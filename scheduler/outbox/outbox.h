// Carries out what commits have promised: publishes table versions, sends alerts, OpenLineage
// events and traces. At least once, under idempotency keys; publications and events never expire,
// alerts go to `dead` after 24 hours, events when the collector refuses them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/http_client.h"
#include "common/mail_client.h"
#include "scheduler/core/effects.h"
#include "scheduler/outbox/event_sender.h"
#include "scheduler/outbox/outbox_queue.h"
#include "scheduler/store/registry.h"
#include "stores/lake.h"

namespace batuta {

class Outbox {
 public:
  struct Options {
    stores::Lake lake;       // opened with the first publication
    std::string store_uuid;  // publications' app id
    int threads = 2;
    Duration alert_spacing = std::chrono::seconds(1);  // per connection (Slack's limit)
    Duration alert_expiry = std::chrono::hours(24);
    std::string base_url{};  // of the page, for links; empty: none
    EventTransport lineage{};
    EventTransport traces{};
  };
  struct Hooks {
    // Hands an event to the engine; false = try again later.
    std::function<bool(Event)> post;
    // On the control thread, durable: drop rows (what they tell was sent), or keep the new tries,
    // next_try_at, last_error, dead of one. False = try again later.
    std::function<bool(const std::vector<std::int64_t>& ids)> delete_rows;
    std::function<bool(OutboxRow row)> save_row;
    // Dead rows of events in the store; none: it cannot be read for now. Any thread.
    std::function<std::optional<std::int64_t>(OutboxKind)> kept_dead = [](OutboxKind) { return 0; };
    std::function<std::optional<Connection>(const std::string& id)> connection;
    // Puts values in the place of references to secrets; blocking, on a thread of the outbox.
    std::function<Status(Connection&)> open = [](Connection&) { return success(); };
    std::function<Result<HttpAnswer>(const HttpRequest&)> http = http_call;
    std::function<Status(const MailRequest&)> mail = send_mail;
    // The last lines of a log below logs/; on a thread of the outbox.
    std::function<std::string(const std::string& log)> log_tail{};
    std::function<Time()> now = [] { return read_clock().wall; };
  };
  Outbox(Options options, Hooks hooks);
  ~Outbox();

  void start();
  void stop();  // finishes the items under way

  // Control thread, after a commit.
  void on_committed(const Changes& changes);
  // At start and after a reload: everything pending in the store. Any thread.
  void reload(std::vector<OutboxRow> rows, std::vector<PublicationRow> publications);
  // `batuta outbox retry`: an item that waits goes at once; a dead alert is alive again (the caller
  // saved it so). Any thread.
  void retry(OutboxRow row);
  void drop(std::int64_t id);

  struct Counts {
    std::size_t pending = 0;
    std::uint64_t published = 0, refused = 0, alerts_sent = 0, alerts_dead = 0, failures = 0;
  };
  Counts counts() const;          // any thread
  EventStanding lineage() const;  // any thread
  EventStanding traces() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace batuta
