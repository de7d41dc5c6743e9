// branch: names the direct downstreams that should run; the others are skipped.
#include "plugins/sdk/plugin.h"

namespace {

using batuta::plugin::required;

struct Branch {
  static constexpr auto name = "branch";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Chooses which direct downstream tasks run";
  static constexpr batuta_param params[] = {
      required(BATUTA_PARAM_ANY, "choose", "task ids to run: a list, or one id; may be empty")};

  void execute(batuta::plugin::Context& context) {
    const auto chosen = context.texts("choose");
    context.branch(chosen);
    context.return_json(context.json("choose"));
  }
};

}  // namespace

BATUTA_PLUGIN(Branch)
