#include "plugins/models/model_write.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/hand_in.h"
#include "plugins/lake/staged_write.h"

namespace batuta::models {
namespace {

using lake::quoted_name;
using lakelog::AddFile;

std::string joined(const std::vector<std::string>& names, const std::string& alias) {
  std::string out;
  for (const std::string& name : names)
    out += (out.empty() ? "" : ", ") + alias + quoted_name(name);
  return out;
}

// a."x" = b."x" AND …; "true" for no names.
std::string equal(const std::vector<std::string>& names, const char* a, const char* b,
                  const char* how = " IS NOT DISTINCT FROM ") {
  std::string out;
  for (const std::string& name : names) {
    const std::string column = quoted_name(name);
    out += (out.empty() ? "" : " AND ") + (std::string(a) + ".") + column + how + b + "." + column;
  }
  return out.empty() ? "true" : out;
}

// Each is a file, which takes some hundreds of bytes of the 8 MiB that one attempt can hand in.
constexpr std::int64_t most_partitions = 20'000;

std::int64_t rows_in(const std::vector<AddFile>& files) {
  std::int64_t rows = 0;
  for (const AddFile& file : files) rows += lakelog::record_count(file).value_or(0);
  return rows;
}

bool all_files(const AddFile&) {
  return true;
}

}  // namespace

ModelWrite::ModelWrite(plugin::Context& context, lake::Session& session, const ModelSpec& spec,
                       const ModelShape& shape, const lake::DeltaTable& target,
                       std::string versions_json)
    : context_(context),
      session_(session),
      spec_(spec),
      shape_(shape),
      target_(target),
      versions_json_(std::move(versions_json)),
      now_(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())) {
  payload_.table = spec.table;
  payload_.read_version = target.version();
  if (target.exists())
    payload_.base = lakelog::Base{target.snapshot().protocol, target.snapshot().metadata};
  payload_.schema = shape.columns;
  payload_.evolve = shape.evolves;
  payload_.partition_columns = spec.partition_by;
  payload_.description = spec.description;
}

void ModelWrite::follow(const std::vector<std::string>& columns,
                        std::optional<std::set<Partition>> values) {
  Followed followed;
  for (const std::string& column : columns)
    followed.places.push_back(static_cast<std::size_t>(
        std::find(spec_.partition_by.begin(), spec_.partition_by.end(), column) -
        spec_.partition_by.begin()));
  followed.values = std::move(values);
  followed_.push_back(std::move(followed));
}

std::set<ModelWrite::Partition> ModelWrite::followed() const {
  std::set<Partition> out;
  for (const auto& [path, file] : target_.snapshot().files) {
    const Partition partition = partition_of(file);
    for (const Followed& followed : followed_) {
      Partition values;
      for (const std::size_t place : followed.places) values.push_back(partition.at(place));
      if (!followed.values || followed.values->count(values) != 0) out.insert(partition);
    }
  }
  return out;
}

std::string ModelWrite::whole_after() {
  const std::string fresh = "(SELECT " + shape_.select + " FROM computed)";
  const std::string values = joined(shape_.values, "");
  std::set<Partition> replaced;
  if (spec_.mode != Mode::merge) {
    replaced = partitions_of("fresh");
    replaced.merge(followed());
  }
  lake::create_view(session_, "kept", target_, shape_.columns, spec_.partition_by,
                    target_.files([&](const AddFile& file) {
                      return spec_.mode == Mode::merge || replaced.count(partition_of(file)) == 0;
                    }));
  const std::string stays = spec_.mode == Mode::merge ? " ANTI JOIN " + fresh + " c ON " +
                                                            equal(spec_.keys, "o", "c", " = ")
                                                      : "";
  return "(SELECT " + values + " FROM " + fresh + " WHERE NOT " + deleting(spec_) +
         " UNION ALL SELECT " + joined(shape_.values, "o.") + " FROM kept o" + stays + ")";
}

