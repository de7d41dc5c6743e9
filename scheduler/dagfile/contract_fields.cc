#include "scheduler/dagfile/contract_fields.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "contract/contract.h"
#include "scheduler/dagfile/builtin_fields.h"
#include "scheduler/dagfile/folder.h"

namespace batuta {
namespace {

using nlohmann::json;

// A launch carries it, beside the other parameters.
constexpr std::size_t max_contract_of_task = std::size_t{512} << 10;
constexpr std::size_t max_contracts_together = std::size_t{16} << 20;
constexpr std::size_t max_told = 5;

// "brokerage/clients": both are names of folders, so that nothing leads elsewhere.
std::optional<std::pair<std::string, std::string>> parts_of(const std::string& name) {
  const auto slash = name.find('/');
  if (slash == name.npos || name.size() > 250) return std::nullopt;
  std::pair<std::string, std::string> parts{name.substr(0, slash), name.substr(slash + 1)};
  for (const std::string& part : {parts.first, parts.second}) {
    if (part.empty() || part.front() == '.' || part.find('/') != part.npos ||
        part.find('\0') != part.npos)
      return std::nullopt;
  }
  return parts;
}

class ContractPasser {
 public:
  ContractPasser(std::string folder, Problems& problems, std::vector<std::string>& files)
      : folder_(std::move(folder)), problems_(problems), files_(files) {}

  void of_task(json& task, const std::string& at) {
    if (!task.is_object()) return;
    const auto type = task.find("type");
    const auto given = task.find("contract");
    if (task.value("source", json()) == "postgres" && task.value("layer", json()) == "publish")
      return of_publication(task, at);
    const bool hands_in = type != task.end() && (*type == "shell" || *type == "python" ||
                                                 *type == "container" || *type == "spark");
    if (hands_in) return of_outputs(task, at);
    if (given == task.end() || type == task.end() ||
        (*type != "extract" && *type != "transform" && *type != "aggregate"))
      return;
    put(task, *given, at + "/contract");
  }

 private:
  // A plugin sees no contract but those of its task: what the one of the table masks is written
  // down for it, whatever stood there.
  void of_publication(json& task, const std::string& at) {
    const auto params = task.find("params");
    if (params == task.end() || !params->is_object()) return;
    const auto table = params->find("table");
    if (table == params->end() || !table->is_string() || is_template(*table)) {
      problems_.add(at + "/params/table",
                    "a publication's table is written here, as gold/<domain>/<table> without a "
                    "template: what its contract masks is looked up by it");
      return;
    }
    json masked = json::array(), open = json::array();
    const std::string path = table->get<std::string>();
    for (const std::string suffix : {"", "_hist", "_keys"}) {
      if (!path.starts_with("gold/") || !path.ends_with(suffix)) continue;
      const std::string name =
          path.substr(5, path.size() - 5 - std::min(suffix.size(), path.size() - 5));
      std::error_code none;
      if (!parts_of(name) || !std::filesystem::exists(folder_ + "/" + name + ".odcs.yaml", none))
        continue;
      if (known(name, at + "/params/table") == nullptr) return;
      const contract::Table& described = tables_.at(name);
      for (const auto* columns : {&described.columns, &described.computed})
        for (const contract::Column& column : *columns)
          (column.read_mask.empty() ? open : masked).push_back(column.name);
      break;
    }
    (*params)["masks"] = {{"table", path}, {"masked", masked}, {"open", open}};
  }

  void of_outputs(json& task, const std::string& at) {
    const auto outputs = task.find("outputs");
    if (outputs == task.end() || !outputs->is_array()) return;
    for (std::size_t i = 0; i < outputs->size() && !problems_.full(); ++i) {
      json& one = (*outputs)[i];
      if (one.is_object() && one.contains("contract"))
        put(task, one["contract"], at + "/outputs/" + std::to_string(i) + "/contract");
    }
  }

  // `given` names the contract of the task, or of an output of it.
  void put(const json& task, json& given, const std::string& pointer) {
    if (!given.is_string() || !parts_of(given.get_ref<const std::string&>())) {
      problems_.add(pointer,
                    "a contract is named \"domain/table\", which is the file "
                    "domain/table.odcs.yaml in the folder of contracts");
      given = nullptr;
      return;
    }
    const std::string name = given.get<std::string>();
    const json* read = known(name, pointer);
    if (read == nullptr) return;
    check_use(task, name, pointer);
    given = *read;
  }

