// What the risk pipeline must make of its payments, computed from the payments themselves.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>

#include "common/safe_json.h"
#include "scheduler/demo/assertions.h"
#include "scheduler/demo/payments.h"
#include "scheduler/demo/quote_source.h"

namespace batuta::demo {
namespace {

using nlohmann::json;

constexpr auto an_hour = std::chrono::hours(1);
constexpr std::int64_t a_million = 1'000'000;

// pipelines/risk/models/silver/risk/score_weights.sql, said once more.
constexpr int alert_from = 60;
struct RiskWeight {
  const char* reason;
  int points;
};
constexpr RiskWeight risk_weights[] = {{"velocity", 35}, {"travel", 25},   {"foreign", 20},
                                       {"merchant", 20}, {"declines", 15}, {"limit", 10},
                                       {"night", 10},    {"remote", 5}};

double radians(int ten_thousandths) {
  return static_cast<double>(ten_thousandths) / 10'000 * std::numbers::pi / 180;
}

// Along the earth's surface, in kilometres.
double kilometres(const Payment& a, const Payment& b) {
  const double north = std::sin((radians(b.latitude) - radians(a.latitude)) / 2);
  const double east = std::sin((radians(b.longitude) - radians(a.longitude)) / 2);
  const double share =
      north * north + std::cos(radians(a.latitude)) * std::cos(radians(b.latitude)) * east * east;
  return 2 * 6371 * std::asin(std::sqrt(std::min(1.0, share)));
}

std::int64_t speed_kmh(const Payment& from, const Payment& to) {
  const double seconds = std::max(60.0, std::chrono::duration<double>(to.at - from.at).count());
  return std::llround(kilometres(from, to) / seconds * 3600);
}

bool is_foreign(const Payment& payment) {
  return std::string_view(Payments::places()[static_cast<std::size_t>(payment.place)].currency) !=
         "BRL";
}

struct Features {
  std::int64_t count = 0, amount = 0, amount_of_day = 0, speed = 0;
  std::int64_t of_day = 0, foreign = 0, declined = 0;
  std::set<int> merchants;
};

struct Scored {
  int score = 0;
  std::string reasons;
};

class RiskLedger {
 public:
  explicit RiskLedger(const Payments& payments) : payments_(payments) {
    for (int day = 0; day < payments.options().days; ++day)
      for (Payment& payment : payments.payments(day)) take(std::move(payment));
    for (auto& [account, list] : by_account_) {
      std::sort(list.begin(), list.end(), [](const Payment& a, const Payment& b) {
        return std::tie(a.at, a.id) < std::tie(b.at, b.id);
      });
      features_of(account, list);
    }
    for (const auto& [account, list] : by_account_)
      for (const Payment& payment : list) judge(payment);
  }

  const ScoreQuality& quality() const { return quality_; }
  const json& records() const { return records_; }

  json assertions() const {
    json out = json::array();
    assert_count(out, "silver/risk/transactions", quality_.payments);
    assert_counts_by(out, "quarantine/risk/transactions", "reason", rejected_);
    std::int64_t good = 0;
    for (int id = 1; id <= payments_.options().accounts; ++id) good += !payments_.account(id).bad;
    assert_count(out, "silver/risk/accounts", good);
    assert_count(out, "silver/risk/fraud_labels", quality_.frauds);
    features(out);
    scores(out);
    alerts(out);
    summary(out);
    return out;
  }

 private:
  using Hour = std::pair<int, Time>;  // of an account

  void take(Payment payment) {
    const auto count = [&](const char* what) {
      records_[what] = records_.value(what, std::int64_t{0}) + 1;
    };
    count("sent");
    if (payment.repeated) return count("repeated");
    if (payment.defect != PaymentDefect::none) {
      count("bad");
      static constexpr const char* reasons[] = {"", "missing_account_id", "amount_below_minimum",
                                                "bad_amount", "channel_mismatch"};
      ++rejected_[reasons[static_cast<std::size_t>(payment.defect)]];
      return;
    }
    if (payment.sent_at != payment.at) count("late");
    if (payment.fraud) count("fraud");
    by_account_[payment.account].push_back(std::move(payment));
  }

  void features_of(int account, const std::vector<Payment>& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Payment& payment = list[i];
      Features& in_hour = features_[{account, std::chrono::floor<std::chrono::hours>(payment.at)}];
      ++in_hour.count;
      if (!payment.declined) in_hour.amount += payment.amount;
      if (i > 0) in_hour.speed = std::max(in_hour.speed, speed_kmh(list[i - 1], payment));
    }
    for (auto each = features_.lower_bound({account, Time::min()});
         each != features_.end() && each->first.first == account; ++each) {
      const Time until = each->first.second + an_hour;
      for (const Payment& payment : list) {
        if (payment.at >= until || payment.at < until - 24 * an_hour) continue;
        Features& of = each->second;
        ++of.of_day;
        of.foreign += is_foreign(payment);
        of.declined += payment.declined;
        if (!payment.declined) of.amount_of_day += payment.amount;
        of.merchants.insert(payment.merchant);
      }
    }
  }

