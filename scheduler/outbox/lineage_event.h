// What a run or an attempt does as an OpenLineage RunEvent (spec 2-0-2): its JSON text. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"
#include "common/uuid.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/rows.h"
#include "scheduler/outbox/moments.h"

namespace batuta {

struct LineageNames {
  std::string jobs = "batuta";  // the namespace of DAGs and tasks
  std::string tables;           // of tables, an absolute URL: "file:///srv/batuta/lake"
  std::string base_url{};       // of the page, for links; empty: none
};

std::string_view to_string(MomentType type);  // as OpenLineage has it: "START", …

// A table at a version; -1: that is not known.
struct LineageInput {
  std::string table;
  std::int64_t version = -1;
  auto operator<=>(const LineageInput&) const = default;
};
struct LineageTables {
  std::vector<LineageInput> inputs;
  std::vector<PublicationRow> outputs;  // settled
};

std::string lineage_of_run(const LineageNames& names, const Moment& moment, const RunRow& run,
                           const Dag& dag);
std::string lineage_of_attempt(const LineageNames& names, const Moment& moment, const RunRow& run,
                               const Dag& dag, const TaskInstanceRow& instance,
                               const LineageTables& tables);

// What an attempt's report (AttemptReportRow) says it read, each once, at most 1,000.
std::vector<LineageInput> lineage_inputs(const std::string& report_json);

// "file:///srv/my%20lake" of an absolute folder; what is a URL stays as it is.
std::string lineage_namespace_of(const std::string& lake);

}  // namespace batuta
