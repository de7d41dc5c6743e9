// Where the columns of the lake's tables come from, and what is made of them. Private to the room.
//
// Of tables that a contract makes (contract_bronze, contract_silver) the contract says it, as it is
// now; of models the newest version of their table does, which was told by the statement that ran.
// What neither says is unknown, with the reason, and never a guess.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/api/context.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/rights/sight.h"
#include "scheduler/store/lake_views.h"

namespace batuta::http {

using LakeColumn = std::pair<std::string, std::string>;  // "silver/shop/orders", "cpf"

// What a source calls a column of bronze.
struct SourceField {
  std::string kind, server, field;  // "csv", the contract's server, "CPF"
};

struct ColumnOrigins {
  std::map<LakeColumn, std::string> from;  // and how it is masked on the way; empty: as it is
  std::optional<SourceField> source;
  std::string unknown;  // why it cannot be told; then nothing else is
};

// The columns of one table; `unknown`: why none of them can be told.
struct TableOrigins {
  std::map<std::string, ColumnOrigins> columns;
  std::string unknown;
};

// Of one request; a reader thread.
class ColumnWalk {
 public:
  // `edges`, `lake` and `context` must outlive it. What `lake` does not see ends the way.
  ColumnWalk(Context& context, const std::vector<LineageEdge>& edges, const Sight& lake);

  // Up and down from these columns of a table that is there. Errc::invalid at query.columns for one
  // that it does not have.
  Status walk(const LakeName& table, const std::vector<std::string>& columns, std::int64_t depth);

  // {"columns":[{"table","column","distance","source":{"kind","server","field"}|null,
  //   "unknown"}],"edges":[{"from","from_column","to","to_column","mask"}],
  //   "untold":[{"table","why"}],"hidden":n,"more":bool}
  nlohmann::json told() const;

 private:
  struct Step {
    LakeColumn from, to;
    auto operator<=>(const Step&) const = default;
  };

  const TableOrigins& of(const std::string& table);
  TableOrigins read(const LakeName& name);
  TableOrigins by_contract(const LakeName& name, const std::vector<std::string>& columns,
                           const TableContract& contract);
  TableOrigins by_model(const std::string& told, const std::vector<std::string>& columns);
  std::vector<std::string> below(const std::string& table);
  bool exists(const std::string& table);
  bool may_see(const std::string& table);
  bool add(const LakeColumn& column, std::int64_t distance, std::int64_t depth);
  void up(const std::vector<LakeColumn>& start, std::int64_t depth);
  void down(const std::vector<LakeColumn>& start, std::int64_t depth);

  Context& context_;
  const Sight& lake_;
  const std::shared_ptr<const DagBagSnapshot> bag_;
  std::map<std::string, std::set<std::string>> below_, above_;
  std::map<std::string, TableOrigins> origins_;
  std::map<LakeColumn, std::int64_t> distance_;
  std::map<Step, std::string> steps_;          // and the mask
  std::map<std::string, std::string> untold_;  // tables below, and why nothing is known of them
  std::set<std::string> hidden_;
  bool more_ = false;
};

}  // namespace batuta::http
