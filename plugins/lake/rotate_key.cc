#include "plugins/lake/rotate_key.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/failpoint.h"
#include "common/time.h"
#include "lakelog/branch.h"
#include "lakelog/change.h"
#include "lakelog/snapshot.h"
#include "lakelog/table.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/erase_spellings.h"
#include "plugins/lake/must.h"
#include "plugins/lake/pseudonym.h"
#include "plugins/lake/rescued.h"
#include "plugins/lake/staged_write.h"
#include "plugins/lake/state_hash.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;

constexpr const char* new_key = "rotate_new_key";
constexpr const char* old_key = "rotate_old_key";
constexpr const char* rotate_view = "rotate_rows";
constexpr int rotate_rounds = 8;
constexpr std::size_t problems_told = 5;
constexpr const char* hash_column = "change_hash";
constexpr int states_tried = 100;  // of a history, to find its keys

// Columns of a history that say nothing of a state: its own, and those that every model's has.
bool is_beside_state(const std::string& column) {
  return column == "valid_from" || column == "valid_to" || column == "is_current" ||
         column == hash_column || column == "_silver_versions" || column == "_computed_at" ||
         column == "execution_id";
}

bool holds_pseudonyms(const std::string& table) {
  const std::string layer = layer_of(table);
  return layer != "raw" && layer != "bronze" && layer != "dlq" && layer != "mngt";
}

class Rotator {
 public:
  Rotator(Session& session, const stores::Lake& lake, const RotateOptions& options)
      : session_(session), lake_(lake), options_(options), storage_(must(lake.storage())) {
    set_pseudonym_key(session_, new_key, options.key);
    set_pseudonym_key(session_, old_key, options.previous);
    id_ = mask_key_id(session_, options.key);
  }

  Rotation run() {
    read_texts();
    const auto found = must(lakelog::list_tables(*storage_));
    for (const std::string& name : found.names)
      if (holds_pseudonyms(name)) look(name);
    if (options_.apply) {
      refuse_problems();
      refuse_branches();
      for (RotatedTable& table : out_.tables) rotate(table);
      // What came by the old key meanwhile: rejected rows are only added.
      for (RotatedTable& table : out_.tables) rotate(table);
    }
    out_.unused = std::all_of(out_.tables.begin(), out_.tables.end(), [&](const auto& table) {
      return table.problem.empty() && (options_.apply || table.rows == 0);
    });
    return std::move(out_);
  }

 private:
  void step(const char* name) {
    if (options_.cancelled && options_.cancelled()) throw plugin::RetryableError("cancelled");
    if (options_.step) options_.step(name);
    failpoint(name);
  }

  // rotate_map(old, new): of each text that bronze has, as silver and quarantine write it.
  void read_texts() {
    session_.run("CREATE OR REPLACE TEMP TABLE rotate_texts(s VARCHAR)");
    for (const auto& [contract, columns] : options_.facts)
      for (const auto& [column, facts] : columns) {
        if (facts.mask != "pseudonym") continue;
        const DeltaTable bronze = DeltaTable::open(session_, lake_, "bronze/" + contract);
        if (!bronze.exists()) continue;
        const auto& received = bronze.snapshot().metadata.columns;
        const bool rescues = !column_type(received, rescued_column).empty();
        for (const lakelog::Column& each : received) {
          if (lower_text(each.name) != column || (each.type != "string" && !rescues)) continue;
          const std::string sent =
              each.type == "string" ? quoted_name(each.name) : sent_text_sql(each.name);
          create_view(session_, "rotate_received", bronze);
          const TextType as{facts.type, facts.format, facts.timezone};
          std::string texts = "SELECT t AS s FROM texts UNION ALL SELECT trim(t) FROM texts";
          if (!as.is_text())
            texts +=
                " UNION ALL SELECT CAST(" + typed_text_sql(as, "t") + " AS VARCHAR) FROM texts";
          session_.run("INSERT INTO rotate_texts WITH texts AS (SELECT DISTINCT " + sent +
                       " AS t FROM rotate_received) SELECT DISTINCT s FROM (" + texts +
                       ") WHERE s IS NOT NULL");
        }
      }
    session_.run("CREATE OR REPLACE TEMP TABLE rotate_map AS SELECT " +
                 pseudonym_sql("s", old_key) + " AS old, " + pseudonym_sql("s", new_key) +
                 " AS new FROM (SELECT DISTINCT s FROM rotate_texts)");
    out_.texts = session_.value("SELECT count(*) FROM rotate_map").integer();
    session_.run("DROP TABLE rotate_texts");
  }

