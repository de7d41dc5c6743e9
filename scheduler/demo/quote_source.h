// Where the quote service's rows come from. A source is a pure function of its options: any slice,
// in any order, gives the same rows.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/time.h"

namespace batuta::demo {

// What is wrong with a row, on purpose.
enum class Defect : unsigned char {
  none,
  high_below_low,
  negative_volume,
  not_a_number,
  missing_ticker,
  unknown_ticker,
  future_date,
};
inline constexpr int defect_count = 7;
std::string_view to_string(Defect defect);

// The columns as the service sends them, all text; nullopt is JSON null. `adj_close` follows `open`
// as in the source that P1 copies.
enum Column {
  col_date,
  col_ticker,
  col_open,
  col_adj_close,
  col_close,
  col_high,
  col_low,
  col_volume
};
inline constexpr int column_count = 8;
extern const std::array<const char*, column_count> column_names;

// The order of rows: by date, ticker, copy. Names a place in a page walk.
struct Position {
  Time date{};
  std::string ticker;
  int copy = 0;  // 1: the exact duplicate of 0
  auto operator<=>(const Position&) const = default;
};

struct Quote {
  Position at;        // its true date and ticker, whatever the columns claim
  Time visible_at{};  // a late row appears only then
  Defect defect = Defect::none;
  std::array<std::optional<std::string>, column_count> columns;
};

struct QuoteQuery {
  std::vector<std::string> tickers;  // ascending, each once
  Time start{};
  Time end{};  // exclusive
};

class QuoteSource {
 public:
  virtual ~QuoteSource() = default;
  // Rows of the query in order, those after `after` only; `take` returns false to stop. Rows not
  // visible yet are included: the caller knows the time. One thread.
  virtual void scan(const QuoteQuery& query, const std::optional<Position>& after,
                    const std::function<bool(const Quote&)>& take) const = 0;
  // What it has, ascending.
  virtual const std::vector<std::string>& tickers() const = 0;
  // The longest window one query may span; zero = no limit.
  virtual Duration longest_window() const = 0;
};

// "12.34" from 1234 and 2 digits; negative values keep their sign.
std::string decimal_text(std::int64_t value, int digits);

}  // namespace batuta::demo
