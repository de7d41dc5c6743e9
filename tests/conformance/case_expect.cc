// What a case expects of a world, and where the world is otherwise.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/core/backfill.h"
#include "scheduler/core/explain.h"
#include "tests/conformance/case.h"

namespace batuta::conformance {
namespace {

using Problems = std::vector<std::string>;

void differ(Problems& problems, const std::string& where, const json& expected, const json& is) {
  if (expected == is) return;
  problems.push_back(where + ": expected " + expected.dump() + ", is " + is.dump());
}

// Every member of `expected` is there with that value; others may be.
bool holds(const json& expected, const json& is) {
  if (!expected.is_object() || !is.is_object()) return expected == is;
  return std::all_of(expected.items().begin(), expected.items().end(), [&](const auto& one) {
    const json found = is.value(one.key(), json(nullptr));  // null: it is not there
    return holds(one.value(), found);
  });
}

void contains(Problems& problems, const std::string& where, const std::string& expected,
              const std::string& is) {
  if (is.find(expected) != std::string::npos && expected.empty() == is.empty()) return;
  problems.push_back(where + ": expected '…" + expected + "…', is '" + is + "'");
}

// The ids of runs; those that two DAGs share with the DAG before them. The runs that assets started
// are "d@1", "d@2", … of DAG d.
std::map<std::string, const StoredRun*> named_runs(const World& world) {
  std::map<std::string, int> count;
  for (const auto& [seq, run] : world.store.data().runs) ++count[run.run.dag_run_id];
  std::map<std::string, const StoredRun*> named;
  std::map<std::string, int> by_assets;
  for (const auto& [seq, run] : world.store.data().runs) {
    const std::string& id = run.run.dag_run_id;
    if (run.run.type == RunType::asset_triggered) {
      const std::string& dag = run.run.dag_id;
      named[dag + "@" + std::to_string(++by_assets[dag])] = &run;
      continue;
    }
    named[count[id] == 1 ? id : run.run.dag_id + "/" + id] = &run;
  }
  return named;
}

// One run of the world, and how to speak of its tasks.
struct RunView {
  const World& world;
  Time begin;
  const StoredRun& run;

