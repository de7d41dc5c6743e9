#include "plugins/lake/layer/publication.h"

#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/schema.h"
#include "plugins/lake/beside.h"
#include "plugins/lake/hand_in.h"

namespace batuta::lake {
namespace {

// Bytes of files that are waited for together: so much may be in no place but the kernel's memory.
constexpr std::int64_t most_under_way = std::int64_t{256} << 20;

}  // namespace

Publication::Publication(const TableShape& shape, const DeltaTable& table,
                         lakelog::Operation operation, std::size_t most_bytes)
    : shape_(shape), table_(table), most_bytes_(most_bytes) {
  check_may_write(table);
  payload_.table = shape.name;
  payload_.operation = operation;
  payload_.read_version = table.version();
  if (table.exists())
    payload_.base = lakelog::Base{table.snapshot().protocol, table.snapshot().metadata};
  payload_.schema = shape.columns;
  payload_.evolve =
      table.exists() && lakelog::evolves(shape.columns, table.snapshot().metadata.columns);
  payload_.partition_columns = partition_columns(shape);
  payload_.description = shape.description;
}

void Publication::stage(Session& session, const std::string& select,
                        const std::vector<std::string>& order, const std::vector<Param>& params,
                        std::optional<lakelog::PartitionValues> only, std::int64_t expected_bytes,
                        std::int64_t expected_rows) {
  StagedWrite write = write_of(select, std::move(only));
  write.expected_bytes = expected_bytes;
  write.expected_rows = expected_rows;
  write.params = params;
  write.order = order;
  take(write_files(session, write));
}

void Publication::stage_beside(Session& session, const std::vector<std::string>& selects,
                               const std::vector<Param>& params,
                               const std::optional<lakelog::PartitionValues>& only) {
  stage_pieces(session, selects.size(), [&](Session& own, std::size_t i) {
    StagedWrite write = write_of(selects[i], only);
    write.params = params;
    return write_files(own, write);
  });
}

void Publication::stage_beside(
    Session& session, const std::vector<std::string>& partitions,
    const std::vector<std::string>& order,
    const std::function<std::string(Session& own, const std::string& partition)>& select_of) {
  stage_pieces(session, partitions.size(), [&](Session& own, std::size_t i) {
    StagedWrite write = write_of(select_of(own, partitions[i]),
                                 lakelog::PartitionValues{{shape_.partition, partitions[i]}});
    write.order = order;
    return write_files(own, write);
  });
}

void Publication::stage_pieces(Session& session, std::size_t count, const Piece& piece) {
  std::vector<std::vector<lakelog::AddFile>> files(count);
  std::vector<std::function<void(Session&)>> works;
  works.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    works.emplace_back([&files, &piece, i](Session& own) { files[i] = piece(own, i); });
  run_beside(session, works);
  for (auto& each : files) take(std::move(each));
}

StagedWrite Publication::write_of(std::string select,
                                  std::optional<lakelog::PartitionValues> only) const {
  StagedWrite write{table_.storage(),
                    table_.name(),
                    shape_.columns,
                    partition_columns(shape_),
                    std::move(select),
                    {},
                    {}};
  write.only = std::move(only);
  write.most_bytes = usual_file_bytes;
  write.durable_later = true;
  return write;
}

void Publication::take(std::vector<lakelog::AddFile> files) {
  lakelog::Payload piece;
  piece.adds = std::move(files);
  bytes_ += lakelog::serialise_payload(piece).size();
  for (const lakelog::AddFile& file : piece.adds) rows_ += lakelog::record_count(file).value_or(0);
  under_way_.insert(under_way_.end(), std::make_move_iterator(piece.adds.begin()),
                    std::make_move_iterator(piece.adds.end()));
  if (bytes_ > most_bytes_) refuse_many();
  std::int64_t waiting = 0;
  for (const lakelog::AddFile& file : under_way_) waiting += file.size;
  if (waiting > most_under_way) make_sure();
}

void Publication::make_sure() {
  if (under_way_.empty()) return;
  make_durable(*table_.storage(), shape_.name, under_way_);
  payload_.adds.insert(payload_.adds.end(), std::make_move_iterator(under_way_.begin()),
                       std::make_move_iterator(under_way_.end()));
  under_way_.clear();
}

void Publication::refuse_many() const {
  throw plugin::FinalError(
      shape_.name + ": " + std::to_string(payload_.adds.size() + under_way_.size()) +
      " new files are more than one attempt can hand in (" + std::to_string(most_bytes_) +
      " bytes of their names and statistics). Every partition has a file of its own: partition by "
      "something coarser than this " +
      shape_.partition + ", or let the task run after every smaller part of what it reads");
}

void Publication::replace(const std::vector<std::string>& partitions) {
  std::set<std::string> fresh;
  for (const std::string& partition : partitions)
    if (replaced_.insert(partition).second) fresh.insert(partition);
  if (fresh.empty()) return;
  for (const lakelog::AddFile& file : table_.files([&](const lakelog::AddFile& each) {
         return fresh.count(partition_of(shape_, table_, each)) != 0;
       })) {
    lakelog::RemoveFile remove;
    remove.path = file.path;
    remove.partition_values = file.partition_values;
    remove.size = file.size;
    payload_.removes.push_back(std::move(remove));
  }
}

void Publication::read(const std::vector<std::string>& partitions) {
  if (shape_.partition.empty()) return;
  if (!payload_.read_partitions) payload_.read_partitions.emplace();
  for (const std::string& partition : partitions)
    payload_.read_partitions->push_back({{shape_.partition, partition}});
}

void Publication::set_marker(const std::string& name, std::int64_t version) {
  payload_.txns.push_back({name, version});
}

void Publication::hand_in(plugin::Context& context, const std::string& metrics_json) {
  payload_.metrics_json = metrics_json;
  make_sure();
  lake::hand_in(context, payload_);
}

void report_lineage(plugin::Context& context, const DeltaTable& from, const TableShape& to) {
  context.report(
      "lineage",
      json_text({{"from", from.name()}, {"from_version", from.version()}, {"to", to.name}}));
}

}  // namespace batuta::lake
