// The records of a topic as `stream tail` prints them, one after the other, for as long as they
// come. Internal to this room.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "scheduler/cli/output.h"
#include "stream/stream.h"

namespace batuta::cli {

class RecordPrinter {
 public:
  // `asked`: whether somebody named `look.format`; else it is a JSON object a line. A table is
  // printed when it is whole, so one without an end (`endless`) is refused. Throws Failure (2) for
  // that, and for a column that there is not: partition, offset, time, key, value, headers and
  // headers.NAME are.
  RecordPrinter(Look look, bool asked, bool endless);

  // Throws Failure (2) when a table gets too long.
  void print(const stream::Record& record);
  // Ends the list, or prints the table.
  void finish();

 private:
  Look look_;
  bool by_line_;
  std::vector<std::string>
      names_;  // of the columns; of a JSON object all of them when none is named
  std::size_t count_ = 0;
  std::vector<std::vector<std::string>> rows_;  // of a table, by name
};

}  // namespace batuta::cli