Written ModelWrite::stage() {
  written_.rows = count("fresh");
  session_.run("CREATE TEMP TABLE system_values AS SELECT CAST($1 AS VARCHAR) AS " +
                   quoted_name(versions_column) + ", CAST($2 AS TIMESTAMPTZ) AS " +
                   quoted_name(computed_column) + ", CAST($3 AS VARCHAR) AS " +
                   quoted_name(execution_column),
               {versions_json_, now_, context_.execution_id()});
  check_partition_texts();
  payload_.operation = spec_.mode == Mode::append  ? lakelog::Operation::append
                       : spec_.mode == Mode::merge ? lakelog::Operation::merge
                                                   : lakelog::Operation::overwrite_partitions;
  switch (spec_.mode) {
    case Mode::overwrite:
      overwrite(followed_.empty());
      break;
    case Mode::partitions:
      overwrite(false);
      break;
    case Mode::merge:
      merge();
      break;
    case Mode::append:
      append();
      break;
  }
  if (!target_.exists()) payload_.operation = lakelog::Operation::create;
  written_.version =
      !target_.exists() || shape_.evolves || !payload_.adds.empty() || !payload_.removes.empty();
  return written_;
}

std::string ModelWrite::rows_after() {
  lake::create_view(session_, "beside", target_, shape_.columns, spec_.partition_by, beside_);
  std::string rows = "SELECT " + all_columns("") + " FROM compared UNION ALL SELECT " +
                     all_columns("") + " FROM beside";
  if (spec_.mode == Mode::merge)
    rows += " UNION ALL SELECT " + all_columns("o.") + " FROM old o ANTI JOIN fresh c ON " +
            equal(spec_.keys, "o", "c", " = ");
  return "(" + rows + ")";
}

void ModelWrite::hand_in(const std::string& metrics_json) {
  if (!written_.version) return;
  payload_.metrics_json = metrics_json;
  lake::hand_in(context_, payload_);
}

void ModelWrite::overwrite(bool whole) {
  const auto fresh = partitions_of("fresh");
  std::set<Partition> touched = fresh;
  touched.merge(followed());
  view_old(whole ? target_.files(all_files) : files_in(touched));
  if (!whole && followed_.empty()) read_only(touched);
  const bool by_keys = !spec_.keys.empty() && !holds_keys_twice();
  compare("fresh", by_keys);
  const std::string values = joined(shape_.values, "");
  differ(by_keys ? "SELECT " + parts("c.") +
                       " FROM compared c WHERE NOT batuta_same UNION ALL "
                       "SELECT " +
                       parts("o.") +
                       " FROM old o ANTI JOIN (SELECT * FROM compared WHERE batuta_same) c ON " +
                       equal(spec_.keys, "c", "o", " = ")
                 : "SELECT " + parts("d.") + " FROM ((SELECT " + values +
                       " FROM fresh EXCEPT ALL SELECT " + values + " FROM old) UNION ALL (SELECT " +
                       values + " FROM old EXCEPT ALL SELECT " + values + " FROM fresh)) d");
  const auto differing = partitions_of("differing");
  if (differing.empty()) return;
  const std::string rows =
      "compared c SEMI JOIN differing d ON " + equal(spec_.partition_by, "c", "d");
  written_.changed =
      session_.value("SELECT count(*) FILTER (NOT c.batuta_same) FROM " + rows).integer();
  if (!followed_.empty())
    written_.removed = count("old o ANTI JOIN fresh c ON " + equal(spec_.partition_by, "o", "c"));
  write("SELECT " + all_columns("c.") + " FROM " + rows, rows, written_.rows);
  replace(differing);
}

void ModelWrite::merge() {
  // Where the keys tell the partition, no row of another one can be meant.
  const bool keys_tell =
      std::all_of(spec_.partition_by.begin(), spec_.partition_by.end(), [&](const auto& name) {
        return std::find(spec_.keys.begin(), spec_.keys.end(), name) != spec_.keys.end();
      });
  const bool narrow = keys_tell && !spec_.partition_by.empty();
  const auto touched = narrow ? partitions_of("fresh") : std::set<Partition>();
  view_old(narrow ? files_in(touched) : target_.files(all_files));
  if (narrow) read_only(touched);
  if (holds_keys_twice())
    throw plugin::FinalError(spec_.table +
                             " holds several rows of one key already: it cannot be merged into by "
                             "these keys");
  const std::string gone = deleting(spec_);
  session_.run("CREATE TEMP VIEW upserts AS SELECT * FROM fresh WHERE NOT " + gone);
  session_.run("CREATE TEMP VIEW gone AS SELECT " + joined(spec_.keys, "") + " FROM fresh WHERE " +
               gone);
  compare("upserts", true);
  const std::string by_keys = equal(spec_.keys, "o", "c", " = ");
  differ("SELECT " + parts("c.") + " FROM compared c WHERE NOT batuta_same UNION ALL SELECT " +
         parts("o.") +
         " FROM old o SEMI JOIN (SELECT * FROM compared WHERE NOT batuta_same) c ON " + by_keys +
         " UNION ALL SELECT " + parts("o.") + " FROM old o SEMI JOIN gone c ON " + by_keys);
  const auto differing = partitions_of("differing");
  if (differing.empty()) return;
  written_.changed = count("compared WHERE NOT batuta_same");
  written_.removed = count("old o SEMI JOIN gone c ON " + by_keys);
  write("SELECT " + all_columns("c.") + " FROM compared c SEMI JOIN differing d ON " +
            equal(spec_.partition_by, "c", "d") + " UNION ALL SELECT " + all_columns("o.") +
            " FROM old o SEMI JOIN differing d ON " + equal(spec_.partition_by, "o", "d") +
            " ANTI JOIN fresh c ON " + by_keys,
        "differing c", written_.rows + rows_in(files_in(differing)));
  replace(differing);
}

