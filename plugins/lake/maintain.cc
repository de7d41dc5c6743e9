#include "plugins/lake/maintain.h"

#include <algorithm>
#include <chrono>

#include "common/time.h"
#include "lakelog/log_cleanup.h"
#include "lakelog/table.h"
#include "lakelog/vacuum.h"
#include "plugins/lake/checkpoint_reader.h"
#include "plugins/lake/checkpoint_writer.h"
#include "plugins/lake/expire.h"
#include "plugins/lake/must.h"
#include "plugins/lake/optimize.h"
#include "plugins/lake/sql_error.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

struct Patient {
  std::string table;
  std::int64_t gain = 0;  // files that a rewrite would save
};

class Maintainer {
 public:
  Maintainer(Session& session, const Lake& lake, const MaintainOptions& options)
      : session_(session),
        lake_(lake),
        options_(options),
        storage_(must(lake.storage())),
        reader_(session, lake),
        writer_(session, options.scratch) {}

  MaintainResult run() {
    std::vector<Patient> patients;
    for (const std::string& table : tables()) {
      check_cancelled();
      ++result_.tables;
      each(table, [&] { survey(table, patients); });
    }
    std::stable_sort(patients.begin(), patients.end(),
                     [](const Patient& a, const Patient& b) { return a.gain > b.gain; });
    for (const Patient& patient : patients) {
      check_cancelled();
      if (options_.out_of_time && options_.out_of_time()) {
        ++result_.left;
        continue;
      }
      each(patient.table, [&] { treat(patient); });
    }
    return result_;
  }

 private:
  std::vector<std::string> tables() {
    if (!options_.tables.empty()) return options_.tables;
    const auto found = must(lakelog::list_tables(*storage_));
    for (const std::string& reason : found.unreadable) result_.skipped.push_back(reason);
    if (found.cut)
      result_.skipped.push_back("more tables than 10000: the others are not looked at");
    return found.names;
  }

  // One table's trouble stays its own; an interrupt does not.
  template <class Work>
  void each(const std::string& table, const Work& work) {
    try {
      work();
    } catch (const plugin::FinalError& error) {
      note(result_.skipped, table, error.what());
    } catch (const SqlError& error) {
      note(result_.skipped, table, error.what());
    } catch (const plugin::RetryableError& error) {
      check_cancelled();
      note(result_.failed, table, error.what());
    }
  }

  void note(std::vector<std::string>& list, const std::string& table, const std::string& why) {
    const std::string line = why.starts_with(table) ? why : table + ": " + why;
    say(line);
    list.push_back(line);
  }

  void check_cancelled() const {
    if (options_.cancelled && options_.cancelled()) throw plugin::RetryableError("cancelled");
  }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  template <class T>
  static T passed_by(Result<T> result) {
    if (result) return *std::move(result);
    const Error& error = result.error();
    if (error.code == Errc::unavailable || error.code == Errc::conflict)
      throw plugin::RetryableError(error.message);
    throw plugin::FinalError(error.message);
  }

  void survey(const std::string& table, std::vector<Patient>& patients) {
    const auto snapshot = passed_by(lakelog::read_snapshot(lakelog::LogFolder(*storage_, table),
                                                           lakelog::latest_version, &reader_));
    if (auto may = lakelog::check_writable(snapshot.protocol, snapshot.metadata); !may)
      throw plugin::FinalError(may.error().message);
    Patient patient{table};
    for (const auto& group : lakelog::plan_rewrite(snapshot, {options_.target_bytes}))
      patient.gain += static_cast<std::int64_t>(group.files.size()) - group.outputs;
    patients.push_back(std::move(patient));
  }

  // First of all: what goes need not be held together.
  void expire_rows(const std::string& table) {
    for (const ExpireRule& rule : options_.expire) {
      if (rule.table != table) continue;
      ExpireOptions options;
      options.column = rule.column;
      options.before = rule.before;
      options.dry_run = options_.dry_run;
      options.info_json = options_.info_json;
      options.say = options_.say;
      options.cancelled = options_.cancelled;
      const ExpireResult done = expire(session_, lake_, table, options);
      if (options_.dry_run && done.rows > 0)
        say(table + ": " + std::to_string(done.rows) + " rows whose " + rule.column +
            " is before " + rule.before + " would go");
      result_.expired_rows += done.rows;
      if (done.rows > 0) ++result_.expired_tables;
    }
  }

  void treat(const Patient& patient) {
    // A rule that does not fit its table is told, and keeps nobody from the rest.
    each(patient.table, [&] { expire_rows(patient.table); });
    if (options_.dry_run) return;
    check_cancelled();
    if (patient.gain >= options_.small_files) rewrite(patient.table);
    check_cancelled();
    vacuum_files(patient.table);
    check_cancelled();
    clean(patient.table);
  }

  void rewrite(const std::string& table) {
    OptimizeOptions options;
    options.rewrite.target_bytes = options_.target_bytes;
    options.max_bytes = options_.table_bytes;
    options.info_json = options_.info_json;
    options.say = options_.say;
    const OptimizeResult done = optimize(session_, lake_, table, options);
    if (done.versions == 0) return;
    ++result_.optimized;
    result_.old_files += done.old_files;
    result_.new_files += done.new_files;
  }

  void vacuum_files(const std::string& table) {
    lakelog::VacuumOptions options;
    options.now_ms = wall_clock_ms();
    options.checkpoints = &reader_;
    options.cancelled = options_.cancelled;
    options.info_json = options_.info_json;
    const auto done = passed_by(lakelog::vacuum(*storage_, table, options));
    if (done.foreign_files > 0)
      say(table + ": " + std::to_string(done.foreign_files) + " foreign files, such as " +
          done.foreign.front() + ", are left");
    if (done.deleted_files == 0) return;
    ++result_.vacuumed;
    result_.deleted_files += done.deleted_files;
    result_.deleted_bytes += done.deleted_bytes;
    say(table + ": " + std::to_string(done.deleted_files) + " old files deleted");
  }

  void clean(const std::string& table) {
    lakelog::CleanupOptions options;
    options.now_ms = wall_clock_ms();
    options.checkpoint_every = options_.checkpoint_every;
    options.reader = &reader_;
    options.writer = &writer_;
    options.cancelled = options_.cancelled;
    const auto done = passed_by(lakelog::clean_log(lakelog::LogFolder(*storage_, table), options));
    if (done.checkpoint >= 0) {
      ++result_.checkpoints;
      say(table + ": version " + std::to_string(done.checkpoint) + " has a checkpoint");
    }
    result_.deleted_entries += done.deleted_entries;
    if (done.deleted_entries > 0)
      say(table + ": " + std::to_string(done.deleted_entries) + " entries of the log deleted");
  }

  static std::int64_t wall_clock_ms() {
    return read_clock().wall.time_since_epoch() / std::chrono::milliseconds(1);
  }

  Session& session_;
  const Lake lake_;
  const MaintainOptions& options_;
  const std::shared_ptr<lakelog::Storage> storage_;
  EngineCheckpoints reader_;
  EngineCheckpointWriter writer_;
  MaintainResult result_;
};

}  // namespace

MaintainResult maintain(Session& session, const Lake& lake, const MaintainOptions& options) {
  return Maintainer(session, lake, options).run();
}

}  // namespace batuta::lake
