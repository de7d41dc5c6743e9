// empty: does nothing. A place in the graph.
#include "plugins/sdk/plugin.h"

namespace {

struct Empty {
  static constexpr auto name = "empty";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Does nothing; joins or splits paths of a DAG";
  void execute(batuta::plugin::Context&) {}
};

}  // namespace

BATUTA_PLUGIN(Empty)
