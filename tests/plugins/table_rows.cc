#include "tests/plugins/table_rows.h"
#include "tests/plugins/test_engine.h"

#include <doctest/doctest.h>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/session.h"
#include "tests/plugins/fake_host.h"

namespace batuta {
namespace {

std::string line_of(const std::vector<lake::Cell>& row) {
  std::string line;
  for (const lake::Cell& cell : row) {
    if (&cell != row.data()) line += '|';
    if (cell.is_null()) {
      line += "NULL";
    } else if (const auto* number = std::get_if<std::int64_t>(&cell.value)) {
      line += std::to_string(*number);
    } else {
      line += cell.text();
    }
  }
  return line;
}

}  // namespace

std::vector<std::string> table_rows(const stores::Lake& lake, const std::string& table,
                                    const std::string& sql) {
  const auto delta = lake::DeltaTable::open(lake, table);
  REQUIRE(delta.exists());
  lake::Session session(lake::engine_in(lake.folder() + "/_scratch"));
  lake::create_view(session, "t", delta);
  std::vector<std::string> out;
  for (const auto& row : session.query(sql).rows) out.push_back(line_of(row));
  return out;
}

}  // namespace batuta