  InstanceIndex instance(const std::string& name, const std::string& where) const {
    const auto bracket = name.find('[');
    const auto task = find_task(*run.dag, name.substr(0, bracket));
    if (!task) throw BadCase(where + ": no task '" + name + "'");
    if (bracket == std::string::npos) return first_instance(*task);
    const auto index = MapIndex{std::stoi(name.substr(bracket + 1))};
    const auto found = run.find(*task, index);
    if (!found) throw BadCase(where + ": no instance '" + name + "'");
    return *found;
  }
  TaskInstanceRow row(const std::string& name, const std::string& where) const {
    const InstanceIndex i = instance(name, where);
    if (run.has_rows()) return run.row(i);
    TaskInstanceRow row;
    row.task = static_cast<TaskIndex>(i);
    return row;
  }
  // Of an expanded task a list, by map index.
  json state(TaskIndex task) const {
    if (!run.has_rows()) return "none";
    std::map<int, std::string> states;
    run.each_of(task, [&](InstanceIndex i) {
      states[number_of(run.hot[place_of(i)].map_index)] = to_string(run.state_of(i));
    });
    if (states.begin()->first == number_of(unmapped)) return states.begin()->second;
    json list = json::array();
    for (const auto& [index, name] : states) list.push_back(name);
    return list;
  }
  json since_begin(Time time) const {
    const auto seconds = std::chrono::duration<double>(time - begin).count();
    return seconds == static_cast<double>(static_cast<std::int64_t>(seconds))
               ? json(static_cast<std::int64_t>(seconds))
               : json(seconds);
  }
  json starts(const std::string& name) const {
    json list = json::array();
    for (const World::Launched& one : world.launched) {
      if (one.key.run == run.run.seq && one.task == name) list.push_back(since_begin(one.at));
    }
    return list;
  }
  const World::Launched* last_launch(const std::string& name) const {
    const World::Launched* last = nullptr;
    for (const World::Launched& one : world.launched) {
      if (one.key.run == run.run.seq && one.task == name) last = &one;
    }
    return last;
  }
};

json seconds_of(const json& value, const std::string& where) {
  const auto span = span_of(value, where);
  const auto whole = std::chrono::floor<std::chrono::seconds>(span);
  if (whole == span) return whole.count();
  return std::chrono::duration<double>(span).count();
}

void compare_states(const RunView& view, const json& tasks, const std::string& where,
                    Problems& problems) {
  std::set<std::string> named;
  const Dag& dag = *view.run.dag;
  for (const auto& [name, state] : tasks.items()) {
    if (name == "*") continue;
    if (!find_task(dag, name)) throw BadCase(where + ": no task '" + name + "'");
    named.insert(name);
  }
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    const std::string& id = dag.tasks[i].id;
    if (named.contains(id)) {
      differ(problems, where + "/" + id, tasks[id], view.state(i));
    } else if (tasks.contains("*")) {
      differ(problems, where + "/" + id, tasks["*"], view.state(i));
    } else {
      throw BadCase(where + ": it says nothing of task '" + id + "'");
    }
  }
}

void compare_details(const RunView& view, const json& expected, const std::string& where,
                     Problems& problems) {
  const auto each = [&](const char* member, const auto& use) {
    const json all = expected.value(member, json::object());
    for (const auto& [name, value] : all.items()) {
      use(name, value, where + "/" + member + "/" + name);
    }
  };
  each("tries", [&](const std::string& name, const json& value, const std::string& at) {
    differ(problems, at, value, view.row(name, at).try_number);
  });
  each("reasons", [&](const std::string& name, const json& value, const std::string& at) {
    contains(problems, at, value.get<std::string>(), view.row(name, at).reason);
  });
  each("names", [&](const std::string& name, const json& value, const std::string& at) {
    differ(problems, at, value, view.row(name, at).map_name);
  });
  each("starts", [&](const std::string& name, const json& value, const std::string& at) {
    json spans = json::array();
    for (const json& one : value) spans.push_back(seconds_of(one, at));
    differ(problems, at, spans, view.starts(name));
  });
  each("ends", [&](const std::string& name, const json& value, const std::string& at) {
    const OptTime end = view.row(name, at).end_date;
    differ(problems, at, seconds_of(value, at), end ? view.since_begin(*end) : json(nullptr));
  });
  each("given", [&](const std::string& name, const json& value, const std::string& at) {
    const World::Launched* last = view.last_launch(name);
    const json params = last == nullptr ? json(nullptr) : json::parse(last->params_json);
    if (!holds(value, params)) differ(problems, at, value, params);
  });
  each("context", [&](const std::string& name, const json& value, const std::string& at) {
    const World::Launched* last = view.last_launch(name);
    const json context = last == nullptr ? json(nullptr) : json::parse(last->context_json);
    if (!holds(value, context)) differ(problems, at, value, context);
  });
  each("run_as", [&](const std::string& name, const json& value, const std::string& at) {
    const World::Launched* last = view.last_launch(name);
    differ(problems, at, value, last == nullptr ? json(nullptr) : json(last->run_as));
  });
  each("results", [&](const std::string& name, const json& value, const std::string& at) {
    const auto dot = name.find('.');
    const TaskInstanceRow row = view.row(name.substr(0, dot), at);
    const std::string key = dot == std::string::npos ? "return_value" : name.substr(dot + 1);
    const auto& all = view.world.store.data().xcoms;
    const auto found = all.find({{view.run.run.seq, row.task, row.map_index}, key});
    differ(problems, at, value,
           found == all.end() ? json("nothing") : json::parse(found->second.value_json));
  });
  each("explain", [&](const std::string& name, const json& value, const std::string& at) {
    const TaskInstanceRow row = view.row(name, at);
    std::string why;
    for (const Reason& reason :
         explain(view.world.state(), {view.run.run.seq, row.task, row.map_index}, view.world.now)) {
      why += reason.name + ": " + reason.reason + "\n";
    }
    contains(problems, at, value.get<std::string>(), why);
  });
}

constexpr const char* whole_members[] = {"runs",   "order",  "together", "events",
                                         "alerts", "paused", "queued",   "backfills"};
const std::vector<std::string> run_members = {
    "state",  "tasks",   "tries",   "reasons", "names",    "starts",        "ends",
    "given",  "context", "results", "explain", "reason",   "logical_date",  "data_interval",
    "begins", "ended",   "conf",    "type",    "consumed", "partition_key", "run_as"};

json time_or_null(const OptTime& time) {
  return time ? json(to_iso(*time)) : json(nullptr);
}

// How many events of each asset.
json consumed_by(const World& world, RunSeq run) {
  const auto& data = world.store.data();
  json counts = json::object();
  for (const auto& [of, event] : data.asset_events_consumed) {
    if (of != run) continue;
    json& count = counts[data.assets.at(data.asset_events.at(event).asset).uri];
    count = (count.is_null() ? 0 : count.get<int>()) + 1;
  }
  return counts;
}

json queued_for(const World& world, const std::string& dag_id) {
  json counts = json::object();
  for (const auto& [uri, count] : world.state().awaited_assets(dag_id)) {
    if (count > 0) counts[uri] = count;
  }
  return counts;
}

void compare_run(const RunView& view, const json& expected, const std::string& where,
                 Problems& problems) {
  const RunRow& row = view.run.run;
  if (expected.is_string()) {
    differ(problems, where, expected, std::string(to_string(row.state)));
    if (expected == "success") {
      compare_states(view, {{"*", "success"}}, where + "/tasks", problems);
    }
    return;
  }
  allow_only(expected, run_members, where);
  if (!expected.contains("state")) throw BadCase(where + ": it lacks the run's state");
  differ(problems, where + "/state", expected["state"], std::string(to_string(row.state)));
  if (!expected.contains("tasks")) throw BadCase(where + ": it lacks the states of its tasks");
  compare_states(view, expected["tasks"], where + "/tasks", problems);
  compare_details(view, expected, where, problems);
  if (expected.contains("reason")) {
    contains(problems, where + "/reason", expected["reason"], row.reason);
  }
  if (expected.contains("type")) {
    differ(problems, where + "/type", expected["type"], std::string(to_string(row.type)));
  }
  if (expected.contains("consumed")) {
    differ(problems, where + "/consumed", expected["consumed"],
           consumed_by(view.world, view.run.run.seq));
  }
  if (expected.contains("partition_key")) {
    differ(problems, where + "/partition_key", expected["partition_key"], row.partition_key);
  }
  if (expected.contains("conf")) {
    differ(problems, where + "/conf", expected["conf"], json::parse(row.conf_json));
  }
  if (expected.contains("logical_date")) {
    differ(problems, where + "/logical_date", expected["logical_date"],
           time_or_null(row.logical_date));
  }
  if (expected.contains("data_interval")) {
    differ(
        problems, where + "/data_interval", expected["data_interval"],
        json::array({time_or_null(row.data_interval_start), time_or_null(row.data_interval_end)}));
  }
  for (const auto& [member, time] :
       {std::pair{"begins", row.start_date}, std::pair{"ended", row.end_date}}) {
    if (!expected.contains(member)) continue;
    differ(problems, where + "/" + member, seconds_of(expected[member], where),
           time ? view.since_begin(*time) : json(nullptr));
  }
}

void compare_events(const World& world, const json& expected, const std::string& where,
                    Problems& problems) {
  for (const auto& [name, rows] : expected.items()) {
    std::vector<json> is;
    for (const EventLogRow& row : world.store.data().event_log) {
      if (row.event != name) continue;
      is.push_back(row.extra_json.empty() ? json::object() : json::parse(row.extra_json));
    }
    bool same = is.size() == rows.size();
    for (std::size_t i = 0; same && i < is.size(); ++i) same = holds(rows[i], is[i]);
    if (!same) differ(problems, where + "/" + name, rows, json(is));
  }
}

// "a b": attempts of these tasks; "*": of all.
void compare_together(const World& world, const json& expected, const std::string& where,
                      Problems& problems) {
  for (const auto& [names, most] : expected.items()) {
    const std::string all = " " + names + " ";
    const int is = world.together([&, &names = names](const World::Launched& one) {
      const std::string task = one.task.substr(0, one.task.find('['));
      return names == "*" || all.find(" " + task + " ") != std::string::npos;
    });
    differ(problems, where + "/" + names, most, is);
  }
}

// By number: where it stands, and what each of its dates came to.
void compare_backfills(const World& world, const json& expected, const std::string& where,
                       Problems& problems) {
  const auto& data = world.store.data();
  for (const auto& [number, of] : expected.items()) {
    const std::string at = where + "/" + number;
    const auto found = data.backfills.find(std::stoll(number));
    if (found == data.backfills.end()) {
      problems.push_back(at + ": there is no such backfill");
      continue;
    }
    allow_only(of, {"phase", "ticks", "done", "dates"}, at);
    const BackfillRow& row = found->second;
    static constexpr const char* phases[] = {"active", "draining", "done"};
    json is{{"phase", phases[static_cast<std::size_t>(row.phase)]},
            {"ticks", row.ticks},
            {"done", row.done},
            {"dates", json::object()}};
    for (const BackfillTickRow& tick : data.backfill_ticks) {
      if (tick.backfill == row.id)
        is["dates"][to_iso(tick.logical_date)] = std::string(to_string(tick.outcome));
    }
    if (!holds(of, is)) differ(problems, at, of, is);
  }
}

}  // namespace