void ModelWrite::append() {
  const auto mine = target_.files([&](const AddFile& file) {
    return lake::may_hold_text(file, execution_column, context_.execution_id());
  });
  view_old(mine);
  session_.run("CREATE TEMP VIEW own AS SELECT * FROM old WHERE " + quoted_name(execution_column) +
               " = " + lake::quoted_literal(context_.execution_id()));
  const std::int64_t before = count("own");
  std::int64_t rewritten = 0;  // also what others put into the same files
  if (before > 0 && same_rows("fresh", "own")) return;
  compare("fresh", false);
  std::string select = "SELECT " + all_columns("") + " FROM compared";
  if (before > 0) {
    select += " UNION ALL SELECT " + all_columns("o.") + " FROM old o WHERE o." +
              quoted_name(execution_column) + " IS DISTINCT FROM " +
              lake::quoted_literal(context_.execution_id());
    read_only({});  // whatever others add, these rows are ours
    rewritten = rows_in(mine);
    for (const AddFile& file : mine)
      payload_.removes.push_back({file.path, 0, true, file.partition_values, file.size});
  } else {
    payload_.append = true;
  }
  written_.changed = written_.rows;
  written_.removed = before;
  write(select, "fresh c", written_.rows + rewritten);
}

std::vector<AddFile> ModelWrite::files_in(const std::set<Partition>& partitions) const {
  return target_.files(
      [&](const AddFile& file) { return partitions.count(partition_of(file)) != 0; });
}

ModelWrite::Partition ModelWrite::partition_of(const AddFile& file) const {
  Partition out;
  for (const std::string& name : spec_.partition_by)
    out.push_back(lake::partition_value(target_, file, name));
  return out;
}

std::set<ModelWrite::Partition> ModelWrite::partitions_of(const std::string& relation) {
  std::string texts;
  for (const std::string& name : spec_.partition_by)
    texts += (texts.empty() ? "" : ", ") + ("CAST(" + quoted_name(name)) + " AS VARCHAR)";
  std::set<Partition> out;
  const auto table =
      session_.query("SELECT DISTINCT " + (texts.empty() ? "1" : texts) + " FROM " + relation);
  for (const auto& row : table.rows) {
    Partition partition;
    for (std::size_t i = 0; i < spec_.partition_by.size(); ++i)
      partition.push_back(row.at(i).is_null() ? std::nullopt : std::optional(row.at(i).text()));
    out.insert(std::move(partition));
  }
  return out;
}

void ModelWrite::check_partition_texts() {
  for (const std::string& name : spec_.partition_by) {
    if (count("fresh WHERE CAST(" + quoted_name(name) + " AS VARCHAR) = ''") == 0) continue;
    throw plugin::FinalError(spec_.table + ": " + name +
                             " is an empty text in some rows; as a partition Delta cannot tell it "
                             "from NULL: write NULL or another text");
  }
}

void ModelWrite::view_old(const std::vector<AddFile>& files) {
  std::set<std::string> inside;
  for (const AddFile& file : files) inside.insert(file.path);
  beside_ = target_.files([&](const AddFile& file) { return inside.count(file.path) == 0; });
  lake::create_view(session_, "old", target_, shape_.columns, spec_.partition_by, files);
}

