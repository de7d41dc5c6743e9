// contract_silver: bronze text becomes typed, judged rows, one a key, as a contract has it.
#include <algorithm>

#include "contract/judged_again.h"
#include "plugins/contract/described.h"
#include "plugins/contract/expressions.h"
#include "plugins/contract/masks.h"
#include "plugins/contract/references.h"
#include "plugins/contract/sources.h"
#include "plugins/lake/layer/quarantine_order.h"

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
    Described described = described_by(context);
    const auto order = lake::quarantine_order(context);
    if (order) prepare_order(described, *order);
    lake::TransformSpec spec = silver_spec(described);
    spec.prepare = [&](lake::Session& session) {
      prepare_expressions(session, described.table);
      prepare_masks(context, session, described);
      prepare_references(context, session, described);
    };
    spec.check = [&](lake::Session& session) {
      check_quality(context, session, described, {{}, JudgedRows::References::by_reasons});
    };
    if (order) return obey(context, spec, *order);
    if (const std::string day = first_day_in_silver(described); !day.empty())
      context.info("rows whose " + described.table.retention.column + " is before " + day +
                   " are not taken in: the contract's retention");
    note_progress(context, described);
    lake::tell(context, spec, lake::transform(context, spec, {}));
  }

 private:
  // How many rows a delivery has is no matter of these few, nor how many of these few the other
  // table lacks.
  static void prepare_order(Described& described, const lake::QuarantineOrder& order) {
    if (order.verb == lake::QuarantineOrder::Verb::discard) return;
    if (const auto why = contract::why_not_judged_again(described.table, order.columns());
        !why.empty())
      throw plugin::FinalError(why);
    std::erase_if(described.table.quality,
                  [](const auto& check) { return check.metric == contract::Metric::row_count; });
    for (contract::QualityCheck& check : described.table.quality)
      if (check.metric == contract::Metric::referential) check.blocking = false;
  }

  static void obey(plugin::Context& context, const lake::TransformSpec& spec,
                   const lake::QuarantineOrder& order) {
    const std::string told = lake::transform_ordered(context, spec, order);
    context.info("quarantine: " + told.substr(0, told.find(",\"rows\"")));
    context.return_json(told);
  }
};

}  // namespace batuta::from_contract

BATUTA_PLUGIN(batuta::from_contract::ContractSilver)
