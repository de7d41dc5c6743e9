#include "scheduler/commands/demo_run.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include "scheduler/commands/demo_truth.h"
#include "scheduler/commands/supervisor.h"
#include "scheduler/commands/watch_run.h"
#include "scheduler/demo/alert_receiver.h"
#include "scheduler/demo/quote_market.h"
#include "scheduler/demo/quote_service.h"
#include "scheduler/demo/quote_truth.h"
#include "scheduler/demo/written_file.h"
#include "scheduler/http/server.h"
#include "scheduler/serve/home.h"
#include "scheduler/serve/server.h"

namespace batuta {
namespace {

constexpr Duration demo_patience =
    std::chrono::minutes(15);  // two retries, two minutes apart, the work
constexpr const char* gold_table = "gold/financial/financial_data_hour";
constexpr int shown_gold_rows = 12;

namespace fs = std::filesystem;

// Each file that is not there yet: whoever changed one keeps it.
Status copy_missing(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::is_directory(from, error)) return success();
  for (const auto& entry : fs::recursive_directory_iterator(from, error)) {
    const fs::path target = to / fs::relative(entry.path(), from, error);
    if (entry.is_directory(error)) {
      fs::create_directories(target, error);
    } else if (!fs::exists(target, error)) {
      fs::create_directories(target.parent_path(), error);
      fs::copy_file(entry.path(), target, error);
    }
    if (error) break;
  }
  if (error) return {Errc::unavailable, to.string() + " cannot be written: " + error.message()};
  return success();
}

void set_aside(const fs::path& file) {
  std::error_code error;
  if (fs::is_regular_file(file, error)) fs::rename(file, file.string() + ".old", error);
}

// How many of the quotes have appeared.
std::int64_t seen_by(const demo::QuoteMarket& market, const demo::QuoteQuery& query, Time now) {
  std::int64_t seen = 0;
  market.scan(query, std::nullopt, [&](const demo::Quote& quote) {
    seen += quote.visible_at <= now ? 1 : 0;
    return true;
  });
  return seen;
}

}  // namespace

Status drop_in_bundle(const Home& home, const std::string& name) {
  const fs::path bundle = fs::path(program("pipelines")) / name;
  std::error_code error;
  if (!fs::is_directory(bundle, error))
    return {Errc::not_found, "this installation lacks the bundle " + bundle.string()};
  const fs::path to = fs::path(home.path("bundles")) / name;
  if (fs::exists(bundle / "contracts", error) && !fs::exists(to / "contracts", error))
    set_aside(to / "dags" / (name + ".json"));
  return copy_missing(bundle, to);
}

struct DemoServices::Impl {
  Impl()
      : quotes(io, "127.0.0.1", 0, {}, demo::make_quote_handler(demo::demo_market_options())),
        alerts(io, "127.0.0.1", 0, {}, demo::make_alert_handler({})),
        thread([this] { io.run(); }) {}
  ~Impl() {
    io.stop();
    thread.join();
  }
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  http::Server quotes;
  http::Server alerts;
  std::thread thread;
};

DemoServices::DemoServices() : impl_(std::make_unique<Impl>()) {}
DemoServices::~DemoServices() = default;
std::string DemoServices::quotes_url() const {
  return "http://127.0.0.1:" + std::to_string(impl_->quotes.port());
}
std::string DemoServices::alerts_url() const {
  return "http://127.0.0.1:" + std::to_string(impl_->alerts.port()) + "/alerts";
}

Status seed_demo(Server& server, const DemoServices& services) {
  Connection quotes;
  quotes.id = "quotes_api";
  quotes.conn_type = "http";
  quotes.description = "Market quotes (the demo's own service)";
  quotes.host = services.quotes_url();
  Connection slack;
  slack.id = "slack_alerts";
  slack.conn_type = "slackwebhook";
  slack.description = "Alerts (the demo's own receiver)";
  slack.host = services.alerts_url();
  std::promise<Status> told;
  server.engine().write(
      [&]() -> Status {
        Registry& registry = server.registry();
        for (const Connection& connection : {quotes, slack}) {
          if (auto status = registry.set_connection(connection); !status) return status;
        }
        for (const auto& [key, value] : {std::pair("SLACK_ETL_ALERT_CHANNEL", "#etl-alerts"),
                                         std::pair("SLACK_ETL_ALERT_USERNAME", "batuta")}) {
          if (registry.variable(key)) continue;
          if (auto status = registry.set_variable({key, value, "where failures are told"});
              !status) {
            return status;
          }
        }
        return success();
      },
      [&](const Status& status) { told.set_value(status); });
  return told.get_future().get();
}

Result<std::string> demo_run(Server& server, const std::string& home, bool stays) {
  const Time begun = read_clock().wall;
  const Time end = std::chrono::floor<std::chrono::hours>(begun);
  RunRequested request;
  request.dag_id = "financial";
  request.logical_date = begun;
  request.conf_start = end - std::chrono::hours(1);
  request.conf_end = end;
  request.conf_json =
      R"({"start":")" + to_iso(*request.conf_start) + R"(","end":")" + to_iso(end) + "\"}";
  const demo::QuoteMarket market(demo::demo_market_options().market);
  const demo::QuoteQuery asked{market.tickers(), *request.conf_start, end};
  auto state = watch_run(server, std::move(request), demo_patience);
  if (!state || *state != "success") return state;
  show_table(home, gold_table, shown_gold_rows);
  // The market goes on: a late quote that came while the run was reading is in it, or not.
  if (seen_by(market, asked, begun) != seen_by(market, asked, read_clock().wall)) {
    std::printf("\na late quote came while the run read them: what it made is not compared\n");
    std::fflush(stdout);
    return state;
  }
  const std::string folder = home + "/demo/financial", file = folder + "/truth.json";
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return {Errc::unavailable, folder + " cannot be made: " + failed.message()};
  if (auto status = demo::write_file(file, demo::quote_manifest(market, asked, begun)); !status)
    return status.error();
  const auto right = truth_holds(home, file, stays ? file : "what the lake must hold of financial");
  if (!right) return right.error();
  return std::string(*right ? "success" : "wrong");
}

}  // namespace batuta
