// One call's hold on a read-only connection: a snapshot and a deadline. Private to
// sqlite_history*.cc.
#pragma once

#include "scheduler/store/history_sql.h"
#include "scheduler/store/sqlite_history.h"

namespace batuta {

class SqliteHistory::Reader {
 public:
  // StoreError (full) when no connection comes free in time.
  explicit Reader(SqliteHistory& history);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Database& db() { return *db_; }
  std::int64_t count(const ListSql& sql) {
    std::int64_t total = 0;
    Statement statement = db_->prepare(sql.count);
    bind(statement, sql.values);
    Rows rows = statement.bound_query();
    if (rows.next()) rows.read(total);
    return total;
  }
  // Runs a built list and its count over the same snapshot; `read_row` appends one row.
  template <class Row, class ReadRow>
  PageOf<Row> list(const ListSql& sql, const Page& page, ReadRow read_row) {
    PageOf<Row> result;
    result.total = count(sql);
    Statement statement = db_->prepare(sql.rows);
    const int next = bind(statement, sql.values);
    bind_page(statement, next, page);
    Rows rows = statement.bound_query();
    while (rows.next()) read_row(rows, result.rows.emplace_back());
    return result;
  }

 private:
  static int bind(Statement& statement, const std::vector<SqlValue>& values);
  static void bind_page(Statement& statement, int index, const Page& page);

  SqliteHistory& history_;
  std::unique_ptr<Database> db_;
};

// 0..max_page rows from a row that is not negative.
Page bounded(const Page& page);

}  // namespace batuta
