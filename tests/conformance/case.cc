#include "tests/conformance/case.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_parser.h"

namespace batuta::conformance {
namespace {

Outcome outcome_of(const std::string& word) {
  static const std::map<std::string, Outcome> words = {
      {"success", Outcome::success}, {"fail", Outcome::failed},
      {"skip", Outcome::skipped},    {"fail_for_good", Outcome::failed_no_retry},
      {"crash", Outcome::crashed},   {"hang", Outcome::success},
      {"refuse", Outcome::refused}};
  const auto found = words.find(word);
  if (found == words.end()) throw BadCase("no attempt ends as '" + word + "'");
  return found->second;
}

// What the plugins do by themselves, as far as a case can see it.
Behaviour by_itself(const Launch& launch) {
  Behaviour does;
  const json params = json::parse(launch.params_json);
  if (launch.plugin == "branch") {
    const json choose = params.value("choose", json::array());
    does.branch.emplace();
    for (const json& one : choose.is_array() ? choose : json::array({choose})) {
      does.branch->push_back(one.get<std::string>());
    }
    does.result_json = choose.dump();
  }
  if (launch.plugin != "mock") return does;
  if (launch.try_number <= params.value("fail_times", 0)) {
    does.outcome = Outcome::failed;
    does.reason = "failed as told";
  }
  if (params.contains("run_for")) does.takes = span_of(params["run_for"], "run_for");
  if (params.contains("return")) does.result_json = params["return"].dump();
  return does;
}

void change(Behaviour& does, const json& told, const std::string& where) {
  const bool word = told.is_string();
  if (!word) {
    allow_only(told,
               {"ends", "takes", "reason", "exit_code", "result", "watermark", "prints", "assets",
                "defers", "checkpoints"},
               where);
  }
  const std::string ends = word ? told.get<std::string>() : told.value("ends", "success");
  does.outcome = outcome_of(ends);
  does.hangs = ends == "hang";
  does.reason = does.outcome == Outcome::success ? "" : "it was told to " + ends;
  if (word) return;
  does.reason = told.value("reason", does.reason);
  does.exit_code = told.value("exit_code", 0);
  if (told.contains("takes")) does.takes = span_of(told["takes"], where + "/takes");
  if (told.contains("result")) does.result_json = told["result"].dump();
  if (told.contains("prints")) does.prints = told["prints"].get<std::vector<std::string>>();
  for (const json& one : told.value("checkpoints", json::array()))
    does.checkpoints.push_back(one.dump());
  if (told.contains("assets")) does.extra_json = json{{"assets", told["assets"]}}.dump();
  if (told.contains("watermark")) {
    does.watermark_us = time_at(told["watermark"], where).time_since_epoch().count();
  }
}

// The first part of a try may wait without a slot; the rest of its entry is the other part's.
void defer_first(Behaviour& does, const json& told, const Launch& launch,
                 const std::string& where) {
  if (!told.is_object() || !told.contains("defers")) return;
  if (json::parse(launch.context_json).contains("resume")) return;
  json wait = told["defers"];
  allow_only(wait, {"wait_for", "timeout", "poke_interval", "on_timeout", "payload"},
             where + "/defers");
  does.payload_json = wait.value("payload", json(nullptr)).dump();
  wait.erase("payload");
  does.wait_json = wait.dump();
  does.outcome = Outcome::deferred;
  does.hangs = false;
}

// "r1/m[2]", "r1/m", "m[2]" or "m", whichever is there first.
const json* entry(const json& all, const std::string& run, const std::string& task) {
  const std::string whole = task.substr(0, task.find('['));
  for (const std::string& name : {run + "/" + task, run + "/" + whole, task, whole}) {
    if (const auto found = all.find(name); found != all.end()) return &*found;
  }
  return nullptr;
}

Behaviour behaviour_of(const json& attempts, const Launch& launch, const std::string& task) {
  Behaviour does = by_itself(launch);
  const json* told = entry(attempts, launch.dag_run_id, task);
  if (told == nullptr) return does;
  const std::string where = "attempts/" + task;
  if (told->is_array()) {
    const auto n = static_cast<std::size_t>(launch.try_number) - 1;
    if (n >= told->size()) return does;
    told = &told->at(n);
  }
  change(does, *told, where);
  defer_first(does, *told, launch, where);
  return does;
}

WaitChecked::Outcome look_of(const json& looks, const std::string& task, int n) {
  using Outcome = WaitChecked::Outcome;
  const json* told = entry(looks, "", task);
  if (told == nullptr || told->empty()) return Outcome::satisfied;
  const auto last = static_cast<int>(told->size()) - 1;
  const auto word = told->at(static_cast<std::size_t>(std::min(n, last))).get<std::string>();
  if (word == "satisfied") return Outcome::satisfied;
  if (word == "failed") return Outcome::failed;
  if (word == "not_yet") return Outcome::not_yet;
  throw BadCase("a look is satisfied, failed or not_yet, not '" + word + "'");
}

Result<std::string> printed_by(const json& programs, const std::string& path, int n) {
  const auto told = programs.find(path);
  if (told == programs.end() || told->empty())
    throw BadCase("programs: nothing is said of " + path);
  const json& one =
      told->at(static_cast<std::size_t>(std::min(n, static_cast<int>(told->size()) - 1)));
  if (one.is_string()) return one.get<std::string>();
  allow_only(one, {"fails"}, "programs/" + path);
  return {Errc::unavailable, one.value("fails", "")};
}

void run(const json& it, Registry& registry, const std::string& key_file,
         std::vector<std::string>& problems) {
  allow_only(it,
             {"case", "source", "dag", "dags", "clock", "slots", "variables", "pools", "attempts",
              "looks", "programs", "steps", "rest", "expect"},
             "");
  for (const char* needed : {"case", "source", "expect"}) {
    if (!it.contains(needed)) throw BadCase(std::string("it lacks '") + needed + "'");
  }
  const Time begin = time_at(it.value("clock", json("2026-03-10T12:00:00Z")), "clock");
  World world(registry, *SecretKey::read(key_file), begin, it.value("slots", 16));
  const json attempts = it.value("attempts", json::object());
  const json looks = it.value("looks", json::object());
  world.behaviour = [&](const Launch& launch, const std::string& task) {
    return behaviour_of(attempts, launch, task);
  };
  world.look = [&](const std::string& task, int n) { return look_of(looks, task, n); };
  const json programs = it.value("programs", json::object());
  world.program = [&](const std::string& path, int n) { return printed_by(programs, path, n); };
  const json pools = it.value("pools", json::object());
  for (const auto& [name, slots] : pools.items()) {
    do_step(world, {{"pool", name}, {"slots", slots}}, "pools");
  }
  std::vector<std::shared_ptr<const Dag>> dags;
  if (it.contains("dag")) dags.push_back(dag_of(it["dag"]));
  for (const json& dag : it.value("dags", json::array())) dags.push_back(dag_of(dag));
  if (dags.empty()) throw BadCase("it has no DAG");
  world.put(dags);
  const json steps = it.value("steps", json::array({{{"trigger", dags.front()->id}}}));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string where = "steps/" + std::to_string(i);
    if (steps[i].contains("expect")) {
      allow_only(steps[i], {"expect"}, where);
      compare(world, begin, steps[i]["expect"], where, problems);
    } else {
      do_step(world, steps[i], where);
    }
  }
  world.rest(it.contains("rest") ? span_of(it["rest"], "rest")
                                 : Duration(std::chrono::hours(24 * 30)));
  compare(world, begin, it["expect"], "expect", problems);
}

}  // namespace