  void judge(const Payment& payment) {
    const Features& of =
        features_.at({payment.account, std::chrono::floor<std::chrono::hours>(payment.at)});
    const CardAccount account = payments_.account(payment.account);
    const auto local_hour =
        (payment.at - std::chrono::floor<std::chrono::days>(payment.at) + 21 * an_hour) / an_hour %
        24;
    const bool holds[] = {
        of.count >= 5,
        of.speed >= 900,
        is_foreign(payment),
        std::string_view(
            Payments::merchants()[static_cast<std::size_t>(payment.merchant)].risk_tier) == "high",
        rounded(Wide{of.declined} * a_million, of.of_day) >= 300'000,
        !account.bad && 2 * of.amount_of_day >= account.limit,
        local_hour < 6,
        std::string_view(payment.channel) == "ecommerce"};
    Scored& scored = scores_[payment.id];
    for (std::size_t i = 0; i < std::size(risk_weights); ++i) {
      if (!holds[i]) continue;
      scored.score = std::min(100, scored.score + risk_weights[i].points);
      scored.reasons += (scored.reasons.empty() ? "" : ",") + std::string(risk_weights[i].reason);
    }
    const bool alert = scored.score >= alert_from;
    ++quality_.payments;
    quality_.frauds += payment.fraud;
    quality_.alerts += alert;
    quality_.hits += alert && payment.fraud;
    if (alert) alerts_[payment.id] = payment;
  }

  void features(json& out) const {
    json rows = json::array();
    for (const auto& [key, of] : features_)
      rows.push_back(json::array(
          {account_text(key.first), to_iso(key.second).substr(0, 13), std::to_string(of.count),
           cents_text(of.amount), cents_text(of.amount_of_day), std::to_string(of.merchants.size()),
           decimal_text(rounded(Wide{of.foreign} * a_million, of.of_day), 6),
           decimal_text(rounded(Wide{of.declined} * a_million, of.of_day), 6),
           std::to_string(of.speed)}));
    assert_rows(out, "gold/risk/account_features_hour: every row",
                "SELECT account_id, strftime(hour, '%Y-%m-%dT%H'), CAST(tx_count_1h AS VARCHAR), "
                "CAST(amount_1h AS VARCHAR), CAST(amount_24h AS VARCHAR), "
                "CAST(distinct_merchants_24h AS VARCHAR), CAST(foreign_ratio AS VARCHAR), "
                "CAST(declined_ratio AS VARCHAR), CAST(max_speed_kmh AS VARCHAR) "
                "FROM \"gold/risk/account_features_hour\" ORDER BY account_id, hour",
                std::move(rows));
  }

  void scores(json& out) const {
    json rows = json::array();
    for (const auto& [id, scored] : scores_)
      rows.push_back(json::array({id, std::to_string(scored.score), scored.reasons}));
    assert_rows(out, "gold/risk/fraud_score: every row",
                "SELECT transaction_id, CAST(score AS VARCHAR), reasons "
                "FROM \"gold/risk/fraud_score\" ORDER BY transaction_id",
                std::move(rows));
  }

  void alerts(json& out) const {
    json rows = json::array();
    for (const auto& [id, payment] : alerts_)
      rows.push_back(json::array({id, account_text(payment.account), cents_text(payment.amount)}));
    assert_rows(out, "gold/risk/fraud_alert: every row",
                "SELECT transaction_id, account_id, CAST(amount AS VARCHAR) "
                "FROM \"gold/risk/fraud_alert\" ORDER BY transaction_id",
                std::move(rows));
  }

  void summary(json& out) const {
    const auto share = [](std::int64_t a, std::int64_t b) {
      return b == 0 ? json(nullptr) : json(decimal_text(rounded(Wide{a} * a_million, b), 6));
    };
    assert_rows(
        out, "gold/risk/score_quality: every row",
        "SELECT model_id, CAST(transactions AS VARCHAR), CAST(frauds AS VARCHAR), "
        "CAST(alerts AS VARCHAR), CAST(hits AS VARCHAR), CAST(recall AS VARCHAR), "
        "CAST(precision AS VARCHAR) FROM \"gold/risk/score_quality\"",
        json::array({json::array(
            {"points-1", std::to_string(quality_.payments), std::to_string(quality_.frauds),
             std::to_string(quality_.alerts), std::to_string(quality_.hits),
             share(quality_.hits, quality_.frauds), share(quality_.hits, quality_.alerts)})}));
  }

  const Payments& payments_;
  json records_ = json::object();
  std::map<std::string, std::int64_t> rejected_;
  std::map<int, std::vector<Payment>> by_account_;
  std::map<Hour, Features> features_;
  std::map<std::string, Scored> scores_;
  std::map<std::string, Payment> alerts_;
  ScoreQuality quality_;
};

}  // namespace

ScoreQuality payments_quality(const Payments& payments) {
  return RiskLedger(payments).quality();
}

std::string payments_truth(const Payments& payments) {
  const PaymentsOptions& options = payments.options();
  const RiskLedger ledger(payments);
  const json truth = {{"pipeline", "risk"},
                      {"seed", options.seed},
                      {"first_day", day_text(options.first_day)},
                      {"days", options.days},
                      {"size", options.accounts},
                      {"records", ledger.records()},
                      {"assertions", ledger.assertions()}};
  return json_text(truth);
}

}  // namespace batuta::demo