  bool is_masked(const std::string& table, const std::string& column) const {
    if (layer_of(table) == "gold") return false;
    const auto facts = options_.facts.find(described_name(table));
    if (facts == options_.facts.end()) return false;
    const auto one = facts->second.find(lower_text(column));
    return one != facts->second.end() && one->second.mask == "pseudonym";
  }

  // Rows with old pseudonyms that bronze knows, and those that no key and text gives: in a column
  // that a contract masks, or that has others of them.
  std::pair<std::int64_t, std::int64_t> counts_of(const std::string& column) {
    const std::string name = "v." + quoted_name(column);
    const auto row =
        session_
            .query(
                "SELECT count(*) FILTER (WHERE o.old IS NOT NULL), count(*) FILTER (WHERE o.old "
                "IS NULL AND n.new IS NULL AND regexp_full_match(" +
                name + ", '[0-9a-f]{64}')) FROM " + rotate_view + " v LEFT JOIN rotate_map o ON " +
                name + " = o.old LEFT JOIN rotate_map n ON " + name + " = n.new")
            .rows.at(0);
    return {row.at(0).integer(), row.at(1).integer()};
  }

  void look(const std::string& name) {
    if (options_.cancelled && options_.cancelled()) throw plugin::RetryableError("cancelled");
    const DeltaTable table = DeltaTable::open(session_, lake_, name);
    if (!table.exists()) return;
    RotatedTable found;
    found.table = name;
    look_at(table, found);
    if (found.columns.empty() && found.problem.empty()) return;
    out_.tables.push_back(std::move(found));
  }

  void look_at(const DeltaTable& table, RotatedTable& found) {
    found.columns.clear();
    found.rows = found.unknown = 0;
    found.problem.clear();
    create_view(session_, rotate_view, table);
    const auto& metadata = table.snapshot().metadata;
    for (const lakelog::Column& column : metadata.columns) {
      if (column.type != "string") continue;
      const auto [known, unknown] = counts_of(column.name);
      const bool masked = is_masked(found.table, column.name);
      if (known == 0 && !masked) continue;
      found.columns.push_back(column.name);
      found.rows += known;
      found.unknown += unknown;
      const auto& partitions = metadata.partition_columns;
      if (std::find(partitions.begin(), partitions.end(), column.name) != partitions.end())
        found.problem = "it is partitioned by the pseudonym " + column.name;
    }
    if (found.unknown > 0)
      found.problem = std::to_string(found.unknown) +
                      " pseudonyms are of no text that bronze has: they cannot be made by another "
                      "key. Take those rows out, or derive the table anew from raw";
  }

  void refuse_problems() const {
    std::string told;
    std::size_t count = 0;
    for (const RotatedTable& table : out_.tables) {
      if (table.problem.empty()) continue;
      if (++count <= problems_told)
        told += (told.empty() ? "" : "; ") + table.table + ": " + table.problem;
    }
    if (count > problems_told)
      told += "; and " + std::to_string(count - problems_told) + " more tables";
    if (count > 0) throw plugin::FinalError(told + ". Nothing was changed");
  }

  // A branch keeps the pseudonyms that its tables have, and could never be promoted afterwards.
  void refuse_branches() const {
    std::string told;
    for (const auto& branch : must(lakelog::list_branches(*storage_))) {
      if (branch.dropping) continue;
      std::string with;
      if (branch.readable) {
        for (const auto& left : must(lakelog::branch_tables(*storage_, branch)))
          if (std::any_of(out_.tables.begin(), out_.tables.end(),
                          [&](const auto& table) { return table.table == left.table; }) ||
              options_.facts.contains(described_name(left.table)))
            with += (with.empty() ? "" : ", ") + left.table;
      } else {
        with = "what nobody can read";
      }
      if (!with.empty())
        told += (told.empty() ? "" : "; ") + ("branch " + branch.name) + " has " + with;
    }
    if (!told.empty())
      throw plugin::FinalError(told +
                               " under the old key: promote or drop it first (batuta lake branch "
                               "promote|drop). Nothing was changed");
  }

  bool bears_key(const DeltaTable& table) const {
    const auto& configuration = table.snapshot().metadata.configuration;
    const auto found = configuration.find(mask_key_property);
    return found != configuration.end() && found->second == id_;
  }

