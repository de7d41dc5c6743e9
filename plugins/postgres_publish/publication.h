// One version of a table of the lake, made a table of PostgreSQL in one transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plugins/postgres_publish/target_shape.h"
#include "plugins/sql/sql_engine.h"

namespace batuta::publish {

struct Order {
  std::string source;  // the table of the lake
  std::int64_t version = 0;
  std::string schema, target;
  Mode mode = Mode::swap;
  std::vector<std::string> keys;  // of merge
  std::vector<TargetColumn> columns;
  std::string execution_id;
  Duration statement_timeout{};
};

struct Done {
  std::int64_t rows = 0;
  bool was_there = false;  // this version had been published before: nothing was done
};

// Gives the rows as pieces of COPY's text, of a bounded size each.
using RowPieces = std::function<void(const std::function<void(const std::string&)>& piece)>;

// Whatever ends it before its commit leaves nothing behind; who cannot tell whether it was
// committed asks again, for the table batuta_publication beside the target knows. Throws
// plugin::FinalError for what a retry cannot mend, plugin::RetryableError for the rest.
Done publish(plugin::SqlEngine& engine, const Order& order, const RowPieces& rows);

}  // namespace batuta::publish
