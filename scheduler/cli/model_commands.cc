// models: new, validate, dag, show, lineage, run, plan, apply, test. Files in, text out; what needs
// the SQL engine is done by the plugin model_test in a slot of its own. Needs no server.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/suggest.h"
#include "contract/yaml.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/imported.h"
#include "scheduler/cli/model_cases.h"
#include "scheduler/cli/model_create.h"
#include "scheduler/cli/model_files.h"
#include "scheduler/cli/model_folder.h"
#include "scheduler/cli/model_lineage.h"
#include "scheduler/cli/model_plan.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t max_file_bytes = 1u << 20;
constexpr int interrupted_exit = 130;

struct ModelArguments {
  std::string folder = "models", name, dag_id, schedule, to, dags, plugins, plan_id;
  bool yes = false;
  std::vector<std::string> values, where;
  std::string contracts, create, case_name;
  int limit = 20, rows = 5;
};

[[noreturn]] void give_up(const std::string& why, int code = 1) {
  throw Failure(why, code);
}

template <class T>
T value_or_fail(Result<T> result) {
  if (!result) give_up(result.error().message);
  return *std::move(result);
}

ModelDag dag_options(const ModelArguments& a, const ModelPlace& place) {
  ModelDag dag;
  dag.prefix = place.prefix;
  dag.dag_id = a.dag_id.empty() ? id_of(place.models.filename().string(), "models") : a.dag_id;
  dag.schedule = a.schedule;
  return dag;
}

void write_model_dag(const ModelArguments& a) {
  const std::string text = value_or_fail(
      dag_of_models(models_in(a.folder), dag_options(a, place_of_models(a.folder, a.dags))));
  if (a.to.empty()) {
    std::fputs(text.c_str(), stdout);
    return;
  }
  std::ofstream out(a.to, std::ios::binary);
  if (!(out << text << std::flush)) give_up("cannot write " + a.to);
  std::fprintf(stderr, "%s\n", a.to.c_str());
}

fs::path lake_of(const Session& session) {
  return fs::absolute(session.home + "/lake").lexically_normal();
}

json header_of(const ModelFile& model) {
  return value_or_fail(parse_untrusted(model.fields_json));
}

// delete_when and the rules' conditions, each with what it is; the reader of DAG files has looked
// at their form.
json conditions_of(const ModelFile& model) {
  json out = json::array();
  const json fields = header_of(model);
  if (fields.contains("delete_when")) out.push_back({"delete_when", fields["delete_when"]});
  for (const json& rule : fields.value("quality", json::array()))
    if (rule.contains("condition"))
      out.push_back({"quality rule " + rule.value("name", "sql"), rule["condition"]});
  return out;
}

// The statement as it is looked at: values are unknown, so NULL stands for each.
json looked_at(const ModelFile& model) {
  ordered_json values = ordered_json::object();
  json out = {{"name", model.table}, {"sql", model.sql}, {"parameters", json::object()}};
  for (int tries = 0; tries < 200; ++tries) {
    const auto bound = bound_model(model.sql, values);
    if (bound) {
      out["sql"] = bound->sql;
      out["parameters"] = value_or_fail(parse_untrusted(bound->parameters_json));
      out["changed"] = value_or_fail(parse_untrusted(bound->changed_json));
      break;
    }
    const std::string& why = bound.error().message;
    const auto from = why.find("{{ "), to = why.find(" }} has no value");
    if (from == std::string::npos || to == std::string::npos) break;
    values[why.substr(from + 3, to - from - 3)] = nullptr;
  }
  out["conditions"] = conditions_of(model);
  return out;
}

// Of models that would not fit into a slot, over the lake as it is: they are none the less right.
void warn_of_large_models(Session& session, const ModelArguments& a) {
  std::error_code failed;
  if (!fs::is_directory(lake_of(session), failed)) return;  // no tables yet
  try {
    const json plan = plan_of_models(session, {a.folder, a.dags, a.plugins, ""});
    for (const std::string& told : too_large_models(plan["models"]))
      std::fprintf(stderr, "warning: %s\n", shown_text(told).c_str());
  } catch (const Failure& failure) {
    if (failure.exit_code() == interrupted_exit) throw;
    std::fprintf(stderr, "warning: whether the models fit into a slot cannot be told: %s\n",
                 shown_text(failure.what()).c_str());
  }
}

