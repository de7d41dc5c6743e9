// Fills a table of the session row by row: the quick way in for values that come from C++.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/lake/session.h"

namespace batuta::lake {

// Values go in column order; end_row() after the last. Nothing is certain before close(), which
// throws SqlError when any step failed.
class Appender {
 public:
  Appender(Session& session, const std::string& table);
  ~Appender();
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;

  void text(std::optional<std::string_view> value);
  void integer(std::int64_t value);
  // Into a column of its Delta type, where the text is for certain what a value of it is written
  // as: a whole number ("long"), a number of digits ("double"), true and false ("boolean"), a day
  // since the year 1 ("date"), an instant of UTC, or without an offset ("timestamp"). False, and
  // nothing was put in: of any other text, and another type.
  [[nodiscard]] bool as_value(const std::string& type, std::string_view text);
  void null();
  void end_row();
  void close();

 private:
  void note(duckdb_state state) { good_ = good_ && state == DuckDBSuccess; }
  const DuckdbApi& api_;
  std::string table_;
  duckdb_appender appender_ = nullptr;
  bool good_ = true;
};

}  // namespace batuta::lake
