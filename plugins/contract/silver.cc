// contract_silver: bronze text becomes typed, judged rows, one a key, as a contract has it.
#include "plugins/contract/described.h"
#include "plugins/contract/expressions.h"
#include "plugins/contract/masks.h"
#include "plugins/contract/sources.h"

namespace batuta::from_contract {

struct ContractSilver {
  static constexpr auto name = "contract_silver";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary = "Bronze rows typed, judged and unique by key, by a data contract";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_STRING, "contract", "the contract's text; from the task"),
      plugin::required(BATUTA_PARAM_STRING, "contract_name", "domain/table; from the task")};

  void execute(plugin::Context& context) {
    const Described described = described_by(context);
    lake::TransformSpec spec = silver_spec(described);
    spec.prepare = [&](lake::Session& session) {
      prepare_expressions(session, described.table);
      prepare_masks(context, session, described.table);
    };
    spec.check = [&](lake::Session& session) { check_quality(context, session, described); };
    note_progress(context, described);
    lake::tell(context, spec, lake::transform(context, spec, {}));
  }
};

}  // namespace batuta::from_contract

BATUTA_PLUGIN(batuta::from_contract::ContractSilver)
