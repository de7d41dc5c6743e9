#include "scheduler/demo/quote_market.h"

#include <algorithm>

namespace batuta::demo {
namespace {

constexpr std::uint64_t million = 1'000'000;

// What a hash is drawn for, so that draws do not hang together.
enum Draw : std::uint64_t {
  draw_base,
  draw_level,
  draw_spread,
  draw_volume,
  draw_adjust,
  draw_fault,
  draw_delay,
  draw_defect
};

std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

// Waves of growing length and height, in parts per million of the base price.
struct Octave {
  std::int64_t bars;
  std::int64_t height_ppm;
};
constexpr Octave octaves[] = {{4, 1'500}, {32, 6'000}, {256, 20'000}, {2048, 60'000}};

}  // namespace

std::uint64_t hash_words(std::initializer_list<std::uint64_t> words) {
  std::uint64_t state = 0;
  for (const auto word : words) {
    state += word + 0x9e3779b97f4a7c15;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
    state ^= state >> 31;
  }
  return state;
}

std::uint64_t drawn_for(std::uint64_t seed, std::uint64_t what,
                        std::initializer_list<std::uint64_t> numbers) {
  std::uint64_t drawn = hash_words({seed, what});
  for (const auto number : numbers) drawn = hash_words({drawn, number});
  return drawn;
}

struct QuoteMarket::Listed {
  Listed(std::uint64_t given_seed, const std::string& given_name)
      : name(given_name),
        key(hash_text(given_name)),
        seed(given_seed),
        base_cents(static_cast<std::int64_t>(1'000 + draw(draw_base, 0) % 9'000)) {}

  std::uint64_t draw(Draw what, std::int64_t bar, std::uint64_t more = 0) const {
    return hash_words({seed, key, what, static_cast<std::uint64_t>(bar), more});
  }

  // The price at a bar's opening, in cents: lattice points drawn per wave, straight lines between.
  std::int64_t level(std::int64_t bar) const {
    std::int64_t ppm = 0;
    for (std::uint64_t i = 0; i < std::size(octaves); ++i) {
      const std::int64_t bars = octaves[i].bars, height = octaves[i].height_ppm;
      const auto cell = (bar >= 0 ? bar : bar - bars + 1) / bars;
      const auto inside = bar - cell * bars;
      const auto point = [&](std::int64_t at) {
        return static_cast<std::int64_t>(draw(draw_level, at, i) % (2 * height + 1)) - height;
      };
      ppm += (point(cell) * (bars - inside) + point(cell + 1) * inside) / bars;
    }
    return base_cents + base_cents * ppm / static_cast<std::int64_t>(million);
  }

  const std::string& name;
  std::uint64_t key;
  std::uint64_t seed;
  std::int64_t base_cents;
};

QuoteMarket::QuoteMarket(MarketOptions options) : options_(std::move(options)) {
  auto& tickers = options_.tickers;
  std::sort(tickers.begin(), tickers.end());
  tickers.erase(std::unique(tickers.begin(), tickers.end()), tickers.end());
  options_.interval = std::max<Duration>(options_.interval, std::chrono::seconds(1));
}

namespace {

void spoil(Quote& quote, std::uint64_t draw) {
  auto& columns = quote.columns;
  quote.defect = static_cast<Defect>(1 + draw % (defect_count - 1));
  switch (quote.defect) {
    case Defect::none:
      break;
    case Defect::high_below_low:
      columns[col_high].swap(columns[col_low]);
      if (columns[col_high] == columns[col_low]) columns[col_high] = "0.01";
      break;
    case Defect::negative_volume:
      columns[col_volume] = "-" + *columns[col_volume];
      break;
    case Defect::not_a_number:
      columns[col_close] = "abc";
      break;
    case Defect::missing_ticker:
      columns[col_ticker].reset();
      break;
    case Defect::unknown_ticker:
      columns[col_ticker] = *columns[col_ticker] + "X";
      break;
    case Defect::future_date:
      columns[col_date] = to_iso(quote.at.date + std::chrono::days(3650));
      break;
  }
}

}  // namespace

Quote QuoteMarket::make(const Listed& listed, std::int64_t bar) const {
  Quote quote;
  quote.at = {Time(bar * options_.interval), listed.name, 0};
  quote.visible_at = quote.at.date;
  const auto open = listed.level(bar);
  const auto close = listed.level(bar + 1);
  const auto spread = listed.draw(draw_spread, bar);
  const auto high = std::max(open, close) + static_cast<std::int64_t>(spread % 8);
  const auto low = std::min(open, close) - static_cast<std::int64_t>((spread >> 8) % 8);
  const auto adjust = static_cast<std::int64_t>(million - listed.draw(draw_adjust, 0) % 50'000);
  quote.columns = {
      to_iso(quote.at.date),  listed.name,
      decimal_text(open, 2),  decimal_text(close * adjust / 100, 6),
      decimal_text(close, 2), decimal_text(high, 2),
      decimal_text(low, 2),   std::to_string(100 * (1 + listed.draw(draw_volume, bar) % 500))};
  return quote;
}

// One bar: the row, late or spoiled as drawn, and its duplicate.
bool QuoteMarket::emit(const Listed& listed, std::int64_t bar, const std::optional<Position>& after,
                       const std::function<bool(const Quote&)>& take) const {
  auto quote = make(listed, bar);
  auto draw = listed.draw(draw_fault, bar) % million;
  const auto drawn = [&](std::uint64_t rate) {
    if (draw < rate) return true;
    draw -= rate;
    return false;
  };
  bool twice = false;
  if (drawn(options_.late_ppm)) {
    const auto most = std::max<std::uint32_t>(options_.late_most, 1);
    quote.visible_at += std::chrono::minutes(1 + listed.draw(draw_delay, bar) % most);
  } else if (drawn(options_.duplicate_ppm)) {
    twice = true;
  } else if (drawn(options_.bad_ppm)) {
    spoil(quote, listed.draw(draw_defect, bar));
  }
  for (int copy = 0; copy <= (twice ? 1 : 0); ++copy) {
    quote.at.copy = copy;
    if (after && quote.at <= *after) continue;
    if (!take(quote)) return false;
  }
  return true;
}

void QuoteMarket::scan(const QuoteQuery& query, const std::optional<Position>& after,
                       const std::function<bool(const Quote&)>& take) const {
  std::vector<Listed> listed;
  for (const auto& ticker : query.tickers) {
    const auto own = std::lower_bound(options_.tickers.begin(), options_.tickers.end(), ticker);
    if (own != options_.tickers.end() && *own == ticker) listed.emplace_back(options_.seed, *own);
  }
  if (listed.empty()) return;
  const Time from = after ? std::max(after->date, query.start) : query.start;
  const auto interval = options_.interval;
  auto bar = from.time_since_epoch() / interval;
  while (Time(bar * interval) < from) ++bar;
  for (; Time(bar * interval) < query.end; ++bar) {
    for (const auto& ticker : listed) {
      if (!emit(ticker, bar, after, take)) return;
    }
  }
}

}  // namespace batuta::demo
