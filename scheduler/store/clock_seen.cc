// What is kept of the machine's clock, in the table of the store's own facts.
#include "scheduler/store/sqlite_upkeep.h"

namespace batuta {
namespace {

constexpr char select_seen[] = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?";
constexpr char upsert_seen[] =
    "INSERT INTO meta (key, value) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value";
constexpr char select_newest[] =
    "SELECT MAX(COALESCE((SELECT MAX(at) FROM event_log), 0), "
    "COALESCE((SELECT MAX(end_date) FROM dag_run WHERE end_date IS NOT NULL), 0))";
// 0 for what there is not.
constexpr char agreed_key[] = "clock_agreed";
constexpr char doubted_key[] = "clock_doubted";
constexpr char watched_key[] = "clock_watched";

OptTime time_of(std::int64_t number) {
  if (number == 0) return std::nullopt;
  return Time(Duration(number));
}

std::string text_of(const OptTime& time) {
  return std::to_string(time ? time->time_since_epoch().count() : 0);
}

}  // namespace

ClockSeen SqliteUpkeep::clock_seen() {
  const auto number = [this](const char* key) {
    std::int64_t value = 0;
    Rows rows = db_.statement(select_seen).query(key);
    if (rows.next()) rows.read(value);
    return value;
  };
  ClockSeen seen{time_of(number(agreed_key)), time_of(number(doubted_key)),
                 Duration(number(watched_key))};
  if (!seen.agreed) seen.agreed = time_of(pragma(select_newest));
  return seen;
}

void SqliteUpkeep::keep_clock_seen(const ClockSeen& seen) {
  Transaction transaction(db_);
  db_.statement(upsert_seen).run(agreed_key, text_of(seen.agreed));
  db_.statement(upsert_seen).run(doubted_key, text_of(seen.doubted));
  db_.statement(upsert_seen).run(watched_key, std::to_string(seen.watched.count()));
  transaction.commit();
}

}  // namespace batuta
