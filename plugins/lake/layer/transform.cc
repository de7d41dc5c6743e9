#include "plugins/lake/layer/transform.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/layer/deletes.h"
#include "plugins/lake/layer/history.h"
#include "plugins/lake/layer/partition_batches.h"
#include "plugins/lake/layer/publication.h"
#include "plugins/lake/layer/quarantine.h"
#include "plugins/lake/layer/quarantine_order.h"
#include "plugins/lake/layer/source_files.h"
#include "plugins/lake/layer/table_progress.h"
#include "plugins/lake/layer/transform_shapes.h"
#include "plugins/lake/layer/transform_sql.h"
#include "plugins/lake/layer/version_metrics.h"
#include "plugins/lake/one_thread.h"
#include "plugins/lake/rescued.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;

// Partitions that are written one after the other; each reads the rows once.
constexpr std::size_t most_apart = 16;
// And that are rewritten beside each other; each looks at all that is new.
constexpr std::size_t most_beside = 64;

// In the log of the history: up to which version of its table it has all.
constexpr const char* history_marker = "history/table";

class Transform {
 public:
  Transform(plugin::Context& context, const TransformSpec& spec)
      : context_(context),
        none_good_(spec.marker + "/none_good"),
        orders_(spec.marker + "/orders"),
        session_(session_options(context)),
        source_(DeltaTable::open(session_, lake_folder(context), spec.source.name)),
        target_(DeltaTable::open(session_, lake_folder(context), spec.target.name)),
        spec_(fitted(spec, session_, lake_folder(context), source_, target_)),
        source_progress_(source_),
        target_progress_(target_),
        rejected_(context, session_, spec_.quarantine),
        version_(spec_.target, target_, lakelog::Operation::merge),
        tally_(spec_.target.name, spec_.quality) {
    if (spec_.history) history_.emplace(context, session_, history_of(spec_));
    session_.register_text_functions();
    session_.run("SET preserve_insertion_order = false");  // or large results stay in memory
  }

  TransformResult run(const OwnList& own) {
    if (spec_.prepare) spec_.prepare(session_);
    judge(own);
    TransformResult result;
    result.read = session_.value("SELECT count(*) FROM judged").integer();
    session_.run(rejected_rows_sql(spec_));
    result.quarantined =
        rejected_.stage(session_, spec_.raw_columns, spec_.time_column, "rejected");
    check_new_rows();
    context_.progress(0.4);
    if (spec_.deletes) look_for_deletes();
    merge_all(result);
    tally_.finish(context_);
    make_up_history();
    publish(result);
    return result;
  }

  // Judges and merges rows of the quarantine alone: how far the source is taken in stays as it is.
  std::string obey(const QuarantineOrder& order) {
    OrderedRows rows(context_, session_, spec_, rejected_.table(), order);
    if (!rows.choose()) return rows.told_json();
    if (order.verb != QuarantineOrder::Verb::discard) {
      ordered_ = &rows;
      merge_ordered();
    }
    rows.settle();
    if (!order.dry_run) rows.hand_in();
    context_.progress(1);
    return rows.told_json();
  }

 private:
  void check_new_rows() {
    if (!spec_.check) return;
    session_.run("CREATE TEMP VIEW new_rows AS " + good_rows_sql(spec_));
    spec_.check(session_);
  }

  void merge_all(TransformResult& result) {
    rows_ = rows_by_partition();
    const auto batches = partition_batches(rows_, batch_rows(session_));
    for (std::size_t i = 0; i < batches.size(); ++i) {
      context_.check_cancelled();
      merge(batches[i], result);
      context_.progress(0.4 +
                        0.6 * static_cast<double>(i + 1) / static_cast<double>(batches.size()));
    }
  }

  void merge_ordered() {
    if (spec_.prepare) spec_.prepare(session_);
    session_.run(judge_sql(spec_, as_source_sql(spec_, "asked_rows"), "_row_id"));
    check_new_rows();
    // What the source no longer has does not come back; what goes is not this order's to say.
    if (spec_.deletes) present_.emplace(context_, session_, spec_);
    TransformResult result;
    merge_all(result);
    // What would be is no measure of what the table holds; but a rule that forbids it is told.
    if (ordered_->dry_run() && !tally_.broken()) return;
    tally_.finish(context_);
    make_up_history();
    count_order(result.changed > 0);
    if (result.changed > 0) publish_target(result);
    publish_history(result);
  }