  void rotate(RotatedTable& told) {
    for (int round = 0;; ++round) {
      const DeltaTable table = DeltaTable::open(session_, lake_, told.table);
      RotatedTable now;
      now.table = told.table;
      look_at(table, now);
      if (!now.problem.empty()) {
        told.problem = now.problem;  // it came meanwhile
        return;
      }
      if (now.rows == 0 && bears_key(table)) return;
      if (round == rotate_rounds)
        throw plugin::RetryableError(
            told.table +
            ": others changed it again and again; call it once more when less is going on");
      told.columns = now.columns;
      if (replace(table, now, told)) return;
    }
  }

  // Whether the version was put; false: somebody was faster.
  bool replace(const DeltaTable& table, const RotatedTable& now, RotatedTable& told) {
    check_may_write(table);
    lakelog::Change change;
    change.read_version = table.version();
    change.operation = "ROTATE KEY";
    change.info_json = options_.info_json;
    change.commit.metadata = table.snapshot().metadata;
    change.commit.metadata->configuration[mask_key_property] = id_;
    std::vector<AddFile> added;
    kept_hashes_ = 0;
    for (const AddFile& file : table.files([](const AddFile&) { return true; })) {
      create_view(session_, rotate_view, table, table.snapshot().metadata.columns,
                  table.snapshot().metadata.partition_columns, {file});
      if (old_rows(now.columns) == 0) continue;
      step("rotate_before_file");
      for (AddFile& each : rewritten(table, now.columns, file)) added.push_back(std::move(each));
      change.intent.removes.insert(file.path);
      change.commit.removes.push_back({file.path, 0, true, file.partition_values, file.size});
    }
    change.commit.adds = added;
    change.metrics = {{"numUpdatedRows", now.rows},
                      {"numRemovedFiles", static_cast<std::int64_t>(change.commit.removes.size())},
                      {"numAddedFiles", static_cast<std::int64_t>(added.size())}};
    step("rotate_before_put");
    const auto put =
        lakelog::put_change(lakelog::LogFolder(*storage_, told.table), change,
                            read_clock().wall.time_since_epoch() / std::chrono::milliseconds(1));
    if (put) {
      told.version = *put;
      told.kept_hashes += kept_hashes_;
      step("rotate_after_put");
      return true;
    }
    // It may stand all the same, and name the new files.
    if (put.error().code == Errc::unavailable) throw plugin::RetryableError(put.error().message);
    for (const AddFile& file : added) (void)storage_->remove(told.table + "/" + file.path);
    if (put.error().code != Errc::conflict) throw plugin::FinalError(put.error().message);
    return false;
  }

  std::int64_t old_rows(const std::vector<std::string>& columns) {
    std::string any = "false";
    for (const std::string& column : columns)
      any += " OR v." + quoted_name(column) + " IN (SELECT old FROM rotate_map)";
    return session_
        .value("SELECT count(*) FROM " + std::string(rotate_view) + " v WHERE coalesce(" + any +
               ", false)")
        .integer();
  }

  // The file's rows with the new pseudonyms; rotate_view has them.
  std::vector<AddFile> rewritten(const DeltaTable& table, const std::vector<std::string>& columns,
                                 const AddFile& file) {
    const auto& metadata = table.snapshot().metadata;
    StagedWrite write;
    write.storage = storage_;
    write.table = table.name();
    const auto slash = file.path.find_last_of('/');
    write.subfolder = slash == file.path.npos ? std::string() : file.path.substr(0, slash + 1);
    std::string names, joins;
    std::map<std::string, std::string> turned;  // SQL of the new values, by column
    for (const std::string& column : columns) {
      const std::string map = "m" + std::to_string(turned.size());
      const std::string name = "v." + quoted_name(column);
      joins += " LEFT JOIN rotate_map " + map + " ON " + name + " = " + map + ".old";
      turned[column] = "coalesce(" + map + ".new, " + name + ")";
    }
    if (has_hashes(table)) {
      const std::string hash = new_hash(table, turned);
      if (hash.empty()) {
        kept_hashes_ += old_rows(columns);
      } else {
        turned[hash_column] = hash;
      }
    }
    for (const lakelog::Column& column : metadata.columns) {
      const auto& partitions = metadata.partition_columns;
      if (std::find(partitions.begin(), partitions.end(), column.name) != partitions.end())
        continue;
      const std::string name = quoted_name(column.name);
      const auto value = turned.find(column.name);
      write.columns.push_back(column);
      names += (names.empty() ? "" : ", ") +
               (value == turned.end() ? "v." + name : value->second + " AS " + name);
    }
    write.select = "SELECT " + names + " FROM " + rotate_view + " v" + joins;
    const std::int64_t all =
        session_.value("SELECT count(*) FROM " + std::string(rotate_view)).integer();
    std::vector<AddFile> added = write_files(session_, write);
    std::int64_t rows = 0;
    for (AddFile& each : added) {
      rows += lakelog::record_count(each).value_or(0);
      each.partition_values = file.partition_values;
    }
    if (rows == all) return added;
    for (const AddFile& each : added) (void)storage_->remove(table.name() + "/" + each.path);
    throw plugin::FinalError(table.name() + ": of " + std::to_string(all) + " rows of " +
                             file.path + " " + std::to_string(rows) +
                             " were written; nothing was changed");
  }

