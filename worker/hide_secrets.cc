#include "worker/hide_secrets.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "worker/mask.h"

namespace batuta {
namespace {

constexpr JsonLimits report_limits{16 << 20, 64, 2'000'000, 4 << 20};

// Masked JSON; a secret may have stood across its grammar (a bare number): then all of it is
// hidden.
std::string masked_json(const Mask& mask, const std::string& json, const char* otherwise) {
  std::string shown = mask.whole(json);
  return parse_untrusted(shown, report_limits).ok() ? shown : otherwise;
}

}  // namespace

void hide_secrets(const Launch& launch, Finished& report) {
  std::vector<std::string> values;
  for (const Secret& secret : launch.secrets) {
    values.insert(values.end(), secret.mask.begin(), secret.mask.end());
  }
  if (values.empty()) return;
  const Mask mask{values};
  if (!report.files_json.empty()) report.files_json = masked_json(mask, report.files_json, "[]");
  if (!report.extra_json.empty()) report.extra_json = masked_json(mask, report.extra_json, "{}");
  if (report.result_json.empty() || mask.whole(report.result_json) == report.result_json) return;
  report.shown_json = masked_json(mask, report.result_json, "\"***\"");
  for (std::string& value : values) {
    if (Mask{{value}}.whole(report.result_json) != report.result_json) {
      report.hidden.push_back(std::move(value));
    }
  }
}

}  // namespace batuta
