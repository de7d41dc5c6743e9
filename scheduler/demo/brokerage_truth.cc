#include "scheduler/demo/brokerage_truth.h"

#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/demo/assertions.h"
#include "scheduler/demo/quote_source.h"

namespace batuta::demo {
namespace {

using nlohmann::json;
struct Trade {
  std::string order_id;
  int client = 0, ticker = 0, day = 0;
  bool sells = false;
  Time at{};                                  // of the last execution
  std::int64_t shares = 0;                    // of the last day: later splits counted
  std::int64_t value = 0;                     // cents
  std::int64_t cost_mean = 0, cost_fifo = 0;  // of what was sold
  std::int64_t held = 0, cost_held_mean = 0, cost_held_fifo = 0;  // afterwards
};

// One client's account in one paper.
class Account {
 public:
  void apply(Trade& trade) {
    if (trade.sells) {
      sell(trade);
    } else {
      lots_.push_back({trade.shares, trade.value, 0});
      held_ += trade.shares;
      cost_mean_ += trade.value;
      cost_fifo_ += trade.value;
    }
    trade.held = held_;
    trade.cost_held_mean = cost_mean_;
    trade.cost_held_fifo = cost_fifo_;
  }

 private:
  struct Lot {
    std::int64_t shares, value, gone;
    // What the first n shares of it cost, to the cent.
    std::int64_t cost_of_first(std::int64_t n) const {
      return rounded(static_cast<Wide>(value) * n, shares);
    }
  };

  void sell(Trade& trade) {
    trade.cost_mean = rounded(static_cast<Wide>(cost_mean_) * trade.shares, held_);
    cost_mean_ -= trade.cost_mean;
    held_ -= trade.shares;
    for (std::int64_t left = trade.shares; left > 0 && !lots_.empty();) {
      Lot& lot = lots_.front();
      const auto taken = std::min(left, lot.shares - lot.gone);
      trade.cost_fifo += lot.cost_of_first(lot.gone + taken) - lot.cost_of_first(lot.gone);
      lot.gone += taken;
      left -= taken;
      if (lot.gone == lot.shares) lots_.pop_front();
    }
    cost_fifo_ -= trade.cost_fifo;
  }

  std::deque<Lot> lots_;
  std::int64_t held_ = 0, cost_mean_ = 0, cost_fifo_ = 0;
};

class Books {
 public:
  explicit Books(const Brokerage& broker) : broker_(broker), days_(broker.options().days) {
    read_quotes();
    read_orders();
  }

  json assertions() const {
    json out = json::array();
    silver(out);
    profile(out);
    trades(out);
    position(out);
    portfolio(out);
    tickers(out);
    health(out);
    return out;
  }

 private:
  // What a source sent: the newest, and how much a day.
  struct Received {
    Time newest{};
    std::map<std::chrono::sys_days, std::int64_t> days;
    void add(Time at) {
      newest = std::max(newest, at);
      ++days[std::chrono::floor<std::chrono::days>(at)];
    }
  };

  // Of one paper on one day.
  struct Session {
    std::int64_t open = 0, high = 0, low = 0, close = 0, volume = 0, orders = 0;
    Wide traded = 0;  // cents
    bool any = false;
  };

  // What one share after trading day `day` is, in shares of the last day.
  std::int64_t factor(int ticker, int day) const {
    std::int64_t factor = 1;
    for (const Split& split : broker_.splits())
      if (split.ticker == ticker && split.day > day)
        factor = factor * split.new_shares / split.old_shares;
    return factor;
  }

