#include "scheduler/demo/shop.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

namespace batuta::demo {
namespace {

ShopOptions small_shop(int days) {
  ShopOptions options;
  options.customers = 50;
  options.days = days;
  options.bad_ppm = options.doubtful_ppm = 30'000;
  return options;
}

std::vector<ShopMessage> all_messages(const Shop& shop, int days) {
  std::vector<ShopMessage> all;
  for (int day = 0; day < days; ++day)
    for (ShopMessage& message : shop.messages(day)) all.push_back(std::move(message));
  return all;
}

}  // namespace

TEST_CASE("shop: more days add messages and change none of those before") {
  const auto few = all_messages(Shop(small_shop(3)), 3);
  const auto more = all_messages(Shop(small_shop(8)), 3);
  REQUIRE(few.size() > 300);
  REQUIRE(few.size() == more.size());
  for (std::size_t i = 0; i < few.size(); ++i) CHECK(few[i].json == more[i].json);
}

TEST_CASE("shop: nothing but a copy is a message twice, and every defect is there") {
  std::set<std::string> seen;
  std::map<ShopDefect, int> defects;
  int repeated = 0;
  for (const ShopMessage& message : all_messages(Shop(small_shop(8)), 8)) {
    if (message.repeated) {
      ++repeated;
      continue;
    }
    CHECK(seen.insert(message.json).second);
    ++defects[message.defect];
  }
  CHECK(repeated > 10);
  CHECK(defects.size() == 10);
}

TEST_CASE("shop: what is taken back was sold, to the same customer, and not fewer") {
  const auto all = all_messages(Shop(small_shop(8)), 8);
  int taken_back = 0, in_part = 0;
  for (const ShopMessage& message : all) {
    if (!message.line.cancels || message.defect != ShopDefect::none) continue;
    ++taken_back;
    bool found = false;
    for (const ShopMessage& other : all) {
      const Line &sale = other.line, &line = message.line;
      if (sale.cancels || other.defect != ShopDefect::none) continue;
      if (sale.customer != line.customer || sale.product != line.product ||
          sale.date != line.date - std::chrono::days(1) || sale.quantity < line.quantity)
        continue;
      found = true;
      in_part += sale.quantity > line.quantity;
    }
    CHECK(found);
    CHECK(message.json.find("\"TransactionNo\":\"C") != std::string::npos);
    CHECK(message.json.find("\"Quantity\":-") != std::string::npos);
  }
  CHECK(taken_back > 20);
  CHECK(in_part > 5);
}

TEST_CASE("shop: a foreign price is rounded to the penny, halves up") {
  CHECK(in_pence(1'000, 855'500) == 856);
  CHECK(in_pence(1'000, 855'499) == 855);
  CHECK(in_pence(1'999, 1'000'000) == 1'999);
  const Shop shop(small_shop(2));
  CHECK(shop.rate("GBP", 0) == 1'000'000);
  CHECK(shop.rate("EUR", 0) > shop.rate("USD", 0));
}

}  // namespace batuta::demo
