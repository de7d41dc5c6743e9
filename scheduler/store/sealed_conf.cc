#include "scheduler/store/sealed_conf.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"

namespace batuta {
namespace {

using json = nlohmann::json;

constexpr char sealed_name[] = "batuta:sealed";
constexpr std::string_view conf_purpose = "run.conf";
// Of our own texts: an order for the quarantine is larger than a body that people may send.
constexpr JsonLimits conf_limits{
    .bytes = std::size_t{8} << 20, .tokens = 2'000'000, .string_bytes = std::size_t{8} << 20};

std::string bound_place(const std::string& dag_id, const std::string& name) {
  return dag_id + "/" + name;  // neither has a slash
}

// The box's text; null when `value` is none.
const std::string* box_in(const json& value) {
  if (!value.is_object() || value.size() != 1) return nullptr;
  const auto box = value.find(sealed_name);
  return box != value.end() && box->is_string() ? &box->get_ref<const std::string&>() : nullptr;
}

}  // namespace

bool seal_conf(const SecretKey& key, const std::string& dag_id,
               const std::vector<std::string>& names, std::string& conf_json) {
  if (names.empty()) return false;
  auto conf = parse_untrusted(conf_json, conf_limits);
  if (!conf || !conf->is_object()) return false;
  bool any = false;
  for (const std::string& name : names) {
    const auto value = conf->find(name);
    if (value == conf->end() || !value->is_string()) continue;
    const std::string plain = value->get<std::string>();
    if (plain.empty()) continue;
    *value = {{sealed_name, base64url(key.seal(conf_purpose, bound_place(dag_id, name), plain))}};
    any = true;
  }
  if (any) conf_json = json_text(*conf);
  return any;
}

void seal_request(const SecretKey& key, const std::vector<std::string>& names,
                  RunRequested& request) {
  if (!seal_conf(key, request.dag_id, names, request.conf_json)) return;
  // Not the idempotency key: it holds nothing of the body, and must find the run after another key
  // sealed that, or the request makes a second one.
  request.request_digest = hex_of(key.mac("request", request.request_digest));
}

bool may_hold_boxes(const std::string& conf_json) {
  return conf_json.find(sealed_name) != std::string::npos;
}

std::optional<OpenedConf> open_conf(const SecretKey& key, const std::string& dag_id,
                                    const std::string& conf_json) {
  if (!may_hold_boxes(conf_json)) return std::nullopt;
  auto conf = parse_untrusted(conf_json, conf_limits);
  if (!conf || !conf->is_object()) return std::nullopt;
  OpenedConf out;
  for (auto& [name, value] : conf->items()) {
    const std::string* text = box_in(value);
    if (text == nullptr) continue;
    const auto box = from_base64url(*text);
    auto plain = box ? key.open(conf_purpose, bound_place(dag_id, name), *box) : std::nullopt;
    if (!plain) {
      out.closed.push_back(name);
      continue;
    }
    value = *plain;
    out.hidden.push_back(std::move(*plain));
  }
  if (out.hidden.empty() && out.closed.empty()) return std::nullopt;
  out.json = json_text(*conf);
  return out;
}

bool reseal_conf(const SecretKey& from, const SecretKey& to, const std::string& dag_id,
                 std::string& conf_json) {
  auto conf = parse_untrusted(conf_json, conf_limits);
  if (!conf || !conf->is_object()) return false;
  bool all = true;
  for (auto& [name, value] : conf->items()) {
    const std::string* text = box_in(value);
    if (text == nullptr) continue;
    const auto box = from_base64url(*text);
    const auto plain =
        box ? from.open(conf_purpose, bound_place(dag_id, name), *box) : std::nullopt;
    all = all && plain;
    if (plain) {
      value = {{sealed_name, base64url(to.seal(conf_purpose, bound_place(dag_id, name), *plain))}};
    }
  }
  conf_json = json_text(*conf);
  return all;
}

std::string shown_conf(std::string conf_json) {
  if (!may_hold_boxes(conf_json)) return conf_json;
  auto conf = parse_untrusted(conf_json, conf_limits);
  if (!conf || !conf->is_object()) return conf_json;
  for (auto& [name, value] : conf->items()) {
    if (box_in(value) != nullptr) value = "***";
  }
  return json_text(*conf);
}

}  // namespace batuta
