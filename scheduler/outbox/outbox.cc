#include "scheduler/outbox/outbox.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/log.h"
#include "common/safe_json.h"
#include "lakelog/branch.h"
#include "lakelog/payload.h"
#include "lakelog/publish.h"
#include "lakelog/storage.h"
#include "scheduler/outbox/alert.h"
#include "scheduler/outbox/alert_queue.h"

namespace batuta {
namespace {

constexpr Duration first_delay = std::chrono::milliseconds(100);
constexpr Duration longest_delay = std::chrono::seconds(30);

// 100 ms, 200 ms, … 30 s: the disk or the receiver gets room, recovery is still quick.
Duration backoff(std::int32_t tries) {
  const auto doubled = first_delay * (std::int64_t{1} << std::clamp(tries - 1, 0, 20));
  return std::min<Duration>(doubled, longest_delay);
}

// A reason that people read says which table it is about.
Error named(Error error, const std::string& table) {
  if (error.message.find(table) == std::string::npos) error.message = table + ": " + error.message;
  return error;
}

}  // namespace

struct Outbox::Impl {
  Impl(Options o, Hooks h)
      : options(std::move(o)),
        hooks(std::move(h)),
        alerts(options.alert_spacing > Duration::zero()),
        lineage(options.lineage, sender_hooks(OutboxKind::lineage)),
        traces(options.traces, sender_hooks(OutboxKind::trace)) {}

  EventSender::Hooks sender_hooks(OutboxKind kind) const {
    return {
        hooks.delete_rows, hooks.save_row, [kept = hooks.kept_dead, kind] { return kept(kind); },
        hooks.open,        hooks.http,     hooks.now};
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      if (auto item = queue.take(hooks.now())) {
        lock.unlock();
        publish(std::move(*item));
        lock.lock();
        continue;
      }
      if (auto rows = alerts.take(hooks.now()); !rows.empty()) {
        lock.unlock();
        alert(std::move(rows));
        lock.lock();
        continue;
      }
      Duration patience = std::chrono::seconds(5);
      for (const OptTime due : {queue.next_due(), alerts.next_due()}) {
        if (!due) continue;
        patience = std::clamp<Duration>(*due - hooks.now(), std::chrono::milliseconds(1), patience);
      }
      wake.wait_for(lock, patience);
    }
  }

  Result<std::shared_ptr<lakelog::Storage>> storage() {
    std::lock_guard guard(opening);
    if (opened_lake) return opened_lake;
    auto opened = options.lake.storage();
    if (opened) opened_lake = *opened;
    return opened;
  }

  // Where the publication goes: the lake, or the branch of the attempt's run.
  Result<std::shared_ptr<lakelog::Storage>> storage_of(const std::string& info_json) {
    auto lake = storage();
    if (!lake || info_json.find("\"branch\"") == std::string::npos) return lake;
    const auto info = parse_untrusted(info_json);
    if (!info || !info->is_object()) return Error{Errc::invalid, "its info cannot be read", {}};
    const auto branch = info->find("branch");
    if (branch == info->end() || !branch->is_string()) return lake;
    const auto ref = branch->get<std::string>();
    if (auto there = lakelog::check_branch(**lake, ref); !there) return there.error();
    return lakelog::branch_storage(*std::move(lake), ref);
  }

  lakelog::Publication request_for(lakelog::Storage& lake, const PublicationRow& publication,
                                   const std::string& info_json) {
    lakelog::Publication request;
    request.storage = &lake;
    request.payload_json = publication.payload_json;
    request.app_id = "batuta/" + options.store_uuid;
    request.number = publication.number;
    request.uuid = to_string(publication.uuid);
    request.info_json = info_json;
    request.oldest_read_version = [this, table = publication.table] {
      std::lock_guard lock(mutex);
      std::int64_t oldest = std::numeric_limits<std::int64_t>::max();
      for (const auto& [id, row] : publications)
        if (row.table == table)
          oldest = std::min(oldest, lakelog::read_version_of(row.payload_json));
      return oldest;
    };
    return request;
  }

  // The attempt's tables that come after this one: what will be refused is refused before the first
  // of them is published, so that nothing of a refused attempt (its quarantine) shows up. `table`
  // becomes the one refused.
  Status check_followers(lakelog::Storage& lake, const PublicationRow& first,
                         const std::string& info_json, std::string& table) {
    std::vector<PublicationRow> followers;
    {
      std::lock_guard lock(mutex);
      for (const auto& [id, row] : publications)
        if (row.key == first.key && row.position > first.position) followers.push_back(row);
    }
    for (const PublicationRow& row : followers) {
      auto checked = lakelog::check_publication(request_for(lake, row, info_json));
      if (checked) continue;
      table = row.table;
      return checked;
    }
    return success();
  }

