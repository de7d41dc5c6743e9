// What may be an asset's URI.
#pragma once

#include <cstddef>
#include <string>

namespace batuta {

inline constexpr std::size_t max_asset_uri = 1500;  // bytes, as in Airflow

// Why a text is no asset's URI; empty when it is one.
std::string fault_of_asset_uri(const std::string& uri);

}  // namespace batuta
