#include "tests/sim/dag_maker.h"

#include <algorithm>

#include "tests/sim/asset_words.h"
#include "tests/sim/waits.h"

namespace batuta::sim {
namespace {

using std::chrono::seconds;

std::vector<TaskIndex> draw_parents(Rng& rng, TaskIndex task, int most) {
  std::vector<TaskIndex> parents;
  const auto count = rng.below(static_cast<std::uint64_t>(most) + 1);
  for (std::uint64_t i = 0; i < count && task > 0; ++i) {
    const auto parent = static_cast<TaskIndex>(rng.below(task));
    if (std::find(parents.begin(), parents.end(), parent) == parents.end())
      parents.push_back(parent);
  }
  std::sort(parents.begin(), parents.end());
  return parents;
}

void draw_kind(Rng& rng, const Knobs& k, Task& task) {
  task.plugin = "mock";
  if (rng.chance(80)) task.plugin = "empty";
  if (k.branches && rng.chance(250)) {
    task.plugin = "branch";
    task.is_branch = true;
  } else if (k.data_tasks && task.plugin == "mock" && rng.chance(500)) {
    task.plugin = "financial_bronze";
    task.is_data = true;
    task.overlap = seconds(30);
  }
  if (k.waits && task.plugin == "mock" && rng.chance(450)) {
    task.plugin = "sensor";
    task.is_resolved = true;
    task.spec_json = wait_kinds[rng.below(std::size(wait_kinds))];
  }
  if (k.mapped_tasks && task.plugin == "mock" && rng.chance(400)) task.expand_json = "{}";
}

void draw_limits(Rng& rng, const Knobs& k, Task& task) {
  task.priority_weight = static_cast<int>(rng.between(1, 5));
  if (!k.tight_limits) return;
  if (rng.chance(400)) task.pool = "small";
  task.pool_slots = static_cast<int>(rng.chance(200) ? 2 : 1);
  if (rng.chance(100)) task.max_active_tis_per_dag = 1;
  if (rng.chance(task.is_mapped() ? 400 : 50)) task.max_active_tis_per_dagrun = 1;
}

RetryRule draw_rule(Rng& rng) {
  static const Pattern deadlock = *Pattern::compile("deadlock");
  RetryRule rule;
  if (rng.chance(500)) {
    const auto least = static_cast<std::int32_t>(rng.between(1, 4));
    rule.exit_codes.push_back({least, least + static_cast<std::int32_t>(rng.below(2))});
  }
  if (rng.chance(300))
    rule.classes.push_back(static_cast<FailureClass>(rng.below(failure_class_count)));
  if (rng.chance(300)) rule.message = deadlock;
  rule.action = static_cast<RetryAction>(rng.below(3));
  if (rule.action == RetryAction::retry && rng.chance(600))
    rule.delay = seconds(rng.between(0, 15));
  return rule;
}

void draw_retries(Rng& rng, const Knobs& k, Task& task) {
  task.retry.retries = static_cast<int>(rng.between(0, k.max_retries));
  task.retry.delay = seconds(rng.between(0, 5));
  if (rng.chance(300)) task.retry.multiplier = 2;
  task.retry.max_delay = seconds(20);
  if (!k.retry_rules) return;
  for (auto left = rng.below(4); left > 0; --left) task.retry.rules.push_back(draw_rule(rng));
  if (rng.chance(500)) task.retry.infrastructure_retries = static_cast<int>(rng.between(0, 3));
}

void draw_conditions(Rng& rng, Task& task) {
  if (rng.chance(250)) task.run_if_json = "{}";
  ContinueOn& on = task.continue_on;
  on.failure = rng.chance(150);
  on.skipped = rng.chance(250);
  if (!task.needs_worker() || !rng.chance(500)) return;
  if (rng.chance(500)) on.exit_codes.push_back({2, 3});
  if (rng.chance(400)) on.output.emplace_back("no data");
  on.mark_success = !task.is_data && rng.chance(500);
}

void draw_loop(Rng& rng, Task& task) {
  const bool may = task.needs_worker() && !task.is_data && !task.is_branch && !task.is_setup;
  if (!may || !rng.chance(400)) return;
  Repeat& loop = task.repeat;
  loop.max = static_cast<std::int32_t>(rng.between(1, 4));
  loop.until = rng.chance(500);
  if (rng.chance(500)) {
    const auto least = static_cast<std::int32_t>(rng.below(3));
    loop.exit_codes.push_back({least, least + static_cast<std::int32_t>(rng.below(2))});
  }
  if (task.continue_on.output.empty() && rng.chance(300)) loop.output.emplace_back("ready");
  if (loop.exit_codes.empty() && loop.output.empty()) loop.result_json = "[]";
  loop.delay = seconds(rng.between(0, 5));
  if (rng.chance(300)) loop.multiplier = 2;
  loop.max_delay = seconds(12);
  loop.max_is_success = rng.chance(400);
}

Task draw_task(Context& c, TaskIndex index) {
  Rng& rng = c.rng;
  const Knobs& k = c.knobs;
  Task task;
  task.id = "t" + std::to_string(index);
  task.upstream = draw_parents(rng, index, k.max_parents);
  draw_kind(rng, k, task);
  draw_limits(rng, k, task);
  if (k.queues && rng.chance(300)) task.queue = "large";
  if (k.odd_rules && rng.chance(400))
    task.trigger_rule = static_cast<TriggerRule>(rng.below(trigger_rule_count));
  draw_retries(rng, k, task);
  if (k.conditions) draw_conditions(rng, task);
  if (k.execution_timeouts && rng.chance(500)) task.execution_timeout = seconds(rng.between(1, 8));
  if (k.execution_timeouts && rng.chance(250)) task.queued_timeout = seconds(rng.between(1, 8));
  if (k.execution_timeouts && rng.chance(250)) task.total_timeout = seconds(rng.between(2, 30));
  if (k.prior_dependence && rng.chance(300)) task.depends_on_past = true;
  if (k.prior_dependence && rng.chance(150)) task.wait_for_downstream = true;
  task.is_setup = k.setups && !task.is_mapped() && rng.chance(250);
  if (k.loops) draw_loop(rng, task);
  if (rng.chance(500)) task.notifiers.push_back({AlertOn::failure, "{\"notifier\":\"slack\"}"});
  return task;
}

Task teardown_of(Context& c, const Dag& dag) {
  Task task = draw_task(c, static_cast<TaskIndex>(dag.tasks.size()));
  task.is_setup = task.is_branch = task.depends_on_past = task.wait_for_downstream = false;
  task.is_teardown = true;
  task.trigger_rule = TriggerRule::all_done_setup_success;
  task.expand_json.clear();
  task.repeat = {};
  task.execution_timeout = seconds(c.rng.between(1, 8));  // the end of its run does not end it
  if (task.plugin == "branch") task.plugin = "mock";
  return task;
}

// A teardown of a setup that the DAG has, and what runs when all the rest is over.
void draw_teardowns(Context& c, Dag& dag) {
  const auto size = static_cast<TaskIndex>(dag.tasks.size());
  for (TaskIndex setup = 0; setup < size; ++setup) {
    if (!dag.tasks[setup].is_setup || c.rng.chance(300)) continue;
    Task task = teardown_of(c, dag);
    std::erase_if(task.upstream, [&](TaskIndex up) { return up >= size; });
    if (std::find(task.upstream.begin(), task.upstream.end(), setup) == task.upstream.end())
      task.upstream.push_back(setup);
    dag.tasks.push_back(std::move(task));
    break;
  }
  if (!c.rng.chance(400)) return;
  Task task = teardown_of(c, dag);
  task.is_on_exit = true;
  task.on_exit_of = static_cast<RunEnd>(c.rng.below(3));
  task.upstream.clear();
  for (TaskIndex i = 0; i < dag.tasks.size(); ++i) {
    const bool followed = std::any_of(dag.tasks.begin(), dag.tasks.end(), [&](const Task& other) {
      return std::find(other.upstream.begin(), other.upstream.end(), i) != other.upstream.end();
    });
    if (!followed) task.upstream.push_back(i);
  }
  dag.tasks.push_back(std::move(task));
}

void draw_ticks(Rng& rng, Timetable& schedule) {
  static const Cron every_minute = *parse_cron("* * * * *");
  static const Cron odd_minutes = *parse_cron("1/2 * * * *");
  static const Cron half_minutes = *parse_cron("* * * * * 15,45");
  schedule.kind = Timetable::Kind::cron;
  schedule.style = static_cast<Timetable::Style>(rng.below(3));
  schedule.cron = every_minute;
  if (rng.chance(150)) schedule.cron = half_minutes;
  if (rng.chance(150)) schedule.more_crons = {odd_minutes};
  if (!rng.chance(200)) return;
  schedule.kind = Timetable::Kind::interval;
  schedule.every = seconds(rng.between(20, 90));
}

AssetIndex named(Dag& dag, const std::string& uri) {
  for (AssetIndex i = 0; i < dag.assets.size(); ++i) {
    if (dag.assets[i].uri == uri) return i;
  }
  AssetSpec spec;
  spec.uri = uri;
  dag.assets.push_back(std::move(spec));
  return static_cast<AssetIndex>(dag.assets.size() - 1);
}

AssetIndex alias_named(Dag& dag, const std::string& name) {
  for (AssetIndex i = 0; i < dag.aliases.size(); ++i) {
    if (dag.aliases[i].name == name) return i;
  }
  dag.aliases.push_back({name, {}});
  return static_cast<AssetIndex>(dag.aliases.size() - 1);
}

AssetCondition draw_leg(const Knobs& k, Rng& rng, Dag& dag, int index) {
  static constexpr const char* tables[] = {"lake://bronze/quotes", "lake://silver/quotes"};
  if (rng.chance(150)) return {AssetCondition::Kind::asset, named(dag, tables[rng.below(2)])};
  if (k.aliases && index > 0 && rng.chance(400)) {
    const auto other = rng.below(static_cast<std::uint64_t>(index));
    return {AssetCondition::Kind::alias, alias_named(dag, "al" + std::to_string(other))};
  }
  // Never what the DAG itself leads to: it would start itself without end.
  const auto of = rng.below(static_cast<std::uint64_t>(index) + 1);
  const std::string uri = of == 0 ? "told" : "a" + std::to_string(of - 1);
  return {AssetCondition::Kind::asset, named(dag, uri + (rng.chance(300)   ? ""
                                                         : rng.chance(500) ? "/x"
                                                                           : "/y"))};
}

void map_legs(AssetCondition& condition, const PartitionMapper& mapper) {
  condition.mapper = mapper;
  for (AssetCondition& each : condition.of) map_legs(each, mapper);
}

// Tasks of DAG n make a<n>, a<n>/x and a<n>/y, and what al<n> stands for; what waits for them comes
// behind it.
void draw_assets(Context& c, Dag& dag, int index) {
  Rng& rng = c.rng;
  const std::string own = "a" + std::to_string(index);
  for (Task& task : dag.tasks) {
    for (const char* which : {"", "/x", "/y"}) {
      if (rng.chance(250)) task.outlets.push_back(named(dag, own + which));
    }
    if (c.knobs.aliases && rng.chance(400)) {
      task.outlet_aliases.push_back(alias_named(dag, "al" + std::to_string(index)));
    }
  }
  if (c.knobs.watchers && rng.chance(700)) {
    AssetSpec& told = dag.assets[named(dag, "told")];
    told.watchers = {{"landing", "{}", seconds(rng.between(1, 4))}};
  }
  const bool makes_tables = std::any_of(dag.tasks.begin(), dag.tasks.end(),
                                        [](const Task& task) { return task.is_data; });
  if (rng.chance(300)) return;
  AssetCondition condition;
  condition.kind = rng.chance(500) ? AssetCondition::Kind::all : AssetCondition::Kind::any;
  for (auto legs = rng.between(1, 3); legs > 0; --legs) {
    AssetCondition leg = draw_leg(c.knobs, rng, dag, index);
    const bool table = leg.kind == AssetCondition::Kind::asset &&
                       dag.assets[leg.asset].uri.starts_with(lake_assets);
    if (!(table && makes_tables)) condition.of.push_back(std::move(leg));
  }
  if (condition.of.size() == 3 && rng.chance(400)) {
    AssetCondition inner;
    inner.kind = rng.chance(500) ? AssetCondition::Kind::all : AssetCondition::Kind::any;
    inner.of = {condition.of[0], condition.of[1]};
    condition.of = {std::move(inner), condition.of[2]};
  }
  if (condition.of.empty()) return;
  dag.partitioned = c.knobs.keyed_assets && rng.chance(600);
  if (dag.partitioned) map_legs(condition, drawn_mapper(rng));
  dag.waits_for = std::move(condition);
  // A third of those without partitions runs while what it makes is stale.
  if (!dag.partitioned && dag.tasks.size() % 3 == 0) {
    dag.stale_asset = own;
    dag.tasks.back().outlets.push_back(named(dag, own));
  }
}

void draw_schedule(Context& c, Dag& dag) {
  draw_ticks(c.rng, dag.schedule);
  dag.schedule_text = "ticks";
  dag.catchup = c.rng.chance(500);
  dag.start_date = Context::epoch() - seconds(c.rng.between(0, 400));
  if (c.knobs.keyed_assets && c.rng.chance(300)) dag.tick_partition = PartitionGrain::minute;
  if (dag.catchup && c.rng.chance(300)) dag.catchup_window = seconds(c.rng.between(30, 200));
  dag.overlap = dag.catchup ? Overlap::buffer_all : static_cast<Overlap>(c.rng.below(5));
  if (c.rng.chance(200)) dag.jitter = seconds(c.rng.between(1, 10));
}

void draw_run_limits(Rng& rng, Dag& dag) {
  if (rng.chance(600)) {
    dag.concurrency = {"{}",
                       static_cast<std::int32_t>(rng.between(1, 2)),
                       {},
                       static_cast<WhenFull>(rng.below(3))};
  }
  if (rng.chance(600)) {
    dag.rate = {"{}", static_cast<std::int32_t>(rng.between(1, 3)), seconds(rng.between(2, 15)),
                rng.chance(300) ? WhenFull::skip : WhenFull::queue};
  }
}

// Three of four tasks that may stand in a mapped group.
void draw_mapped_group(Dag& dag) {
  for (std::size_t i = 0; i < dag.tasks.size(); ++i) {
    Task& task = dag.tasks[i];
    const bool may = (task.plugin == "mock" || task.plugin == "empty") && !task.is_setup &&
                     !task.is_teardown && !task.is_on_exit;
    if (!may || i % 4 == 3) continue;
    task.mapped_group = "group";
    task.expand_json = "{}";
  }
}

}  // namespace

std::shared_ptr<const Dag> make_dag(Context& c, int index, int edition) {
  Rng& rng = c.rng;
  const Knobs& k = c.knobs;
  Dag dag;
  dag.id = "dag" + std::to_string(index);
  dag.version = dag.id + "." + std::to_string(edition);
  dag.file = dag.id + ".json";
  dag.canonical_json = "{}";
  const auto tasks = static_cast<TaskIndex>(rng.between(1, k.max_tasks));
  for (TaskIndex i = 0; i < tasks; ++i) dag.tasks.push_back(draw_task(c, i));
  if (k.setups) draw_teardowns(c, dag);
  if (k.mapped_tasks && k.max_parents >= 3 && index == 0) draw_mapped_group(dag);
  if (k.cron && !rng.chance(150)) draw_schedule(c, dag);
  if (k.assets) draw_assets(c, dag, index);
  dag.is_paused_upon_creation = rng.chance(100);
  if (k.conditions && rng.chance(300)) dag.run_if_json = "{}";
  dag.asks_params = k.conditions && tasks % 3 == 0;
  if (k.tight_limits) {
    dag.max_active_runs = static_cast<int>(rng.between(1, 3));
    dag.max_active_tasks = static_cast<int>(rng.between(1, 4));
  }
  if (k.run_limits) draw_run_limits(rng, dag);
  if (dag.overlap == Overlap::allow_all) dag.max_active_runs = 0;
  if (k.dagrun_timeouts) dag.dagrun_timeout = seconds(rng.between(2, 30));
  return *finish_dag(std::move(dag));
}

std::shared_ptr<const Dag> unscheduled(const Dag& dag) {
  Dag copy = dag;
  copy.version += ".rest";
  copy.schedule = {};
  copy.schedule_text.clear();
  copy.waits_for.reset();
  copy.stale_asset.clear();
  copy.partitioned = false;
  copy.tick_partition.reset();
  for (AssetSpec& asset : copy.assets) asset.watchers.clear();
  return std::make_shared<const Dag>(std::move(copy));
}

}  // namespace batuta::sim
