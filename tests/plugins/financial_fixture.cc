#include "tests/plugins/financial_fixture.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/sql_text.h"
#include "lakelog/publish.h"
#include "plugins/lake/delta_table.h"
#include "tests/plugins/table_rows.h"

namespace batuta {

namespace {

// A file of the bundle as it is shipped.
std::string of_bundle(const std::string& name) {
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  const std::string path =
      std::string(source != nullptr ? source : ".") + "/pipelines/financial/" + name;
  std::ifstream file(path);
  if (!file) FAIL("no " << path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the scheduler gives the bundle's gold task.
json gold_parameters() {
  json task = json::parse(of_bundle("dags/financial.json"))["tasks"].back();
  for (const char* name : {"task_id", "type", "depends_on"}) task.erase(name);
  const auto sql = sql_templates(of_bundle(task["sql"]["$file"]));
  REQUIRE(sql.ok());
  REQUIRE(sql->parameters.size() == 1);
  const auto& [name, text] = sql->parameters.front();
  REQUIRE(text == "{{ changed_partitions('silver/financial/quotes', 'day') }}");
  task["sql"] = sql->text;
  task["changed"] = {{name, {{"table", silver_table}, {"column", "day"}}}};
  return task;
}

}  // namespace

struct Financial::Values {
  json bronze_parameters = json::object();
  json bronze_result, silver_result, gold_result;
};

Financial::Financial(std::function<Reply(const std::string&)> answer)
    : values_(std::make_unique<Values>()),
      server(std::move(answer)),
      bronze_parameters(values_->bronze_parameters),
      bronze_result(values_->bronze_result),
      silver_result(values_->silver_result),
      gold_result(values_->gold_result) {}
Financial::~Financial() = default;

std::unique_ptr<FakeHost> Financial::execute(const std::string& plugin, const Run& run) {
  return execute(plugin, run, nullptr);
}

std::unique_ptr<FakeHost> Financial::execute(const std::string& plugin, const Run& run,
                                             const json& upstream) {
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
  if (plugin == "contract_bronze") {
    host->parameters = extract_parameters(tickers);
    host->parameters.update(bronze_parameters);
    host->secrets["quotes_api"] = server.connection();
  }
  if (plugin == "contract_silver") {
    host->parameters = extract_parameters({});
    host->parameters.erase("query");
  }
  if (plugin == gold_plugin) host->parameters = gold_parameters();
  returned = host->run(plugin);
  return host;
}

json Financial::extract_parameters(const std::vector<std::string>& tickers) {
  return {{"contract", of_bundle("contracts/financial/quotes.odcs.yaml")},
          {"contract_name", "financial/quotes"},
          {"query", {{"tickers", tickers}}}};
}

json Financial::complete(const std::string& plugin, const Run& run) {
  return complete(plugin, run, nullptr);
}

json Financial::complete(const std::string& plugin, const Run& run, const json& upstream) {
  const auto host = execute(plugin, run, upstream);
  INFO(host->failure);
  REQUIRE(returned == 0);
  publish_all(*host);
  return json::parse(host->result);
}

void Financial::publish_all(const FakeHost& host) {
  for (const std::string& output : host.outputs) {
    lakelog::Publication publication;
    publication.storage = lake.storage().get();
    publication.payload_json = output;
    publication.app_id = "batuta/test";
    publication.number = ++publications;
    publication.uuid = "publication-" + std::to_string(publications);
    const auto published = lakelog::publish(publication);
    if (!published.ok()) FAIL(published.error().message);
  }
}

void Financial::run_all(const Run& run) {
  bronze_result = complete("contract_bronze", run);
  silver_result = complete("contract_silver", run, bronze_result);
  gold_result = complete(gold_plugin, run, silver_result);
}

std::int64_t Financial::version(const std::string& table) const {
  return lake::DeltaTable::open(lake.path(), table).version();
}

std::vector<std::string> Financial::rows(const std::string& table, const std::string& sql) {
  return table_rows(lake.path(), table, sql);
}

std::string quote(const std::string& date, const std::string& ticker, const std::string& open,
                  const std::string& high, const std::string& low, const std::string& close,
                  const std::string& volume, const std::string& adj_close) {
  return R"({"date":")" + date + R"(","ticker":")" + ticker + R"(","open":)" + open +
         R"(,"adj_close":)" + adj_close + R"(,"close":)" + close + R"(,"high":)" + high +
         R"(,"low":)" + low + R"(,"volume":)" + volume + "}";
}

Reply page(const std::vector<std::string>& quotes, const std::string& next) {
  std::string body = "{\"quotes\":[";
  for (const std::string& each : quotes) body += (body.ends_with('[') ? "" : ",") + each;
  return {200,
          body + "],\"next_page_token\":" + (next.empty() ? "null" : "\"" + next + "\"") + "}",
          {}};
}

}  // namespace batuta