  bool is_ahead(const DeltaTable& table, const std::string& marker) const {
    return source_progress_.is_ahead(table, marker, is_beside_another(table));
  }

  std::int64_t told(const DeltaTable& table, const std::string& marker) const {
    return source_progress_.told(table, marker, is_beside_another(table));
  }

  // The lake's quarantine and history are those of the lake's target.
  bool is_beside_another(const DeltaTable& table) const {
    return target_progress_.has_left() && &table != &target_;
  }

  // Rows that orders published are not in the target: it was restored to a version before them, or
  // dropped. No file of the source that is still to be read has them.
  bool lacks_orders() const { return rejected_.table().marker(orders_) > target_.marker(orders_); }

  // A target that lacks earlier orders' rows goes on saying so: the next run brings them.
  void count_order(bool publishes) {
    const std::int64_t there = rejected_.table().marker(orders_);
    const std::int64_t most = std::max(there, target_.marker(orders_));
    const std::int64_t now = publishes ? std::max(most, rejected_.table().version()) + 1 : most;
    if (publishes && !lacks_orders()) version_.set_marker(orders_, now);
    if (now != there) ordered_->set_marker(orders_, now);
  }

  // The source's version up to which nothing has to be read again; -1 = none.
  std::int64_t taken_in() const {
    const DeltaTable& rejected = rejected_.table();
    if (is_ahead(target_, spec_.marker) || is_ahead(rejected, spec_.marker) ||
        is_ahead(rejected, none_good_))
      return -1;
    const std::int64_t none_good = told(rejected, none_good_);
    if (!target_.exists()) return none_good;
    const std::int64_t before =
        spec_.former_marker.empty() || is_ahead(target_, spec_.former_marker)
            ? -1
            : std::max(told(target_, spec_.former_marker), told(rejected, spec_.former_marker));
    return std::max({told(target_, spec_.marker), told(rejected, spec_.marker), none_good, before});
  }

  void judge(const OwnList& own) {
    const auto files = files_to_read(source_, taken_in(), context_.execution_id());
    bytes_a_row_ = bytes_in(files) / std::max<std::int64_t>(rows_in(files), 1);
    view_of(session_, "source_rows", spec_.source, source_, files);
    if (spec_.asked) {
      view_asked_for(context_, session_, "asked_rows", "source_rows", *spec_.asked, own);
    } else {
      session_.run(
          "CREATE TEMP VIEW asked_rows AS SELECT *, CAST(NULL AS BOOLEAN) AS asked_for FROM "
          "source_rows");
    }
    const std::string rows = without_decided(session_, "asked_rows", spec_, rejected_.table());
    if ((!target_.exists() || lacks_orders()) &&
        view_taken(session_, "taken_rows", spec_, rejected_.table())) {
      const std::string rescued =
          spec_.typed_source.empty() ? "" : ", " + quoted_name(rescued_column);
      const std::string columns = column_list(spec_.raw_columns) + rescued +
                                  ", asked_for, \"_ingested_at\", \"_record_no\", \"_run_id\", " +
                                  quoted_name(spec_.source.partition);
      session_.run("CREATE TEMP VIEW all_rows AS SELECT " + columns + " FROM " + rows +
                   " UNION ALL SELECT " + columns + " FROM taken_rows");
      return session_.run(judge_sql(spec_, "all_rows"));
    }
    session_.run(judge_sql(spec_, rows));
  }

  // Before anything is written: how many rows are gone, and in which partitions.
  void look_for_deletes() {
    present_.emplace(context_, session_, spec_);
    if (!present_->known() || !target_.exists()) return;
    view_of(session_, "target_all", spec_.target, target_,
            target_.files([](const AddFile&) { return true; }));
    const auto found = session_.query(gone_by_partition_sql(spec_, *present_));
    std::int64_t gone = 0, all = 0;
    for (const auto& row : found.rows) {
      gone += row.at(1).integer();
      all += row.at(2).integer();
      if (row.at(1).integer() + row.at(3).integer() > 0) with_deletes_.insert(row.at(0).text());
    }
    present_->check_share(gone, all);
  }

