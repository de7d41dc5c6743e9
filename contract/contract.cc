#include "contract/contract.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "contract/reader.h"
#include "contract/schema.h"
#include "contract/yaml.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

constexpr std::size_t max_problems = 50;

void place(const std::vector<SchemaFinding>& found, const YamlPlaces& places,
           const std::string& file, std::vector<ContractProblem>& out) {
  for (const SchemaFinding& each : found) {
    const TextPlace at = places.locate(each.pointer);
    out.push_back({file, at.line, at.column, each.pointer, each.message});
  }
  std::stable_sort(out.begin(), out.end(), [](const ContractProblem& a, const ContractProblem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  if (out.size() <= max_problems) return;
  const std::size_t left = out.size() - max_problems;
  out.resize(max_problems);
  out.push_back({file, 0, 0, "", "and " + std::to_string(left) + " more"});
}

// "line 3: what" as place and text.
ContractProblem yaml_problem(const std::string& file, std::string message) {
  ContractProblem problem{file, 0, 0, "", std::move(message)};
  int line = 0;
  if (problem.message.starts_with("line ")) {
    std::size_t at = 5;
    while (at < problem.message.size() && problem.message[at] >= '0' && problem.message[at] <= '9')
      line = line * 10 + (problem.message[at++] - '0');
    if (problem.message.compare(at, 2, ": ") == 0) {
      problem.line = line;
      problem.column = 1;
      problem.message.erase(0, at + 2);
    }
  }
  return problem;
}

void read_owners(const Value& root, Contract& contract) {
  const auto team = root.find("team");
  if (team == root.end()) return;
  static const Value none = Value::array();
  const Value* members = &*team;
  if (team->is_object()) {
    const auto list = team->find("members");
    members = list == team->end() ? &none : &*list;
  }
  std::vector<std::string> all;
  for (const Value& member : *members) {
    const std::string name = text_at(member, "username");
    if (name.empty() || member.contains("dateOut")) continue;
    all.push_back(name);
    std::string role = text_at(member, "role");
    for (char& c : role) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (role.find("owner") != role.npos) contract.owners.push_back(name);
  }
  if (contract.owners.empty()) contract.owners = std::move(all);
  if (contract.owners.empty() && team->is_object() && !text_at(*team, "name").empty())
    contract.owners.push_back(text_at(*team, "name"));
}

void read_service_levels(const Value& root, Contract& contract) {
  const auto list = root.find("slaProperties");
  if (list == root.end()) return;
  for (const Value& item : *list) {
    ServiceLevel level{text_at(item, "property"), written(item["value"]), text_at(item, "unit"),
                       text_at(item, "element")};
    if (level.property == "retention")
      contract.retention = level.value + (level.unit.empty() ? "" : " " + level.unit);
    contract.service_levels.push_back(std::move(level));
  }
}

Contract read_parts(const Value& root, Notes& notes) {
  Contract contract;
  contract.api_version = text_at(root, "apiVersion");
  contract.id = text_at(root, "id");
  contract.version = text_at(root, "version");
  contract.status = text_at(root, "status");
  contract.name = text_at(root, "name");
  contract.domain = text_at(root, "domain");
  contract.tags = texts_at(root, "tags");
  if (const auto description = root.find("description");
      description != root.end() && description->is_object())
    contract.description = text_at(*description, "purpose");
  if (contract.version.empty() || contract.version.size() > 100)
    notes.problem("/version", "must be 1 to 100 characters, such as 1.0.0");
  if (!contract.domain.empty() && !fit_for_a_folder(contract.domain))
    notes.problem("/domain",
                  "a domain is 1 to 100 letters, digits, '_' or '-', and begins with a letter: it "
                  "is a folder of the lake");
  const CustomProperties own(root, "", {}, notes);
  read_owners(root, contract);
  read_service_levels(root, contract);
  std::set<std::string> names;
  const auto schema = root.find("schema");
  if (schema == root.end() || schema->empty()) {
    notes.warning("/schema", "no table is described here");
    return contract;
  }
  for (std::size_t i = 0; i < schema->size(); ++i) {
    Table table = read_table(root, i, notes);
    if (!names.insert(table.name).second)
      notes.problem("/schema/" + std::to_string(i) + "/name",
                    "the table \"" + table.name.substr(0, 80) + "\" is there already");
    contract.tables.push_back(std::move(table));
  }
  return contract;
}

}  // namespace

std::string ContractProblem::text() const {
  std::string out = file;
  if (line > 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
  if (!pointer.empty()) out += " " + pointer;
  return out + ": " + message;
}

const Table* Contract::table(std::string_view table_name) const {
  if (table_name.empty()) return tables.size() == 1 ? &tables.front() : nullptr;
  for (const Table& each : tables) {
    if (each.name == table_name) return &each;
  }
  return nullptr;
}

ContractResult read_contract(std::string_view yaml, const std::string& file) {
  ContractResult result;
  YamlPlaces places;
  YamlLimits limits;
  limits.bytes = max_contract_bytes;
  const auto root = parse_yaml(yaml, &places, limits);
  if (!root) {
    result.problems.push_back(yaml_problem(file, root.error().message));
    return result;
  }
  if (root->is_object() && root->contains("dataContractSpecification")) {
    result.problems.push_back(
        {file, 1, 1, "",
         "is a Data Contract Specification, not an Open Data Contract Standard: "
         "batuta contracts convert makes one of it"});
    return result;
  }
  const auto findings = odcs_schema().check(*root);
  if (!findings.empty()) {
    place(findings, places, file, result.problems);
    return result;
  }
  Notes notes;
  Contract contract = read_parts(*root, notes);
  place(notes.problems, places, file, result.problems);
  place(notes.warnings, places, file, result.warnings);
  if (result.problems.empty()) result.contract = std::move(contract);
  return result;
}

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::full:
      return "full";
    case Mode::incremental:
      return "incremental";
    case Mode::snapshot:
      return "snapshot";
    case Mode::stream:
      return "stream";
  }
  return "full";
}

std::string_view to_string(Mask mask) {
  constexpr std::string_view names[] = {"none", "pseudonym", "year", "prefix", "band", "redact"};
  return names[static_cast<std::size_t>(mask)];
}

std::string_view to_string(Deletes deletes) {
  if (deletes == Deletes::remove) return "remove";
  return deletes == Deletes::mark ? "mark" : "keep";
}

}  // namespace batuta::contract
