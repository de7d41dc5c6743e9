// A market that never closes, made from a seed: value = f(seed, ticker, time). Integers only, so
// that every machine gives the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/demo/quote_source.h"

namespace batuta::demo {

// Rates are parts per million of the rows. A row has at most one of the three faults.
struct MarketOptions {
  std::uint64_t seed = 42;
  std::vector<std::string> tickers = {"ITUB4", "PETR4", "VALE3"};
  Duration interval = std::chrono::minutes(1);  // one bar per ticker and interval, at least 1 s
  std::uint32_t late_ppm = 0;                   // visible 1 to `late_most` minutes after its date
  std::uint32_t duplicate_ppm = 0;              // sent twice, byte for byte
  std::uint32_t bad_ppm = 0;                    // one of the defects, evenly
  std::uint32_t late_most = 10;  // minutes; below the pipeline's overlap nothing is lost
};

class QuoteMarket : public QuoteSource {
 public:
  explicit QuoteMarket(MarketOptions options);
  void scan(const QuoteQuery& query, const std::optional<Position>& after,
            const std::function<bool(const Quote&)>& take) const override;
  const std::vector<std::string>& tickers() const override { return options_.tickers; }
  Duration longest_window() const override { return std::chrono::days(366); }

 private:
  struct Listed;  // a ticker with its own numbers
  bool emit(const Listed& listed, std::int64_t bar, const std::optional<Position>& after,
            const std::function<bool(const Quote&)>& take) const;
  Quote make(const Listed& listed, std::int64_t bar) const;

  MarketOptions options_;
};

// splitmix64's finisher over a chain of words: the only source of chance in the demo.
std::uint64_t hash_words(std::initializer_list<std::uint64_t> words);
// What is drawn under `seed` for `what` of the thing that `numbers` name, one after the other.
std::uint64_t drawn_for(std::uint64_t seed, std::uint64_t what,
                        std::initializer_list<std::uint64_t> numbers);

}  // namespace batuta::demo