  // The file's bytes and what the scheduler needs of it; nullptr: told.
  const json* known(const std::string& name, const std::string& pointer) {
    const auto before = read_.find(name);
    if (before != read_.end()) return before->second.is_null() ? nullptr : &before->second;
    json& entry = read_[name];
    const auto [domain, table] = *parts_of(name);
    const std::string path = domain + "/" + table + ".odcs.yaml";
    files_.push_back(path);
    const auto text = read_below(folder_, path, max_contract_of_task);
    const std::string shown = folder_ + "/" + path;
    if (!text) {
      problems_.add(pointer, "contract " + shown + ": " + text.error().message);
      return nullptr;
    }
    bytes_ += text->size();
    if (bytes_ > max_contracts_together) {
      problems_.add(pointer, "the contracts of this DAG are larger than 16 MiB together");
      return nullptr;
    }
    const auto parsed = contract::read_contract(*text, shown);
    if (!parsed.contract) return tell(parsed.problems, pointer);
    const contract::Contract& contract = *parsed.contract;
    const contract::Table* described = contract.table(table);
    if (described == nullptr) {
      problems_.add(pointer, "contract " + shown + " describes no table \"" + table +
                                 "\": a contract's file is named as its table");
      return nullptr;
    }
    if (!contract.domain.empty() && contract.domain != domain) {
      problems_.add(pointer, "contract " + shown + " is of the domain \"" + contract.domain +
                                 "\": it belongs into that folder");
      return nullptr;
    }
    tables_[name] = *described;
    entry = {{"name", name}, {"yaml", *text}, {"version", contract.version}};
    if (!described->source.connection.empty()) entry["connection"] = described->source.connection;
    // Silver's task notes for the group how far bronze is.
    if (described->source.kind == contract::SourceKind::stream) entry["notes_progress"] = true;
    if (!described->mask_key.empty()) entry["mask_connection"] = described->mask_key;
    if (described->overlap > Duration::zero()) {
      entry["overlap"] =
          std::to_string(
              std::chrono::duration_cast<std::chrono::seconds>(described->overlap).count()) +
          "s";
    }
    return &entry;
  }

  const json* tell(const std::vector<contract::ContractProblem>& found,
                   const std::string& pointer) {
    for (std::size_t i = 0; i < found.size() && i < max_told; ++i)
      problems_.add(pointer, "contract " + found[i].text());
    if (found.size() > max_told)
      problems_.add(pointer, "and " + std::to_string(found.size() - max_told) +
                                 " more: batuta contracts validate tells all");
    return nullptr;
  }

  void check_use(const json& task, const std::string& name, const std::string& pointer) {
    const contract::Table& table = tables_.at(name);
    if (table.columns.empty())
      return problems_.add(pointer, "the contract " + name + " has no columns (properties)");
    if (task["type"] == "extract" && table.source.kind == contract::SourceKind::none)
      problems_.add(pointer,
                    "nothing can be read by the contract " + name + ": " + table.source.why_none);
    if (task["type"] == "aggregate") check_model(task, table, name, pointer);
  }

  // The plugin refuses the same, when it runs (plugins/models/model_contract.cc).
  void check_model(const json& task, const contract::Table& table, const std::string& name,
                   const std::string& pointer) {
    const auto of_task = [&](const char* field) { return task.value(field, json()); };
    const json path = of_task("table");
    const auto tell = [&](const std::string& what) {
      problems_.add(pointer, "the contract " + name + " " + what);
    };
    if (path.is_string() && !path.get_ref<const std::string&>().ends_with("/" + name))
      tell("is not of " + path.get<std::string>() + ": a table's contract is named as it is");
    for (const auto* columns : {&table.columns, &table.computed})
      for (const contract::Column& column : *columns)
        if (column.mask != contract::Mask::none)
          return tell("masks " + column.name +
                      " (batuta.mask), which the values of a SELECT are not: select what silver "
                      "has in its place, and hide it from readers by batuta.readMask");
    if (table.deletes != contract::Deletes::keep)
      tell(
          "says what becomes of rows that the source no longer has (batuta.deletes), and a model "
          "has no source: its mode or \"delete_when\" says it");
    if (table.history && of_task("history") != true)
      tell("asks for a history (batuta.history): let the model say \"history\": true");
    if (of_task("mode") == "merge" && table.keys().empty() && of_task("keys").is_null())
      tell("has no primary key, and the mode merge needs \"keys\"");
    if (of_task("mode") == "partitions" && table.partitions().empty() &&
        of_task("partition_by").is_null())
      tell("has no partitions, and the mode partitions needs \"partition_by\"");
    if (of_task("history") == true && table.keys().empty() && of_task("keys").is_null())
      tell("has no primary key, and a history needs \"keys\"");
    agree(of_task("keys"), table.keys(), "keys", name, pointer);
    agree(of_task("partition_by"), table.partitions(), "partition_by", name, pointer);
  }

