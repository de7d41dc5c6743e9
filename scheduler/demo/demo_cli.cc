#include "scheduler/demo/demo_cli.h"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "common/number_range.h"
#include "common/result.h"
#include "scheduler/demo/alert_receiver.h"
#include "scheduler/demo/quote_csv.h"
#include "scheduler/demo/quote_service.h"
#include "scheduler/demo/quote_truth.h"
#include "scheduler/http/server.h"

namespace batuta::demo {
namespace {

namespace asio = boost::asio;

constexpr const char* address = "127.0.0.1";
constexpr std::size_t max_csv_bytes = std::size_t{256} << 20;

struct QuoteArguments {
  int port = 0;
  std::uint64_t seed = 42;
  std::vector<std::string> tickers;
  std::string csv;
  std::string csv_ticker;
  std::string map;
  std::string interval = "1m";
  double late = 0.02;
  double duplicates = 0.01;
  double bad = 0.01;
  double rate_limit = 0;
  double errors = 0;
  double slow = 0;
  std::size_t page_size = 1000;
  std::string now;
  std::string truth;
  std::string start;
  std::string end;
};

std::uint32_t ppm(double share) {
  return static_cast<std::uint32_t>(share * 1e6 + 0.5);
}

int complain(const std::string& message) {
  std::fprintf(stderr, "batuta demo: %s\n", message.c_str());
  return 2;
}

// Runs `handler` on a port until a signal; prints the URL first.
int serve(asio::io_context& io, int port, const char* path, http::Handler handler) {
  try {
    http::Server server(io, address, static_cast<std::uint16_t>(port), {}, std::move(handler));
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code&, int) {
      server.stop();
      io.stop();
    });
    std::printf("http://%s:%d%s\n", address, static_cast<int>(server.port()), path);
    std::fflush(stdout);
    io.run();
    return 0;
  } catch (const std::exception& error) {
    return complain("cannot listen on port " + std::to_string(port) + ": " + error.what() +
                    " (another port: --port N, or 0 for a free one)");
  }
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return {Errc::not_found, path + " cannot be read"};
  auto out = std::move(text).str();
  if (out.size() > max_csv_bytes) return {Errc::too_large, path + " is larger than 256 MiB"};
  return out;
}

Result<QuoteServiceOptions> service_options(const QuoteArguments& arguments) {
  QuoteServiceOptions options;
  auto& market = options.market;
  market.seed = arguments.seed;
  if (!arguments.tickers.empty()) market.tickers = arguments.tickers;
  market.late_ppm = ppm(arguments.late);
  market.duplicate_ppm = ppm(arguments.duplicates);
  market.bad_ppm = ppm(arguments.bad);
  const auto interval = parse_duration(arguments.interval);
  if (!interval || *interval < std::chrono::seconds(1)) {
    return {Errc::invalid, "--interval must be a duration of at least 1s"};
  }
  market.interval = *interval;
  options.rate_limited_ppm = ppm(arguments.rate_limit);
  options.error_ppm = ppm(arguments.errors);
  options.slow_ppm = ppm(arguments.slow);
  options.page_size = arguments.page_size;
  if (!arguments.now.empty()) {
    const auto now = parse_iso(arguments.now);
    if (!now) return {Errc::invalid, "--now must be a time such as 2026-11-20T10:00:00Z"};
    options.clock = [now = *now] { return now; };
  } else {
    options.clock = [] { return read_clock().wall; };
  }
  if (arguments.csv.empty()) {
    options.source = std::make_shared<QuoteMarket>(market);
    return options;
  }
  const auto columns = parse_column_map(arguments.map);
  if (!columns) return columns.error();
  const auto text = read_file(arguments.csv);
  if (!text) return text.error();
  auto source = read_quote_csv(*text, arguments.csv_ticker, *columns);
  if (!source) return source.error();
  options.source = std::move(*source);
  return options;
}

// Without a window: the last complete day.
Status write_truth(const QuoteArguments& arguments, const QuoteServiceOptions& options) {
  const Time now = options.clock();
  QuoteQuery query;
  query.tickers = options.source->tickers();
  query.end = arguments.end.empty() ? Time(std::chrono::floor<std::chrono::days>(now))
                                    : parse_iso(arguments.end).value_or(Time::min());
  query.start = arguments.start.empty() ? query.end - std::chrono::days(1)
                                        : parse_iso(arguments.start).value_or(Time::max());
  if (query.end == Time::min() || query.start >= query.end) {
    return {Errc::invalid, "--start and --end must be times with their zone, start before end"};
  }
  const auto longest = options.source->longest_window();
  if (longest > Duration::zero() && query.end - query.start > longest) {
    return {Errc::invalid, "--start and --end may lie at most 366 days apart"};
  }
  std::ofstream file(arguments.truth, std::ios::trunc);
  file << quote_truth(*options.source, query, now) << '\n';
  if (!file.flush()) return {Errc::unavailable, arguments.truth + " cannot be written"};
  return success();
}

