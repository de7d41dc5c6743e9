#include "plugins/lake/optimize.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "common/time.h"
#include "lakelog/deletion_vector.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/must.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;
using lakelog::RewriteGroup;
using lakelog::Rewritten;

// Passes over the table, each over what the one before gave up.
constexpr int max_passes = 3;
// Tries to put one version; each drops what was changed meanwhile.
constexpr int max_puts = 5;

constexpr const char* rows_view = "optimize_rows";
constexpr const char* sorted_table = "optimize_sorted";

std::int64_t wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(read_clock().wall.time_since_epoch()).count();
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.find_last_of('/') + 1);
}

void delete_files(const DeltaTable& table, const std::vector<AddFile>& files) {
  for (const AddFile& file : files)
    (void)must(table.storage()->remove(table.name() + "/" + file.path));
}

class Optimizer {
 public:
  Optimizer(Session& session, const Lake& lake, const std::string& name,
            const OptimizeOptions& options)
      : session_(session), lake_(lake), name_(name), options_(options) {}

  OptimizeResult run() {
    for (int pass = 0; pass < max_passes; ++pass) {
      const std::int64_t lost = result_.given_up;
      if (!run_pass()) break;
      if (result_.given_up == lost) break;
      if (pass + 1 == max_passes && result_.versions == 0) {
        throw plugin::RetryableError(
            name_ + ": others changed the files while they were rewritten, " +
            std::to_string(max_passes) + " times; try again when less is going on");
      }
    }
    return result_;
  }

 private:
  // False: nothing was left to do.
  bool run_pass() {
    DeltaTable table = open_writable();
    result_.version = table.version();
    auto plan = lakelog::plan_rewrite(table.snapshot(), options_.rewrite);
    if (options_.dry_run) {
      for (const RewriteGroup& group : plan) count_planned(group);
      return false;
    }
    std::deque<RewriteGroup> left(std::make_move_iterator(plan.begin()),
                                  std::make_move_iterator(plan.end()));
    if (left.empty()) return false;
    while (!left.empty() && !result_.more) {
      if (result_.versions > 0) table = open_writable();
      put_some(table, left);
    }
    return true;
  }

  DeltaTable open_writable() {
    DeltaTable table = DeltaTable::open(session_, lake_, name_);
    if (!table.exists()) throw plugin::FinalError("there is no table " + name_);
    check_may_write(table);
    const auto fits =
        lakelog::check_cluster_columns(table.snapshot().metadata, options_.rewrite.cluster_by);
    if (!fits) throw plugin::FinalError(name_ + ": " + fits.error().message);
    return table;
  }

  void count_planned(const RewriteGroup& group) {
    result_.old_files += static_cast<std::int64_t>(group.files.size());
    result_.old_bytes += group.bytes;
    result_.new_files += group.outputs;
  }

  // Takes groups from the front, as many as one version may have.
  void put_some(const DeltaTable& table, std::deque<RewriteGroup>& left) {
    std::vector<Rewritten> written;
    std::int64_t bytes = 0;
    while (!left.empty() && (bytes == 0 || bytes < options_.max_version_bytes)) {
      RewriteGroup group = std::move(left.front());
      left.pop_front();
      if (!lakelog::still_holds(group, table.snapshot())) {
        ++result_.given_up;
        continue;
      }
      bytes += group.bytes;
      rewritten_bytes_ += group.bytes;
      auto added = write(table, group);
      written.push_back({std::move(group), std::move(added)});
      if (options_.max_bytes > 0 && rewritten_bytes_ >= options_.max_bytes && !left.empty()) {
        result_.more = true;
        break;
      }
    }
    if (options_.before_put) options_.before_put();
    if (!written.empty()) put(table, std::move(written));
  }

  std::string columns_of(const DeltaTable& table, std::vector<lakelog::Column>& columns) const {
    const auto& metadata = table.snapshot().metadata;
    const auto& partitions = metadata.partition_columns;
    std::string names;
    for (const lakelog::Column& column : metadata.columns) {
      if (std::find(partitions.begin(), partitions.end(), column.name) != partitions.end())
        continue;
      columns.push_back(column);
      names += (names.empty() ? "" : ", ") + quoted_name(column.name);
    }
    if (names.empty()) throw plugin::FinalError(name_ + " has no columns but its partitions'");
    return names;
  }

  // The rows of one group as new files, durable.
  std::vector<AddFile> write(const DeltaTable& table, const RewriteGroup& group) {
    const auto& metadata = table.snapshot().metadata;
    create_view(session_, rows_view, table, metadata.columns, metadata.partition_columns,
                group.files);
    StagedWrite write;
    write.storage = table.storage();
    write.table = name_;
    write.subfolder = folder_of(group.files.front().path);
    const std::string names = columns_of(table, write.columns);
    const std::int64_t rows = count(rows_view);
    check_known_count(group, rows);
    std::vector<AddFile> added;
    if (options_.rewrite.cluster_by.empty()) {
      write.select = "SELECT " + names + " FROM " + rows_view;
      added = write_files(session_, write);
    } else {
      added = write_sorted(write, names, rows, group.outputs);
    }
    std::int64_t written = 0;
    for (AddFile& file : added) {
      written += lakelog::record_count(file).value_or(0);
      file.partition_values = group.partition;
      file.data_change = false;
      file.extra_json = lakelog::cluster_tag(options_.rewrite.cluster_by);
    }
    if (written != rows) {
      delete_files(table, added);
      throw plugin::FinalError(name_ + ": " + std::to_string(rows) + " rows were read and " +
                               std::to_string(written) + " written; nothing was changed");
    }
    return added;
  }

