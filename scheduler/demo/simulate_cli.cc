#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/number_range.h"
#include "scheduler/demo/demo_cli.h"
#include "scheduler/demo/message_producer.h"
#include "scheduler/demo/real_broker.h"
#include "scheduler/demo/simulate.h"
#include "scheduler/demo/simulation.h"
#include "scheduler/demo/simulation_config.h"

namespace batuta::demo {
namespace {

struct SimulationArguments {
  std::string pipeline;
  std::string to;
  std::string settings;
  std::string first_day = "2026-03-02";
  std::string speed = "at once";
  std::string interval = "0s";
  std::string home;
  std::int64_t spool_bytes = std::int64_t{1} << 30;
  int rate = 0;
  std::string kafka;
  int port = 0;
  SimulationOptions options;
};

int refuse_simulation(const std::string& message) {
  std::fprintf(stderr, "batuta demo: %s\n", message.c_str());
  return 2;
}

// What the file says, and over it what was said beside it.
Result<SimulationConfig> config_of(const CLI::App& verb, const SimulationArguments& a) {
  SimulationConfig config;
  if (!a.settings.empty()) {
    std::ifstream file(a.settings, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open()) return {Errc::not_found, "--settings: " + a.settings + " cannot be read"};
    auto read = read_simulation_config(text);
    if (!read) return {read.error().code, a.settings + ": " + read.error().message};
    config = *read;
  }
  const auto said = [&](const char* name) {
    const CLI::Option* option = verb.get_option_no_throw(name);
    return option != nullptr && option->count() > 0;
  };
  if (said("--seed")) config.options.seed = a.options.seed;
  if (said("--size")) config.options.size = a.options.size;
  if (said("--days")) config.options.days = a.options.days;
  if (said("--defects")) config.options.defects = a.options.defects;
  if (said("--rate")) config.per_second = a.rate;
  if (said("--first-day")) {
    const auto day = parse_iso(a.first_day + "T00:00:00Z");
    if (!day) return {Errc::invalid, "--first-day must be a day such as 2026-03-02"};
    config.options.first_day = std::chrono::floor<std::chrono::days>(*day);
  }
  if (said("--speed")) {
    const auto times = parse_speed(a.speed);
    if (!times) return {Errc::invalid, "--speed: " + times.error().message};
    config.pace.times = *times;
  }
  if (said("--interval")) {
    const auto span = parse_duration(a.interval);
    if (!span) return {Errc::invalid, "--interval must be a span of time such as 15m"};
    config.pace.interval = *span;
  }
  if (Status sound = check_simulation_config(config); !sound) return sound.error();
  return config;
}

void add_simulation_options(CLI::App& verb, SimulationArguments& a) {
  verb.add_option("PIPELINE", a.pipeline, "whose sources")
      ->required()
      ->check(CLI::IsMember(simulated_pipelines()));
  verb.add_option("--settings", a.settings,
                  "a JSON file of seed, size, days, first_day, defects, speed, interval and rate, "
                  "as tasks of simulated_sources read it; what is said beside it goes before");
  verb.add_option("--seed", a.options.seed, "another seed, other records")->capture_default_str();
  verb.add_option("--size", a.options.size, "clients, customers, accounts")
      ->check(whole_number(1, 100'000))
      ->capture_default_str();
  verb.add_option("--days", a.options.days, "how many; a greater number only adds records")
      ->check(whole_number(1, 260))
      ->capture_default_str();
  verb.add_option("--first-day", a.first_day, "the first of them")->capture_default_str();
  verb.add_option("--defects", a.options.defects,
                  "times the usual rates of bad, doubled and late records")
      ->check(any_number(0, 20))
      ->capture_default_str();
  verb.add_option("--speed", a.speed,
                  "when records are there by their time: at once, real time, or x60 for an hour in "
                  "a minute")
      ->capture_default_str();
  verb.add_option("--interval", a.interval,
                  "with a speed: what happens in so much of the simulation's time comes together")
      ->capture_default_str();
}

// What was produced is told beside the settings, which a script reads.
int run_simulate(const CLI::App& verb, const SimulationArguments& a) {
  const auto config = config_of(verb, a);
  if (!config) return refuse_simulation(config.error().message);
  SimulateOrder order;
  order.pipeline = a.pipeline;
  order.config = *config;
  order.folder = std::filesystem::absolute(a.to).lexically_normal().string();
  order.home = a.home;
  order.spool_bytes = a.spool_bytes;
  if (!a.kafka.empty()) {
    auto named = read_broker(a.kafka);
    if (!named) return refuse_simulation(named.error().message);
    order.broker = *std::move(named);
  }
  bool written = false;
  order.written = [&](const std::vector<SimulationSetting>& settings) {
    written = true;
    for (const SimulationSetting& setting : settings)
      std::printf("%s=%s\n", setting.key.c_str(), setting.value.c_str());
  };
  const auto done = simulate(order);
  if (!done) {
    refuse_simulation(done.error().message);
    return written ? 1 : 2;
  }
  if (done->topic.empty()) return 0;
  std::fprintf(stderr, "topic %s: %lld new messages", done->topic.c_str(),
               static_cast<long long>(done->produced.put));
  if (done->produced.waiting > 0)
    std::fprintf(stderr, "; %lld wait in %s/spool: %s",
                 static_cast<long long>(done->produced.waiting), order.folder.c_str(),
                 done->produced.why.c_str());
  std::fputc('\n', stderr);
  return 0;
}

int run_serve(const CLI::App& verb, const SimulationArguments& a) {
  const auto config = config_of(verb, a);
  if (!config) return refuse_simulation(config.error().message);
  const auto simulation = make_simulation(a.pipeline, config->options);
  const Time first(config->options.first_day);
  const Boot begun = read_clock().boot;
  std::function<bool(Time)> there;
  if (!config->pace.at_once())
    there = [pace = config->pace, first, begun](Time at) {
      return pace.due(at - first) <= read_clock().boot - begun;
    };
  auto handler = simulation->handler_by(there);
  return handler ? serve_until_signal(a.port, "", std::move(handler))
                 : refuse_simulation(a.pipeline + " has no source that is a service");
}

}  // namespace

void add_simulation_commands(CLI::App& demo, const std::string& home, int& exit_code) {
  auto a = std::make_shared<SimulationArguments>();
  a->home = home;
  CLI::App* simulate = demo.add_subcommand("simulate",
                                           "Writes what stands in for a pipeline's databases and "
                                           "files, sends what comes by a topic, and "
                                           "writes truth.json: what the tables must hold");
  add_simulation_options(*simulate, *a);
  simulate->add_option("--to", a->to, "the folder; messages wait in its spool")->required();
  simulate->add_option("--home", a->home, "whose topics get the messages (or BATUTA_HOME)")
      ->capture_default_str();
  simulate
      ->add_option("--spool-bytes", a->spool_bytes,
                   "what messages may take on disk that no topic has yet; then it stops")
      ->check(whole_number(1 << 20))
      ->capture_default_str();
  simulate
      ->add_option("--rate", a->rate,
                   "messages a second, as a service would send them; 0: as fast as it can")
      ->check(whole_number(0, 100'000))
      ->capture_default_str();
  simulate->add_option("--kafka", a->kafka,
                       "brokers that get the messages instead, HOST:PORT,…; or @FILE with host, "
                       "login, password and extra as JSON");
  simulate->callback([a, simulate, &exit_code] { exit_code = run_simulate(*simulate, *a); });

  CLI::App* serve = demo.add_subcommand("serve", "Serves a pipeline's sources that are services");
  add_simulation_options(*serve, *a);
  serve->add_option("--port", a->port, "0 takes a free one and prints it")
      ->check(whole_number(0, 65535))
      ->capture_default_str();
  serve->callback([a, serve, &exit_code] { exit_code = run_serve(*serve, *a); });
}

}  // namespace batuta::demo
