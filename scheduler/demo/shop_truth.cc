#include "scheduler/demo/shop_truth.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/demo/assertions.h"
#include "scheduler/demo/quote_source.h"

namespace batuta::demo {
namespace {

using nlohmann::json;

// A line as it counts: in pence, negative where it takes back.
struct Item {
  Line line;
  std::int64_t price = 0;
  std::int64_t total() const { return (line.cancels ? -1 : 1) * price * line.quantity; }
};

class Ledger {
 public:
  explicit Ledger(const Shop& shop) : shop_(shop) {
    for (int day = 0; day < shop.options().days; ++day)
      for (const ShopMessage& message : shop.messages(day)) take(message, day);
  }

  json assertions() const {
    json out = json::array();
    assert_count(out, "silver/ecommerce/pedidos", typed_);
    assert_letters(out, "dlq/ecommerce/pedidos", dead_);
    assert_counts_by(out, "quarantine/ecommerce/pedidos", "reason", rejected_);
    assert_counts_by(out, "silver/ecommerce/order_lines", "doubt", doubtful_);
    assert_count(out, "silver/ecommerce/order_items", static_cast<std::int64_t>(items_.size()));
    cancellations(out);
    sales(out);
    products(out);
    customers(out);
    prices(out);
    rates(out);
    return out;
  }

 private:
  void take(const ShopMessage& message, int day) {
    if (message.repeated) return;
    switch (message.defect) {
      case ShopDefect::price_in_words:
        ++rejected_["price_mismatch"];
        return;
      case ShopDefect::date_in_words:
        ++rejected_["order_date_mismatch"];
        return;
      case ShopDefect::missing_quantity:
        ++dead_["missing_quantity"];
        return;
      case ShopDefect::missing_product:
        ++dead_["missing_product_no"];
        return;
      case ShopDefect::cut_off:
        ++dead_["not_json"];
        return;
      default:
        ++typed_;
    }
    switch (message.defect) {
      case ShopDefect::negative_sale:
        ++doubtful_["negative_sale"];
        return;
      case ShopDefect::impossible_date:
        ++doubtful_["impossible_date"];
        return;
      case ShopDefect::unknown_currency:
        ++doubtful_["no_rate"];
        return;
      default:
        break;
    }
    const Line& line = message.line;
    items_.push_back({line, in_pence(line.price, shop_.rate(line.currency, day))});
  }

  // The newest sale that it can have meant.
  const Item* sale_of(const Item& cancelled) const {
    const Item* found = nullptr;
    for (const Item& item : items_) {
      const Line &sale = item.line, &line = cancelled.line;
      if (sale.cancels || line.customer == 0 || sale.customer != line.customer ||
          sale.product != line.product || sale.date > line.date || sale.quantity < line.quantity)
        continue;
      if (found == nullptr || std::tie(found->line.date, found->line.transaction) <
                                  std::tie(sale.date, sale.transaction))
        found = &item;
    }
    return found;
  }

  static const std::string& number_of(const Item& item) {
    return Shop::products()[static_cast<std::size_t>(item.line.product)].number;
  }

  void cancellations(json& out) const {
    std::map<std::pair<std::string, std::string>, json> sorted;
    for (const Item& item : items_) {
      if (!item.line.cancels) continue;
      const Item* sale = sale_of(item);
      sorted[{item.line.transaction, number_of(item)}] =
          sale == nullptr ? json(nullptr) : json(sale->line.transaction);
    }
    json rows = json::array();
    for (const auto& [key, sale] : sorted)
      rows.push_back(json::array({key.first, key.second, sale}));
    assert_rows(out, "silver/ecommerce/order_items: cancellations and their sales",
                "SELECT transaction_no, product_no, cancels_transaction_no FROM "
                "\"silver/ecommerce/order_items\" WHERE is_cancel "
                "ORDER BY transaction_no, product_no",
                std::move(rows));
  }

  struct Sums {
    std::set<std::string> orders;
    std::int64_t items = 0, net_items = 0, gross = 0, cancelled = 0;
    void add(const Item& item) {
      if (item.line.cancels) {
        cancelled -= item.total();
        net_items -= item.line.quantity;
      } else {
        orders.insert(item.line.transaction);
        items += item.line.quantity;
        net_items += item.line.quantity;
        gross += item.total();
      }
    }
  };

  void sales(json& out) const {
    std::map<std::pair<std::string, std::string>, Sums> all;
    for (const Item& item : items_)
      all[{day_text(item.line.date),
           Shop::countries()[static_cast<std::size_t>(item.line.country)].iso2}]
          .add(item);
    json rows = json::array();
    for (const auto& [key, sums] : all)
      rows.push_back(
          json::array({key.first, key.second, std::to_string(sums.orders.size()),
                       std::to_string(sums.items), cents_text(sums.gross),
                       cents_text(sums.cancelled), cents_text(sums.gross - sums.cancelled)}));
    assert_rows(out, "gold/ecommerce/sales_daily: every row",
                "SELECT CAST(date AS VARCHAR), country, CAST(orders AS VARCHAR), "
                "CAST(items AS VARCHAR), CAST(gross AS VARCHAR), CAST(cancelled AS VARCHAR), "
                "CAST(net AS VARCHAR) FROM \"gold/ecommerce/sales_daily\" ORDER BY date, country",
                std::move(rows));
  }

