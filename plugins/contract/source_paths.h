// Where the files of a contract's source lie.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "contract/contract.h"
#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {

inline constexpr std::size_t most_source_files = 10'000;

// The task's path, or the contract's, with {{ ds }} and {{ ds_nodash }} filled in: absolute, or a
// URL in a store. Throws plugin::FinalError for any other.
std::string source_path(const plugin::Context& context, const contract::Source& source);

// The files of this machine that the pattern `path` means, in the order of their names. Throws
// plugin::RetryableError where there is none, and plugin::FinalError for more than
// most_source_files.
std::vector<std::string> source_files(const std::string& path);

}  // namespace batuta::from_contract
