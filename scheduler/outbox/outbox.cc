#include "scheduler/outbox/outbox.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <thread>

#include "common/log.h"
#include "lakelog/payload.h"
#include "lakelog/publish.h"
#include "lakelog/storage.h"
#include "scheduler/outbox/alert.h"

namespace batuta {
namespace {

constexpr Duration first_delay = std::chrono::milliseconds(100);
constexpr Duration longest_delay = std::chrono::seconds(30);

// 100 ms, 200 ms, … 30 s: the disk or the receiver gets room, recovery is still quick.
Duration backoff(std::int32_t tries) {
  const auto doubled = first_delay * (std::int64_t{1} << std::clamp(tries - 1, 0, 20));
  return std::min<Duration>(doubled, longest_delay);
}

std::unique_ptr<lakelog::Storage> open_lake(const std::string& folder) {
  auto opened = lakelog::open_storage(folder);
  BATUTA_CHECK(opened.ok(), folder);
  return *std::move(opened);
}

// A reason that people read says which table it is about.
Error named(Error error, const std::string& table) {
  if (error.message.find(table) == std::string::npos) error.message = table + ": " + error.message;
  return error;
}

}  // namespace

struct Outbox::Impl {
  Impl(Options o, Hooks h)
      : options(std::move(o)), hooks(std::move(h)), lake(open_lake(options.lake_folder)) {}

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      if (auto item = queue.take(hooks.now())) {
        lock.unlock();
        if (item->row.kind == OutboxKind::publish) {
          publish(std::move(*item));
        } else {
          alert(std::move(*item));
        }
        lock.lock();
        continue;
      }
      Duration patience = std::chrono::seconds(5);
      if (const auto due = queue.next_due()) {
        patience = std::clamp<Duration>(*due - hooks.now(), std::chrono::milliseconds(1), patience);
      }
      wake.wait_for(lock, patience);
    }
  }

  lakelog::Publication request_for(const PublicationRow& publication,
                                   const std::string& info_json) {
    lakelog::Publication request;
    request.storage = lake.get();
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
  Status check_followers(const PublicationRow& first, const std::string& info_json,
                         std::string& table) {
    std::vector<PublicationRow> followers;
    {
      std::lock_guard lock(mutex);
      for (const auto& [id, row] : publications)
        if (row.key == first.key && row.position > first.position) followers.push_back(row);
    }
    for (const PublicationRow& row : followers) {
      auto checked = lakelog::check_publication(request_for(row, info_json));
      if (checked) continue;
      table = row.table;
      return checked;
    }
    return success();
  }

  Result<lakelog::Published> checked_and_published(const OutboxItem& item) {
    const PublicationRow& publication = *item.publication;
    const std::string& info_json = item.row.payload_json;
    std::string table = publication.table;
    auto request = request_for(publication, info_json);
    if (publication.position == 0)
      request.before_put = [&] { return check_followers(publication, info_json, table); };
    auto published = lakelog::publish(request);
    if (!published) return named(published.error(), table);
    return published;
  }

  void publish(OutboxItem item) {
    const PublicationRow& publication = *item.publication;
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

  void alert(OutboxItem item) {
    const auto connection = hooks.connection(alert_connection(item.row.payload_json));
    const SendResult result =
        send_alert(item.row.payload_json, connection, hooks.now(), hooks.http);
    if (result.sent) return finish_alert(std::move(item));
    const bool expired = hooks.now() - item.row.created_at > options.alert_expiry;
    if (!result.final && !expired) return again(std::move(item), result.error, result.retry_after);
    item.row.dead = true;
    item.row.last_error = result.error;
    ++item.row.tries;
    log::error("alert " + std::to_string(item.row.id) + " given up after " +
               std::to_string(item.row.tries) + (item.row.tries == 1 ? " try: " : " tries: ") +
               result.error + " (see `batuta outbox list`)");
    if (!hooks.save_row(item.row)) return again(std::move(item), result.error, std::nullopt);
    std::lock_guard lock(mutex);
    ++counts.alerts_dead;
    queue.remove(item.row.id);
  }

  void finish_alert(OutboxItem item) {
    // Sent but not yet forgotten: a crash here sends it twice, which beats never.
    while (!hooks.delete_row(item.row.id)) {
      std::unique_lock lock(mutex);
      if (stopping) return;
      wake.wait_for(lock, first_delay);
    }
    std::lock_guard lock(mutex);
    ++counts.alerts_sent;
    queue.hold_alerts(item.row.key, hooks.now() + options.alert_spacing);
    queue.remove(item.row.id);
  }

  void again(OutboxItem item, const std::string& error, std::optional<Duration> wait) {
    ++item.row.tries;
    item.row.last_error = error;
    item.row.next_try_at = hooks.now() + wait.value_or(backoff(item.row.tries));
    if (item.row.tries == 1 || item.row.tries % 10 == 0) {
      log::warn("outbox " + std::to_string(item.row.id) + " (" + item.row.key + "), try " +
                std::to_string(item.row.tries) + ": " + error);
    }
    hooks.save_row(item.row);  // for people; losing it loses nothing
    std::lock_guard lock(mutex);
    ++counts.failures;
    queue.put_back(std::move(item));
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
    OutboxItem item{std::move(row), std::nullopt};
    if (item.row.kind != OutboxKind::publish) return item;
    const auto found = publications.find(item.row.publication);
    BATUTA_CHECK(found != publications.end(), "an outbox row without its publication");
    item.publication = found->second;
    return item;
  }

  const Options options;
  const Hooks hooks;
  const std::unique_ptr<lakelog::Storage> lake;
  mutable std::mutex mutex;
  std::condition_variable wake;
  OutboxQueue queue;                                    // guarded by mutex, as are the following
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
}

void Outbox::stop() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

void Outbox::on_committed(const Changes& changes) {
  if (changes.outbox.empty() && changes.outbox_done.empty() && changes.publications.empty()) return;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->remember(changes.publications);
    for (const OutboxRow& row : changes.outbox) impl_->queue.add(impl_->item_of(row));
    for (const std::int64_t id : changes.outbox_done) impl_->queue.remove(id);
  }
  impl_->wake.notify_all();
}

void Outbox::reload(std::vector<OutboxRow> rows, std::vector<PublicationRow> publications) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->publications.clear();
    impl_->remember(publications);
    std::vector<OutboxItem> pending;
    for (OutboxRow& row : rows) {
      if (!row.dead) pending.push_back(impl_->item_of(std::move(row)));
    }
    impl_->queue.resync(std::move(pending));
  }
  impl_->wake.notify_all();
}

void Outbox::retry(OutboxRow row) {
  {
    std::lock_guard lock(impl_->mutex);
    const std::int64_t id = row.id;
    impl_->queue.add(impl_->item_of(std::move(row)));
    impl_->queue.retry_now(id);
  }
  impl_->wake.notify_all();
}

void Outbox::drop(std::int64_t id) {
  std::lock_guard lock(impl_->mutex);
  impl_->queue.remove(id);
}

Outbox::Counts Outbox::counts() const {
  std::lock_guard lock(impl_->mutex);
  Counts counts = impl_->counts;
  counts.pending = impl_->queue.size();
  return counts;
}

}  // namespace batuta