  void read_quotes() {
    sessions_.resize(ticker_count);
    for (auto& each : sessions_) each.resize(static_cast<std::size_t>(days_));
    broker_.bars([&](const SentBar& sent) {
      switch (sent.defect) {
        case BarDefect::negative_volume:
          ++rejected_["quotes"]["volume_below_minimum"];
          break;
        case BarDefect::not_a_number:
          ++rejected_["quotes"]["bad_close"];
          break;
        case BarDefect::missing_ticker:
          ++rejected_["quotes"]["missing_ticker"];
          break;
        case BarDefect::unknown_ticker:
          ++rejected_["quotes"]["ticker_mismatch"];
          break;
        case BarDefect::none:
          break;
      }
      if (sent.defect != BarDefect::none || sent.repeated || sent.superseded) return true;
      const Bar& bar = sent.bar;
      ++quotes_;
      received_["stockquotes"].add(bar.at);
      last_day_ = std::max(last_day_, bar.day);
      auto& day =
          sessions_[static_cast<std::size_t>(bar.ticker)][static_cast<std::size_t>(bar.day)];
      if (!day.any) day = {bar.open, bar.high, bar.low, 0, 0, 0, 0, true};
      day.high = std::max(day.high, bar.high);
      day.low = std::min(day.low, bar.low);
      day.close = bar.close;
      day.volume += bar.volume;
      day.traded += static_cast<Wide>(bar.close) * bar.volume;
      return true;
    });
  }

  void read_orders() {
    std::map<std::pair<int, int>, std::vector<Trade>> accounts;
    for (int client = 1; client <= broker_.options().clients; ++client)
      for (int ticker = 0; ticker < ticker_count; ++ticker)
        for (int slot = 0; slot < 2 * days_; ++slot)
          if (const auto order = broker_.order(client, ticker, slot)) read_order(*order, accounts);
    for (int day = 0; day < days_; ++day)
      for (int hour = 0; hour < 24; ++hour)
        for (const SentEvent& sent : broker_.sent(day, hour)) count_rejected(sent);
    for (auto& [key, list] : accounts) {
      std::sort(list.begin(), list.end(), [](const Trade& a, const Trade& b) {
        return std::tie(a.at, a.order_id) < std::tie(b.at, b.order_id);
      });
      Account account;
      for (Trade& trade : list) {
        account.apply(trade);
        trades_.push_back(trade);
      }
    }
  }

  void read_order(const Order& order, std::map<std::pair<int, int>, std::vector<Trade>>& accounts) {
    const auto events = broker_.events(order);
    events_ += static_cast<std::int64_t>(events.size());
    ++orders_;
    ++ends_[events.back().status];
    Trade trade;
    trade.client = order.client;
    trade.ticker = order.ticker;
    trade.day = order.slot / 2;
    trade.sells = order.sells;
    for (const OrderEvent& event : events) {
      received_["orders"].add(event.at);
      trade.order_id = event.order_id;
      trade.shares += event.executed;
      trade.value += event.executed * event.price;
      if (event.executed > 0) trade.at = event.at;
    }
    if (trade.shares == 0) return;
    trade.shares *= factor(trade.ticker, trade.day);
    ++sessions_[static_cast<std::size_t>(order.ticker)][static_cast<std::size_t>(trade.day)].orders;
    accounts[{order.client, order.ticker}].push_back(trade);
  }

  void count_rejected(const SentEvent& sent) {
    auto& reasons = rejected_["orders"];
    if (sent.repeated) return;
    switch (sent.defect) {
      case EventDefect::negative_quantity:
        ++reasons["quantity_below_minimum"];
        break;
      case EventDefect::price_in_words:
        ++reasons["bad_price"];
        break;
      case EventDefect::missing_client:
        ++dead_orders_["missing_client_id"];
        break;
      case EventDefect::unknown_side:
        ++reasons["side_mismatch"];
        break;
      case EventDefect::none:
        break;
    }
  }