  // Rows that a partition brings into work: those that came, and those that are there.
  std::map<std::string, std::int64_t> rows_by_partition() {
    std::map<std::string, std::int64_t> rows;
    for (const auto& row :
         session_
             .query("SELECT CAST(\"_part\" AS VARCHAR), count(*) FROM judged WHERE "
                    "reason = '' GROUP BY 1")
             .rows)
      rows[row.at(0).text()] = row.at(1).integer();
    for (const std::string& part : with_deletes_) rows[part] += 0;
    for (const AddFile& file : target_.files([](const AddFile&) { return true; })) {
      const auto at = rows.find(partition_of(spec_.target, target_, file));
      if (at != rows.end()) at->second += lakelog::record_count(file).value_or(0);
    }
    return rows;
  }

  // Adds to `result` what is new or changed in these partitions, and what goes.
  void merge(const std::vector<std::string>& partitions, TransformResult& result) {
    const auto old = files_of({partitions.begin(), partitions.end()});
    version_.read(partitions);
    session_.run(losers_sql(spec_, partitions));
    if (old.empty() && !present_ && ordered_ == nullptr && !history_)
      return stage_first(partitions, result);
    session_.run(candidates_sql(spec_, partitions, present_));
    view_of(session_, "target_old", spec_.target, target_, old);
    session_.run(changed_sql(spec_));
    session_.run("DROP TABLE candidates");
    if (ordered_ != nullptr) ordered_->note_changed();
    const auto count = [&](const std::string& from) {
      return session_.value("SELECT count(*) FROM " + from).integer();
    };
    const std::int64_t came = count("changed");
    const bool deletes = present_ && ordered_ == nullptr;
    if (deletes && marks(spec_)) session_.run(marked_sql(spec_, *present_));
    session_.run(doomed_sql(spec_, deletes && !marks(spec_) ? &*present_ : nullptr));
    const std::int64_t marked = count("changed") - came, removed = count("doomed");
    if (came + marked + removed == 0) return;
    result.changed += came;
    result.deleted += marked + removed;
    const auto rewritten = rewritten_partitions();
    const auto view_old = [&](const std::set<std::string>& of) {
      view_of(session_, "target_old", spec_.target, target_, files_of(of));
    };
    view_old({rewritten.begin(), rewritten.end()});
    // Old rows go from their files into new ones. That costs a look at all that is new for each
    // partition; where this is much, and for a history, all of it is put together first.
    const bool kept =
        history_ || (came + marked + removed) * static_cast<std::int64_t>(rewritten.size()) >
                        rows_in(files_of({rewritten.begin(), rewritten.end()}));
    session_.run(merged_sql(spec_, context_.execution_id(), kept));
    tally_.count(session_, with_copies(spec_.target, "merged"));
    if (!tally_.broken() && !(ordered_ != nullptr && ordered_->dry_run())) {
      if (!kept && may_rewrite_beside(rewritten)) {
        rewrite_beside(rewritten);
      } else {
        stage_rows("merged", rewritten, [&](const std::string& partition) {
          if (!kept) view_old({partition});
        });
      }
      version_.replace(rewritten);
      keep_history("merged", rewritten);
    }
    session_.run(std::string("DROP ") + (kept ? "TABLE" : "VIEW") + " merged");
    session_.run("DROP TABLE changed");
    session_.run("DROP TABLE doomed");
  }

  bool may_rewrite_beside(const std::vector<std::string>& partitions) const {
    return !spec_.target.partition.empty() && partitions.size() <= most_beside &&
           fit_beside(session_, rows_, partitions);
  }

  // From their files into new ones. `changed` and `doomed` are no temporary tables, so that the
  // sessions beside this one see them.
  void rewrite_beside(const std::vector<std::string>& partitions) {
    context_.check_cancelled();
    version_.stage_beside(session_, partitions, spec_.target.keys,
                          [this](Session& own, const std::string& partition) {
                            view_of(own, "target_old", spec_.target, target_,
                                    files_of({partition}));
                            own.run(merged_sql(spec_, context_.execution_id(), false));
                            return rows_of("merged", partition);
                          });
  }

  // SQL: the columns of the target, of one partition's rows.
  std::string rows_of(const std::string& rows, const std::string& partition) const {
    return "SELECT " + column_list(spec_.target) + " FROM " + rows + " WHERE " +
           quoted_name(spec_.target.partition) + " = CAST(" + quoted_literal(partition) +
           " AS DATE)";
  }

  std::vector<AddFile> files_of(const std::set<std::string>& partitions) const {
    return target_.files([&](const AddFile& file) {
      return partitions.count(partition_of(spec_.target, target_, file)) != 0;
    });
  }

