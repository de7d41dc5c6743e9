// One call's hold on a read-only connection: a snapshot and a deadline. Private to
// sqlite_history*.cc.
#pragma once

#include "scheduler/store/history_sql.h"
#include "scheduler/store/sqlite_history.h"

namespace batuta {

// 0..max_page rows from a row that is not negative.
Page bounded(const Page& page);
// From the first parameter on; the index after them.
int bind_values(Statement& statement, const std::vector<SqlValue>& values);
std::int64_t count_of(Database& db, const ListSql& sql);

class SqliteHistory::Reader {
 public:
  // StoreError (full) when no connection comes free in time.
  explicit Reader(SqliteHistory& history);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Database& db() { return *db_; }
  std::int64_t count(const ListSql& sql) { return count_of(*db_, sql); }
  // Runs a built list and its count over the same snapshot; `read_row` appends one row.
  template <class Row, class ReadRow>
  PageOf<Row> list(const ListSql& sql, const Page& page, ReadRow read_row) {
    PageOf<Row> result;
    result.total = count(sql);
    result.rows = page_of<Row>(sql, page, read_row);
    return result;
  }
  // The rows alone.
  template <class Row, class ReadRow>
  std::vector<Row> page_of(const ListSql& sql, const Page& page, ReadRow read_row) {
    std::vector<Row> result;
    Statement statement = db_->prepare(sql.rows);
    const int next = bind_values(statement, sql.values);
    const Page sound = bounded(page);
    statement.bind_at(next, sound.limit);
    statement.bind_at(next + 1, sound.offset);
    Rows rows = statement.bound_query();
    while (rows.next()) read_row(rows, result.emplace_back());
    return result;
  }

 private:
  SqliteHistory& history_;
  std::unique_ptr<Database> db_;
};

}  // namespace batuta