void compare(const World& world, Time begin, const json& expected, const std::string& where,
             Problems& problems) {
  std::vector<std::string> members = run_members;
  for (const char* more : whole_members) {
    members.emplace_back(more);
  }
  allow_only(expected, members, where);
  const auto runs = named_runs(world);
  if (expected.contains("runs")) {
    for (const auto& [id, of] : expected["runs"].items()) {
      const auto found = runs.find(id);
      if (found == runs.end()) {
        problems.push_back(where + ": there is no run " + id);
        continue;
      }
      compare_run({world, begin, *found->second}, of, where + "/" + id, problems);
    }
    for (const auto& [id, run] : runs) {
      if (!expected["runs"].contains(id)) {
        problems.push_back(where + ": nobody expects a run " + id);
      }
    }
  } else if (expected.contains("state")) {
    if (runs.size() != 1) throw BadCase(where + ": there is not one run, so name them in 'runs'");
    json of = expected;
    for (const char* more : whole_members) of.erase(more);
    compare_run({world, begin, *runs.begin()->second}, of, where, problems);
  }
  if (expected.contains("order")) {
    json order = json::array();
    for (const World::Launched& one : world.launched) {
      order.push_back(runs.size() > 1 ? one.run + "/" + one.task : one.task);
    }
    differ(problems, where + "/order", expected["order"], order);
  }
  if (expected.contains("alerts")) {
    differ(problems, where + "/alerts", expected["alerts"], world.alerts);
  }
  compare_together(world, expected.value("together", json::object()), where + "/together",
                   problems);
  compare_events(world, expected.value("events", json::object()), where + "/events", problems);
  const json queued = expected.value("queued", json::object());
  for (const auto& [dag, counts] : queued.items()) {
    differ(problems, where + "/queued/" + dag, counts, queued_for(world, dag));
  }
  compare_backfills(world, expected.value("backfills", json::object()), where + "/backfills",
                    problems);
  const json paused = expected.value("paused", json::object());
  for (const auto& [dag, is_paused] : paused.items()) {
    differ(problems, where + "/paused/" + dag, is_paused, world.state().dag_row(dag)->is_paused);
  }
}

}  // namespace batuta::conformance
