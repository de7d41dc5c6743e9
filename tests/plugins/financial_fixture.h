// The bundle pipelines/financial without a scheduler: runs its plugins through their C tables by
// its own contract and publishes what they hand in, as the outbox would.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/quote_server.h"

namespace batuta {

using nlohmann::json;

struct Run {
  std::string execution_id;
  std::string start = "2026-11-20T10:00:00Z";
  std::string end = "2026-11-20T12:00:00Z";
  int try_number = 1;
};

class Financial {
  struct Values;
  const std::unique_ptr<Values> values_;

 public:
  explicit Financial(std::function<Reply(const std::string&)> answer);
  ~Financial();
  Financial(const Financial&) = delete;
  Financial& operator=(const Financial&) = delete;

  lakelog::TempLake lake;
  QuoteServer server;
  std::vector<std::string> tickers = {"AAPL", "PETR4"};
  json& bronze_parameters;
  json& bronze_result;
  json& silver_result;
  json& gold_result;

  // One plugin with its upstream's result; the host tells how it went. Nothing is published.
  std::unique_ptr<FakeHost> execute(const std::string& plugin, const Run& run);
  std::unique_ptr<FakeHost> execute(const std::string& plugin, const Run& run,
                                    const json& upstream);
  // Executes and publishes; fails the test when the plugin fails. Returns the XCom value.
  json complete(const std::string& plugin, const Run& run);
  json complete(const std::string& plugin, const Run& run, const json& upstream);
  void publish_all(const FakeHost& host);
  void run_all(const Run& run);
  std::int64_t version(const std::string& table) const;
  // Rows of `sql` over the view t of the whole table, each row's cells joined by '|'.
  std::vector<std::string> rows(const std::string& table, const std::string& sql);

  // What the scheduler gives the bundle's extract task.
  static json extract_parameters(const std::vector<std::string>& tickers);

  int returned = -1;
  std::int64_t publications = 0;
};

inline constexpr const char* gold_plugin = "sql_model";
inline constexpr const char* bronze_table = "bronze/financial/quotes";
inline constexpr const char* silver_table = "silver/financial/quotes";
inline constexpr const char* gold_table = "gold/financial/financial_data_hour";
inline constexpr const char* quarantine_table = "quarantine/financial/quotes";

// A quote and a page of them, as the service writes them.
std::string quote(const std::string& date, const std::string& ticker, const std::string& open,
                  const std::string& high, const std::string& low, const std::string& close,
                  const std::string& volume, const std::string& adj_close = "1");
Reply page(const std::vector<std::string>& quotes, const std::string& next = "");

}  // namespace batuta
