#include "scheduler/demo/quote_csv.h"

#include <algorithm>
#include <utility>

namespace batuta::demo {
namespace {

constexpr std::size_t max_rows = 1'000'000;

class CsvQuotes : public QuoteSource {
 public:
  CsvQuotes(std::string ticker, std::vector<Quote> rows)
      : tickers_{std::move(ticker)}, rows_(std::move(rows)) {}

  void scan(const QuoteQuery& query, const std::optional<Position>& after,
            const std::function<bool(const Quote&)>& take) const override {
    if (std::find(query.tickers.begin(), query.tickers.end(), tickers_[0]) == query.tickers.end()) {
      return;
    }
    for (const auto& row : rows_) {
      if (row.at.date < query.start || row.at.date >= query.end) continue;
      if (after && row.at <= *after) continue;
      if (!take(row)) return;
    }
  }
  const std::vector<std::string>& tickers() const override { return tickers_; }
  Duration longest_window() const override { return Duration::zero(); }

 private:
  std::vector<std::string> tickers_;
  std::vector<Quote> rows_;  // by position
};

// Takes one record off `text`; false at the end. Quoted fields may hold commas, quotes and breaks.
bool take_record(std::string_view& text, std::vector<std::string>& fields) {
  fields.clear();
  if (text.empty()) return false;
  std::string field;
  bool quoted = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields.push_back(std::exchange(field, {}));
    } else if (c == '\n') {
      ++i;
      break;
    } else if (c != '\r') {
      field += c;
    }
  }
  fields.push_back(std::move(field));
  text.remove_prefix(i);
  return true;
}

Result<std::array<int, column_count>> find_columns(
    const std::vector<std::string>& header, const std::map<std::string, std::string>& columns) {
  std::array<int, column_count> at{};
  for (int i = 0; i < column_count; ++i) {
    at[i] = -1;
    if (i == col_ticker) continue;
    const auto mapped = columns.find(column_names[i]);
    const std::string name = mapped == columns.end() ? column_names[i] : mapped->second;
    const auto found = std::find(header.begin(), header.end(), name);
    if (found != header.end()) {
      at[i] = static_cast<int>(found - header.begin());
    } else if (i != col_adj_close || mapped != columns.end()) {
      return {Errc::invalid, "the CSV file has no column \"" + name + "\" for " + column_names[i]};
    }
  }
  return at;
}

}  // namespace

Result<std::map<std::string, std::string>> parse_column_map(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = pair.find('=');
    const std::string name(pair.substr(0, equals));
    const bool ours = name != "ticker" && std::any_of(column_names.begin(), column_names.end(),
                                                      [&](const char* n) { return name == n; });
    if (equals == std::string_view::npos || !ours) {
      return {Errc::invalid, "\"" + std::string(pair) +
                                 "\" is not a pair such as open=AAPL.Open; ours are date, open, "
                                 "adj_close, close, high, low, volume"};
    }
    out[name] = pair.substr(equals + 1);
  }
  return out;
}

Result<std::unique_ptr<QuoteSource>> read_quote_csv(
    std::string_view text, const std::string& ticker,
    const std::map<std::string, std::string>& columns) {
  std::vector<std::string> fields;
  if (!take_record(text, fields)) return {Errc::invalid, "the CSV file is empty"};
  const auto at = find_columns(fields, columns);
  if (!at) return at.error();
  std::vector<Quote> rows;
  const auto width = fields.size();
  for (std::size_t record = 2; take_record(text, fields); ++record) {
    if (fields.size() == 1 && fields[0].empty()) continue;
    const auto where = "record " + std::to_string(record) + " of the CSV file";
    if (rows.size() >= max_rows)
      return {Errc::invalid, "the CSV file has more than 1,000,000 rows"};
    if (fields.size() != width) return {Errc::invalid, where + " has another number of fields"};
    const auto date = parse_iso(fields[static_cast<std::size_t>((*at)[col_date])]);
    if (!date) return {Errc::invalid, where + " has no readable date"};
    Quote quote;
    quote.at = {*date, ticker, 0};
    quote.visible_at = *date;
    for (int i = 0; i < column_count; ++i) {
      if ((*at)[i] >= 0) quote.columns[i] = fields[static_cast<std::size_t>((*at)[i])];
    }
    quote.columns[col_date] = to_iso(*date);
    quote.columns[col_ticker] = ticker;
    rows.push_back(std::move(quote));
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Quote& a, const Quote& b) { return a.at.date < b.at.date; });
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].at.date == rows[i - 1].at.date) rows[i].at.copy = rows[i - 1].at.copy + 1;
  }
  return std::unique_ptr<QuoteSource>(std::make_unique<CsvQuotes>(ticker, std::move(rows)));
}

}  // namespace batuta::demo
