// Card payments made from a seed: accounts, merchants, what is paid day by day, and fraud among it,
// labelled. Everything is a function of (seed, what, number), in integers only, as brokerage.h has
// it. What a pipeline must make of it is in payments_truth.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/demo/simulation.h"

namespace batuta::demo {

// Rates are parts per million: of the payments, and where it says so of accounts and days.
struct PaymentsOptions {
  std::uint64_t seed = 42;
  int accounts = 200;
  std::chrono::sys_days first_day{std::chrono::year(2026) / 3 / 2};
  int days = 5;                          // more of them only add records
  std::uint32_t duplicate_ppm = 20'000;  // sent twice, byte for byte
  std::uint32_t late_ppm = 20'000;       // two hours late
  std::uint32_t bad_ppm = 10'000;        // one more payment that no table can hold
  // Of accounts and days.
  std::uint32_t burst_ppm =
      20'000;                      // fraud: many payments within an hour, or a card that is copied
  std::uint32_t lone_ppm = 3'000;  // fraud: a single payment that looks like any other
  std::uint32_t spree_ppm = 10'000;   // honest: many purchases within an hour
  std::uint32_t abroad_ppm = 15'000;  // honest: at home and, over the network, abroad
};

// Where a payment is made. Degrees are in ten-thousandths.
struct Place {
  const char* city;
  const char* currency;
  int latitude = 0, longitude = 0;
};

struct Merchant {
  int id = 0;
  std::string name;
  int mcc = 0;
  const char* uf = "";
  const char* risk_tier = "";  // low, medium, high
};

struct CardAccount {
  int id = 0;  // from 1
  std::string cpf;
  const char* segment = "";
  std::int64_t limit = 0;  // cents
  int home = 0;            // index of Payments::places()
  std::chrono::sys_days opened{};
  bool bad = false;  // the number of the person is too short
};

enum class PaymentDefect { none, missing_account, negative_amount, amount_in_words, odd_channel };

struct Payment {
  std::string id;
  int account = 0;
  int merchant = 0;          // index of Payments::merchants()
  std::int64_t amount = 0;   // cents of BRL, whatever the place's currency
  const char* channel = "";  // pos, ecommerce, atm
  int device = 0;
  int place = 0;
  int latitude = 0, longitude = 0;  // somewhere in that place
  Time at{};
  bool declined = false;
  bool fraud = false;
  PaymentDefect defect = PaymentDefect::none;
  bool repeated = false;
  Time sent_at{};
  std::string json;
};

class Payments {
 public:
  // Accounts at least 1, days 1 to 260.
  explicit Payments(PaymentsOptions options);
  const PaymentsOptions& options() const { return options_; }
  std::chrono::sys_days date(int day) const { return options_.first_day + std::chrono::days(day); }
  static const std::vector<Place>& places();  // the first `places_at_home` are in the country
  static const std::vector<Merchant>& merchants();
  CardAccount account(int id) const;
  // What is sent of that day's payments, in an order of its own.
  std::vector<Payment> payments(int day) const;

 private:
  std::uint64_t draw(std::uint64_t what, std::initializer_list<std::uint64_t> numbers) const;
  bool hits(std::uint64_t what, std::initializer_list<std::uint64_t> numbers,
            std::uint32_t ppm) const;
  void add_usual(int account, int day, std::vector<Payment>& out) const;
  void add_honest_oddities(int account, int day, std::vector<Payment>& out) const;
  void add_fraud(int account, int day, std::vector<Payment>& out) const;
  // A payment of the kind, the n-th of it on that day: where the account is at home, at `second`.
  Payment made(int account, int day, int kind, int number, std::int64_t second) const;
  void move(Payment& payment, int place) const;
  std::string text_of(const Payment& payment) const;

  PaymentsOptions options_;
};

std::string account_text(int id);      // "A00017"
std::string merchant_text(int index);  // "M003"

// How the score of the pipeline does on these payments, computed from the payments themselves.
struct ScoreQuality {
  std::int64_t payments = 0, frauds = 0, alerts = 0, hits = 0;
};
ScoreQuality payments_quality(const Payments& payments);

// The truth manifest, as simulation.h has it.
std::string payments_truth(const Payments& payments);

std::unique_ptr<Simulation> make_payments(const PaymentsOptions& options);

}  // namespace batuta::demo