  static bool has_hashes(const DeltaTable& table) {
    const auto& columns = table.snapshot().metadata.columns;
    return table.name().ends_with("_hist") &&
           std::any_of(columns.begin(), columns.end(), [](const auto& column) {
             return column.name == hash_column && column.type == "binary";
           });
  }

  // The hash of a history's states with these values, where it was that of their old ones; empty:
  // nobody can tell of which columns its hashes are.
  std::string new_hash(const DeltaTable& table, const std::map<std::string, std::string>& turned) {
    Hashed& hashed =
        hashed_.try_emplace(table.name(), Hashed{{}, options_.key_tries}).first->second;
    if (hashed.columns.empty())
      hashed.columns = hashed_columns(table.snapshot().metadata.columns, hashed.tries_left);
    if (hashed.columns.empty()) return {};
    std::vector<std::pair<std::string, std::string>> values;
    for (const std::string& name : hashed.columns) {
      const auto value = turned.find(name);
      values.emplace_back(name, value == turned.end() ? "v." + quoted_name(name) : value->second);
    }
    return "CASE WHEN v.change_hash = " + hash_of(hashed.columns) + " THEN " +
           state_hash_sql(std::move(values)) + " ELSE v.change_hash END";
  }

  static std::string hash_of(const std::vector<std::string>& columns) {
    std::vector<std::pair<std::string, std::string>> values;
    for (const std::string& name : columns) values.emplace_back(name, "v." + quoted_name(name));
    return state_hash_sql(std::move(values));
  }

  // A hash is of all that a state says but its keys, and which columns these are no log tells: the
  // rows of rotate_view do, whose hashes come out without them. Three keys at most, and
  // `left` tries, of all the files of a table.
  std::vector<std::string> hashed_columns(const std::vector<lakelog::Column>& columns, int& left) {
    std::vector<std::string> all;
    for (const lakelog::Column& column : columns)
      if (!is_beside_state(column.name)) all.push_back(column.name);
    std::vector<std::string> found;
    for (std::size_t keys = 1; keys <= 3 && keys <= all.size() && found.empty(); ++keys) {
      std::vector<bool> is_key(all.size(), false);
      std::fill(is_key.begin(), is_key.begin() + static_cast<std::ptrdiff_t>(keys), true);
      do {
        if (left == 0) return {};
        --left;
        if (options_.cancelled && options_.cancelled()) throw plugin::RetryableError("cancelled");
        std::vector<std::string> said;
        for (std::size_t i = 0; i < all.size(); ++i)
          if (!is_key[i]) said.push_back(all[i]);
        const Cell holds = session_.value(
            "SELECT count(*) FROM (SELECT * FROM " + std::string(rotate_view) + " LIMIT " +
            std::to_string(states_tried) + ") v WHERE v.change_hash = " + hash_of(said));
        if (holds.integer() > 0) {
          found = std::move(said);
          break;
        }
      } while (std::prev_permutation(is_key.begin(), is_key.end()));
    }
    return found;
  }

  Session& session_;
  const stores::Lake& lake_;
  const RotateOptions& options_;
  const std::shared_ptr<lakelog::Storage> storage_;
  std::string id_;
  struct Hashed {
    std::vector<std::string> columns;  // of states
    int tries_left = 0;
  };
  std::map<std::string, Hashed> hashed_;  // by history
  std::int64_t kept_hashes_ = 0;          // of the version that is being written
  Rotation out_;
};

}  // namespace

std::string mask_key_id(Session& session, const std::string& key) {
  set_pseudonym_key(session, "mask_key_of_id", key);
  const std::string id =
      session.value("SELECT " + pseudonym_sql("'batuta.maskKeyId'", "mask_key_of_id")).text();
  session.run("DROP TABLE mask_key_of_id");
  return id.substr(0, 16);
}

Rotation rotate_key(Session& session, const stores::Lake& lake, const RotateOptions& options) {
  return Rotator(session, lake, options).run();
}

}  // namespace batuta::lake
