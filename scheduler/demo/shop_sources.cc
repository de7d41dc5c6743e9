#include "scheduler/demo/shop_sources.h"

#include <filesystem>

#include "scheduler/demo/assertions.h"
#include "scheduler/demo/quote_source.h"
#include "scheduler/demo/shop_truth.h"
#include "scheduler/demo/written_file.h"

namespace batuta::demo {
namespace {

namespace fs = std::filesystem;

constexpr const char* reports_about =
    "postgres: gold is published by the connection ecommerce_reports; empty: it is not";

class ShopSimulation : public Simulation {
 public:
  explicit ShopSimulation(const ShopOptions& options) : shop_(options) {}

  Status write(const std::string& folder) const override {
    std::string rates = "currency,day,gbp\n";
    for (int day = 0; day < shop_.options().days; ++day) {
      const std::string date = day_text(shop_.date(day));
      for (const char* currency : {"EUR", "GBP", "USD"})
        rates += std::string(currency) + "," + date + "," +
                 decimal_text(shop_.rate(currency, day), 6) + "\n";
    }
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return {Errc::unavailable, folder + " cannot be made: " + error.message()};
    if (auto status = write_file(folder + "/rates.csv", rates); !status) return status;
    return write_file(folder + "/truth.json", truth() + "\n");
  }

  std::string topic() const override { return "Pedidos"; }
  std::vector<BrokerText> broker_texts() const override {
    return {broker_contract("contracts/ecommerce/pedidos.odcs.yaml"),
            {"dags/ecommerce.json", R"("topic": { "name": "Pedidos")",
             R"("topic": { "connection": "ecommerce_broker", "name": "Pedidos")"},
            broker_monitor("ecommerce")};
  }
  // The lines of a transaction stay in order: they have one key.
  void messages(const std::function<bool(SimulatedMessage)>& take) const override {
    for (int day = 0; day < shop_.options().days; ++day) {
      for (ShopMessage& message : shop_.messages(day)) {
        const std::string key = (message.line.cancels ? "C" : "") + message.line.transaction;
        const Time at = Time(shop_.date(day)) + std::chrono::hours(message.hour);
        if (!take({key, std::move(message.json), at})) return;
      }
    }
  }

  http::Handler handler() const override { return nullptr; }
  std::string connection() const override { return {}; }

  std::vector<SimulationSetting> settings(const std::string& folder) const override {
    return {{"ECOMMERCE_RATES", folder + "/rates.csv", "what currencies are in pounds, by day"},
            {"ECOMMERCE_REPORTS", "", reports_about}};
  }

  std::optional<RealDatabase> real_database() const override {
    RealDatabase real;
    real.database = "reports";
    real.connection = "ecommerce_reports";
    real.description = "Where reports read the gold tables of ecommerce (the demo's own server)";
    real.script = "CREATE SCHEMA IF NOT EXISTS ecommerce;\n";
    real.switch_on = {"ECOMMERCE_REPORTS", "postgres", reports_about};
    real.schema = "ecommerce";
    real.login = "ecommerce_publisher";
    // A publication replaces tables, which their owner alone may: those of a home of before there
    // was this role become its own.
    real.grants =
        "GRANT USAGE, CREATE ON SCHEMA ecommerce TO ecommerce_publisher;\n"
        "DO $$ DECLARE one record; BEGIN\n"
        "  FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'ecommerce'\n"
        "      AND tableowner <> 'ecommerce_publisher' LOOP\n"
        "    EXECUTE format('ALTER TABLE ecommerce.%I OWNER TO ecommerce_publisher', "
        "one.tablename);\n"
        "  END LOOP;\n"
        "END $$;\n";
    return real;
  }
  bool delivers() const override { return true; }

  std::string truth() const override { return shop_truth(shop_); }
  Time begins() const override { return Time(shop_.date(0)); }
  Time ends() const override { return Time(shop_.date(shop_.options().days)); }
  std::vector<std::string> gold() const override {
    return {"gold/ecommerce/sales_daily", "gold/ecommerce/product_daily",
            "gold/ecommerce/customer_rfm", "gold/ecommerce/price_history",
            "gold/ecommerce/cancel_rate"};
  }

 private:
  Shop shop_;
};

}  // namespace

std::unique_ptr<Simulation> make_shop(const ShopOptions& options) {
  return std::make_unique<ShopSimulation>(options);
}

}  // namespace batuta::demo