int run_quotes(const QuoteArguments& arguments) {
  auto options = service_options(arguments);
  if (!options) return complain(options.error().message);
  if (!arguments.truth.empty()) {
    if (auto status = write_truth(arguments, *options); !status) {
      return complain(status.error().message);
    }
  }
  asio::io_context io{1};
  options->later = [&io](Duration delay, std::function<void()> then) {
    auto timer = std::make_shared<asio::steady_timer>(io, delay);
    timer->async_wait([timer, then = std::move(then)](const boost::system::error_code& error) {
      if (!error) then();
    });
  };
  return serve(io, arguments.port, "/v1/quotes", make_quote_handler(std::move(*options)));
}

}  // namespace

int serve_until_signal(int port, const char* path, http::Handler handler) {
  asio::io_context io{1};
  return serve(io, port, path, std::move(handler));
}

namespace {

void add_quotes(CLI::App& demo, int& exit_code) {
  auto a = std::make_shared<QuoteArguments>();
  CLI::App* verb = demo.add_subcommand("quotes", "A market data service: GET /v1/quotes");
  const auto share = any_number(0, 1);
  verb->add_option("--port", a->port, "0 takes a free one and prints it")
      ->check(whole_number(0, 65535))
      ->capture_default_str();
  verb->add_option("--seed", a->seed, "another seed, another market")->capture_default_str();
  verb->add_option("--tickers", a->tickers, "papers on the market")->delimiter(',');
  verb->add_option("--interval", a->interval, "one bar per paper and interval")
      ->capture_default_str();
  verb->add_option("--late", a->late, "share of rows that appear up to 10 minutes late")
      ->check(share)
      ->capture_default_str();
  verb->add_option("--duplicates", a->duplicates, "share of rows sent twice")
      ->check(share)
      ->capture_default_str();
  verb->add_option("--bad", a->bad, "share of rows with a defect")
      ->check(share)
      ->capture_default_str();
  verb->add_option("--rate-limit-rate", a->rate_limit, "share of requests answered 429")
      ->check(share);
  verb->add_option("--error-rate", a->errors, "share of requests answered 500")->check(share);
  verb->add_option("--slow-rate", a->slow, "share of requests answered after 3 s")->check(share);
  verb->add_option("--page-size", a->page_size, "rows a page")
      ->check(whole_number(1, 10'000))
      ->capture_default_str();
  auto* csv = verb->add_option("--csv", a->csv, "replay this file instead of the market");
  auto* ticker = verb->add_option("--ticker", a->csv_ticker, "the paper the file is about");
  auto* map = verb->add_option("--map", a->map, "its columns: date=Date,open=AAPL.Open,…");
  csv->needs(ticker);
  ticker->needs(csv);
  map->needs(csv);
  verb->add_option("--now", a->now, "a clock that stands still, for tests");
  auto* truth = verb->add_option("--truth", a->truth, "write what the lake must hold to this file");
  verb->add_option("--start", a->start, "the truth's window (default: the last whole day)")
      ->needs(truth);
  verb->add_option("--end", a->end, "end of that window, exclusive")->needs(truth);
  verb->callback([a, &exit_code] { exit_code = run_quotes(*a); });
}

void add_alerts(CLI::App& demo, int& exit_code) {
  struct Arguments {
    int port = 0;
    std::string file;
  };
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = demo.add_subcommand("alerts", "Stands in for Slack: prints each alert");
  verb->add_option("--port", a->port, "0 takes a free one and prints it")
      ->check(whole_number(0, 65535))
      ->capture_default_str();
  verb->add_option("--file", a->file, "add each alert to this file as a line of JSON");
  verb->callback([a, &exit_code] {
    asio::io_context io{1};
    exit_code = serve(io, a->port, "/alerts", make_alert_handler({a->file, nullptr}));
  });
}

}  // namespace

void add_demo_commands(CLI::App& app, const std::string& home, int& exit_code) {
  CLI::App* demo =
      app.add_subcommand("demo", "What stands in for the world outside, and pipelines on it");
  demo->require_subcommand(1);
  add_quotes(*demo, exit_code);
  add_alerts(*demo, exit_code);
  add_simulation_commands(*demo, home, exit_code);
}

}  // namespace batuta::demo
