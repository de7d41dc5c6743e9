#include "plugins/lake/layer/aggregate.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/layer/partition_batches.h"
#include "plugins/lake/layer/publication.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;

// Every row of the touched partitions, with the execution that last wrote it; `changed` marks new
// ones. $1 is this execution.
std::string compared_sql(const TableShape& target) {
  std::string same = "o.\"execution_id\" IS NOT NULL";
  for (const std::string& name : value_columns(target, {"execution_id"})) {
    const std::string column = quoted_name(name);
    same += " AND n." + column + " IS NOT DISTINCT FROM o." + column;
  }
  return "CREATE OR REPLACE TEMP TABLE compared AS SELECT n.*, NOT (" + same +
         ") AS changed, CASE WHEN changed THEN $1 ELSE o.\"execution_id\" END AS \"execution_id\" "
         "FROM computed n LEFT JOIN target_old o ON " +
         same_key(target, "o", "n");
}

// Partitions to rewrite: a row is new or differs, or the target has one that is no longer there.
std::string differing_sql(const TableShape& target) {
  const std::string part = quoted_name(target.partition);
  return "SELECT CAST(" + part + " AS VARCHAR) FROM compared WHERE changed UNION SELECT CAST(o." +
         part + " AS VARCHAR) FROM target_old o ANTI JOIN computed n ON " +
         same_key(target, "o", "n") + " ORDER BY 1";
}

class Aggregate {
 public:
  Aggregate(plugin::Context& context, const AggregateSpec& spec)
      : context_(context),
        spec_(spec),
        session_(session_options(context)),
        source_(DeltaTable::open(session_, lake_folder(context), spec.source.name)),
        target_(DeltaTable::open(session_, lake_folder(context), spec.target.name)),
        version_(spec.target, target_, lakelog::Operation::merge),
        tally_(spec.target.name, spec.quality) {
    session_.run("SET preserve_insertion_order = false");
    for (const std::string& statement : spec.prepare) session_.run(statement);
  }

  AggregateResult run() {
    AggregateResult result;
    const auto batches = partition_batches(touched(), batch_rows(session_));
    for (std::size_t i = 0; i < batches.size(); ++i) {
      context_.check_cancelled();
      compute(batches[i], result);
      context_.progress(static_cast<double>(i + 1) / static_cast<double>(batches.size()));
    }
    tally_.finish(context_);
    if (result.partitions > 0 || target_.marker(spec_.marker) > source_.version()) publish(result);
    return result;
  }

 private:
  // The partitions to compute anew, with the rows they bring into work.
  std::map<std::string, std::int64_t> touched() const {
    const Changes changes = source_.changes_since(target_.marker(spec_.marker));
    std::set<std::string> found;
    for (const AddFile& file : source_.files([&](const AddFile& each) {
           return changes.added.count(each.path) != 0 ||
                  may_hold_text(each, "execution_id", context_.execution_id());
         }))
      found.insert(partition_of(spec_.source, source_, file));
    for (const auto& values : changes.removed) {
      const auto value = values.find(spec_.source.partition);
      if (value != values.end()) found.insert(value->second.value_or(""));
    }
    std::map<std::string, std::int64_t> rows;
    for (const std::string& partition : found) rows[partition] = 0;
    // Where the log no longer tells what was removed, everything the target holds is compared.
    if (changes.whole)
      for (const AddFile& file : target_.files([](const AddFile&) { return true; }))
        rows[partition_of(spec_.target, target_, file)] = 0;
    for (const AddFile& file : source_.files([](const AddFile&) { return true; })) {
      const auto at = rows.find(partition_of(spec_.source, source_, file));
      if (at != rows.end()) at->second += lakelog::record_count(file).value_or(0);
    }
    return rows;
  }

  void compute(const std::vector<std::string>& partitions, AggregateResult& result) {
    const std::set<std::string> wanted(partitions.begin(), partitions.end());
    view_of(session_, "source_rows", spec_.source, source_,
            files_of(spec_.source, source_, wanted));
    view_of(session_, "target_old", spec_.target, target_, files_of(spec_.target, target_, wanted));
    version_.read(partitions);
    session_.run("CREATE OR REPLACE TEMP TABLE computed AS " + spec_.select);
    session_.run(compared_sql(spec_.target), {context_.execution_id()});
    const auto differing = first_column(session_.query(differing_sql(spec_.target)));
    result.changed += session_.value("SELECT count(*) FILTER (changed) FROM compared").integer();
    if (differing.empty()) return;
    result.partitions += static_cast<std::int64_t>(differing.size());
    const std::string columns = column_list(spec_.target);
    session_.run("CREATE OR REPLACE TEMP TABLE merged AS SELECT " + columns +
                     " FROM compared WHERE list_contains($1, CAST(" +
                     quoted_name(spec_.target.partition) + " AS VARCHAR))",
                 {differing});
    tally_.count(session_, with_copies(spec_.target, "merged"));
    if (tally_.broken()) return;
    version_.stage(session_, "SELECT " + columns + " FROM merged", spec_.order);
    version_.replace(differing);
  }

  static std::vector<AddFile> files_of(const TableShape& shape, const DeltaTable& table,
                                       const std::set<std::string>& partitions) {
    return table.files([&](const AddFile& file) {
      return partitions.count(partition_of(shape, table, file)) != 0;
    });
  }

  void publish(const AggregateResult& result) {
    version_.set_marker(spec_.marker, source_.version());
    version_.hand_in(context_, json_text({{"rows_out", result.changed}}));
    report_lineage(context_, source_, spec_.target);
  }

  plugin::Context& context_;
  const AggregateSpec& spec_;
  Session session_;
  DeltaTable source_;
  DeltaTable target_;
  Publication version_;
  QualityTally tally_;
};

}  // namespace

AggregateResult aggregate(plugin::Context& context, const AggregateSpec& spec) {
  return Aggregate(context, spec).run();
}

}  // namespace batuta::lake
