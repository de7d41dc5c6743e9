#include "plugins/lake/expire.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "common/time.h"
#include "lakelog/change.h"
#include "lakelog/deletion_vector.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/must.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;

constexpr int max_expire_tries = 5;
constexpr const char* expired_view = "expire_rows";

std::int64_t expire_wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(read_clock().wall.time_since_epoch()).count();
}

bool is_a_day(const std::string& text) {
  constexpr std::string_view shape = "0000-00-00";
  if (text.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  return true;
}

// A file of which all rows go, or some.
struct Expired {
  AddFile file;
  std::int64_t rows = 0;  // that go
  bool whole = false;
};

class Expirer {
 public:
  Expirer(Session& session, const Lake& lake, const std::string& name, const ExpireOptions& options)
      : session_(session), lake_(lake), name_(name), options_(options) {}

  ExpireResult run() {
    if (!is_a_day(options_.before))
      throw plugin::FinalError("the first day that is kept must be as 2023-11-28, not \"" +
                               options_.before.substr(0, 40) + "\"");
    for (int left = max_expire_tries; left > 0; --left) {
      result_ = {};
      table_ = DeltaTable::open(session_, lake_, name_);
      if (!table_.exists()) return result_;
      check_table();
      result_.version = table_.version();
      const auto expired = find();
      count(expired);
      if (expired.empty() || options_.dry_run || put(expired)) return result_;
    }
    throw plugin::RetryableError(name_ + ": others changed the files while rows were removed, " +
                                 std::to_string(max_expire_tries) + " times");
  }

 private:
  void check_table() {
    check_may_write(table_);
    const auto& metadata = table_.snapshot().metadata;
    const auto append_only = metadata.configuration.find("delta.appendOnly");
    if (append_only != metadata.configuration.end() && append_only->second == "true")
      throw plugin::FinalError(name_ + " is append only (delta.appendOnly): no row may leave it");
    const auto found =
        std::find_if(metadata.columns.begin(), metadata.columns.end(),
                     [&](const lakelog::Column& column) { return column.name == options_.column; });
    if (found == metadata.columns.end())
      throw plugin::FinalError(name_ + " has no column " + options_.column + " to go by");
    if (found->type != "date" && found->type != "timestamp" && found->type != "timestamp_ntz")
      throw plugin::FinalError(name_ + ": rows go by a date or a timestamp, and " +
                               options_.column + " is " + found->type);
    column_ = *found;
    const auto& partitions = metadata.partition_columns;
    partition_ = std::find(partitions.begin(), partitions.end(), column_.name) != partitions.end();
  }

  std::string condition() const {
    const std::string day = "'" + options_.before;  // a day by its shape: no quote is in it
    const std::string limit = column_.type == "date"        ? "DATE " + day + "'"
                              : column_.type == "timestamp" ? "TIMESTAMPTZ " + day + " 00:00:00+00'"
                                                            : "TIMESTAMP " + day + " 00:00:00'";
    return "coalesce(" + quoted_name(column_.name) + " < " + limit + ", false)";
  }

  // Days of four digits are in order as texts, and so are instants that begin with one.
  bool before_by_partition(const AddFile& file) const {
    const auto value = partition_value(table_, file, column_.name);
    return value && value->size() >= 10 && is_a_day(value->substr(0, 10)) &&
           value->substr(0, 10) < options_.before;
  }

  // Its bounds say that no value of it is of an earlier day: texts of days and of instants, which
  // begin with one, are in the order of time.
  bool excluded(const AddFile& file) const {
    return !may_hold_value(file, column_.name) ||
           !may_hold_range(file, column_.name, "", options_.before);
  }

  void view_of_file(const AddFile& file) {
    const auto& metadata = table_.snapshot().metadata;
    create_view(session_, expired_view, table_, metadata.columns, metadata.partition_columns,
                {file});
  }

  std::int64_t number_of(const std::string& sql) { return session_.value(sql).integer(); }

  Expired look_into(const AddFile& file) {
    view_of_file(file);
    Expired out{file};
    out.rows =
        number_of("SELECT count(*) FROM " + std::string(expired_view) + " WHERE " + condition());
    out.whole =
        out.rows > 0 && out.rows == number_of("SELECT count(*) FROM " + std::string(expired_view));
    return out;
  }

  // As many as the bounds let through: whole files first, of the oldest partitions first.
  std::vector<Expired> find() {
    std::vector<Expired> whole, parts;
    std::size_t opened = 0;
    for (const auto& [path, file] : table_.snapshot().files) {
      check_cancelled();
      if (partition_) {
        if (!before_by_partition(file)) continue;
        const auto rows = lakelog::live_rows(file);
        whole.push_back(rows ? Expired{file, *rows, true} : look_into(file));
        whole.back().whole = true;
        continue;
      }
      if (excluded(file)) continue;
      // Bounded as soon as some of it goes: files without bounds of which no row goes would keep
      // those behind them from ever being looked at.
      if (opened >= options_.max_files && !(whole.empty() && parts.empty())) {
        result_.more = true;
        break;
      }
      ++opened;
      Expired each = look_into(file);
      if (each.rows > 0) (each.whole ? whole : parts).push_back(std::move(each));
    }
    std::sort(whole.begin(), whole.end(), [&](const Expired& a, const Expired& b) {
      return std::pair(a.file.partition_values, a.file.path) <
             std::pair(b.file.partition_values, b.file.path);
    });
    std::int64_t bytes = 0;
    for (Expired& each : parts) {
      if (bytes > 0 && bytes + each.file.size > options_.max_bytes) {
        result_.more = true;
        continue;
      }
      bytes += each.file.size;
      whole.push_back(std::move(each));
    }
    if (whole.size() > options_.max_files) {
      whole.resize(options_.max_files);
      result_.more = true;
    }
    return whole;
  }

  void count(const std::vector<Expired>& expired) {
    for (const Expired& each : expired) {
      result_.rows += each.rows;
      (each.whole ? result_.removed_files : result_.rewritten_files) += 1;
      (each.whole ? result_.removed_bytes : result_.rewritten_bytes) += each.file.size;
    }
  }

  std::string kept_columns(std::vector<lakelog::Column>& columns) const {
    const auto& metadata = table_.snapshot().metadata;
    const auto& partitions = metadata.partition_columns;
    std::string names;
    for (const lakelog::Column& column : metadata.columns) {
      if (std::find(partitions.begin(), partitions.end(), column.name) != partitions.end())
        continue;
      columns.push_back(column);
      names += (names.empty() ? "" : ", ") + quoted_name(column.name);
    }
    return names;
  }

  // The rows of the file that stay, as new files, durable.
  std::vector<AddFile> write_kept(const Expired& each) {
    view_of_file(each.file);
    StagedWrite write;
    write.storage = table_.storage();
    write.table = name_;
    write.subfolder = each.file.path.substr(0, each.file.path.find_last_of('/') + 1);
    const std::string names = kept_columns(write.columns);
    write.select = "SELECT " + names + " FROM " + expired_view + " WHERE NOT " + condition();
    const std::int64_t all = number_of("SELECT count(*) FROM " + std::string(expired_view));
    auto added = write_files(session_, write);
    std::int64_t rows = 0;
    for (AddFile& file : added) {
      rows += lakelog::record_count(file).value_or(0);
      file.partition_values = each.file.partition_values;
    }
    if (rows == all - each.rows) return added;
    drop(added);
    throw plugin::FinalError(name_ + ": " + std::to_string(all - each.rows) + " rows of " +
                             each.file.path + " were to stay and " + std::to_string(rows) +
                             " were written; nothing was changed");
  }

  void drop(const std::vector<AddFile>& files) {
    for (const AddFile& file : files) (void)must(table_.storage()->remove(name_ + "/" + file.path));
  }

  lakelog::Change change_of(const std::vector<Expired>& expired, std::vector<AddFile>& added) {
    lakelog::Change change;
    change.read_version = table_.version();
    change.operation = "DELETE";
    change.info_json = options_.info_json;
    change.intent.read_partitions.emplace();  // only the files themselves matter
    for (const Expired& each : expired) {
      check_cancelled();
      if (!each.whole)
        for (AddFile& file : write_kept(each)) added.push_back(std::move(file));
      change.intent.removes.insert(each.file.path);
      change.commit.removes.push_back(
          {each.file.path, 0, true, each.file.partition_values, each.file.size});
    }
    change.commit.adds = added;
    change.parameters = {
        {"predicate",
         json_text(nlohmann::json::array({options_.column + " < '" + options_.before + "'"}))},
        {"retention", "first day kept " + options_.before}};
    change.metrics = {{"numDeletedRows", result_.rows},
                      {"numRemovedFiles", static_cast<std::int64_t>(expired.size())},
                      {"numAddedFiles", static_cast<std::int64_t>(added.size())}};
    return change;
  }

  // False: others changed what it takes away.
  bool put(const std::vector<Expired>& expired) {
    std::vector<AddFile> added;
    lakelog::Change change;
    try {
      change = change_of(expired, added);
    } catch (...) {
      drop(added);
      throw;
    }
    if (options_.before_put) options_.before_put();
    const auto version =
        lakelog::put_change(lakelog::LogFolder(*table_.storage(), name_), change, expire_wall_ms());
    if (version) {
      result_.version = *version;
      say(name_ + ": version " + std::to_string(*version) + " is without " +
          std::to_string(result_.rows) + " rows whose " + options_.column + " is before " +
          options_.before + (result_.more ? "; more of them go the next time" : ""));
      return true;
    }
    // It may stand all the same, and name the new files: a vacuum knows whether it does.
    if (version.error().code == Errc::unavailable)
      throw plugin::RetryableError(version.error().message);
    drop(added);
    if (version.error().code != Errc::conflict) throw plugin::FinalError(version.error().message);
    say(version.error().message + ": rows that are to go are looked for again");
    return false;
  }

  void check_cancelled() const {
    if (options_.cancelled && options_.cancelled()) throw plugin::RetryableError("cancelled");
  }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  Session& session_;
  const Lake lake_;
  const std::string name_;
  const ExpireOptions& options_;
  DeltaTable table_;
  lakelog::Column column_;
  bool partition_ = false;
  ExpireResult result_;
};

}  // namespace

ExpireResult expire(Session& session, const Lake& lake, const std::string& table,
                    const ExpireOptions& options) {
  return Expirer(session, lake, table, options).run();
}

}  // namespace batuta::lake