  std::vector<AddFile> write_sorted(StagedWrite& write, const std::string& names, std::int64_t rows,
                                    std::int64_t outputs) {
    std::string order;
    for (const std::string& column : options_.rewrite.cluster_by)
      order += (order.empty() ? "" : ", ") + quoted_name(column);
    session_.run("CREATE OR REPLACE TEMP TABLE " + std::string(sorted_table) + " AS SELECT " +
                 names + " FROM " + rows_view + " ORDER BY " + order);
    const std::int64_t each = std::max<std::int64_t>(1, (rows + outputs - 1) / outputs);
    std::vector<AddFile> added;
    for (std::int64_t from = 0; from < rows; from += each) {
      write.select = "SELECT " + names + " FROM " + sorted_table +
                     " WHERE rowid >= " + std::to_string(from) + " AND rowid < " +
                     std::to_string(from + each);
      for (AddFile& file : write_files(session_, write)) added.push_back(std::move(file));
    }
    session_.run("DROP TABLE " + std::string(sorted_table));
    return added;
  }

  std::int64_t count(const std::string& relation) {
    const Cell cell = session_.value("SELECT count(*) FROM " + relation);
    const auto* number = std::get_if<std::int64_t>(&cell.value);
    return number != nullptr ? *number : std::atoll(cell.text().c_str());
  }

  // Where the log tells how many rows there are, it must be so many: files that lost some are not
  // to be made the only copy.
  void check_known_count(const RewriteGroup& group, std::int64_t rows) const {
    std::int64_t told = 0;
    for (const AddFile& file : group.files) {
      const auto one = lakelog::live_rows(file);
      if (!one) return;
      told += *one;
    }
    if (told == rows) return;
    throw plugin::FinalError(name_ + ": the log tells of " + std::to_string(told) +
                             " rows in files such as " + group.files.front().path +
                             ", which hold " + std::to_string(rows) + "; nothing was changed");
  }

  // Drops the groups that are not what they were; false: none is left.
  bool drop_changed(const DeltaTable& before, const DeltaTable& now,
                    std::vector<Rewritten>& written) {
    const bool other_shape = !(before.snapshot().metadata == now.snapshot().metadata) ||
                             !(before.snapshot().protocol == now.snapshot().protocol);
    std::erase_if(written, [&](const Rewritten& each) {
      if (!other_shape && lakelog::still_holds(each.group, now.snapshot())) return false;
      delete_files(now, each.added);
      ++result_.given_up;
      return true;
    });
    return !written.empty();
  }

  void put(const DeltaTable& table, std::vector<Rewritten> written) {
    const lakelog::LogFolder log(*table.storage(), name_);
    std::int64_t read_version = table.version();
    for (int left = max_puts; left > 0; --left) {
      auto change = lakelog::rewrite_change(read_version, written, options_.rewrite);
      change.info_json = options_.info_json;
      auto version = lakelog::put_change(log, change, wall_ms());
      if (version) return count_put(*version, written);
      // It may stand all the same, and name the new files: a vacuum knows whether it does.
      if (version.error().code == Errc::unavailable)
        throw plugin::RetryableError(version.error().message);
      if (version.error().code != Errc::conflict) {
        for (const Rewritten& each : written) delete_files(table, each.added);
        throw plugin::FinalError(version.error().message);
      }
      say(version.error().message + ": what it changed is left as it is");
      const DeltaTable now = open_writable();
      if (!drop_changed(table, now, written)) return;
      read_version = now.version();
    }
    for (const Rewritten& each : written) delete_files(table, each.added);
    result_.given_up += static_cast<std::int64_t>(written.size());
  }

  void count_put(std::int64_t version, const std::vector<Rewritten>& written) {
    result_.version = version;
    ++result_.versions;
    std::int64_t files = 0;
    for (const Rewritten& each : written) {
      files += static_cast<std::int64_t>(each.group.files.size());
      result_.old_bytes += each.group.bytes;
      result_.new_files += static_cast<std::int64_t>(each.added.size());
      for (const AddFile& file : each.added) result_.new_bytes += file.size;
    }
    result_.old_files += files;
    say(name_ + ": version " + std::to_string(version) + " holds together " +
        std::to_string(files) + " files");
  }

  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  Session& session_;
  const Lake lake_;
  const std::string name_;
  const OptimizeOptions& options_;
  OptimizeResult result_;
  std::int64_t rewritten_bytes_ = 0;
};

}  // namespace

OptimizeResult optimize(Session& session, const Lake& lake, const std::string& table,
                        const OptimizeOptions& options) {
  return Optimizer(session, lake, table, options).run();
}

}  // namespace batuta::lake