void allow_only(const json& object, const std::vector<std::string>& names,
                const std::string& where) {
  if (!object.is_object()) throw BadCase(where + " is no object");
  for (const auto& [name, value] : object.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw BadCase(where + ": there is no '" + name + "' here");
    }
  }
}

Time time_at(const json& value, const std::string& where) {
  const OptTime time = value.is_string() ? parse_iso(value.get<std::string>()) : std::nullopt;
  if (!time) throw BadCase(where + ": " + value.dump() + " is no time");
  return *time;
}

Duration span_of(const json& value, const std::string& where) {
  const auto span = parse_duration(value.is_string() ? value.get<std::string>() : value.dump());
  if (!span) throw BadCase(where + ": " + value.dump() + " is no duration");
  return *span;
}

std::shared_ptr<const Dag> dag_of(json dag) {
  if (!dag.contains("is_paused_upon_creation")) dag["is_paused_upon_creation"] = false;
  const DagFileResult read = parse_dag_file(dag.dump(), "case.json", "/nowhere", {});
  if (read.dag) return read.dag;
  std::string why = "the DAG is refused";
  for (const DagFileProblem& problem : read.problems) why += "; " + problem.text();
  throw BadCase(why);
}

std::vector<std::string> run_case(const std::string& text, Registry& registry,
                                  const std::string& key_file) {
  std::vector<std::string> problems;
  json variables = json::object();
  try {
    const auto it = parse_untrusted(text);
    if (!it) throw BadCase(it.error().message);
    variables = it->value("variables", json::object());
    for (const auto& [name, value] : variables.items()) {
      const std::string kept = value.is_string() ? value.get<std::string>() : value.dump();
      if (!registry.set_variable({name, kept, ""}).ok()) throw BadCase("a variable is refused");
    }
    run(*it, registry, key_file, problems);
  } catch (const std::exception& error) {
    problems.push_back(error.what());
  }
  for (const auto& [name, value] : variables.items()) {
    if (!registry.delete_variable(name).ok()) problems.push_back("a variable stays");
  }
  return problems;
}

}  // namespace batuta::conformance
