#include "worker/hide_secrets.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/run_files.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "worker/mask.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr JsonLimits report_limits{16 << 20, 64, 2'000'000, 4 << 20};
constexpr std::string_view hidden_text = "***";

std::string masked_words(const Mask& mask, std::string_view text) {
  return without_user_info(mask.empty() ? std::string(text) : mask.whole(text));
}

// The value with every text in it masked, names included; a number or flag that is a secret becomes
// stars. As they are decoded: an escape beside a short secret is no letter.
json masked(const Mask& mask, const json& value) {
  if (value.is_object()) {
    json out = json::object();
    for (const auto& [name, item] : value.items())
      out[masked_words(mask, name)] = masked(mask, item);
    return out;
  }
  if (value.is_array()) {
    json out = json::array();
    for (const json& item : value) out.push_back(masked(mask, item));
    return out;
  }
  if (value.is_string()) return masked_words(mask, value.get_ref<const std::string&>());
  const std::string text = json_text(value);
  return mask.empty() || mask.whole(text) == text ? value : json(hidden_text);
}

// JSON text, masked; what cannot be read is hidden whole.
std::string masked_text(const Mask& mask, const std::string& text, const char* otherwise) {
  const auto value = parse_untrusted(text, report_limits);
  return value ? json_text(masked(mask, *value)) : otherwise;
}

// What stands before the @ of every URL in the value, and the password of it: as later tasks get
// it.
void collect_user_info(const json& value, std::vector<std::string>& out) {
  if (value.is_structured()) {
    for (const auto& [name, item] : value.items()) collect_user_info(item, out);
    return;
  }
  if (!value.is_string()) return;
  std::string_view text = value.get_ref<const std::string&>();
  for (auto mark = text.find("://"); mark != std::string_view::npos; mark = text.find("://")) {
    text.remove_prefix(mark);
    const std::string_view info =
        split_url(text.substr(0, text.find_first_of("\"'<> \t\r\n"))).user_info;
    text.remove_prefix(3);
    if (info.empty()) continue;
    out.emplace_back(info);
    const auto colon = info.find(':');
    if (colon != std::string_view::npos) out.emplace_back(info.substr(colon + 1));
  }
}

}  // namespace

void hide_secrets(const Launch& launch, Finished& report) {
  const auto may_name_a_user = [](const std::string& text) {
    return text.find('@') != std::string::npos;
  };
  if (launch.secrets.empty() && !may_name_a_user(report.files_json) &&
      !may_name_a_user(report.extra_json) && !may_name_a_user(report.result_json)) {
    return;
  }
  std::vector<std::string> values;
  for (const Secret& secret : launch.secrets) {
    values.insert(values.end(), secret.mask.begin(), secret.mask.end());
  }
  const auto may_hide = [&](const std::string& text) {
    return !text.empty() && (!values.empty() || may_name_a_user(text));
  };
  const Mask mask{values};
  if (may_hide(report.files_json)) report.files_json = masked_text(mask, report.files_json, "[]");
  if (may_hide(report.extra_json)) report.extra_json = masked_text(mask, report.extra_json, "{}");
  // Of one that is a file the slot has made sure that it holds none.
  if (!may_hide(report.result_json) || result_file_of(report.result_json)) return;
  const auto result = parse_untrusted(report.result_json, report_limits);
  if (!result) {  // the scheduler refuses it; until then nobody shall read it
    report.shown_json = "\"***\"";
    return;
  }
  const json shown = masked(mask, *result);
  if (shown == *result) return;
  report.shown_json = json_text(shown);
  for (std::string& value : values) {
    if (masked(Mask{{value}}, *result) != *result) report.hidden.push_back(std::move(value));
  }
  collect_user_info(*result, report.hidden);
}

}  // namespace batuta
