// What the risk pipeline reads: files of payments by hour, registers of accounts and merchants, and
// what turned out to be fraud.
#include <filesystem>
#include <map>

#include "scheduler/demo/assertions.h"
#include "scheduler/demo/payments.h"
#include "scheduler/demo/written_file.h"

namespace batuta::demo {
namespace {

namespace fs = std::filesystem;

class PaymentsSimulation : public Simulation {
 public:
  explicit PaymentsSimulation(const PaymentsOptions& options) : payments_(options) {}

  Status write(const std::string& folder) const override {
    std::string labels = "transaction_id,label,reported_on\n";
    for (int day = 0; day < payments_.options().days; ++day) {
      std::map<std::string, std::string> hours;
      for (const Payment& payment : payments_.payments(day)) {
        hours[to_iso(payment.sent_at).substr(11, 2)] += payment.json + "\n";
        if (payment.fraud && !payment.repeated && payment.defect == PaymentDefect::none)
          labels += payment.id + ",fraud," + day_text(payments_.date(day + 1)) + "\n";
      }
      const std::string of_day = folder + "/transactions/" + day_text(payments_.date(day));
      std::error_code error;
      fs::create_directories(of_day, error);
      if (error) return {Errc::unavailable, of_day + " cannot be made: " + error.message()};
      for (const auto& [hour, lines] : hours)
        if (auto status = write_file(of_day + "/" + hour + ".jsonl", lines); !status) return status;
    }
    for (const auto& [name, text] :
         {std::pair<std::string, std::string>("fraud_labels", std::move(labels)),
          {"accounts", accounts()},
          {"merchants", merchants()}})
      if (auto status = write_file(folder + "/" + name + ".csv", text); !status) return status;
    return write_file(folder + "/truth.json", truth() + "\n");
  }

  http::Handler handler() const override { return nullptr; }
  std::string connection() const override { return {}; }
  std::vector<SimulationSetting> settings(const std::string& folder) const override {
    return {{"RISK_TRANSACTIONS", folder + "/transactions/*/*.jsonl", "the files of payments"},
            {"RISK_ACCOUNTS", folder + "/accounts.csv", "the register of accounts"},
            {"RISK_MERCHANTS", folder + "/merchants.csv", "the register of merchants"},
            {"RISK_FRAUD_LABELS", folder + "/fraud_labels.csv", "what turned out to be fraud"}};
  }
  std::string truth() const override { return payments_truth(payments_); }
  Time begins() const override { return Time(payments_.date(0)); }
  Time ends() const override { return Time(payments_.date(payments_.options().days)); }
  std::vector<std::string> gold() const override {
    return {"gold/risk/account_features_hour", "gold/risk/fraud_score", "gold/risk/fraud_alert",
            "gold/risk/score_quality"};
  }

 private:
  std::string accounts() const {
    std::string out = "account_id,customer_id,cpf,opened_at,segment,limit,status,updated_at\n";
    for (int id = 1; id <= payments_.options().accounts; ++id) {
      const CardAccount account = payments_.account(id);
      const std::string opened = day_text(account.opened);
      out += account_text(id) + ",C" + account_text(id).substr(1) + "," + account.cpf + "," +
             opened + "," + account.segment + "," + cents_text(account.limit) + ",active," +
             opened + "T12:00:00Z\n";
    }
    return out;
  }

  static std::string merchants() {
    std::string out = "merchant_id,name,mcc,uf,risk_tier\n";
    for (const Merchant& merchant : Payments::merchants())
      out += merchant_text(merchant.id - 1) + "," + merchant.name + "," +
             std::to_string(merchant.mcc) + "," + merchant.uf + "," + merchant.risk_tier + "\n";
    return out;
  }

  Payments payments_;
};

}  // namespace

std::unique_ptr<Simulation> make_payments(const PaymentsOptions& options) {
  return std::make_unique<PaymentsSimulation>(options);
}

}  // namespace batuta::demo
