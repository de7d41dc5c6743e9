#include "scheduler/dagfile/limit_fields.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::int64_t most_kept_runs = 1'000'000;
constexpr Duration least_per = std::chrono::seconds(1);
constexpr Duration most_per = std::chrono::hours(24);

void read_key(FieldReader& fields, RunLimit& limit) {
  const auto key = fields.text("key", 1024);
  if (key && !key->empty()) {
    limit.key_json = json_text(json{{"key", *key}});
  } else if (key || fields.find("key") == nullptr) {
    fields.problem("key",
                   "needs a \"key\" that tells runs apart, such as \"{{ params.customer }}\"; for "
                   "all runs alike there is max_active_runs");
  }
}

void read_when_full(FieldReader& fields, bool is_rate, RunLimit& limit) {
  const auto what = fields.text("when_full");
  if (!what || *what == "queue") return;
  if (*what == "skip") {
    limit.when_full = WhenFull::skip;
  } else if (*what == "cancel_other" && !is_rate) {
    limit.when_full = WhenFull::cancel_other;
  } else if (is_rate) {
    fields.problem("when_full",
                   "of a rate it is queue or skip" + did_you_mean(*what, {"queue", "skip"}));
  } else {
    fields.problem("when_full", "must be queue, skip or cancel_other" +
                                    did_you_mean(*what, {"queue", "skip", "cancel_other"}));
  }
}

void read_limit(FieldReader& fields, const char* name, RunLimit& limit) {
  const json* given = fields.object(name);
  if (given == nullptr) return;
  const bool is_rate = std::string_view(name) == "rate";
  FieldReader inner(*given, fields.pointer_to(name), fields.problems());
  read_key(inner, limit);
  limit.limit = 1;
  if (const auto most = inner.integer("limit", 1, max_run_limit)) {
    limit.limit = static_cast<std::int32_t>(*most);
  } else if (is_rate && inner.find("limit") == nullptr) {
    inner.problem("limit", "a rate needs a \"limit\": how many runs of a key begin within \"per\"");
  }
  if (is_rate) {
    const auto per = inner.duration("per");
    if (per) limit.per = *per;
    if (!per && inner.find("per") == nullptr) {
      inner.problem("per",
                    "a rate needs a \"per\": the time that its limit is for, such as \"1m\"");
    } else if (per && (*per < least_per || *per > most_per)) {
      inner.problem("per", "must be from 1s to 24h");
    }
  }
  read_when_full(inner, is_rate, limit);
  inner.refuse_unknown(name);
}

}  // namespace

void read_retention(FieldReader& fields, Dag& dag) {
  const json* given = fields.find("retention");
  if (given == nullptr || given->is_null()) return;
  if (!given->is_object()) {
    if (const auto kept = fields.duration("retention")) dag.retention = *kept;
    if (dag.retention != Duration{} && dag.retention < std::chrono::hours(1)) {
      fields.problem("retention",
                     "is at least 1h, such as \"90d\"; or the number of runs that are "
                     "kept, {\"runs\": 100}");
    }
    return;
  }
  FieldReader inner(*given, fields.pointer_to("retention"), fields.problems());
  if (const auto runs = inner.integer("runs", 1, most_kept_runs)) {
    dag.retention_runs = static_cast<std::int32_t>(*runs);
  } else if (inner.find("runs") == nullptr) {
    inner.problem("runs",
                  "says how many of the newest runs are kept: {\"runs\": 100}; a time is "
                  "written as it is, \"90d\"");
  }
  inner.refuse_unknown("retention");
}

void read_run_limits(FieldReader& fields, Dag& dag) {
  read_limit(fields, "concurrency", dag.concurrency);
  read_limit(fields, "rate", dag.rate);
}

}  // namespace batuta