bool ModelWrite::holds_keys_twice() {
  return count("(SELECT 1 FROM old GROUP BY " + joined(spec_.keys, "") +
               " HAVING count(*) > 1 LIMIT 1)") > 0;
}

std::string ModelWrite::parts(const std::string& alias) const {
  return spec_.partition_by.empty() ? "1 AS batuta_one" : joined(spec_.partition_by, alias);
}

void ModelWrite::differ(const std::string& partitions) {
  session_.run("CREATE TEMP TABLE differing AS SELECT DISTINCT * FROM (" + partitions + ")");
}

void ModelWrite::compare(const std::string& relation, bool by_keys) {
  std::string system;
  for (const char* name : {versions_column, computed_column, execution_column}) {
    const std::string column = quoted_name(name);
    system += by_keys ? ", CASE WHEN batuta_same THEN o." + column + " ELSE s." + column +
                            " END AS " + column
                      : ", s." + column;
  }
  if (!by_keys) {
    session_.run("CREATE TEMP VIEW compared AS SELECT n.*, false AS batuta_same" + system +
                 " FROM " + relation + " n CROSS JOIN system_values s");
    return;
  }
  session_.run("CREATE TEMP TABLE compared AS SELECT n.*, (o." + quoted_name(spec_.keys.front()) +
               " IS NOT NULL AND " + equal(shape_.values, "n", "o") + ") AS batuta_same" + system +
               " FROM " + relation + " n CROSS JOIN system_values s LEFT JOIN old o ON " +
               equal(spec_.keys, "n", "o", " = "));
}

void ModelWrite::write(const std::string& select, const std::string& relation, std::int64_t rows) {
  context_.check_cancelled();
  if (!spec_.partition_by.empty()) {
    const std::int64_t partitions =
        count("(SELECT DISTINCT " + joined(spec_.partition_by, "c.") + " FROM " + relation + ")");
    if (partitions > most_partitions)
      throw plugin::FinalError(spec_.table + ": " + std::to_string(partitions) +
                               " partitions to write, at most " + std::to_string(most_partitions) +
                               ": every one has a file of its own, so partition by something "
                               "coarser");
  }
  std::vector<std::string> order = spec_.cluster_by.empty() ? spec_.keys : spec_.cluster_by;
  for (const std::string& name : order)
    if (std::none_of(shape_.columns.begin(), shape_.columns.end(),
                     [&](const lakelog::Column& column) { return column.name == name; }))
      throw plugin::FinalError("parameter cluster_by: " + spec_.table + " has no column " + name);
  lake::StagedWrite write{target_.storage(),  spec_.table, shape_.columns,
                          spec_.partition_by, select,      {},
                          std::move(order)};
  write.expected_rows = rows;
  payload_.adds = lake::write_files(session_, write);
  written_.partitions = static_cast<std::int64_t>(payload_.adds.size());
  if (lakelog::serialise_payload(payload_).size() <= BATUTA_MAX_OUTPUT_BYTES) return;
  throw plugin::FinalError(
      spec_.table + ": " + std::to_string(payload_.adds.size()) +
      " new files are more than one attempt can hand in: every partition has a file of its own, so "
      "partition by something coarser");
}

void ModelWrite::replace(const std::set<Partition>& partitions) {
  for (const AddFile& file : files_in(partitions))
    payload_.removes.push_back({file.path, 0, true, file.partition_values, file.size});
}

void ModelWrite::read_only(const std::set<Partition>& partitions) {
  payload_.read_partitions.emplace();
  for (const Partition& partition : partitions) {
    lakelog::PartitionValues values;
    for (std::size_t i = 0; i < partition.size(); ++i) values[spec_.partition_by[i]] = partition[i];
    payload_.read_partitions->push_back(std::move(values));
  }
}

bool ModelWrite::same_rows(const std::string& a, const std::string& b) {
  if (count(a) != count(b)) return false;
  const std::string values = joined(shape_.values, "");
  return count("(SELECT " + values + " FROM " + a + " EXCEPT ALL SELECT " + values + " FROM " + b +
               ")") == 0;
}

std::string ModelWrite::all_columns(const std::string& alias) const {
  std::string out;
  for (const lakelog::Column& column : shape_.columns)
    out += (out.empty() ? "" : ", ") + alias + quoted_name(column.name);
  return out;
}

std::int64_t ModelWrite::count(const std::string& from) {
  return session_.value("SELECT count(*) FROM " + from).integer();
}

}  // namespace batuta::models