  // Nothing is there to compare with: the rows go from where they were judged into their files.
  void stage_first(const std::vector<std::string>& partitions, TransformResult& result) {
    session_.run(first_rows_sql(spec_, partitions, context_.execution_id()));
    tally_.count(session_, with_copies(spec_.target, "first_rows"));
    if (!tally_.broken()) {
      const std::int64_t before = version_.rows();
      if (may_rewrite_beside(partitions) &&
          loads_beside(session_, spec_, rows_, partitions, bytes_a_row_)) {
        load_beside(partitions);
      } else {
        stage_rows("first_rows", partitions);
      }
      result.changed += version_.rows() - before;
    }
    session_.run("DROP VIEW first_rows");
  }

  void load_beside(const std::vector<std::string>& partitions) {
    context_.check_cancelled();
    version_.stage_beside(session_, partitions, spec_.target.keys,
                          [this](Session& own, const std::string& partition) {
                            own.run(first_rows_sql(spec_, {partition}, context_.execution_id()));
                            return rows_of("first_rows", partition);
                          });
  }

  // All that these partitions hold now. Few are written one after the other: each is then sorted by
  // itself, and none is held back to tell it from others.
  void stage_rows(const std::string& rows, const std::vector<std::string>& partitions,
                  const std::function<void(const std::string&)>& before = {}) {
    const std::string& part = spec_.target.partition;
    if (part.empty() || partitions.size() > most_apart)
      return version_.stage(session_, "SELECT " + column_list(spec_.target) + " FROM " + rows,
                            spec_.target.keys, {}, std::nullopt, 0, rows_among(rows_, partitions));
    std::optional<OneThread> one;
    for (const std::string& partition : partitions) {
      context_.check_cancelled();
      const std::int64_t bytes = bytes_for_all(session_, rows_, partition, bytes_a_row_);
      if (bytes == 0 && !one) one.emplace();
      if (bytes > 0) one.reset();
      if (before) before(partition);
      const std::string select = rows_of(rows, partition);
      // The engine's sort wants much of its memory, and old rows come in no order of their keys.
      const std::int64_t pieces = before ? ranges_for(session_, rows_, partition) : 1;
      for (const std::string& range :
           ranges_of(session_, "(" + select + ")", spec_.target.keys, pieces))
        version_.stage(session_, select + " AND " + range, spec_.target.keys, {},
                       lakelog::PartitionValues{{part, partition}}, bytes / pieces);
    }
  }

  // `rows`: all that these partitions hold now.
  void keep_history(const std::string& rows, const std::vector<std::string>& partitions) {
    if (!history_) return;
    history_->compare(marks(spec_) ? "(SELECT * FROM " + rows + " WHERE " +
                                         quoted_name(deleted_column) + " IS NULL)"
                                   : rows,
                      spec_.target.partition.empty() ? std::nullopt : std::optional(partitions),
                      present_ && present_->known() ? present_->since() : now_);
    in_history_.insert(partitions.begin(), partitions.end());
  }

  // What the table held before this attempt and the history does not have yet: all of it when the
  // history is new, and what an attempt published whose history was refused.
  void make_up_history() {
    if (!history_ || !target_.exists()) return;
    const DeltaTable& history = history_->table();
    const Changes changes = target_.changes_since(
        target_progress_.told(history, history_marker, is_beside_another(history)));
    std::set<std::string> behind;
    std::map<std::string, std::int64_t> rows;
    for (const AddFile& file : target_.files([](const AddFile&) { return true; })) {
      const std::string part = partition_of(spec_.target, target_, file);
      rows[part] += lakelog::record_count(file).value_or(0);
      if (changes.whole || changes.added.count(file.path) != 0) behind.insert(part);
    }
    for (const lakelog::PartitionValues& values : changes.removed) {
      const auto value = values.find(spec_.target.partition);
      behind.insert(value == values.end() ? whole_table : value->second.value_or(""));
    }
    all_in_history_ = changes.whole;
    if (changes.whole)
      for (const std::string& part : history_->current_partitions()) behind.insert(part);
    std::map<std::string, std::int64_t> work;
    for (const std::string& part : behind)
      if (in_history_.count(part) == 0) work[part] = rows[part];
    for (const auto& batch : partition_batches(work, batch_rows(session_))) {
      context_.check_cancelled();
      const std::set<std::string> wanted(batch.begin(), batch.end());
      view_of(session_, "history_state", spec_.target, target_,
              target_.files([&](const AddFile& file) {
                return wanted.count(partition_of(spec_.target, target_, file)) != 0;
              }));
      keep_history("history_state", batch);
    }
  }

