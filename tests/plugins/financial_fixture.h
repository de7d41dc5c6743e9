// The financial pipeline without a scheduler: runs the three plugins through their C tables and
// publishes what they hand in, as the outbox would.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>

#include "lakelog/publish.h"
#include "plugins/lake/delta_table.h"
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
 public:
  explicit Financial(std::function<Reply(const std::string&)> answer) : server(std::move(answer)) {}

  lakelog::TempLake lake;
  QuoteServer server;
  std::vector<std::string> tickers = {"AAPL", "PETR4"};
  json bronze_parameters = json::object();
  json bronze_result, silver_result, gold_result;

  // One plugin with its upstream's result; the host tells how it went. Nothing is published.
  std::unique_ptr<FakeHost> execute(const std::string& plugin, const Run& run,
                                    const json& upstream = nullptr) {
    auto host = std::make_unique<FakeHost>();
    const std::string scratch = lake.path() + "/_scratch";
    std::filesystem::create_directories(scratch);
    host->context = {{"execution_id", run.execution_id},
                     {"dag_id", "financial"},
                     {"run_id", "manual"},
                     {"task_id", plugin},
                     {"try_number", run.try_number},
                     {"fence", 1},
                     {"window_start", run.start},
                     {"window_end", run.end},
                     {"lake", lake.path()},
                     {"scratch", scratch},
                     {"upstream", json::object()}};
    if (!upstream.is_null()) host->context["upstream"]["before"] = upstream;
    if (plugin == "financial_bronze") {
      host->parameters = bronze_parameters;
      host->parameters["tickers"] = tickers;
      host->secrets["quotes_api"] = server.connection();
    }
    returned = host->run(plugin);
    return host;
  }

  // Executes and publishes; fails the test when the plugin fails. Returns the XCom value.
  json complete(const std::string& plugin, const Run& run, const json& upstream = nullptr) {
    const auto host = execute(plugin, run, upstream);
    INFO(host->failure);
    REQUIRE(returned == 0);
    publish_all(*host);
    return json::parse(host->result);
  }

  void publish_all(const FakeHost& host) {
    for (const std::string& output : host.outputs) {
      lakelog::Publication publication;
      publication.lake = lake.path();
      publication.payload_json = output;
      publication.app_id = "batuta/test";
      publication.number = ++publications;
      publication.uuid = "publication-" + std::to_string(publications);
      const auto published = lakelog::publish(publication);
      if (!published.ok()) FAIL(published.error().message);
    }
  }

  void run_all(const Run& run) {
    bronze_result = complete("financial_bronze", run);
    silver_result = complete("financial_silver", run, bronze_result);
    gold_result = complete("financial_gold", run, silver_result);
  }

  std::int64_t version(const std::string& table) const {
    return lake::DeltaTable::open(lake.path(), table).version();
  }

  // Rows of `sql` over the view t of the whole table, each row's cells joined by '|'.
  std::vector<std::string> rows(const std::string& table, const std::string& sql) {
    const auto delta = lake::DeltaTable::open(lake.path(), table);
    REQUIRE(delta.exists());
    lake::SessionOptions options;
    options.library = build_dir() + "/libduckdb.so";
    options.scratch = lake.path() + "/_scratch";
    lake::Session session(options);
    const auto& metadata = delta.snapshot().metadata;
    lake::create_view(session, "t", delta.folder(), metadata.columns, metadata.partition_columns,
                      delta.files([](const auto&) { return true; }));
    std::vector<std::string> out;
    for (const auto& row : session.query(sql).rows) {
      std::string line;
      for (const auto& cell : row) {
        const auto* number = std::get_if<std::int64_t>(&cell.value);
        line += (&cell == row.data() ? "" : "|") + (cell.is_null()      ? "NULL"
                                                    : number != nullptr ? std::to_string(*number)
                                                                        : cell.text());
      }
      out.push_back(line);
    }
    return out;
  }

  int returned = -1;
  std::int64_t publications = 0;
};

inline constexpr const char* bronze_table = "bronze/financial/quotes";
inline constexpr const char* silver_table = "silver/financial/quotes";
inline constexpr const char* gold_table = "gold/financial/financial_data_hour";
inline constexpr const char* quarantine_table = "quarantine/financial/quotes";

inline std::string quote(const std::string& date, const std::string& ticker,
                         const std::string& open, const std::string& high, const std::string& low,
                         const std::string& close, const std::string& volume,
                         const std::string& adj_close = "1") {
  return R"({"date":")" + date + R"(","ticker":")" + ticker + R"(","open":)" + open +
         R"(,"adj_close":)" + adj_close + R"(,"close":)" + close + R"(,"high":)" + high +
         R"(,"low":)" + low + R"(,"volume":)" + volume + "}";
}

inline Reply page(const std::vector<std::string>& quotes, const std::string& next = "") {
  std::string body = "{\"quotes\":[";
  for (const std::string& each : quotes) body += (body.ends_with('[') ? "" : ",") + each;
  return {200,
          body + "],\"next_page_token\":" + (next.empty() ? "null" : "\"" + next + "\"") + "}",
          {}};
}

}  // namespace batuta
