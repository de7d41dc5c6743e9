#include "plugins/lake/erase.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/failpoint.h"
#include "common/safe_json.h"
#include "common/time.h"
#include "lakelog/change.h"
#include "lakelog/path.h"
#include "lakelog/table.h"
#include "lakelog/vacuum.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/erase_raw.h"
#include "plugins/lake/erase_spellings.h"
#include "plugins/lake/must.h"
#include "plugins/lake/rescued.h"
#include "plugins/lake/sql_error.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;
using nlohmann::json;

constexpr const char* erase_view = "erase_rows";
constexpr const char* erase_operation = "ERASE";
constexpr std::size_t files_together = 64;
constexpr std::size_t files_a_version = 256;
constexpr int max_rounds = 8;
constexpr std::size_t history_looked_at = 1000;
constexpr std::size_t most_raw_files = 10'000;
constexpr std::size_t most_unread = 50;

std::string lower_name(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

bool same_name(const std::string& a, const std::string& b) {
  return lower_name(a) == lower_name(b);
}

bool comparable(const std::string& type) {
  return !type.starts_with("{") && type != "binary";
}

std::string folder_below(const std::string& path) {
  const auto slash = path.find_last_of('/');
  return slash == path.npos ? std::string() : path.substr(0, slash + 1);
}

std::int64_t number_of(const json& value) {
  if (const auto number = json_int(value)) return *number;
  std::int64_t out = 0;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    std::from_chars(text.data(), text.data() + text.size(), out);
  }
  return out;
}

class TableEraser {
 public:
  TableEraser(Session& session, const Lake& lake, const std::string& name,
              const EraseOptions& options)
      : session_(session),
        lake_(lake),
        name_(name),
        options_(options),
        storage_(must(lake.storage())),
        table_(DeltaTable::open(session, lake, name)) {}

  ErasedTable run() {
    if (!table_.exists()) throw plugin::FinalError("there is no table " + name_);
    result_.columns = searched_columns(table_.snapshot().metadata.columns, options_);
    result_.version = table_.version();
    if (result_.columns.empty()) return result_;
    check_may_write(table_);
    check_not_append_only();
    load_values();
    for (int round = 0;; ++round) {
      const auto held = find_live();
      if (held.empty() || !options_.apply) break;
      if (round == max_rounds)
        throw plugin::RetryableError(
            name_ +
            ": others changed the same files again and again; call it once more when less "
            "is going on");
      for (std::size_t from = 0; from < held.size(); from += files_a_version)
        replace({held.begin() + static_cast<std::ptrdiff_t>(from),
                 held.begin() +
                     static_cast<std::ptrdiff_t>(std::min(held.size(), from + files_a_version))});
      table_ = DeltaTable::open(session_, lake_, name_);
    }
    purge();
    if (options_.apply) count_by_log();
    result_.version = DeltaTable::open(session_, lake_, name_).version();
    return result_;
  }

 private:
  struct Held {
    AddFile file;
    std::int64_t rows = 0, person = 0;
  };

  void step(const char* name) {
    if (options_.cancelled && options_.cancelled()) throw plugin::RetryableError("cancelled");
    if (options_.step) options_.step(name);
    failpoint(name);
  }

  void check_not_append_only() const {
    const auto& configuration = table_.snapshot().metadata.configuration;
    const auto found = configuration.find("delta.appendOnly");
    if (found != configuration.end() && found->second == "true")
      throw plugin::FinalError(name_ + " is append only (delta.appendOnly): no row may leave it");
  }

  // The values reach the engine bound; no statement and no error has them.
  void load_values() {
    for (std::size_t i = 0; i < options_.keys.size(); ++i) {
      const std::string table = "erase_values_" + std::to_string(i);
      session_.run("CREATE OR REPLACE TEMP TABLE " + table +
                       " AS SELECT trim(unnest(CAST($1 AS VARCHAR[]))) AS v",
                   {options_.keys[i].values});
      session_.run("CREATE OR REPLACE TEMP TABLE erase_pattern_" + std::to_string(i) +
                       " AS SELECT CAST($1 AS VARCHAR) AS p",
                   {member_pattern(options_.keys[i])});
    }
    std::string any;
    const auto add = [&](const std::string& test) { any += (any.empty() ? "" : " OR ") + test; };
    for (std::size_t i = 0; i < options_.keys.size(); ++i) {
      const std::string number = std::to_string(i);
      if (options_.letters) {
        for (const char* text : {"value", "headers", "key"})
          add("regexp_matches(" + quoted_name(text) + ", (SELECT p FROM erase_pattern_" + number +
              "))");
        add("trim(\"key\") IN (SELECT v FROM erase_values_" + number + ")");
        continue;
      }
      const auto& columns = table_.snapshot().metadata.columns;
      const bool rescues = !column_type(columns, rescued_column).empty();
      for (const auto& [name, type, nullable] : columns) {
        if (!same_name(name, options_.keys[i].column) || !comparable(type)) continue;
        add(tests_of(type, quoted_name(name), options_.keys[i], number));
        if (rescues && type != "string")
          add(tests_of("string", rescued_text_sql(name), options_.keys[i], number));
      }
    }
    person_ = "coalesce(" + any + ", false)";
  }