  void products(json& out) const {
    std::map<std::pair<std::string, int>, Sums> all;
    for (const Item& item : items_) all[{day_text(item.line.date), item.line.product}].add(item);
    std::map<std::pair<std::string, std::string>, json> sorted;
    for (const auto& [key, sums] : all) {
      const Product& product = Shop::products()[static_cast<std::size_t>(key.second)];
      sorted[{key.first, product.number}] =
          json::array({key.first, product.number, product.name, std::to_string(sums.net_items),
                       cents_text(sums.gross), cents_text(sums.cancelled),
                       cents_text(sums.gross - sums.cancelled)});
    }
    json rows = json::array();
    for (auto& [key, row] : sorted) rows.push_back(std::move(row));
    assert_rows(out, "gold/ecommerce/product_daily: every row",
                "SELECT CAST(date AS VARCHAR), product_no, product_name, "
                "CAST(quantity AS VARCHAR), CAST(gross AS VARCHAR), CAST(cancelled AS VARCHAR), "
                "CAST(net AS VARCHAR) FROM \"gold/ecommerce/product_daily\" "
                "ORDER BY date, product_no",
                std::move(rows));
  }

  void customers(json& out) const {
    struct Known {
      std::chrono::sys_days last{};
      std::set<std::string> orders;
      std::int64_t money = 0;
    };
    std::map<int, Known> all;
    std::chrono::sys_days today{};
    for (const Item& item : items_) {
      today = std::max(today, item.line.date);
      if (item.line.customer == 0) continue;
      Known& known = all[item.line.customer];
      known.money += item.total();
      if (item.line.cancels) continue;
      known.last = std::max(known.last, item.line.date);
      known.orders.insert(item.line.transaction);
    }
    json rows = json::array();
    for (const auto& [customer, known] : all) {
      if (known.orders.empty()) continue;
      const auto recency = (today - known.last).count();
      const bool recent = recency <= 1, often = known.orders.size() >= 2;
      rows.push_back(json::array({std::to_string(customer), std::to_string(recency),
                                  std::to_string(known.orders.size()), cents_text(known.money),
                                  recent  ? (often ? "loyal" : "new")
                                  : often ? "slipping"
                                          : "once"}));
    }
    assert_rows(out, "gold/ecommerce/customer_rfm: every row",
                "SELECT customer_no, CAST(recency_days AS VARCHAR), CAST(frequency AS VARCHAR), "
                "CAST(monetary AS VARCHAR), segment FROM \"gold/ecommerce/customer_rfm\" "
                "ORDER BY customer_no",
                std::move(rows));
  }

  void prices(json& out) const {
    // The price in pounds of each product on each day on which it was sold for pounds.
    std::map<std::string, std::map<std::string, std::int64_t>> all;
    for (const Item& item : items_)
      if (!item.line.cancels && std::string_view(item.line.currency) == "GBP")
        all[number_of(item)][day_text(item.line.date)] = item.price;
    json rows = json::array();
    for (const auto& [product, days] : all) {
      std::vector<std::pair<std::string, std::int64_t>> changes;
      for (const auto& [day, price] : days)
        if (changes.empty() || changes.back().second != price) changes.emplace_back(day, price);
      for (std::size_t i = 0; i < changes.size(); ++i) {
        const bool last = i + 1 == changes.size();
        rows.push_back(json::array({product, cents_text(changes[i].second), changes[i].first,
                                    last ? json(nullptr) : json(changes[i + 1].first),
                                    last ? "true" : "false"}));
      }
    }
    assert_rows(out, "gold/ecommerce/price_history: every row",
                "SELECT product_no, CAST(unit_price_gbp AS VARCHAR), CAST(valid_since AS VARCHAR), "
                "CAST(valid_until AS VARCHAR), CAST(is_last AS VARCHAR) "
                "FROM \"gold/ecommerce/price_history\" ORDER BY product_no, valid_since",
                std::move(rows));
  }

  void rates(json& out) const {
    std::map<std::string, std::pair<std::set<std::string>, std::set<std::string>>> all;
    for (const Item& item : items_) {
      auto& [orders, cancels] = all[day_text(item.line.date)];
      (item.line.cancels ? cancels : orders).insert(item.line.transaction);
    }
    json rows = json::array();
    for (const auto& [day, sets] : all) {
      const auto orders = static_cast<std::int64_t>(sets.first.size()),
                 cancels = static_cast<std::int64_t>(sets.second.size());
      rows.push_back(json::array(
          {day, std::to_string(orders), std::to_string(cancels),
           orders == 0 ? json(nullptr)
                       : json(decimal_text(rounded(Wide{cancels} * 1'000'000, orders), 6))}));
    }
    assert_rows(out, "gold/ecommerce/cancel_rate: every row",
                "SELECT CAST(date AS VARCHAR), CAST(orders AS VARCHAR), "
                "CAST(cancellations AS VARCHAR), CAST(rate AS VARCHAR) "
                "FROM \"gold/ecommerce/cancel_rate\" ORDER BY date",
                std::move(rows));
  }

  const Shop& shop_;
  std::vector<Item> items_;
  std::int64_t typed_ = 0;
  std::map<std::string, std::int64_t> dead_, rejected_, doubtful_;
};

}  // namespace

std::string shop_truth(const Shop& shop) {
  const ShopOptions& options = shop.options();
  const json truth = {{"pipeline", "ecommerce"},
                      {"seed", options.seed},
                      {"first_day", day_text(options.first_day)},
                      {"days", options.days},
                      {"size", options.customers},
                      {"assertions", Ledger(shop).assertions()}};
  return json_text(truth);
}

}  // namespace batuta::demo
