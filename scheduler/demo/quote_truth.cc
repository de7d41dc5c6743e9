#include "scheduler/demo/quote_truth.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/demo/assertions.h"

namespace batuta::demo {
namespace {

using nlohmann::json;
constexpr int digits = 6;  // of a price: DECIMAL(18,6)

// A plain decimal as millionths; nullopt for anything else or more than six places.
std::optional<std::int64_t> millionths(const std::optional<std::string>& text) {
  if (!text || text->empty()) return std::nullopt;
  auto whole = *text;
  const auto dot = whole.find('.');
  std::size_t places = 0;
  if (dot != std::string::npos) {
    places = whole.size() - dot - 1;
    whole.erase(dot, 1);
  }
  if (places > digits) return std::nullopt;
  whole.append(digits - places, '0');
  std::int64_t value = 0;
  const auto read = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (read.ec != std::errc{} || read.ptr != whole.data() + whole.size()) return std::nullopt;
  return value;
}

std::string price_text(Wide value) {
  const bool negative = value < 0;
  if (negative) value = -value;
  std::string text;
  for (int i = 0; value > 0 || i <= digits; ++i, value /= 10) {
    if (i == digits) text += '.';
    text += static_cast<char>('0' + static_cast<int>(value % 10));
  }
  std::reverse(text.begin(), text.end());
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return (negative ? "-" : "") + text;
}

struct Hour {
  std::int64_t trades = 0;
  std::int64_t volume = 0;
  std::int64_t open = 0;
  std::int64_t high = 0;
  std::int64_t low = 0;
  std::int64_t close = 0;
  Wide price_volume = 0;

  void add(const Quote& quote) {
    const auto price = [&](Column column) { return millionths(quote.columns[column]).value_or(0); };
    const auto units = millionths(quote.columns[col_volume]).value_or(0) / 1'000'000;
    if (trades == 0) {
      open = price(col_open);
      high = price(col_high);
      low = price(col_low);
    }
    high = std::max(high, price(col_high));
    low = std::min(low, price(col_low));
    close = price(col_close);
    volume += units;
    price_volume += static_cast<Wide>(price(col_high) + price(col_low) + close) * units;
    ++trades;
  }
  json to_json(const std::string& ticker, Time at) const {
    return {{"ticker", ticker},
            {"date", to_iso(at)},
            {"trades", trades},
            {"volume", volume},
            {"open", price_text(open)},
            {"high", price_text(high)},
            {"low", price_text(low)},
            {"close", price_text(close)},
            {"price_volume", price_text(price_volume)}};
  }
};

// Half to even; `by` is above 0.
Wide divided(Wide number, Wide by) {
  const Wide whole = number / by, twice = 2 * (number % by);
  const bool away = twice > by || twice < -by || ((twice == by || twice == -by) && whole % 2 != 0);
  if (!away) return whole;
  return whole + (number < 0 ? -1 : 1);
}

json price_cell(Wide value) {
  return decimal_text(static_cast<std::int64_t>(value), digits);
}

// In the order of the query's columns; what cannot be computed is null.
json gold_row(const std::string& ticker, Time at, const Hour& hour) {
  const json none;
  return json::array(
      {ticker, to_iso(at).substr(0, 13), std::to_string(hour.trades), std::to_string(hour.volume),
       price_cell(hour.open), price_cell(hour.high), price_cell(hour.low), price_cell(hour.close),
       hour.volume > 0 ? price_cell(divided(hour.price_volume, Wide{3} * hour.volume)) : none,
       hour.open > 0 ? price_cell(divided(Wide{hour.close - hour.open} * 1'000'000, hour.open))
                     : none});
}

}  // namespace

std::string quote_manifest(const QuoteSource& source, const QuoteQuery& query, Time now) {
  std::int64_t silver = 0;
  std::map<std::pair<std::string, Time>, Hour> hours;
  source.scan(query, std::nullopt, [&](const Quote& quote) {
    if (quote.visible_at > now || quote.defect != Defect::none || quote.at.copy != 0) return true;
    ++silver;
    hours[{quote.at.ticker, std::chrono::floor<std::chrono::hours>(quote.at.date)}].add(quote);
    return true;
  });
  const std::string within =
      " WHERE strftime(date, '%Y-%m-%dT%H') >= '" + to_iso(query.start).substr(0, 13) +
      "' AND strftime(date, '%Y-%m-%dT%H') < '" + to_iso(query.end).substr(0, 13) + "'";
  json assertions = json::array();
  assert_rows(assertions, "silver/financial/quotes: rows",
              R"(SELECT CAST(count(*) AS VARCHAR) FROM "silver/financial/quotes")" + within,
              json::array({json::array({std::to_string(silver)})}));
  json gold = json::array();
  for (const auto& [key, hour] : hours) gold.push_back(gold_row(key.first, key.second, hour));
  std::string columns = "ticker, strftime(date, '%Y-%m-%dT%H')";
  for (const char* name : {"trades", "volume", "open", "high", "low", "close", "vwap", "return"})
    columns += std::string(", CAST(\"") + name + "\" AS VARCHAR)";
  assert_rows(assertions, "gold/financial/financial_data_hour: every row",
              "SELECT " + columns + R"( FROM "gold/financial/financial_data_hour")" + within,
              std::move(gold));
  return json_text({{"pipeline", "financial"},
                    {"start", to_iso(query.start)},
                    {"end", to_iso(query.end)},
                    {"now", to_iso(now)},
                    {"assertions", std::move(assertions)}});
}

std::string quote_truth(const QuoteSource& source, const QuoteQuery& query, Time now) {
  std::int64_t rows = 0;
  std::int64_t visible = 0;
  std::int64_t late = 0;
  std::int64_t duplicates = 0;
  std::int64_t silver = 0;
  json bad = json::object();
  for (int i = 1; i < defect_count; ++i) bad[std::string(to_string(static_cast<Defect>(i)))] = 0;
  std::map<std::pair<std::string, Time>, Hour> hours;
  source.scan(query, std::nullopt, [&](const Quote& quote) {
    ++rows;
    visible += quote.visible_at <= now;
    late += quote.visible_at > quote.at.date;
    duplicates += quote.at.copy > 0;
    if (quote.defect != Defect::none) {
      auto& count = bad[std::string(to_string(quote.defect))];
      count = *json_int(count) + 1;
    } else if (quote.at.copy == 0) {
      ++silver;
      hours[{quote.at.ticker, std::chrono::floor<std::chrono::hours>(quote.at.date)}].add(quote);
    }
    return true;
  });
  json gold = json::array();
  for (const auto& [key, hour] : hours) gold.push_back(hour.to_json(key.first, key.second));
  const json truth = {{"start", to_iso(query.start)},
                      {"end", to_iso(query.end)},
                      {"now", to_iso(now)},
                      {"tickers", query.tickers},
                      {"rows", rows},
                      {"visible", visible},
                      {"late", late},
                      {"duplicates", duplicates},
                      {"bad", std::move(bad)},
                      {"silver_rows", silver},
                      {"gold", std::move(gold)}};
  return json_text(truth);
}

}  // namespace batuta::demo