  Result<lakelog::Published> checked_and_published(const OutboxItem& item) {
    const PublicationRow& publication = item.publication;
    const std::string& info_json = item.row.payload_json;
    std::string table = publication.table;
    // Whatever keeps the lake from being opened may be mended: no publication is given up for it.
    const auto lake = storage_of(info_json);
    if (!lake && lake.error().code == Errc::conflict) return lake.error();
    if (!lake) return named({Errc::unavailable, lake.error().message, {}}, table);
    auto request = request_for(**lake, publication, info_json);
    if (publication.position == 0)
      request.before_put = [&] { return check_followers(**lake, publication, info_json, table); };
    auto published = lakelog::publish(request);
    if (!published) return named(published.error(), table);
    return published;
  }

  void publish(OutboxItem item) {
    const PublicationRow& publication = item.publication;
    const auto published = checked_and_published(item);
    if (!published && published.error().code == Errc::unavailable) {
      return again(std::move(item), published.error().message, std::nullopt);
    }
    const bool told =
        published ? hooks.post(PublicationSettled{publication.id, published->version})
                  : hooks.post(PublicationRefused{publication.id, published.error().message,
                                                  published.error().code == Errc::conflict});
    // Publishing again finds the same UUID, so an untold result is simply worked out once more.
    if (!told) return again(std::move(item), "the scheduler cannot record results for now", {});
    std::lock_guard lock(mutex);
    (published ? counts.published : counts.refused)++;
    queue.carried_out(item.row.id);
  }

  SendResult send_to(const std::string& receiver, const std::vector<OutboxRow>& rows) {
    auto connection = hooks.connection(receiver);
    if (connection) {
      const Status opened = hooks.open(*connection);
      if (!opened) {
        return {false, false, {}, "connection \"" + receiver + "\": " + opened.error().message};
      }
    }
    return send_alerts(rows, connection,
                       {options.store_uuid, options.base_url, hooks.now(), hooks.log_tail},
                       {hooks.http, hooks.mail});
  }

  void alert(std::vector<OutboxRow> rows) {
    const std::string receiver = rows.front().key;
    const SendResult result = send_to(receiver, rows);
    for (std::size_t i = 0; i < result.left; ++i) {
      OutboxRow row = std::move(rows.back());
      rows.pop_back();
      row.next_try_at = hooks.now();  // it had its turn: no interval holds it back now
      std::lock_guard lock(mutex);
      alerts.put_back(std::move(row), false);
    }
    if (result.sent) return finish_alerts(receiver, std::move(rows));
    // One of them may be what the receiver does not take: each by itself, then.
    const bool alone = result.final && rows.size() > 1;
    OptTime next;
    for (OutboxRow& row : rows) {
      const bool expired = hooks.now() - row.created_at > options.alert_expiry;
      if (expired || (result.final && !alone)) {
        give_up(std::move(row), result.error);
        continue;
      }
      // A receiver may say "at once" (or a date that is past) and fail for ever.
      const auto asked = std::max(backoff(row.tries + 1), result.retry_after.value_or(Duration{}));
      const auto wait = alone ? Duration::zero() : asked;
      next = alert_again(std::move(row), result.error, wait, alone);
    }
    if (!next) return;
    std::lock_guard lock(mutex);
    alerts.hold(receiver, *next);  // a receiver that fails is not asked again for the next one
  }

  void give_up(OutboxRow row, const std::string& error) {
    row.dead = true;
    row.last_error = error;
    ++row.tries;
    log::error("alert " + std::to_string(row.id) + " given up after " + std::to_string(row.tries) +
               (row.tries == 1 ? " try: " : " tries: ") + error + " (see `batuta outbox list`)");
    if (!hooks.save_row(row)) {
      alert_again(std::move(row), error, backoff(1), true);
      return;
    }
    std::lock_guard lock(mutex);
    ++counts.alerts_dead;
    alerts.remove(row.id);
  }

  void finish_alerts(const std::string& receiver, std::vector<OutboxRow> rows) {
    std::vector<std::int64_t> ids;
    for (const OutboxRow& row : rows) ids.push_back(row.id);
    // Sent but not yet forgotten: a crash here sends it twice, which beats never.
    while (!hooks.delete_rows(ids)) {
      std::unique_lock lock(mutex);
      if (stopping) return;
      wake.wait_for(lock, first_delay);
    }
    std::lock_guard lock(mutex);
    counts.alerts_sent += rows.size();
    alerts.hold(receiver, hooks.now() + options.alert_spacing);
    for (const OutboxRow& row : rows) alerts.remove(row.id);
  }

  // When it is tried next.
  Time alert_again(OutboxRow row, const std::string& error, Duration wait, bool alone) {
    note_failure(row, error, wait);
    const Time next = *row.next_try_at;
    std::lock_guard lock(mutex);
    ++counts.failures;
    alerts.put_back(std::move(row), alone);
    return next;
  }

  void again(OutboxItem item, const std::string& error, std::optional<Duration> wait) {
    note_failure(item.row, error, wait.value_or(backoff(item.row.tries + 1)));
    std::lock_guard lock(mutex);
    ++counts.failures;
    queue.put_back(std::move(item));
  }

