// The outbox as its runners and the operator see it.
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_store.h"

namespace batuta {
namespace {

constexpr char select_one[] = "SELECT " BATUTA_OUTBOX_COLUMNS " FROM outbox WHERE id = ?";
constexpr char update_row[] =
    "UPDATE outbox SET tries = ?, next_try_at = ?, last_error = ?, dead = ? WHERE id = ?";
constexpr char delete_row[] = "DELETE FROM outbox WHERE id = ?";

std::optional<OutboxRow> find_row(Database& db, std::int64_t id) {
  Rows rows = db.statement(select_one).query(id);
  if (!rows.next()) return std::nullopt;
  OutboxRow row;
  read_outbox(rows, row);
  return row;
}

}  // namespace

void SqliteStore::finish_outbox(const std::vector<std::int64_t>& ids) {
  Transaction transaction(db_);
  for (const std::int64_t id : ids) db_.statement(delete_row).run(id);
  transaction.commit();
}

bool SqliteStore::update_outbox(const OutboxRow& row) {
  Transaction transaction(db_);
  const std::int64_t touched =
      db_.statement(update_row).run(row.tries, row.next_try_at, row.last_error, row.dead, row.id);
  transaction.commit();
  return touched == 1;
}

std::optional<OutboxRow> SqliteStore::retry_outbox(std::int64_t id, Time now) {
  std::optional<OutboxRow> row = find_row(db_, id);
  if (!row) return std::nullopt;
  row->tries = 0;
  row->dead = false;
  row->next_try_at = now;
  update_outbox(*row);
  return row;
}

Status SqliteStore::drop_outbox(std::int64_t id) {
  const std::optional<OutboxRow> row = find_row(db_, id);
  if (!row) return Error{Errc::not_found, "no outbox row " + std::to_string(id), "id"};
  if (row->kind == OutboxKind::publish) {
    return Error{Errc::conflict,
                 "outbox row " + std::to_string(id) +
                     " publishes data and cannot be dropped; it is tried until it is done or "
                     "refused",
                 "id"};
  }
  finish_outbox({id});
  return success();
}

}  // namespace batuta
