// A DAG's tasks against the plugins that workers offer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/message.h"
#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

// How the text of a plugin that nobody offers begins; its name in quotes follows.
inline constexpr std::string_view nobody_offers = "no live worker offers the plugin ";

// A plugin that nobody offers is no problem: its text, with a suggestion, is returned (each once).
// Of a known plugin, unknown or missing parameters, wrong types, and a task type that is not the
// plugin's kind are problems. `definition` is what the DAG was built from.
std::vector<std::string> check_plugins(const Dag& dag, const nlohmann::json& definition,
                                       const std::vector<PluginInfo>& catalogue,
                                       Problems& problems);

}  // namespace batuta