  void note_failure(OutboxRow& row, const std::string& error, Duration wait) {
    ++row.tries;
    row.last_error = error;
    row.next_try_at = hooks.now() + wait;
    if (row.tries == 1 || row.tries % 10 == 0) {
      log::warn("outbox " + std::to_string(row.id) + " (" + row.key + "), try " +
                std::to_string(row.tries) + ": " + error);
    }
    hooks.save_row(row);  // for people; losing it loses nothing
  }

  // Requires mutex. A publication is committed with its attempt's acceptance; its outbox row
  // follows when those before it are settled.
  void remember(const std::vector<PublicationRow>& rows) {
    for (const PublicationRow& row : rows) {
      if (row.state == PublicationState::pending) {
        publications.insert_or_assign(row.id, row);
      } else {
        publications.erase(row.id);
      }
    }
  }

  // Requires mutex.
  OutboxItem item_of(OutboxRow row) {
    const auto found = publications.find(row.publication);
    BATUTA_CHECK(found != publications.end(), "an outbox row without its publication");
    return {std::move(row), found->second};
  }

  // Requires mutex.
  void add(OutboxRow row) {
    switch (row.kind) {
      case OutboxKind::publish:
        return queue.add(item_of(std::move(row)));
      case OutboxKind::alert:
        return alerts.add(std::move(row));
      case OutboxKind::lineage:
        return lineage.add(std::move(row));
      case OutboxKind::trace:
        return traces.add(std::move(row));
    }
  }

  const Options options;
  const Hooks hooks;
  std::mutex opening;
  std::shared_ptr<lakelog::Storage> opened_lake;  // null until it was opened; guarded by opening
  mutable std::mutex mutex;
  std::condition_variable wake;
  OutboxQueue queue;  // guarded by mutex, as are the following
  AlertQueue alerts;
  EventSender lineage;                                  // has a lock of its own, taken last
  EventSender traces;                                   // likewise
  std::map<std::int64_t, PublicationRow> publications;  // pending ones
  Counts counts;
  bool stopping = false;
  std::vector<std::thread> threads;
};

Outbox::Outbox(Options options, Hooks hooks)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(hooks))) {}

Outbox::~Outbox() {
  stop();
}

void Outbox::start() {
  for (int i = 0; i < impl_->options.threads; ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
  }
  impl_->lineage.start();
  impl_->traces.start();
}

void Outbox::stop() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  impl_->lineage.stop();
  impl_->traces.stop();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

void Outbox::on_committed(const Changes& changes) {
  if (changes.outbox.empty() && changes.outbox_done.empty() && changes.publications.empty()) return;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->remember(changes.publications);
    for (const OutboxRow& row : changes.outbox) impl_->add(row);
    for (const std::int64_t id : changes.outbox_done) {
      impl_->queue.remove(id);
      impl_->alerts.remove(id);
    }
  }
  impl_->wake.notify_all();
  impl_->lineage.wake();
  impl_->traces.wake();
}

void Outbox::reload(std::vector<OutboxRow> rows, std::vector<PublicationRow> publications) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->publications.clear();
    impl_->remember(publications);
    std::vector<OutboxItem> pending;
    std::vector<OutboxRow> alerts, lineage, traces;
    for (OutboxRow& row : rows) {
      if (row.kind == OutboxKind::publish) {
        pending.push_back(impl_->item_of(std::move(row)));
      } else if (!row.dead) {
        auto& others = row.kind == OutboxKind::alert     ? alerts
                       : row.kind == OutboxKind::lineage ? lineage
                                                         : traces;
        others.push_back(std::move(row));
      }
    }
    impl_->queue.resync(std::move(pending));
    impl_->alerts.resync(std::move(alerts));
    impl_->lineage.resync(std::move(lineage));
    impl_->traces.resync(std::move(traces));
  }
  impl_->wake.notify_all();
  impl_->lineage.wake();
  impl_->traces.wake();
}

void Outbox::retry(OutboxRow row) {
  {
    std::lock_guard lock(impl_->mutex);
    const std::int64_t id = row.id;
    impl_->add(std::move(row));
    impl_->queue.retry_now(id);
    impl_->alerts.retry_now(id);
    impl_->lineage.retry_now(id);
    impl_->traces.retry_now(id);
  }
  impl_->wake.notify_all();
}

void Outbox::drop(std::int64_t id) {
  std::lock_guard lock(impl_->mutex);
  impl_->queue.remove(id);
  impl_->alerts.remove(id);
  impl_->lineage.remove(id);
  impl_->traces.remove(id);
}

Outbox::Counts Outbox::counts() const {
  std::lock_guard lock(impl_->mutex);
  Counts counts = impl_->counts;
  counts.pending = impl_->queue.size() + impl_->alerts.size();
  return counts;
}

EventStanding Outbox::lineage() const {
  return impl_->lineage.standing();
}

EventStanding Outbox::traces() const {
  return impl_->traces.standing();
}

}  // namespace batuta
