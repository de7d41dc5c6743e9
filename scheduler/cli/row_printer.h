// Rows of the lake as people and programs read them. Internal to this room.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scheduler/cli/commands.h"
#include "scheduler/cli/output.h"

namespace batuta::cli {

// Prints rows as they come (JSON, YAML), or all together when the widths are known (a table).
class RowPrinter {
 public:
  // `names` of the columns. Throws Failure (2) for a column of --columns that there is not.
  RowPrinter(Session& session, const std::vector<std::string>& names);
  ~RowPrinter();
  RowPrinter(const RowPrinter&) = delete;
  RowPrinter& operator=(const RowPrinter&) = delete;

  // A list of values, by column.
  void row(const nlohmann::json& values);
  void finish();
  std::size_t count() const { return count_; }

 private:
  Look look_;
  std::vector<std::string> names_, members_;
  std::vector<std::size_t> chosen_;
  std::unique_ptr<nlohmann::json> rows_;  // a list; of a table alone
  std::size_t count_ = 0;
};

// That there are more than the `shown`. Beside JSON it goes to standard error: what reads the rows
// must not stumble over it.
void say_cut(Session& session, const char* what, std::size_t shown);

}  // namespace batuta::cli
