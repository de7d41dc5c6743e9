// batuta-sim: the deterministic simulator's command line.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "common/number_range.h"
#include "scheduler/core/mutant.h"
#include "tests/sim/report.h"
#include "tests/sim/runner.h"
#include "tests/sim/violation.h"

namespace batuta::sim {
namespace {

// With so many seeds every situation must have come up.
constexpr std::uint64_t enough_seeds = 20'000;
constexpr std::uint64_t seeds_per_mutant = 10'000;  // must be enough for every situation, too

struct Arguments {
  std::uint64_t seeds = 0;
  double time = 0;
  std::uint64_t first = 1;
  std::optional<std::uint64_t> seed;
  unsigned jobs = 1;
  bool json = false;
  bool trace = false;
  bool mutants = false;
  bool bench = false;
  std::string only_mutant;
};

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

int replay(const Arguments& args) {
#ifdef BATUTA_MUTANTS
  if (!args.only_mutant.empty()) active_mutant = args.only_mutant.c_str();
#endif
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a CHECK aborts: show what came before
  Totals totals;
  try {
    const std::uint64_t hash = run_seed(*args.seed, args.trace, totals);
    Outcomes outcomes;
    outcomes.totals = totals;
    outcomes.trace_hash = hash;
    print(args.json ? to_json(outcomes) + "\n" : to_text(outcomes));
    return 0;
  } catch (const Violation& violation) {
    Outcomes outcomes;
    outcomes.totals = totals;
    outcomes.findings.push_back({*args.seed, violation.invariant, violation.what()});
    print(args.json ? to_json(outcomes) + "\n" : to_text(outcomes));
    return 1;
  }
}

int run_many(const Arguments& args) {
  Plan plan;
  plan.first_seed = args.first;
  plan.seeds = args.seeds;
  plan.jobs = args.jobs;
  if (args.time > 0) plan.time = std::chrono::milliseconds(static_cast<long>(args.time * 1000));
  const Outcomes outcomes = run_seeds(plan);
  print(args.json ? to_json(outcomes) + "\n" : to_text(outcomes));
  if (!outcomes.findings.empty()) return 1;
  if (outcomes.totals.seeds == 0 || outcomes.totals.seeds < args.seeds) {
    std::fprintf(stderr, "batuta-sim: only %llu of %llu seeds were run\n",
                 static_cast<unsigned long long>(outcomes.totals.seeds),
                 static_cast<unsigned long long>(args.seeds));
    return 2;
  }
  const auto missing = missing_situations(outcomes);
  if (outcomes.totals.seeds < enough_seeds || missing.empty()) return 0;
  for (const std::string& name : missing)
    std::fprintf(stderr, "batuta-sim: never came up: %s\n", name.c_str());
  return 3;
}

int run_bench(Arguments args) {
  args.seeds = 0;
  if (args.time <= 0) args.time = 10;
  return run_many(args);
}

#ifdef BATUTA_MUTANTS
int run_mutants(const Arguments& args) {
  std::vector<MutantResult> results;
  const auto begin = std::chrono::steady_clock::now();
  int survivors = 0;
  for (const MutantInfo& info : all_mutants()) {
    if (!args.only_mutant.empty() && args.only_mutant != info.name) continue;
    Plan plan;
    plan.first_seed = args.first;
    plan.seeds = args.seeds != 0 ? args.seeds : seeds_per_mutant;
    plan.most_findings = 1;
    plan.mutant = info.name;
    if (args.time > 0) {
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
      const double left = std::max(0.0, args.time - spent.count());
      plan.time = std::chrono::milliseconds(static_cast<long>(left * 1000));
    }
    const Outcomes outcomes = run_seeds(plan);
    MutantResult result{info.name, info.breaks, "", "", 0, outcomes.totals.seeds};
    if (outcomes.findings.empty()) {
      // A bug that only makes something never happen shows in the situations that never come up.
      const auto missing = missing_situations(outcomes);
      if (outcomes.totals.seeds >= plan.seeds && !missing.empty()) {
        result.invariant = "sometimes";
        result.text = "never came up: " + missing.front();
        result.seeds_tried = plan.seeds;
      } else {
        ++survivors;
      }
    } else {
      const Finding& f = outcomes.findings.front();
      result.invariant = f.invariant;
      result.text = f.text;
      result.seed = f.seed;
      result.seeds_tried = f.seed - args.first + 1;
    }
    results.push_back(std::move(result));
  }
  print(args.json ? to_json(results) + "\n" : to_text(results));
  if (!args.json) std::printf("%zu mutants, %d survived\n", results.size(), survivors);
  return results.empty() || survivors > 0 ? 1 : 0;
}
#else
// The mutants live in an executable of their own, beside this one: the shipped core has none.
int run_mutants(char** argv) {
  char self[4096];
  const ssize_t size = ::readlink("/proc/self/exe", self, sizeof self - 1);
  if (size <= 0) return 2;
  const std::string other = std::string(self, static_cast<std::size_t>(size)) + "-mutants";
  ::execv(other.c_str(), argv);
  std::fprintf(stderr, "batuta-sim: cannot run %s\n", other.c_str());
  return 2;
}
#endif

int run(int argc, char** argv) {
  Arguments args;
  CLI::App app{
      "Drives Batuta's scheduling core through simulated workers, networks, disks, clocks and\n"
      "people, and checks its promises after every commit. A seed decides everything.\n\n"
      "  batuta-sim --seeds 100000 --time 300 --json   many worlds, one JSON object\n"
      "  batuta-sim --seed 4711 --trace                one world again, step by step\n"
      "  batuta-sim --mutants                          does it notice planted bugs?\n\n"
      "Exit code: 0 all held; 1 a violation, or a mutant that survived; 2 fewer seeds than\n"
      "promised; 3 a situation never came up. docs/simulation.md has the tables.",
      "batuta-sim"};
  app.add_option("--seeds", args.seeds, "how many worlds");
  app.add_option("--time", args.time, "stop after so many seconds");
  app.add_option("--first", args.first, "the first seed")->capture_default_str();
  app.add_option("--seed", args.seed, "replay this one");
  app.add_option("--jobs", args.jobs, "processes at once")->check(whole_number(1, 256));
  app.add_flag("--json", args.json, "one JSON object on stdout");
  app.add_flag("--trace", args.trace, "with --seed: print everything that happens");
  app.add_flag("--mutants", args.mutants, "switch on each planted bug; each must be caught");
  app.add_option("--mutant", args.only_mutant, "with --mutants: only this one");
  app.add_flag("--bench", args.bench, "seeds per second on this machine");
  CLI11_PARSE(app, argc, argv);
#ifdef BATUTA_MUTANTS
  if (args.mutants && !args.seed) return run_mutants(args);
#else
  if (args.mutants) return run_mutants(argv);
#endif
  if (args.seed) return replay(args);
  if (args.bench) return run_bench(args);
  if (args.seeds == 0 && args.time <= 0) args.seeds = 1000;
  return run_many(args);
}

}  // namespace
}  // namespace batuta::sim

int main(int argc, char** argv) {
  return batuta::sim::run(argc, argv);
}