void validate_models(Session& session, const ModelArguments& a) {
  std::vector<std::string> problems;
  const std::vector<ModelFile> models = models_in(a.folder, &problems);
  const ModelPlace place = place_of_models(a.folder, a.dags);
  const ModelDag options = dag_options(a, place);
  const auto dag = dag_of_models(models, options);
  if (!dag) problems.push_back(dag.error().message);
  if (dag) {
    const auto parsed = parse_dag_file(*dag, options.dag_id + ".json", place.dags.string(), {});
    for (const DagFileProblem& problem : parsed.problems) {
      // The task's place among the models' tells whose it is.
      std::string file;
      const auto tasks = parse_untrusted(*dag);
      const auto number = problem.pointer.starts_with("/tasks/")
                              ? std::strtoul(problem.pointer.c_str() + 7, nullptr, 10)
                              : models.size();
      if (tasks && number < (*tasks)["tasks"].size())
        file = (*tasks)["tasks"][number]["sql"].value("$file", "") + ": ";
      problems.push_back(file + problem.message);
    }
  }
  if (problems.empty()) {
    json cases = json::array();
    for (const ModelFile& model : models) cases.push_back(looked_at(model));
    for (const json& told : run_cases(session, a.plugins, cases, lake_of(session)))
      if (!told.value("passed", false))
        problems.push_back(told.value("name", "") + ": " + told.value("error", ""));
  }
  for (const std::string& problem : problems)
    std::fprintf(stderr, "%s\n", shown_text(problem).c_str());
  if (problems.empty()) warn_of_large_models(session, a);
  if (problems.empty()) std::printf("%zu models are fine\n", models.size());
  session.exit_code = problems.empty() ? 0 : 1;
}

void show_model(Session& session, const ModelArguments& a) {
  const std::vector<ModelFile> models = models_in(a.folder);
  json rows = json::array();
  const auto list = [](const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
  };
  const auto readers = [&](const std::string& table) {
    std::vector<std::string> names;
    for (const ModelFile& model : models)
      if (model.table != table &&
          std::find(model.names.begin(), model.names.end(), table) != model.names.end())
        names.push_back(model.table);
    return names;
  };
  if (a.name.empty()) {
    for (const ModelFile& model : models)
      rows.push_back({{"table", model.table},
                      {"mode", header_of(model).value("mode", "overwrite")},
                      {"reads", list(model.names)},
                      {"read by", list(readers(model.table))},
                      {"file", model.path}});
    return print_rows(session.format(), rows,
                      {{"table", "table"},
                       {"mode", "mode"},
                       {"reads", "reads"},
                       {"read by", "read by"},
                       {"file", "file"}});
  }
  const ModelFile& model = model_named(models, a.name);
  json out = {{"table", model.table},
              {"file", model.path},
              {"reads", list(model.names)},
              {"read by", list(readers(model.table))},
              {"mode", "overwrite"}};
  const json fields = header_of(model);
  for (const auto& [name, value] : fields.items()) out[name] = value;
  try {
    const json plan =
        plan_of_models(session, {a.folder, a.dags, a.plugins, model.table})["models"].at(0);
    out["computes"] = plan["computes"];
    out["because"] = plan["why"];
  } catch (const Failure& failure) {
    if (failure.exit_code() == interrupted_exit) throw;
    out["computes"] = "unknown";
    out["because"] = failure.what();
  }
  print_object(session.format(), out);
}

ordered_json values_of(const ModelArguments& a) {
  ordered_json values = ordered_json::object();
  for (const std::string& given : a.values) {
    const auto equals = given.find('=');
    if (equals == std::string::npos) give_up("--value is NAME=VALUE, such as ds=2026-11-20", 2);
    const auto value = parse_untrusted(given.substr(equals + 1));
    values[given.substr(0, equals)] = value && !value->is_object()
                                          ? ordered_json(*value)
                                          : ordered_json(given.substr(equals + 1));
  }
  return values;
}

void print_cells(Session& session, const json& columns, const json& rows) {
  json objects = json::array();
  std::vector<Column> shown;
  for (std::size_t i = 0; i < columns.size(); ++i)
    shown.push_back({columns[i].get<std::string>(), "c" + std::to_string(i)});
  for (const json& row : rows) {
    json object = json::object();
    for (std::size_t i = 0; i < row.size(); ++i)
      object[session.format().data() ? shown[i].title : shown[i].field] = row[i];
    objects.push_back(std::move(object));
  }
  print_rows(session.format(), objects, shown);
}

void run_model(Session& session, const ModelArguments& a) {
  const std::vector<ModelFile> models = models_in(a.folder);
  const ModelFile& model = model_named(models, a.name);
  const BoundModel bound = value_or_fail(bound_model(model.sql, values_of(a)));
  const fs::path lake = lake_of(session);
  if (!fs::is_directory(lake))
    give_up("no lake at " + lake.string() + "; name the installation with --home");
  const json told =
      run_cases(session, a.plugins,
                json::array({{{"name", model.table},
                              {"sql", bound.sql},
                              {"parameters", value_or_fail(parse_untrusted(bound.parameters_json))},
                              {"changed", value_or_fail(parse_untrusted(bound.changed_json))},
                              {"limit", a.limit}}}),
                lake)
          .at(0);
  if (told.contains("error")) give_up(told["error"].get<std::string>());
  print_cells(session, told["columns"], told["rows"]);
  if (told.value("cut", false)) std::fprintf(stderr, "(there are more rows: raise --limit)\n");
}

