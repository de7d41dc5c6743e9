#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "common/number_range.h"
#include "scheduler/demo/demo_cli.h"
#include "scheduler/demo/message_producer.h"
#include "scheduler/demo/real_broker.h"
#include "scheduler/demo/simulation.h"

namespace batuta::demo {
namespace {

struct SimulationArguments {
  std::string pipeline;
  std::string to;
  std::string first_day = "2026-03-02";
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

std::unique_ptr<Simulation> simulation_of(SimulationArguments& arguments) {
  const auto day = parse_iso(arguments.first_day + "T00:00:00Z");
  if (!day) {
    refuse_simulation("--first-day must be a day such as 2026-03-02");
    return nullptr;
  }
  arguments.options.first_day = std::chrono::floor<std::chrono::days>(*day);
  return make_simulation(arguments.pipeline, arguments.options);
}

void add_simulation_options(CLI::App& verb, SimulationArguments& a) {
  verb.add_option("PIPELINE", a.pipeline, "whose sources")
      ->required()
      ->check(CLI::IsMember(simulated_pipelines()));
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
}

// What was produced is told beside the settings, which a script reads.
int send_simulated(const Simulation& simulation, const SimulationArguments& a,
                   const std::string& folder) {
  if (simulation.topic().empty()) return 0;
  std::optional<stream::KafkaConnection> broker;
  if (!a.kafka.empty()) {
    auto named = read_broker(a.kafka);
    if (!named) return refuse_simulation(named.error().message);
    broker = *std::move(named);
  }
  const auto produced = produce_messages(simulation, {a.home,
                                                      folder + "/spool",
                                                      describe(a.pipeline, a.options),
                                                      a.spool_bytes,
                                                      a.rate,
                                                      {},
                                                      std::move(broker)});
  if (!produced) {
    refuse_simulation(produced.error().message);
    return 1;
  }
  std::fprintf(stderr, "topic %s: %lld new messages", simulation.topic().c_str(),
               static_cast<long long>(produced->put));
  if (produced->waiting > 0)
    std::fprintf(stderr, "; %lld wait in %s/spool: %s", static_cast<long long>(produced->waiting),
                 folder.c_str(), produced->why.c_str());
  std::fputc('\n', stderr);
  return 0;
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
  simulate->callback([a, &exit_code] {
    const auto simulation = simulation_of(*a);
    if (!simulation) return void(exit_code = 2);
    const std::string folder = std::filesystem::absolute(a->to).lexically_normal().string();
    if (auto status = simulation->write(folder); !status)
      return void(exit_code = refuse_simulation(status.error().message));
    for (const SimulationSetting& setting : simulation->settings(folder))
      std::printf("%s=%s\n", setting.key.c_str(), setting.value.c_str());
    exit_code = send_simulated(*simulation, *a, folder);
  });

  CLI::App* serve = demo.add_subcommand("serve", "Serves a pipeline's sources that are services");
  add_simulation_options(*serve, *a);
  serve->add_option("--port", a->port, "0 takes a free one and prints it")
      ->check(whole_number(0, 65535))
      ->capture_default_str();
  serve->callback([a, &exit_code] {
    const auto simulation = simulation_of(*a);
    if (!simulation) return void(exit_code = 2);
    auto handler = simulation->handler();
    exit_code = handler ? serve_until_signal(a->port, "", std::move(handler))
                        : refuse_simulation(a->pipeline + " has no source that is a service");
  });
}

}  // namespace batuta::demo
