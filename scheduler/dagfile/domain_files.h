// A data domain on the server's disk: its files in <home>/bundles/<name>, and the record of what
// was made of it, <home>/domains/<name>.json. Blocks; one thread at a time for one domain.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/dagfile/domain_plan.h"

namespace batuta::domains {

struct DomainPlaces {
  std::string bundle, record;
};

// Errc::invalid for a name that is none.
Result<DomainPlaces> places_of(const std::string& home, const std::string& name);

// The names of those that were made, ascending. Errc::unavailable where their folder cannot be
// read, Errc::too_large for more than `most`.
Result<std::vector<std::string>> recorded_domains(const std::string& home, std::size_t most);

// What was made: {kind: {name: state}}, "dag_ids", "schedule", and in "before" the same of what an
// apply that has not ended was about to replace or remove. An empty object: nothing was. Errc::
// internal for a record that cannot be read.
Result<nlohmann::json> read_record(const DomainPlaces& places);

// The domain of a contract, of the Open Data Contract Standard or of the older specification. Its
// DAGs are read as the server will read them, which needs the temporary folder.
struct DomainReading {
  std::optional<Domain> domain;  // without one there are problems
  std::string yaml;              // of the Open Data Contract Standard
  std::vector<contract::ContractProblem> problems;
};
DomainReading read_domain(const std::string& name, const std::string& text,
                          const std::string& schedule, const std::string& file);

// What the server has of a role or a group, as its state; empty: nothing. `members`: users of a
// group count, too.
using FindRight = std::function<std::string(const DomainPart& part, bool members)>;
// The bundle that has a DAG of this id; empty: none has.
using FindBundle = std::function<std::string(const std::string& dag_id)>;

struct DomainPlan {
  std::vector<DomainStep> steps;
  std::vector<std::string> conflicts, notes;
  std::size_t changes() const;
};

// To have the domain as its contract says, and to have it no more.
Result<DomainPlan> plan_to_have(const DomainPlaces& places, const Domain& domain,
                                const nlohmann::json& record, const FindRight& find,
                                const FindBundle& bundle_of);
Result<DomainPlan> plan_to_remove(const DomainPlaces& places, const nlohmann::json& record,
                                  const FindRight& find);

// {"domain","steps":[{"action","kind","name","conflict"}],"changes","conflicts","not_carried_out",
//  "digest"}; the digest is another whenever something else would be done.
nlohmann::json plan_json(const std::string& name, const DomainPlan& plan);

// Carrying out. First the record, so that what a killed apply has made is known to be made, and
// what it has not come to yet is known to be as it left it; then files; then, elsewhere, roles and
// groups; last the record again. Each may be repeated. All wait for the disk.
Status begin_apply(const DomainPlaces& places, const Domain& domain, const std::string& schedule,
                   const DomainPlan& plan, nlohmann::json& record);
Status carry_out_files(const DomainPlaces& places, const DomainPlan& plan);
Status end_apply(const DomainPlaces& places, const DomainPlan& plan, nlohmann::json& record);
// The files, what is left of the folder (with --force what others put there), and the record.
Status remove_domain(const DomainPlaces& places, const DomainPlan& plan);

}  // namespace batuta::domains
