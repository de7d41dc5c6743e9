#include "worker/deferral.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "worker/mask.h"

namespace batuta {
namespace {

using json = nlohmann::json;

constexpr JsonLimits deferral_limits{max_deferral_bytes, 64, 100'000, max_deferral_bytes};

Error refused_deferral(const std::string& why) {
  return {Errc::invalid, "defer: " + why, {}};
}

Mask mask_of(const Launch& launch) {
  std::vector<std::string> values;
  for (const Secret& secret : launch.secrets) {
    values.insert(values.end(), secret.mask.begin(), secret.mask.end());
  }
  return Mask(values);
}

bool holds_secret(const Mask& mask, const json& value) {
  if (value.is_structured()) {
    for (const auto& [name, item] : value.items()) {
      if (value.is_object() && mask.whole(name) != name) return true;
      if (holds_secret(mask, item)) return true;
    }
    return false;
  }
  const std::string text =
      value.is_string() ? value.get_ref<const std::string&>() : json_text(value);
  return mask.whole(text) != text;
}

// Those that the wait has the scheduler open.
std::vector<std::string> connections_in(const json& wait) {
  std::vector<std::string> names;
  const auto add = [&](const json& kind) {
    if (!kind.is_object()) return;
    const auto id = kind.find("connection");
    if (id != kind.end() && id->is_string()) names.push_back(id->get<std::string>());
  };
  if (const auto cancel = wait.find("on_cancel"); cancel != wait.end()) add(*cancel);
  const auto of = wait.find("wait_for");
  if (of == wait.end() || !of->is_object()) return names;
  for (const json& kind : *of) add(kind);
  return names;
}

Status check_connections(const Launch& launch, const json& wait) {
  for (const std::string& name : connections_in(wait)) {
    const bool given = std::any_of(launch.secrets.begin(), launch.secrets.end(),
                                   [&](const Secret& secret) { return secret.name == name; });
    if (given) continue;
    return refused_deferral("the wait names connection \"" + name.substr(0, 128) +
                            "\", which the task was not given: add it to its \"connections\"");
  }
  return success();
}

}  // namespace

Status check_deferral(const Launch& launch, std::string_view wait_json,
                      std::string_view payload_json) {
  const auto too_long = [](const char* what, std::size_t bytes) {
    return refused_deferral(std::string(what) + " has " + std::to_string(bytes) + " bytes, and " +
                            std::to_string(max_deferral_bytes) + " are the most");
  };
  if (wait_json.size() > max_deferral_bytes) return too_long("the wait", wait_json.size());
  if (payload_json.size() > max_deferral_bytes) return too_long("the payload", payload_json.size());
  const auto wait = parse_untrusted(wait_json, deferral_limits);
  if (!wait) return refused_deferral("the wait is not JSON: " + wait.error().message);
  if (!wait->is_object()) return refused_deferral("the wait must be a JSON object");
  const auto payload = parse_untrusted(payload_json, deferral_limits);
  if (!payload) return refused_deferral("the payload is not JSON: " + payload.error().message);
  const Mask mask = mask_of(launch);
  if (!mask.empty() && (holds_secret(mask, *wait) || holds_secret(mask, *payload))) {
    return refused_deferral(
        "the wait or the payload holds a secret of the task, and both are kept in the clear: name "
        "a connection instead");
  }
  return check_connections(launch, *wait);
}

Status check_checkpoint(const Launch& launch, std::string_view json_text_of_it) {
  constexpr JsonLimits limits{max_checkpoint_bytes, 64, 100'000, max_checkpoint_bytes};
  const auto refused = [](const std::string& why) {
    return Error{Errc::invalid, "checkpoint: " + why, {}};
  };
  const auto too_long = [&](std::size_t bytes) {
    return refused("it has " + std::to_string(bytes) + " bytes as JSON, and " +
                   std::to_string(max_checkpoint_bytes) +
                   " are the most: write what is large to a file or a table, and name that");
  };
  if (json_text_of_it.size() > max_checkpoint_bytes) return too_long(json_text_of_it.size());
  const auto value = parse_untrusted(json_text_of_it, limits);
  if (!value) return refused("it is not JSON: " + value.error().message);
  // As the scheduler writes it down: "1e9" is longer there, and what is too long then is not kept.
  const std::size_t kept = json_text(*value).size();
  if (kept > max_checkpoint_bytes) return too_long(kept);
  const Mask mask = mask_of(launch);
  if (!mask.empty() && holds_secret(mask, *value)) {
    return refused("it holds a secret of the task, and is kept in the clear");
  }
  return success();
}

void judge_deferral(const Launch& launch, std::uint32_t version, Finished& report) {
  if (report.outcome != Outcome::deferred) return;
  Status fits = check_deferral(launch, report.wait_json, report.payload_json);
  if (fits && version < deferral_version) {
    fits = refused_deferral(
        "the scheduler is of an older version, which knows no deferral: update it");
  }
  if (fits) return;
  report.outcome = Outcome::failed_no_retry;
  report.reason = fits.error().message;
  report.wait_json.clear();
  report.payload_json.clear();
}

}  // namespace batuta