  static std::string tests_of(const std::string& of, const std::string& name, const ErasedKey& key,
                              const std::string& number) {
    const auto within = [&](const std::string& value, const std::string& type) {
      return value + " IN (SELECT x FROM (SELECT TRY_CAST(v AS " + type +
             ") AS x FROM erase_values_" + number + ") WHERE x IS NOT NULL)";
    };
    if (of != "string") return "coalesce(" + within(name, sql_type(of)) + ", false)";
    std::string out = "coalesce(" + within("trim(" + name + ")", "VARCHAR") + ", false)";
    if (!key.type.empty() && key.type != "string" && comparable(key.type)) {
      const TextType as{key.type, key.format, key.timezone};
      out += " OR coalesce(" + typed_text_sql(as, name) + " IN (SELECT x FROM (SELECT " +
             typed_text_sql(as, "v") + " AS x FROM erase_values_" + number +
             ") WHERE x IS NOT NULL), false)";
    }
    return out;
  }

  void view_of_files(const std::vector<AddFile>& files) {
    const auto& metadata = table_.snapshot().metadata;
    create_view(session_, erase_view, table_, metadata.columns, metadata.partition_columns, files);
  }

  // Rows, and how many of them name the person.
  std::pair<std::int64_t, std::int64_t> count() {
    const auto row =
        session_
            .query("SELECT count(*), count(*) FILTER (WHERE " + person_ + ") FROM " + erase_view)
            .rows.at(0);
    return {row.at(0).integer(), row.at(1).integer()};
  }

  void note_sources() {
    const auto& columns = table_.snapshot().metadata.columns;
    const bool told = std::any_of(columns.begin(), columns.end(),
                                  [](const auto& c) { return c.name == "_source_file"; });
    if (!told || !name_.starts_with("bronze/")) return;
    const auto found =
        session_.query("SELECT DISTINCT \"_source_file\" FROM " + std::string(erase_view) +
                           " WHERE " + person_ + " AND \"_source_file\" IS NOT NULL",
                       {}, most_raw_files);
    for (const auto& row : found.rows) result_.raw_files.push_back(row.at(0).text());
  }