  void agree(const json& own, const std::vector<std::string>& of_contract, const char* what,
             const std::string& name, const std::string& pointer) {
    if (own.is_null() || of_contract.empty() || own == json(of_contract)) return;
    problems_.add(pointer, std::string(what) + " is " + json_text(json(of_contract)) +
                               " by the contract " + name + ": leave it out, or say the same");
  }

  const std::string folder_;
  Problems& problems_;
  std::vector<std::string>& files_;
  std::map<std::string, json> read_;  // null: was wrong, and told
  std::map<std::string, contract::Table> tables_;
  std::size_t bytes_ = 0;
};

}  // namespace

std::string contracts_beside(const std::string& dag_folder) {
  return folder_beside(dag_folder, "contracts");
}

void put_in_contracts(json& definition, const std::string& folder, Problems& problems,
                      std::vector<std::string>& files) {
  if (!definition.is_object()) return;
  const auto tasks = definition.find("tasks");
  if (tasks == definition.end() || !tasks->is_array()) return;
  ContractPasser passer(folder, problems, files);
  for (std::size_t i = 0; i < tasks->size() && !problems.full(); ++i)
    passer.of_task((*tasks)[i], "/tasks/" + std::to_string(i));
}

void add_contract_params(const json& task, json& params) {
  const auto contract = task.find("contract");
  if (contract == task.end() || !contract->is_object()) return;
  // The file's own {{ ds }} is the plugin's to fill in.
  params["contract"] = without_templates(contract->value("yaml", ""));
  params["contract_name"] = contract->value("name", "");
}

void read_contract_task(FieldReader& fields, Task& task, json& params) {
  const json* given = fields.find("contract");
  const auto type = fields.text("type");
  if (fields.find("source"))
    fields.problem("source", "a task has a \"contract\" or a \"source\", not both");
  const auto layer = fields.text("layer").value_or(type == "extract" ? "bronze" : "silver");
  if (type == "aggregate") {
    fields.problem("contract",
                   "a contract drives extract (bronze) and transform (silver), and is that of a "
                   "model's table beside \"sql\" and \"table\"");
  } else if ((layer == "bronze") != (type == "extract") ||
             (layer != "bronze" && layer != "silver")) {
    fields.problem("layer", "of a contract's tasks extract is bronze and transform is silver");
  }
  task.plugin = "contract_" + layer;
  if (const json* written = fields.object("params")) params = *written;
  json shown = params;
  for (const char* own : {"contract", "contract_name"}) {
    if (params.contains(own))
      fields.problem("params", std::string(own) + " comes from the task's \"contract\"");
  }
  if (!given->is_object()) return;  // told where it was looked for
  add_contract_params(json{{"contract", *given}}, params);
  if (const auto connection = given->value("connection", "");
      !connection.empty() && (layer == "bronze" || given->value("notes_progress", false)))
    task.connections.push_back(connection);
  if (const auto key = given->value("mask_connection", ""); !key.empty() && layer == "silver")
    task.connections.push_back(key);
  shown["contract"] = given->value("name", "");
  shown["contract_version"] = given->value("version", "");
  task.params_json = json_text(shown);
  // The task's own wins over the contract's; a template is rendered too late for either.
  const auto own = params.find("overlap");
  const bool written = own != params.end() && !is_template(*own);
  Problems found;
  const auto overlap = FieldReader(written ? params : *given, "", found).duration("overlap");
  if (overlap) task.overlap = *overlap;
  if (!found.none()) fields.problem("params", "overlap: " + found.list().front().message);
}

}  // namespace batuta
