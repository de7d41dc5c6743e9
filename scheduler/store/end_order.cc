#include "scheduler/store/end_order.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace batuta {
namespace {

constexpr char select_last[] =
    "SELECT COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'ended'), "
    "(SELECT MAX(end_date) FROM dag_run WHERE end_date IS NOT NULL), 0)";
constexpr char upsert_last[] =
    "INSERT INTO meta (key, value) VALUES ('ended', ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value";

}  // namespace

OptTime EndOrder::place(Database& db, const OptTime& end) {
  if (!end) return std::nullopt;
  if (!known_) {
    Rows rows = db.statement(select_last).query();
    if (rows.next()) rows.read(last_);
    before_ = last_;
    known_ = true;
  }
  const std::int64_t at = end->time_since_epoch() / std::chrono::microseconds(1);
  if (at > before_) {
    last_ = std::max(last_, at);
    return std::nullopt;
  }
  return Time(std::chrono::microseconds(++last_));
}

void EndOrder::write(Database& db) {
  if (!known_ || last_ == before_) return;
  db.statement(upsert_last).run(std::to_string(last_));
  before_ = last_;
}

}  // namespace batuta