  void silver(json& out) const {
    std::int64_t clients = 0;
    std::map<std::string, std::int64_t> bad;
    for (int id = 1; id <= broker_.options().clients; ++id) {
      const auto defect = broker_.client(id, days_).defect;
      clients += defect == ClientDefect::none;
      if (defect == ClientDefect::cpf_too_short) ++bad["cpf_mismatch"];
      if (defect == ClientDefect::impossible_birth_date) ++bad["bad_birth_date"];
    }
    assert_count_with_history(out, "silver/brokerage/clients", clients);
    if (!bad.empty()) {
      // A client that changes comes again, and is rejected again.
      json rows = json::array();
      for (const auto& [reason, count] : bad)
        rows.push_back(json::array({reason, std::to_string(count)}));
      assert_rows(out, "quarantine/brokerage/clients: who was rejected, and why",
                  "SELECT reason, CAST(count(DISTINCT client_id) AS VARCHAR) FROM "
                  "\"quarantine/brokerage/clients\" GROUP BY reason ORDER BY reason",
                  std::move(rows));
    }
    assert_count(out, "silver/brokerage/orders", events_);
    assert_letters(out, "dlq/brokerage/orders", dead_orders_);
    assert_counts_by(out, "quarantine/brokerage/orders", "reason", rejected_.at("orders"));
    assert_count(out, "silver/brokerage/stockquotes", quotes_);
    if (rejected_.contains("quotes"))
      assert_counts_by(out, "quarantine/brokerage/stockquotes", "reason", rejected_.at("quotes"));
    std::set<std::string> codes;
    for (const PostalCode& code : broker_.postal_codes())
      if (code.found) codes.insert(cep_text(code.cep, code.dash));
    assert_count(out, "silver/brokerage/ceps", static_cast<std::int64_t>(codes.size()));
    assert_counts_by(out, "quarantine/brokerage/ceps", "reason",
                     {{"missing_cep,missing_city,missing_uf", 1}});
    assert_count(out, "silver/brokerage/splits",
                 static_cast<std::int64_t>(broker_.splits().size()));
    json ends = json::array();
    for (const auto& [status, count] : ends_)
      ends.push_back(json::array({status, std::to_string(count)}));
    assert_rows(out, "silver/brokerage/orders_current: orders by how they ended",
                "SELECT status, CAST(count(*) AS VARCHAR) FROM \"silver/brokerage/orders_current\" "
                "GROUP BY status ORDER BY status",
                std::move(ends));
  }

  void profile(json& out) const {
    std::map<int, std::pair<std::int64_t, std::int64_t>> of_30_days;
    for (const Trade& trade : trades_) {
      if (broker_.date(trade.day) <= broker_.date(last_day_) - std::chrono::days(30)) continue;
      auto& [orders, volume] = of_30_days[trade.client];
      ++orders;
      volume += trade.value;
    }
    json rows = json::array();
    for (int id = 1; id <= broker_.options().clients; ++id) {
      const Client client = broker_.client(id, days_);
      if (client.defect != ClientDefect::none || client.deleted_at) continue;
      const auto found = of_30_days.find(id);
      const auto [orders, volume] =
          found == of_30_days.end() ? std::pair<std::int64_t, std::int64_t>{} : found->second;
      const City& city = Brokerage::cities()[static_cast<std::size_t>(client.region)];
      rows.push_back({std::to_string(id), city.name, city.uf, city.region, client.risk_profile,
                      to_iso(client.created_at).substr(0, 10), std::to_string(orders),
                      cents_text(volume)});
    }
    assert_count_with_history(out, "gold/brokerage/client_profile",
                              static_cast<std::int64_t>(rows.size()));
    assert_rows(out, "gold/brokerage/client_profile: every row",
                "SELECT CAST(client_id AS VARCHAR), city, uf, region, risk_profile, "
                "CAST(since AS VARCHAR), CAST(orders_30d AS VARCHAR), CAST(volume_30d AS VARCHAR) "
                "FROM \"gold/brokerage/client_profile\" ORDER BY client_id",
                std::move(rows));
  }

  void trades(json& out) const {
    std::vector<const Trade*> sorted;
    for (const Trade& trade : trades_) sorted.push_back(&trade);
    std::sort(sorted.begin(), sorted.end(),
              [](const Trade* a, const Trade* b) { return a->order_id < b->order_id; });
    json rows = json::array();
    for (const Trade* trade : sorted) {
      const auto of_sale = [&](std::int64_t cents) {
        return trade->sells ? json(cents_text(cents)) : json(nullptr);
      };
      rows.push_back({trade->order_id, day_text(broker_.date(trade->day)),
                      std::to_string(trade->shares), cents_text(trade->value),
                      of_sale(trade->value - trade->cost_mean),
                      of_sale(trade->value - trade->cost_fifo), std::to_string(trade->held),
                      cents_text(trade->cost_held_mean), cents_text(trade->cost_held_fifo)});
    }
    assert_rows(
        out, "gold/brokerage/trade_profit: every row",
        "SELECT order_id, CAST(trade_date AS VARCHAR), CAST(quantity AS VARCHAR), "
        "CAST(value AS VARCHAR), CAST(profit_mean AS VARCHAR), CAST(profit_fifo AS VARCHAR), "
        "CAST(held AS VARCHAR), CAST(cost_held_mean AS VARCHAR), "
        "CAST(cost_held_fifo AS VARCHAR) "
        "FROM \"gold/brokerage/trade_profit\" ORDER BY order_id",
        std::move(rows));
  }

