// A made-up source for the layer library: readings of sensors, bronze to silver, without a
// plugin and without a scheduler.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugins/lake/layer/quarantine_order.h"
#include "plugins/lake/layer/transform.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"

namespace batuta {

struct Reading {
  std::string at;
  std::string sensor;
  std::string value;
};

const lake::TransformSpec& readings_to_silver();

class Readings {
 public:
  lakelog::TempLake lake;
  // Of a branch of the lake, that attempts, rows and versions are on from now on; empty: none.
  std::string branch;
  std::int64_t engine_memory = 0;
  std::int64_t engine_threads = 0;
  bool history = false;             // silver keeps one
  bool decisions = true;            // rows in quarantine may be decided on
  bool makes_table = false;         // silver is there however little came
  std::string value_type = "long";  // of silver
  bool widens = false;              // silver takes on a wider one
  std::string column_lineage;       // as TransformSpec::column_lineage_json
  std::int64_t least_value = 0;     // of the contract, so to say: less is rejected
  std::string expired;              // which good rows are too old; empty: none
  bool snapshot = false;            // what is extracted from now on is all that the source has
  std::optional<lake::DeletesSpec> deletes;  // its keys are bronze's
  std::string refused;                       // a table whose publications are, from now on

  // Each as one attempt of `run`, published when it succeeds; a failure fails the test unless
  // `failure` takes it. The log's lines of the last attempt are in `lines`.
  void extract(const std::string& run, const std::vector<std::string>& sensors,
               const std::vector<Reading>& readings);
  void extract(const std::string& run, const std::vector<std::string>& sensors, std::int64_t count,
               const std::function<Reading(std::int64_t)>& reading);
  lake::TransformResult transform(const std::string& run, const lake::OwnList& own = {});

  // Of rows in quarantine, as one attempt; what is told of it, parsed from JSON by who asks.
  std::string order(const std::string& run, const lake::QuarantineOrder& order);

  // Rows of `sql` over the view t of the table, cells joined by '|'.
  std::vector<std::string> rows(const std::string& table, const std::string& sql);
  void publish(const std::string& payload_json);

  std::vector<std::string> lines;
  std::vector<std::string> outputs;  // of the last attempt

 private:
  lake::TransformSpec spec() const;
  void attempt(const std::string& run, const std::function<void(plugin::Context&)>& body);
  std::int64_t publications_ = 0;
};

}  // namespace batuta
