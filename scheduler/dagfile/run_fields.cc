#include "scheduler/dagfile/run_fields.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "common/suggest.h"
#include "common/text.h"
#include "scheduler/dagfile/notifier_fields.h"
#include "scheduler/dagfile/retry_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr double max_multiplier = 100;
constexpr std::int64_t least_attempt_memory = 64 << 20;  // less, and no plugin can be loaded
constexpr std::int64_t most_attempt_memory = std::int64_t{1} << 50;

void read_retries(FieldReader& fields, RetryPolicy& retry) {
  if (const auto n = fields.integer("retries", 0, 1000)) retry.retries = static_cast<int>(*n);
  if (const auto delay = fields.duration("retry_delay")) retry.delay = *delay;
  if (const auto most = fields.duration("max_retry_delay")) retry.max_delay = *most;
  const json* backoff = fields.find("retry_exponential_backoff");
  if (!backoff) return;
  if (backoff->is_boolean()) {
    retry.multiplier = backoff->get<bool>() ? 2 : 0;
    return;
  }
  const double multiplier = backoff->is_number() ? backoff->get<double>() : -1;
  if (!(multiplier >= 0 && multiplier <= max_multiplier)) {
    fields.problem("retry_exponential_backoff",
                   "retry_exponential_backoff must be true, false, or a number from 0 to 100 that "
                   "the delay is multiplied by");
    return;
  }
  retry.multiplier = multiplier;
}

void read_rules(FieldReader& fields, Task& task) {
  if (const auto text = fields.text("trigger_rule")) {
    if (const auto rule = parse_trigger_rule(*text)) {
      task.trigger_rule = *rule;
    } else {
      std::vector<std::string> names;
      names.reserve(trigger_rule_count);
      for (int i = 0; i < trigger_rule_count; ++i) {
        names.emplace_back(to_string(static_cast<TriggerRule>(i)));
      }
      fields.problem("trigger_rule", "unknown trigger rule \"" + text->substr(0, 80) + "\"" +
                                         did_you_mean(*text, names));
    }
  }
  if (const auto text = fields.text("weight_rule")) {
    if (*text == "downstream") {
      task.weight_rule = WeightRule::downstream;
    } else if (*text == "upstream") {
      task.weight_rule = WeightRule::upstream;
    } else if (*text == "absolute") {
      task.weight_rule = WeightRule::absolute;
    } else {
      fields.problem("weight_rule",
                     "weight_rule must be downstream, upstream or absolute" +
                         did_you_mean(*text, {"downstream", "upstream", "absolute"}));
    }
  }
}

}  // namespace

void read_run_as(FieldReader& fields, Task& task) {
  const auto name = fields.text("run_as", 256);
  if (!name) return;
  if (valid_user_name(*name)) {
    task.run_as = *name;
    return;
  }
  fields.problem("run_as",
                 *name == "root"
                     ? "no task runs as root: name a user that the worker's setting "
                       "worker.run_as_users lists"
                     : "run_as must be the name of a user of the worker's machine that its setting "
                       "worker.run_as_users lists: at most 32 letters, digits, '.', '_' and '-', "
                       "and no number of a user");
}

void read_attempt_bounds(FieldReader& fields, Task& task) {
  constexpr double max_processors = 1000;
  if (const json* memory = fields.find("memory")) {
    const auto number = json_int(*memory);
    const auto bytes = number                ? number
                       : memory->is_string() ? parse_byte_size(memory->get<std::string>())
                                             : std::nullopt;
    if (bytes && *bytes >= least_attempt_memory && *bytes <= most_attempt_memory) {
      task.memory = *bytes;
    } else {
      fields.problem("memory",
                     "memory must be a size of at least 64MiB, such as \"512MiB\", or a number of "
                     "bytes; leave it out for what the worker gives");
    }
  }
  if (const json* cpu = fields.find("cpu")) {
    const double processors = cpu->is_number() ? cpu->get<double>() : 0;
    if (processors >= 0.01 && processors <= max_processors) {
      task.cpu_percent = static_cast<std::int32_t>(std::lround(processors * 100));
    } else {
      fields.problem("cpu",
                     "cpu must be a number of processors from 0.01 to 1000, such as 0.5 or 2");
    }
  }
}

void read_run_fields(FieldReader& fields, Task& task) {
  constexpr std::int64_t max_weight = 1'000'000'000;
  read_retries(fields, task.retry);
  read_retry_rules(fields, task.retry);
  read_rules(fields, task);
  read_notifiers(fields, Told::task, task.notifiers);
  if (const auto owner = fields.text("owner", 128)) task.owner = *owner;
  if (const auto limit = fields.duration("execution_timeout")) task.execution_timeout = *limit;
  const auto time_limit = [&](const char* name, Duration& target) {
    const auto limit = fields.duration(name);
    if (!limit) return;
    target = *limit;
    if (*limit < std::chrono::seconds(1)) {
      fields.problem(name, std::string(name) + " must be at least 1s; leave it out for no limit");
    }
  };
  time_limit("queued_timeout", task.queued_timeout);
  time_limit("total_timeout", task.total_timeout);
  if (const auto pool = fields.id("pool")) task.pool = *pool;
  if (const auto queue = fields.id("queue")) task.queue = *queue;
  read_run_as(fields, task);
  const auto number = [&](const char* name, std::int64_t least, std::int64_t most,
                          std::int32_t& target) {
    if (const auto n = fields.integer(name, least, most)) target = static_cast<std::int32_t>(*n);
  };
  number("pool_slots", 1, 1'000'000, task.pool_slots);
  number("priority_weight", -max_weight, max_weight, task.priority_weight);
  number("max_active_tis_per_dag", 1, 1'000'000, task.max_active_tis_per_dag);
  number("max_active_tis_per_dagrun", 1, 1'000'000, task.max_active_tis_per_dagrun);
  if (const auto on = fields.boolean("do_xcom_push")) task.do_xcom_push = *on;
  if (const auto on = fields.boolean("depends_on_past")) task.depends_on_past = *on;
  if (const auto on = fields.boolean("wait_for_downstream")) task.wait_for_downstream = *on;
}

}  // namespace batuta
