#include "scheduler/api/dag_filter.h"

#include <algorithm>

#include "scheduler/api/listing.h"

namespace batuta::http {

DagFacts facts_of(const DagBagSnapshot& bag, const DagRow& row, Time now) {
  DagFacts facts{row, nullptr, std::nullopt, false, now};
  if (const auto it = bag.dags.find(row.dag_id); it != bag.dags.end()) {
    facts.dag = it->second.get();
    const auto bundle = bag.bundles.find(split_bundle_file(facts.dag->file).bundle);
    if (bundle != bag.bundles.end()) facts.bundle_revision = bundle->second.revision;
    for (const auto& error : bag.import_errors) {
      facts.has_import_errors = facts.has_import_errors || error.file == facts.dag->file;
    }
  }
  if (const auto it = bag.parsed_at.find(row.dag_id); it != bag.parsed_at.end()) {
    facts.parsed_at = it->second;
  }
  return facts;
}

void read_dag_filter(const Request& request, QueryReader& query, DagFilter& filter) {
  filter.sight = seen_dags(request);
  filter.tags = query.list("tags");
  filter.owners = query.list("owners");
  const auto mode = query.text("tags_match_mode").value_or("any");
  if (mode != "any" && mode != "all") query.fail("tags_match_mode", "must be any or all");
  filter.all_tags = mode == "all";
  filter.exclude_stale = query.boolean("exclude_stale").value_or(true);
  for (const char* name : {"dag_id_pattern", "dag_id_prefix_pattern"}) {
    for (auto& one : query.filters_of(name, "dag_id")) filter.names.push_back(std::move(one));
  }
  filter.paused = query.boolean("paused");
}

namespace {

bool has_tags(const DagFilter& filter, const Dag* dag) {
  if (filter.tags.empty()) return true;
  if (!dag) return false;
  const auto has = [&](const std::string& tag) {
    return std::find(dag->tags.begin(), dag->tags.end(), tag) != dag->tags.end();
  };
  return filter.all_tags ? std::all_of(filter.tags.begin(), filter.tags.end(), has)
                         : std::any_of(filter.tags.begin(), filter.tags.end(), has);
}

bool has_owner(const DagFilter& filter, const Dag* dag) {
  if (filter.owners.empty()) return true;
  return dag && std::any_of(filter.owners.begin(), filter.owners.end(), [&](const auto& owner) {
           return std::find(dag->owners.begin(), dag->owners.end(), owner) != dag->owners.end();
         });
}

}  // namespace

bool belongs(const DagFilter& filter, const DagFacts& facts) {
  if (!filter.sight.sees(facts.row.dag_id)) return false;
  if (filter.exclude_stale && facts.row.is_stale) return false;
  for (const Filter& name : filter.names) {
    if (!passes(name, cell(facts.row.dag_id))) return false;
  }
  if (filter.paused && *filter.paused != facts.row.is_paused) return false;
  const std::string_view file = facts.dag ? std::string_view(facts.dag->file) : std::string_view();
  if (filter.bundle && *filter.bundle != split_bundle_file(file).bundle) return false;
  const bool waits = facts.dag != nullptr && facts.dag->waits_for.has_value();
  if (filter.by_assets && *filter.by_assets != waits) return false;
  if (filter.broken && *filter.broken != facts.has_import_errors) return false;
  return has_tags(filter, facts.dag) && has_owner(filter, facts.dag);
}

}  // namespace batuta::http
