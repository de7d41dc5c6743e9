#include "scheduler/core/asset_uri.h"

#include <algorithm>
#include <cctype>

namespace batuta {

std::string fault_of_asset_uri(const std::string& uri) {
  if (uri.empty() || uri.size() > max_asset_uri) {
    return "an asset's URI has 1 to " + std::to_string(max_asset_uri) + " characters";
  }
  if (uri.find("{{") != std::string::npos || uri.find("{%") != std::string::npos) {
    return "an asset's URI is known before anything runs: it cannot be a template";
  }
  const bool plain =
      std::all_of(uri.begin(), uri.end(), [](unsigned char c) { return c > ' ' && c < 127; });
  if (!plain) {
    return "an asset's URI has visible ASCII characters only: write %20 for a space";
  }
  const auto scheme = uri.find("://");
  if (scheme == std::string::npos) return {};
  std::string name = uri.substr(0, scheme);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name == "airflow" || name == "x-airflow") {
    return "the scheme \"" + name + "\" is kept by Airflow for itself";
  }
  const std::string rest = uri.substr(scheme + 3);
  const std::string host = rest.substr(0, rest.find('/'));
  const auto at = host.find('@');
  if (at != std::string::npos && host.substr(0, at).find(':') != std::string::npos) {
    return "an asset's URI is shown to everybody who may see the DAG: leave the password out";
  }
  return {};
}

}  // namespace batuta