  // After the target: a refused target takes its history with it.
  void publish_history(TransformResult& result) {
    if (!history_) return;
    result.opened = history_->opened();
    result.closed = history_->closed();
    // What was compared as a whole need not be again.
    if (!history_->differs() && !(all_in_history_ && history_->table().exists())) return;
    history_->set_marker(target_progress_.name(history_marker),
                         std::max<std::int64_t>(target_.version(), 0));
    history_->hand_in(version_metrics("{}", spec_, history_lineage(spec_)));
    report_lineage(context_, source_, {spec_.target.name + "_hist", {}, {}, {}, {}});
  }

  std::vector<std::string> rewritten_partitions() {
    if (spec_.target.partition.empty()) return {whole_table};
    return first_column(session_.query(rewritten_sql(spec_)));
  }

  // The target's version tells how far the source is taken in. Without one the quarantine's may:
  // then no row waits for the target, whatever becomes of its publication. What it tells beside a
  // target does not count once that is dropped, but that no row was good so far does.
  void publish(TransformResult& result) {
    const bool to_target = result.changed + result.deleted > 0 || is_ahead(target_, spec_.marker) ||
                           (target_.exists() && lacks_orders()) ||
                           (spec_.makes_table && !target_.exists());
    bool wrong = false;
    for (const std::string& name : {spec_.marker, none_good_}) {
      const bool ahead = is_ahead(rejected_.table(), name);
      wrong = wrong || ahead;
      if (!to_target && (name == spec_.marker) == target_.exists()) {
        rejected_.set_marker(source_progress_.name(name), source_.version());
      } else if (ahead) {
        rejected_.set_marker(source_progress_.name(name), -1);
      }
    }
    rejected_.hand_in(wrong);
    if (to_target) publish_target(result);
    publish_history(result);
  }

  void publish_target(const TransformResult& result) {
    if (ordered_ == nullptr) {
      version_.set_marker(source_progress_.name(spec_.marker), source_.version());
      if (lacks_orders()) version_.set_marker(orders_, rejected_.table().marker(orders_));
    }
    nlohmann::json metrics = {{"rows_in", result.read}, {"rows_out", result.changed}};
    if (spec_.deletes) metrics["rows_deleted"] = result.deleted;
    if (!lineage_fits(spec_.column_lineage_json) || !lineage_fits(history_lineage(spec_)))
      context_.warn(
          spec_.target.name +
          ": which column comes of which is more than the 32 KiB that a version tells; it "
          "is told as unknown");
    version_.hand_in(context_,
                     version_metrics(json_text(metrics), spec_, spec_.column_lineage_json));
    const DeltaTable& from = ordered_ == nullptr ? source_ : rejected_.table();
    if (from.exists()) report_lineage(context_, from, spec_.target);
  }

  plugin::Context& context_;
  const std::string none_good_;  // marker in the quarantine: up to there it is all there is
  const std::string orders_;     // in both: how many orders' rows they have, so to say
  Session session_;
  DeltaTable source_;
  DeltaTable target_;
  const TransformSpec spec_;
  const TableProgress source_progress_, target_progress_;
  Quarantine rejected_;
  Publication version_;
  QualityTally tally_;
  std::optional<PresentKeys> present_;
  OrderedRows* ordered_ = nullptr;      // whose rows are merged, where it is not the source's
  std::set<std::string> with_deletes_;  // partitions with rows to take away, or to mark otherwise
  std::optional<TableHistory> history_;
  bool all_in_history_ = false;
  std::map<std::string, std::int64_t> rows_;  // that each partition brings into work
  std::int64_t bytes_a_row_ = 0;              // of the source's files; 0: not known
  std::set<std::string> in_history_;          // partitions that it has, as this attempt leaves them
  const Time now_ = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
};

}  // namespace

TransformResult transform(plugin::Context& context, const TransformSpec& spec, const OwnList& own) {
  return Transform(context, spec).run(own);
}

std::string transform_ordered(plugin::Context& context, const TransformSpec& spec,
                              const QuarantineOrder& order) {
  return Transform(context, spec).obey(order);
}

}  // namespace batuta::lake