  std::int64_t close_on(int ticker, int day) const {
    for (; day >= 0; --day) {
      const auto& session =
          sessions_[static_cast<std::size_t>(ticker)][static_cast<std::size_t>(day)];
      if (session.any) return session.close;
    }
    return 0;
  }

  void position(json& out) const {
    struct Sum {
      const Trade* last = nullptr;
      std::int64_t mean = 0, fifo = 0;
    };
    std::map<std::pair<int, std::string>, Sum> positions;
    for (const Trade& trade : trades_) {
      auto& sum = positions[{trade.client, ticker_names[static_cast<std::size_t>(trade.ticker)]}];
      sum.last = &trade;
      if (!trade.sells) continue;
      sum.mean += trade.value - trade.cost_mean;
      sum.fifo += trade.value - trade.cost_fifo;
    }
    json rows = json::array();
    for (const auto& [key, sum] : positions) {
      const Trade& last = *sum.last;
      const auto price = close_on(last.ticker, last_day_);
      const auto market = last.held * price;
      const auto average = [&](std::int64_t cost) {
        return last.held == 0
                   ? json(nullptr)
                   : json(decimal_text(rounded(static_cast<Wide>(cost) * 100, last.held), 4));
      };
      rows.push_back({std::to_string(key.first), key.second, std::to_string(last.held),
                      average(last.cost_held_mean), average(last.cost_held_fifo), cents_text(price),
                      cents_text(market), cents_text(market - last.cost_held_mean),
                      cents_text(market - last.cost_held_fifo), cents_text(sum.mean),
                      cents_text(sum.fifo), day_text(broker_.date(last_day_))});
    }
    assert_count_with_history(out, "gold/brokerage/client_position",
                              static_cast<std::int64_t>(rows.size()));
    assert_rows(out, "gold/brokerage/client_position: every row",
                "SELECT CAST(client_id AS VARCHAR), ticker, CAST(quantity AS VARCHAR), "
                "CAST(avg_cost AS VARCHAR), CAST(avg_cost_fifo AS VARCHAR), "
                "CAST(last_price AS VARCHAR), CAST(market_value AS VARCHAR), "
                "CAST(unrealised_pnl AS VARCHAR), CAST(unrealised_pnl_fifo AS VARCHAR), "
                "CAST(realised_pnl AS VARCHAR), CAST(realised_pnl_fifo AS VARCHAR), "
                "CAST(as_of AS VARCHAR) FROM \"gold/brokerage/client_position\" "
                "ORDER BY client_id, ticker",
                std::move(rows));
  }

  void portfolio(json& out) const {
    std::map<int, std::vector<const Trade*>> by_client;
    for (const Trade& trade : trades_) by_client[trade.client].push_back(&trade);
    json rows = json::array();
    for (const auto& [client, list] : by_client) {
      int first = days_;
      for (const Trade* trade : list) first = std::min(first, trade->day);
      for (int day = first; day <= last_day_; ++day) {
        std::map<int, std::int64_t> held;
        std::int64_t flow = 0, realised = 0, market = 0;
        for (const Trade* trade : list) {
          if (trade->day <= day) held[trade->ticker] = trade->held;
          if (trade->day != day) continue;
          flow += trade->sells ? trade->value : -trade->value;
          if (trade->sells) realised += trade->value - trade->cost_mean;
        }
        // As many shares as there were on that day, at its last price.
        for (const auto& [ticker, shares] : held)
          market += shares / factor(ticker, day) * close_on(ticker, day);
        rows.push_back({std::to_string(client), day_text(broker_.date(day)), cents_text(market),
                        cents_text(flow), cents_text(realised)});
      }
    }
    assert_rows(out, "gold/brokerage/portfolio_daily: every row",
                "SELECT CAST(client_id AS VARCHAR), CAST(date AS VARCHAR), "
                "CAST(market_value AS VARCHAR), CAST(cash_flow AS VARCHAR), "
                "CAST(realised_pnl AS VARCHAR) FROM \"gold/brokerage/portfolio_daily\" "
                "ORDER BY client_id, date",
                std::move(rows));
  }