void print_difference(const json& told) {
  std::vector<Column> columns = {{"", "what"}};
  json rows = json::array();
  for (std::size_t i = 0; i < told["columns"].size(); ++i)
    columns.push_back({told["columns"][i].get<std::string>(), "c" + std::to_string(i)});
  for (const char* what : {"missing", "unexpected"}) {
    for (const json& row : told.value(what, json::array())) {
      json object = {{"what", what}};
      for (std::size_t i = 0; i < row.size(); ++i) object["c" + std::to_string(i)] = row[i];
      rows.push_back(std::move(object));
    }
  }
  if (!rows.empty()) print_rows(Format::table, rows, columns);
  if (told.value("cut", false)) std::printf("(and further rows that differ)\n");
}

void test_models(Session& session, const ModelArguments& a) {
  std::map<std::string, ModelFile> models;
  for (ModelFile& model : models_in(a.folder)) {
    const std::string table = model.table;
    models.emplace(table, std::move(model));
  }
  json cases = json::array();
  const std::string folder = a.folder + "/tests";
  for (const std::string& path : files_below(folder, ".yaml")) {
    const std::string where = folder + "/" + path + ": ";
    const auto text = read_below(folder, path, max_file_bytes);
    if (!text) give_up(where + text.error().message);
    const auto yaml = contract::parse_yaml(*text);
    if (!yaml) give_up(where + yaml.error().message);
    const auto found = test_cases(*yaml, models);
    if (!found) give_up(where + found.error().message);
    for (const json& each : *found)
      if (a.name.empty() || each["name"].get<std::string>().starts_with(a.name))
        cases.push_back(each);
  }
  if (cases.empty()) give_up("there are no tests in " + folder);
  std::size_t failed = 0;
  const json told = run_cases(session, a.plugins, cases, lake_of(session));
  if (session.format().data()) print_rows(session.format(), told, {{"name", "name"}});
  for (const json& each : told) {
    const bool passed = each.value("passed", false);
    failed += passed ? 0 : 1;
    if (session.format().data()) continue;
    std::printf("%s %s (%lld ms)\n", passed ? "ok     " : "FAILED ",
                shown_text(each.value("name", "")).c_str(),
                static_cast<long long>(json_int(each.value("ms", json(0))).value_or(0)));
    if (each.contains("error"))
      std::printf("        %s\n", shown_text(each["error"].get<std::string>()).c_str());
    if (!passed && each.contains("columns")) print_difference(each);
  }
  if (!session.format().data())
    std::printf("%zu passed, %zu failed\n", told.size() - failed, failed);
  session.exit_code = failed == 0 ? 0 : 1;
}

void write_new(const fs::path& path, const std::string& text) {
  std::error_code failed;
  if (fs::exists(path)) give_up(path.string() + " is there already");
  fs::create_directories(path.parent_path(), failed);
  std::ofstream out(path, std::ios::binary);
  if (!(out << text << std::flush)) give_up("cannot write " + path.string());
  std::printf("%s\n", path.c_str());
}

void make_model(const ModelArguments& a) {
  std::string path = a.name + ".sql";
  ModelFile model = value_or_fail(read_model(path, ""));
  const std::string last = model.table.substr(model.table.rfind('/') + 1);
  write_new(fs::path(a.folder) / path,
            "/* model\n"
            "mode: overwrite\n"
            "keys: [id]\n"
            "quality:\n"
            "  - {rule: range, column: amount, min: 0}\n"
            "*/\n"
            "-- What one row of " +
                model.table +
                " is.\n"
                "SELECT id, CAST(sum(amount) AS DECIMAL(18,2)) AS amount\n"
                "FROM silver.example.rows\n"
                "GROUP BY id\n");
  write_new(fs::path(a.folder) / "tests" / (last + ".yaml"),
            "model: " + model.table +
                "\n"
                "tests:\n"
                "  - name: amounts are summed by id\n"
                "    inputs:\n"
                "      silver/example/rows:\n"
                "        - {id: 1, amount: 2.5}\n"
                "        - {id: 1, amount: 4}\n"
                "    expected:\n"
                "      - {id: 1, amount: 6.5}\n");
  std::fprintf(stderr,
               "next: batuta models test %s\nthen: batuta models dag %s --to DAGS/%s.json\n",
               a.folder.c_str(), a.folder.c_str(), last.c_str());
}

}  // namespace

