// What a domain is made of, from its contract, and what has to be done to have it so. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "contract/contract.h"

namespace batuta::domains {

// One thing that a domain consists of. `state` says all of it that counts, as JSON with sorted
// keys: a file's digest, a role's grants, a group's roles.
struct DomainPart {
  std::string kind;  // "file", "role", "group"
  std::string name;  // a file's path in the bundle
  std::string state;
  std::string text{};  // of a file
};

struct Domain {
  std::string name;
  std::vector<DomainPart> parts;  // in the order in which they are made
  std::vector<std::string> dag_ids;
  std::vector<std::string> not_carried_out;  // what the contract asks and nothing here does yet
};

// Errc::invalid with what is wrong: a name that is none, a contract of another domain, no table
// that can be read. `yaml` is the contract's text. `schedule`: of its ingestion, as a DAG has it.
Result<Domain> domain_of(const std::string& name, const contract::Contract& contract,
                         const std::string& yaml, const std::string& schedule);

enum class DomainAction { none, create, update, remove };
std::string_view to_string(DomainAction action);

struct DomainStep {
  DomainAction action = DomainAction::none;
  DomainPart part;       // as it is to be; when it is removed: as it was made
  std::string conflict;  // why it may not be done without --force; or empty
  std::string before{};  // what is there now, which is changed or removed; its state
};

// What is there and what was made of a part, as its state; empty: nothing. `before`: what an apply
// that has not ended was about to replace; while it is still there, it is nobody else's change.
struct DomainFound {
  std::string is, made, before{};
};

// To have `part` as it is wanted. What others made, or changed since, is a conflict.
DomainStep step_to_have(const DomainPart& part, const DomainFound& found);
// To have it no more: only what was made, and is as it was made.
DomainStep step_to_remove(const DomainPart& part, const DomainFound& found);

}  // namespace batuta::domains