  std::vector<Held> find_live() {
    std::vector<AddFile> files = table_.files([](const AddFile&) { return true; });
    std::vector<Held> out;
    std::int64_t rows = 0;
    result_.encoded_letters = 0;
    for (std::size_t from = 0; from < files.size(); from += files_together) {
      if (options_.cancelled && options_.cancelled()) throw plugin::RetryableError("cancelled");
      const std::vector<AddFile> batch(files.begin() + static_cast<std::ptrdiff_t>(from),
                                       files.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                           files.size(), from + files_together)));
      view_of_files(batch);
      if (options_.letters)
        result_.encoded_letters += session_
                                       .value("SELECT count(*) FROM " + std::string(erase_view) +
                                              " WHERE encoding = 'base64'")
                                       .integer();
      if (count().second == 0) continue;
      note_sources();
      for (const AddFile& file : batch) {
        view_of_files({file});
        const auto [all, person] = count();
        if (person == 0) continue;
        out.push_back({file, all, person});
        rows += person;
      }
    }
    result_.rows = rows;
    return out;
  }

  std::vector<AddFile> write_rest(const Held& held) {
    if (held.person == held.rows) return {};
    const auto& metadata = table_.snapshot().metadata;
    view_of_files({held.file});
    StagedWrite write;
    write.storage = storage_;
    write.table = name_;
    write.subfolder = folder_below(held.file.path);
    std::string names;
    for (const lakelog::Column& column : metadata.columns) {
      const auto& partitions = metadata.partition_columns;
      if (std::find(partitions.begin(), partitions.end(), column.name) != partitions.end())
        continue;
      write.columns.push_back(column);
      names += (names.empty() ? "" : ", ") + quoted_name(column.name);
    }
    write.select = "SELECT " + names + " FROM " + erase_view + " WHERE NOT " + person_;
    std::vector<AddFile> added = write_files(session_, write);
    std::int64_t written = 0;
    for (AddFile& file : added) {
      written += lakelog::record_count(file).value_or(0);
      file.partition_values = held.file.partition_values;
      file.data_change = options_.data_change;
    }
    if (written != held.rows - held.person) {
      drop(added);
      throw plugin::FinalError(name_ + ": of " + std::to_string(held.rows) + " rows of " +
                               held.file.path + " " + std::to_string(held.rows - held.person) +
                               " were to stay and " + std::to_string(written) +
                               " were written; nothing was changed");
    }
    return added;
  }

  void drop(const std::vector<AddFile>& files) {
    for (const AddFile& file : files) (void)storage_->remove(name_ + "/" + file.path);
  }

  // One version without the person in these files. A conflict leaves all to the next round.
  void replace(const std::vector<Held>& held) {
    lakelog::Change change;
    change.read_version = table_.version();
    change.operation = erase_operation;
    change.info_json = options_.info_json;
    change.intent.read_partitions.emplace();  // only the files themselves matter
    std::vector<AddFile> added;
    std::int64_t person = 0;
    for (const Held& each : held) {
      step("erase_before_file");
      for (AddFile& file : write_rest(each)) added.push_back(std::move(file));
      change.intent.removes.insert(each.file.path);
      change.commit.removes.push_back(
          {each.file.path, 0, options_.data_change, each.file.partition_values, each.file.size});
      person += each.person;
    }
    change.commit.adds = added;
    change.parameters = {{"erasure", options_.operation}};
    change.metrics = {{"numDeletedRows", person},
                      {"numRemovedFiles", static_cast<std::int64_t>(held.size())},
                      {"numAddedFiles", static_cast<std::int64_t>(added.size())}};
    step("erase_before_put");
    const auto put = lakelog::put_change(lakelog::LogFolder(*storage_, name_), change, wall_ms());
    if (put) return step("erase_after_put");
    // It may stand all the same, and name the new files.
    if (put.error().code == Errc::unavailable) throw plugin::RetryableError(put.error().message);
    drop(added);
    if (put.error().code != Errc::conflict) throw plugin::FinalError(put.error().message);
  }

  static std::int64_t wall_ms() {
    return read_clock().wall.time_since_epoch() / std::chrono::milliseconds(1);
  }

  // What a file that is not live has for partition columns: what the log still tells, else what its
  // folders say.
  AddFile as_file(const lakelog::ObjectInfo& object) const {
    const auto& snapshot = table_.snapshot();
    AddFile out;
    out.path = object.key.substr(name_.size() + 1);
    out.size = object.size;
    const auto gone = snapshot.tombstones.find(out.path);
    for (const std::string& column : snapshot.metadata.partition_columns) {
      std::optional<std::string> value;
      if (gone != snapshot.tombstones.end() && gone->second.partition_values) {
        const auto told = gone->second.partition_values->find(column);
        if (told != gone->second.partition_values->end()) value = told->second;
      } else {
        value = in_folders(out.path, column);
      }
      out.partition_values[column] = value;
    }
    return out;
  }

  static std::optional<std::string> in_folders(const std::string& path, const std::string& column) {
    const std::string wanted = column + "=";
    for (std::size_t at = 0; at < path.size();) {
      const auto slash = path.find('/', at);
      if (slash == path.npos) break;
      const std::string segment = path.substr(at, slash - at);
      at = slash + 1;
      if (!segment.starts_with(wanted)) continue;
      const std::string value = segment.substr(wanted.size());
      if (value == "__HIVE_DEFAULT_PARTITION__") return std::nullopt;
      const auto decoded = lakelog::uri_decode(value);
      return decoded ? *decoded : value;
    }
    return std::nullopt;
  }

  // nullopt: the engine cannot read one of them.
  std::optional<std::int64_t> person_in(const std::vector<AddFile>& files) {
    try {
      view_of_files(files);
      return count().second;
    } catch (const SqlError&) {
      return std::nullopt;
    } catch (const plugin::FinalError&) {  // gone meanwhile
      return std::nullopt;
    }
  }

  // Files of older versions, and those that no version names yet, that hold the person.
  std::vector<std::string> find_old() {
    std::vector<AddFile> files;
    for (const auto& object : passed_storage(lakelog::files_of_table(*storage_, name_))) {
      if (!object.key.ends_with(".parquet")) continue;
      AddFile file = as_file(object);
      if (!table_.snapshot().files.contains(file.path)) files.push_back(std::move(file));
    }
    std::vector<std::string> out;
    result_.unread.clear();
    for (std::size_t from = 0; from < files.size(); from += files_together) {
      if (options_.cancelled && options_.cancelled()) throw plugin::RetryableError("cancelled");
      const std::vector<AddFile> batch(files.begin() + static_cast<std::ptrdiff_t>(from),
                                       files.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                           files.size(), from + files_together)));
      if (person_in(batch) == 0) continue;
      for (const AddFile& file : batch) {
        const auto person = person_in({file});
        if (!person && storage_->stat(name_ + "/" + file.path) &&
            result_.unread.size() < most_unread)
          result_.unread.push_back(file.path);
        if (person && *person > 0) out.push_back(file.path);
      }
    }
    return out;
  }

  template <class T>
  static T passed_storage(Result<T> result) {
    if (result) return *std::move(result);
    if (result.error().code == Errc::invalid) throw plugin::FinalError(result.error().message);
    throw plugin::RetryableError(result.error().message);
  }

  lakelog::Change mark(const char* operation, std::int64_t keeps_since) const {
    lakelog::Change change;
    change.read_version = table_.version();
    change.operation = operation;
    change.info_json = options_.info_json;
    change.intent.blind_append = true;
    change.parameters = {{"retentionMillis", "0"},
                         {"erasure", options_.operation},
                         {lakelog::vacuum_keeps_since, std::to_string(keeps_since)}};
    return change;
  }

  // The marks are vacuum's: a restore to a version whose files go is refused from the first on.
  void purge() {
    const std::vector<std::string> old = find_old();
    result_.old_files = static_cast<std::int64_t>(old.size());
    if (old.empty() || !options_.apply) return;
    const lakelog::LogFolder log(*storage_, name_);
    step("erase_before_purge");
    lakelog::Change start = mark(lakelog::vacuum_start, table_.version());
    start.metrics = {{"numFilesToDelete", result_.old_files}};
    passed_storage(lakelog::put_change(log, start, wall_ms()));
    const std::int64_t keeps_since = table_.version();
    table_ = DeltaTable::open(session_, lake_, name_);  // a restore may have come before the mark
    std::int64_t deleted = 0;
    for (const std::string& path : old) {
      if (table_.snapshot().files.contains(path)) continue;
      step("erase_between_files");
      if (auto gone = storage_->remove(name_ + "/" + path); !gone)
        throw plugin::RetryableError(gone.error().message);
      ++deleted;
    }
    lakelog::Change end = mark(lakelog::vacuum_end, keeps_since);
    end.parameters["status"] = "COMPLETED";
    end.metrics = {{"numDeletedFiles", deleted}};
    step("erase_before_end");
    passed_storage(lakelog::put_change(log, end, wall_ms()));
  }

  // What this operation did, whichever call of it: a call that was killed told nobody.
  void count_by_log() {
    auto history = passed_storage(lakelog::table_history(*storage_, name_, history_looked_at));
    std::reverse(history.begin(), history.end());
    std::int64_t begun = 0;  // files that a purge wanted to delete and that has not ended
    result_.rows = result_.versions = result_.old_files = 0;
    for (const auto& entry : history) {
      const auto info = parse_untrusted(entry.info_json.empty() ? "{}" : entry.info_json);
      if (!info || !info->is_object()) continue;
      const json parameters = info->value("operationParameters", json::object());
      if (!parameters.is_object() || parameters.value("erasure", json()) != options_.operation)
        continue;
      const json metrics = info->value("operationMetrics", json::object());
      const auto metric = [&](const char* name) {
        return metrics.is_object() ? number_of(metrics.value(name, json())) : 0;
      };
      if (entry.operation == erase_operation) {
        ++result_.versions;
        result_.rows += metric("numDeletedRows");
      } else if (entry.operation == lakelog::vacuum_start) {
        // The one before it ended early: what it left is wanted again.
        const std::int64_t wanted = metric("numFilesToDelete");
        if (begun > wanted) result_.old_files += begun - wanted;
        begun = wanted;
      } else if (entry.operation == lakelog::vacuum_end) {
        result_.old_files += metric("numDeletedFiles");
        begun = 0;
      }
    }
    result_.old_files += begun;
  }

  Session& session_;
  const Lake lake_;
  const std::string name_;
  const EraseOptions& options_;
  const std::shared_ptr<lakelog::Storage> storage_;
  DeltaTable table_;
  std::string person_;  // SQL: whether a row names the person; never NULL
  ErasedTable result_;
};

}  // namespace

std::vector<std::string> searched_columns(const std::vector<lakelog::Column>& columns,
                                          const EraseOptions& options) {
  std::vector<std::string> out;
  for (const lakelog::Column& column : columns) {
    if (options.letters) {
      if (column.name == "value" || column.name == "key" || column.name == "headers")
        out.push_back(column.name);
      continue;
    }
    for (const ErasedKey& key : options.keys)
      if (same_name(column.name, key.column) && comparable(column.type)) {
        out.push_back(column.name);
        break;
      }
  }
  return out;
}

ErasedTable erase(Session& session, const Lake& lake, const std::string& table,
                  const EraseOptions& options) {
  return TableEraser(session, lake, table, options).run();
}

}  // namespace batuta::lake