void add_model_commands(CLI::App& app, Session& session) {
  CLI::App* models = app.add_subcommand("models",
                                        "SQL models: new, validate, test, show, lineage, plan, "
                                        "apply, run, and the DAG they make; only apply "
                                        "needs a server");
  models->require_subcommand(1);
  auto a = std::make_shared<ModelArguments>();
  const auto on_folder = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* verb = add_verb(*models, session, name, help, std::move(action));
    verb->add_option("folder", a->folder, "of the models")->capture_default_str();
    return verb;
  };
  const auto on_model = [&](const char* name, const char* help, bool needed,
                            std::function<void()> action) {
    CLI::App* verb = add_verb(*models, session, name, help, std::move(action));
    auto* option = verb->add_option("model", a->name, "its table, such as gold/brokerage/position");
    if (needed) option->required();
    verb->add_option("--folder", a->folder, "of the models")->capture_default_str();
    return verb;
  };
  on_model("new", "The files of a new model and of its test", true, [a] { make_model(*a); });
  CLI::App* valid =
      on_folder("validate", "Headers, statements, references: as a scheduler and a worker would",
                [&session, a] { validate_models(session, *a); });
  CLI::App* dag = on_folder("dag", "The DAG file of all models, ordered by what they read",
                            [a] { write_model_dag(*a); });
  dag->add_option("--dag-id", a->dag_id, "default: the folder's name");
  dag->add_option("--schedule", a->schedule, "such as @daily; default: none");
  dag->add_option("--to", a->to, "the file; default: standard output");
  for (CLI::App* verb : {valid, dag})
    verb->add_option(
        "--dags", a->dags,
        "the DAG folder; default: dags beside models, or the one that the models lie in");
  on_model("show", "All models, or one: what it reads and who reads it", false,
           [&session, a] { show_model(session, *a); });
  add_verb(*models, session, "lineage",
           "Which columns the columns of a model's table come of, as its versions tell",
           [&session, a] { print_lineage(session, a->name); })
      ->add_option("name", a->name,
                   "gold/brokerage/position, a step far; gold/brokerage/position.quantity, all the "
                   "way up")
      ->required();
  CLI::App* run = on_model("run", "The rows of a model over the lake as it is; nothing is written",
                           true, [&session, a] { run_model(session, *a); });
  run->add_option("--value", a->values, "of a template: ds=2026-11-20, params.least=3");
  run->add_option("--limit", a->limit, "rows at most")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  CLI::App* test = on_folder(
      "test", "Small inputs beside expected rows, from tests/*.yaml of the folder", [&session, a] {
        if (a->create.empty()) return test_models(session, *a);
        create_test(session, {a->folder, a->contracts, a->plugins, a->create, a->case_name,
                              a->where, values_of(*a).dump(), a->rows});
      });
  test->add_option("--model", a->name, "only tests of this one");
  test->add_option("--create", a->create,
                   "write a test of this model from rows that its tables have, masked as the "
                   "contracts say");
  test->add_option("--rows", a->rows, "--create: of each table")
      ->check(whole_number(1, 100))
      ->capture_default_str();
  test->add_option("--where", a->where,
                   "--create: which rows, as in 'silver/shop/orders: day = 2026-11-20'; repeated");
  test->add_option("--case", a->case_name, "--create: what the test is called");
  test->add_option("--contracts", a->contracts,
                   "--create: whose masks hold; default: contracts beside the models");
  test->add_option("--value", a->values, "--create: of a template: ds=2026-11-20");
  const auto request = [a] {
    return PlanRequest{a->folder, a->dags, a->plugins, a->name, values_of(*a).dump()};
  };
  CLI::App* plan = on_folder("plan",
                             "What runs of the models would make anew and what that costs; exit "
                             "code 0: nothing, 2: something, 1: it cannot be told",
                             [&session, request] { plan_models(session, request()); });
  plan->add_option("--model", a->name, "only this one");
  CLI::App* apply = on_folder(
      "apply", "Run what the plan would make anew, as one run of the DAG; needs a server",
      [&session, a, request] {
        const std::string folder = place_of_models(a->folder, a->dags).models.filename().string();
        apply_models(session, {request(), a->plan_id,
                               a->dag_id.empty() ? id_of(folder, "models") : a->dag_id, a->yes});
      });
  apply->add_option("--plan", a->plan_id, "that was shown: refused when it is another by now");
  apply->add_option("--dag-id", a->dag_id, "that the models make; default: the folder's name");
  apply->add_flag("-y,--yes", a->yes, "whatever the plan is now");
  for (CLI::App* verb : {plan, apply}) {
    verb->add_option("--dags", a->dags, "the DAG folder, as in validate");
    verb->add_option("--value", a->values, "of a template: ds=2026-11-20, params.least=3");
  }
  for (CLI::App* verb : {valid, run, test, plan, apply})
    verb->add_option("--plugins", a->plugins, "folder of plugins");
}

}  // namespace batuta::cli
