#include "scheduler/demo/payments.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace batuta::demo {
namespace {

PaymentsOptions small_bank(int days) {
  PaymentsOptions options;
  options.accounts = 60;
  options.days = days;
  options.duplicate_ppm = options.late_ppm = options.bad_ppm = 50'000;
  return options;
}

std::vector<Payment> all_payments(const PaymentsOptions& options) {
  const Payments bank(options);
  std::vector<Payment> all;
  for (int day = 0; day < options.days; ++day)
    for (Payment& payment : bank.payments(day)) all.push_back(std::move(payment));
  return all;
}

}  // namespace

TEST_CASE("payments: more days add payments and change none of those before") {
  const auto few = all_payments(small_bank(3)), more = all_payments(small_bank(9));
  REQUIRE(few.size() > 100);
  REQUIRE(more.size() > few.size());
  for (std::size_t i = 0; i < few.size(); ++i) CHECK(few[i].json == more[i].json);
}

TEST_CASE(
    "payments: fraud is labelled, comes in bursts within an hour and alone, and every defect is "
    "there") {
  std::set<PaymentDefect> defects;
  std::set<std::string> ids;
  std::map<std::pair<int, std::int64_t>, int> frauds;  // by account and hour
  int repeated = 0, late = 0;
  for (const Payment& payment : all_payments(small_bank(30))) {
    defects.insert(payment.defect);
    repeated += payment.repeated;
    late += payment.sent_at > payment.at;
    if (payment.repeated) continue;
    CHECK_MESSAGE(ids.insert(payment.id).second, payment.id);
    if (payment.fraud && payment.defect == PaymentDefect::none)
      ++frauds[{payment.account, payment.at.time_since_epoch() / std::chrono::hours(1)}];
  }
  CHECK(defects.size() == 5);
  CHECK(repeated > 20);
  CHECK(late > 20);
  int bursts = 0, alone = 0;
  for (const auto& [when, count] : frauds) (count >= 3 ? bursts : alone) += 1;
  CHECK(bursts > 10);
  CHECK(alone > 0);
}

TEST_CASE(
    "payments: the score finds most of the fraud and is mostly right, and neither is by chance") {
  for (const std::uint64_t seed : {7, 42, 1, 2, 3}) {
    PaymentsOptions options;
    options.seed = seed;
    options.days = 10;
    const ScoreQuality found = payments_quality(Payments(options));
    MESSAGE("seed " << seed << ": " << found.payments << " payments, " << found.frauds
                    << " frauds, " << found.alerts << " alerts, " << found.hits << " hits");
    REQUIRE(found.frauds > 100);
    REQUIRE(found.alerts > 0);
    CHECK(100 * found.hits >= 70 * found.frauds);
    CHECK(100 * found.hits >= 80 * found.alerts);
    // A score that knew the labels would be no test of anything.
    CHECK(found.hits < found.frauds);
    CHECK(found.hits < found.alerts);
  }
}

TEST_CASE("payments: without fraud there is no recall") {
  PaymentsOptions options = small_bank(2);
  options.burst_ppm = options.lone_ppm = 0;
  const auto truth = nlohmann::json::parse(payments_truth(Payments(options)));
  const auto& last = truth.at("assertions").back();
  CHECK(last.at("name") == "gold/risk/score_quality: every row");
  CHECK(last.at("rows").at(0).at(2) == "0");
  CHECK(last.at("rows").at(0).at(5).is_null());
}

}  // namespace batuta::demo
