#include "scheduler/demo/quote_source.h"

namespace batuta::demo {

const std::array<const char*, column_count> column_names = {"date",  "ticker", "open", "adj_close",
                                                            "close", "high",   "low",  "volume"};

std::string_view to_string(Defect defect) {
  static constexpr std::array<std::string_view, defect_count> names = {
      "none",           "high_below_low", "negative_volume", "not_a_number",
      "missing_ticker", "unknown_ticker", "future_date"};
  return names[static_cast<std::size_t>(defect)];
}

std::string decimal_text(std::int64_t value, int digits) {
  auto text = std::to_string(value < 0 ? -value : value);
  const auto width = static_cast<std::size_t>(digits) + 1;
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  if (digits > 0) text.insert(text.size() - static_cast<std::size_t>(digits), 1, '.');
  return (value < 0 ? "-" : "") + text;
}

}  // namespace batuta::demo
