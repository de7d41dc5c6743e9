#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "scheduler/demo/demo_cli.h"
#include "scheduler/demo/simulation.h"

namespace batuta::demo {
namespace {

struct SimulationArguments {
  std::string pipeline;
  std::string to;
  std::string first_day = "2026-03-02";
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
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  verb.add_option("--days", a.options.days, "how many; a greater number only adds records")
      ->check(CLI::Range(1, 260))
      ->capture_default_str();
  verb.add_option("--first-day", a.first_day, "the first of them")->capture_default_str();
  verb.add_option("--defects", a.options.defects,
                  "times the usual rates of bad, doubled and late records")
      ->check(CLI::Range(0.0, 20.0))
      ->capture_default_str();
}

}  // namespace

void add_simulation_commands(CLI::App& demo, int& exit_code) {
  auto a = std::make_shared<SimulationArguments>();
  CLI::App* simulate = demo.add_subcommand(
      "simulate",
      "Writes what stands in for a pipeline's databases and files, and truth.json: what its tables "
      "must hold");
  add_simulation_options(*simulate, *a);
  simulate->add_option("--to", a->to, "the folder")->required();
  simulate->callback([a, &exit_code] {
    const auto simulation = simulation_of(*a);
    if (!simulation) return void(exit_code = 2);
    const std::string folder = std::filesystem::absolute(a->to).lexically_normal().string();
    if (auto status = simulation->write(folder); !status)
      return void(exit_code = refuse_simulation(status.error().message));
    for (const SimulationSetting& setting : simulation->settings(folder))
      std::printf("%s=%s\n", setting.key.c_str(), setting.value.c_str());
  });

  CLI::App* serve = demo.add_subcommand("serve", "Serves a pipeline's sources that are services");
  add_simulation_options(*serve, *a);
  serve->add_option("--port", a->port, "0 takes a free one and prints it")
      ->check(CLI::Range(0, 65535))
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
