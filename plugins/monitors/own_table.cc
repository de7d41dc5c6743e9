#include "plugins/monitors/own_table.h"

#include <chrono>
#include <set>
#include <utility>

#include "common/uuid.h"
#include "lakelog/change.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

std::vector<std::string> partition_of_own(const TableShape& shape) {
  return shape.partition.empty() ? std::vector<std::string>{}
                                 : std::vector<std::string>{shape.partition};
}

std::int64_t own_wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(read_clock().wall.time_since_epoch()).count();
}

}  // namespace

OwnTable::OwnTable(Session& session, const Lake& lake, TableShape shape, std::string info_json)
    : session_(session),
      lake_(lake),
      shape_(std::move(shape)),
      info_json_(std::move(info_json)),
      table_(DeltaTable::open(session, lake, shape_.name)) {}

void OwnTable::reopen() {
  table_ = DeltaTable::open(session_, lake_, shape_.name);
}

void OwnTable::view(const std::string& name, const std::vector<lakelog::AddFile>& files) {
  create_view(session_, name, table_, shape_.columns, partition_of_own(shape_), files);
}

std::vector<lakelog::AddFile> OwnTable::files_of(const std::string& value) const {
  return table_.files([&](const lakelog::AddFile& file) {
    return partition_value(table_, file, shape_.partition) == value;
  });
}

std::vector<std::string> OwnTable::partitions() const {
  std::set<std::string> out;
  for (const auto& [path, file] : table_.snapshot().files)
    out.insert(partition_value(table_, file, shape_.partition).value_or(""));
  return {out.begin(), out.end()};
}

void OwnTable::make_rows(const std::string& name) {
  std::string columns;
  for (const lakelog::Column& column : shape_.columns)
    columns +=
        (columns.empty() ? "" : ", ") + quoted_name(column.name) + " " + sql_type(column.type);
  session_.run("CREATE OR REPLACE TEMP TABLE " + name + " (" + columns + ")");
}

bool OwnTable::put(const std::string& relation, const std::vector<lakelog::AddFile>& removes,
                   bool append) {
  check_may_write(table_);
  lakelog::Commit commit;
  commit.adds =
      write_files(session_, StagedWrite{table_.storage(),
                                        shape_.name,
                                        shape_.columns,
                                        partition_of_own(shape_),
                                        "SELECT " + column_list(shape_) + " FROM " + relation,
                                        {},
                                        shape_.keys});
  for (const lakelog::AddFile& file : removes)
    commit.removes.push_back({file.path, 0, true, file.partition_values, file.size});
  return this->commit(std::move(commit), append, append ? "WRITE" : "MERGE");
}

bool OwnTable::drop(const std::vector<lakelog::AddFile>& files) {
  check_may_write(table_);
  lakelog::Commit commit;
  for (const lakelog::AddFile& file : files)
    commit.removes.push_back({file.path, 0, true, file.partition_values, file.size});
  return this->commit(std::move(commit), false, "DELETE");
}

bool OwnTable::commit(lakelog::Commit commit, bool append, const char* operation) {
  lakelog::Change change;
  change.read_version = table_.version();
  change.operation = operation;
  change.info_json = info_json_;
  if (!table_.exists()) {
    const Time now = read_clock().wall;
    commit.protocol = lakelog::Protocol{};
    lakelog::Metadata metadata;
    metadata.id = to_string(make_uuid_v7(now));
    metadata.description = shape_.description;
    metadata.columns = shape_.columns;
    metadata.partition_columns = partition_of_own(shape_);
    metadata.created_ms = now.time_since_epoch() / std::chrono::milliseconds(1);
    commit.metadata = std::move(metadata);
  }
  change.intent.blind_append = append && table_.exists();
  for (const lakelog::RemoveFile& file : commit.removes) change.intent.removes.insert(file.path);
  change.commit = std::move(commit);
  const lakelog::LogFolder log(*table_.storage(), shape_.name);
  const auto put = lakelog::put_change(log, change, own_wall_ms());
  if (put) return true;
  // It may stand all the same, and name the new files.
  if (put.error().code == Errc::unavailable) throw plugin::RetryableError(put.error().message);
  for (const lakelog::AddFile& file : change.commit.adds)
    (void)table_.storage()->remove(shape_.name + "/" + file.path);
  if (put.error().code == Errc::conflict) return false;
  throw plugin::FinalError(put.error().message);
}

}  // namespace batuta::lake
