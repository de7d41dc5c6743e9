#include "scheduler/store/sqlite_store.h"

#include "common/log.h"
#include "scheduler/store/catalogue_rows.h"
#include "scheduler/store/change_writer.h"
#include "scheduler/store/migrator.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_upkeep.h"
#include "scheduler/store/upgrade.h"

namespace batuta {
namespace {

constexpr std::int64_t wal_limit = 16 << 20;
constexpr std::int64_t wal_worth_idle = 256 << 10;
constexpr std::size_t versions_swept_at = 1024;

constexpr char select_meta[] = "SELECT value FROM meta WHERE key = ?";
constexpr char upsert_meta[] =
    "INSERT INTO meta (key, value) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value";

constexpr char take_lead[] =
    "INSERT INTO meta (key, value) VALUES ('epoch', '1') "
    "ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1";
constexpr char mark_turn[] =
    "UPDATE meta SET value = ? WHERE key = 'turn' "
    "AND (SELECT value FROM meta WHERE key = 'epoch') = ?";

constexpr char upsert_job_config[] =
    "INSERT INTO ingestion_job_config AS known (job_name, params_json, interval, overlap, "
    "bucket_name, updated_by, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (job_name) DO UPDATE SET params_json = excluded.params_json, "
    "interval = excluded.interval, overlap = excluded.overlap, "
    "bucket_name = excluded.bucket_name, updated_by = excluded.updated_by, "
    "updated_at = excluded.updated_at "
    "WHERE (known.params_json, known.interval, known.overlap, known.bucket_name, "
    "known.updated_by) <> (excluded.params_json, excluded.interval, excluded.overlap, "
    "excluded.bucket_name, excluded.updated_by)";

}  // namespace

SqliteStore::SqliteStore(const std::string& path, DagCodec codec, Time now)
    : db_(path, Database::Mode::read_write), codec_(std::move(codec)) {
  const std::span<const Migration> migrations = embedded_migrations();
  check_migrations(db_, migrations);
  // Beyond this point the file is ours and may be written.
  bring_up_to_date(db_, migrations, now);
  make_store_uuid(now);
}

SqliteStore::~SqliteStore() = default;

void SqliteStore::make_store_uuid(Time now) {
  {
    Rows rows = db_.statement(select_meta).query("store_uuid");
    if (rows.next()) rows.read(store_uuid_);
  }
  if (!store_uuid_.empty()) return;
  store_uuid_ = to_string(make_uuid_v7(now));
  Transaction transaction(db_);
  db_.statement(upsert_meta).run("store_uuid", store_uuid_);
  transaction.commit();
}

Lead SqliteStore::lead() {
  Lead lead;
  db_.set_guard({});
  Transaction transaction(db_);
  db_.statement(take_lead).run();
  lead.last_turn = meta_number("turn");
  lead.epoch = Epoch{meta_number("epoch")};
  db_.statement(upsert_meta).run("turn", std::to_string(lead.last_turn));
  transaction.commit();
  // Over this connection the registry, the outbox and the upkeep write, too, between turns.
  db_.set_guard([this, ours = lead.epoch] {
    if (Epoch{meta_number("epoch")} != ours) throw_replaced(ours);
  });
  db_.watch_file(rescue_copy);
  return lead;
}

void SqliteStore::throw_replaced(Epoch ours) {
  throw StoreError("another scheduler has taken the lead of " + db_.path() + " (its epoch is " +
                       std::to_string(meta_number("epoch")) + ", ours is " +
                       std::to_string(static_cast<std::int64_t>(ours)) + ")",
                   false, StoreFault::in_use);
}

std::int64_t SqliteStore::last_turn() {
  return meta_number("turn");
}

std::int64_t SqliteStore::meta_number(const char* key) {
  std::int64_t number = 0;
  Rows rows = db_.statement(select_meta).query(key);
  if (rows.next()) rows.read(number);
  return number;
}

CommitResult SqliteStore::commit(const Changes& changes, const std::vector<RenderedRow>& rendered,
                                 const TurnId& turn) {
  // A failed fsync is not "full": it ends the process, so that no outcome stays unknown here.
  try {
    write_turn(changes, rendered, turn);
    return {};
  } catch (const StoreError& error) {
    tallies_.forget();
    ends_.forget();
    return {error.full() ? CommitResult::Kind::retry : CommitResult::Kind::fatal, error.what()};
  }
}

void SqliteStore::write_turn(const Changes& changes, const std::vector<RenderedRow>& rendered,
                             const TurnId& turn) {
  for (const auto& dag : changes.dag_versions) versions_[dag->version] = dag;
  Transaction transaction(db_);
  const auto epoch = std::to_string(static_cast<std::int64_t>(turn.epoch));
  if (db_.statement(mark_turn).run(std::to_string(turn.number), epoch) != 1) {
    throw_replaced(turn.epoch);
  }
  write_changes(
      db_, changes, rendered, [this](const std::string& version) { return dag_of(version); },
      tallies_, ends_);
  transaction.commit();
}

void SqliteStore::probe() {
  Transaction transaction(db_);
  db_.statement(upsert_meta).run("probe", std::to_string(++probes_));
  transaction.commit();
}

void SqliteStore::maintain(bool idle) {
  const std::int64_t worth_it = idle ? wal_worth_idle : wal_limit;
  if (db_.wal_bytes() < worth_it) return;
  try {
    db_.checkpoint(false);
  } catch (const StoreError& error) {
    // A full disk: the log still has everything, and commits may go on in its free frames.
    if (!error.full()) throw;
    log::warn(std::string("checkpoint put off: ") + error.what());
  }
}

std::shared_ptr<const Dag> SqliteStore::load_dag_version(const std::string& version) {
  const auto known = versions_.find(version);
  if (known != versions_.end()) {
    if (auto dag = known->second.lock()) return dag;
  }
  DagVersionText text;
  {
    Rows rows = db_.statement(
                       "SELECT version, dag_id, file, canonical_json, source_text "
                       "FROM dag_version WHERE version = ?")
                    .query(version);
    if (!rows.next()) return nullptr;
    rows.read(text.version, text.dag_id, text.file, text.canonical_json, text.source_text);
  }
  std::shared_ptr<const Dag> dag = codec_(text);
  if (versions_.size() >= versions_swept_at) {
    std::erase_if(versions_, [](const auto& entry) { return entry.second.expired(); });
  }
  if (dag) versions_[version] = dag;
  return dag;
}

// For rows that cannot stand without their DAG.
std::shared_ptr<const Dag> SqliteStore::dag_of(const std::string& version) {
  std::shared_ptr<const Dag> dag = load_dag_version(version);
  if (!dag) {
    throw StoreError("a run needs DAG version " + version +
                         ", which this program cannot read; start the program that wrote it and "
                         "let its runs end",
                     false);
  }
  return dag;
}

void SqliteStore::save_catalogue(const std::vector<PluginInfo>& catalogue) {
  replace_catalogue(db_, catalogue);
}

void SqliteStore::save_job_configs(const std::vector<JobConfigView>& configs) {
  Transaction transaction(db_);
  Statement& upsert = db_.statement(upsert_job_config);
  for (const JobConfigView& c : configs) {
    upsert.run(c.job_name, c.params_json, c.interval, c.overlap, c.bucket_name, c.updated_by,
               c.created_at, c.updated_at);
  }
  transaction.commit();
}

}  // namespace batuta