  void tickers(json& out) const {
    json rows = json::array();
    for (int ticker = 0; ticker < ticker_count; ++ticker) {
      for (int day = 0; day < days_; ++day) {
        const auto& s = sessions_[static_cast<std::size_t>(ticker)][static_cast<std::size_t>(day)];
        if (!s.any) continue;
        rows.push_back({ticker_names[static_cast<std::size_t>(ticker)], day_text(broker_.date(day)),
                        cents_text(s.open), cents_text(s.high), cents_text(s.low),
                        cents_text(s.close), decimal_text(rounded(s.traded * 10'000, s.volume), 6),
                        std::to_string(s.volume), std::to_string(s.orders)});
      }
    }
    assert_rows(out, "gold/brokerage/ticker_daily: every row",
                "SELECT ticker, CAST(date AS VARCHAR), CAST(open AS VARCHAR), "
                "CAST(high AS VARCHAR), CAST(low AS VARCHAR), CAST(close AS VARCHAR), "
                "CAST(vwap AS VARCHAR), CAST(volume AS VARCHAR), CAST(client_orders AS VARCHAR) "
                "FROM \"gold/brokerage/ticker_daily\" ORDER BY ticker, date",
                std::move(rows));
  }

  // Nothing that is made up here is late by a day, or as little as half of a usual one; a client's
  // change may be.
  void health(json& out) const {
    auto all = received_;
    for (int id = 1; id <= broker_.options().clients; ++id) {
      const Client client = broker_.client(id, days_);
      if (client.defect == ClientDefect::none) all["clients"].add(client.updated_at);
    }
    json rows = json::array();
    for (const auto& [source, received] : all) {
      const auto behind = (broker_.ends() - received.newest) / std::chrono::hours(1);
      json last = nullptr, usual = nullptr;
      std::string state = behind >= 24 ? "stale" : "good";
      if (source != "clients") {
        const auto& [day, count] = *received.days.rbegin();
        std::int64_t sum = 0, days = 0;
        for (const auto& [each, rows_of_day] : received.days) {
          if (each == day || each < day - std::chrono::days(14)) continue;
          sum += rows_of_day;
          ++days;
        }
        last = std::to_string(count);
        if (days > 0) usual = std::to_string(sum / days);
        if (days > 0 && state == "good" && count * 100 < sum / days * 50) state = "few";
        if (days > 0 && state == "good" && count * 100 > sum / days * 200) state = "many";
      }
      rows.push_back(json::array({source, std::to_string(behind), last, usual, state}));
    }
    assert_rows(out, "gold/brokerage/source_health: every row",
                "SELECT source, CAST(hours_behind AS VARCHAR), CAST(rows_last_day AS VARCHAR), "
                "CAST(rows_usual AS VARCHAR), state FROM \"gold/brokerage/source_health\" "
                "ORDER BY source",
                std::move(rows));
  }

  const Brokerage& broker_;
  int days_;
  int last_day_ = 0;
  std::vector<std::vector<Session>> sessions_;
  std::vector<Trade> trades_;
  std::int64_t quotes_ = 0, events_ = 0, orders_ = 0;
  std::map<std::string, std::int64_t> ends_;
  std::map<std::string, Received> received_;
  std::map<std::string, std::int64_t> dead_orders_;
  std::map<std::string, std::map<std::string, std::int64_t>> rejected_{{"orders", {}}};
};

}  // namespace

std::string brokerage_truth(const Brokerage& broker) {
  const BrokerageOptions& options = broker.options();
  const json truth = {{"pipeline", "brokerage"},
                      {"seed", options.seed},
                      {"first_day", day_text(options.first_day)},
                      {"days", options.days},
                      {"size", options.clients},
                      {"assertions", Books(broker).assertions()}};
  return json_text(truth);
}

}  // namespace batuta::demo
