#include "scheduler/serve/settings.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/safe_json.h"
#include "common/text.h"
#include "scheduler/serve/aws_secrets.h"
#include "scheduler/serve/event_settings.h"
#include "scheduler/serve/login_settings.h"
#include "scheduler/serve/vault_settings.h"
#include "stores/lake.h"

namespace batuta {
namespace {

using json = nlohmann::json;
using Words = Setting::Words;

std::string shown_duration(Duration d) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

std::string shown_bytes(std::int64_t bytes) {
  for (const auto& [name, shift] : {std::pair{"GiB", 30}, {"MiB", 20}, {"KiB", 10}}) {
    const std::int64_t unit = std::int64_t{1} << shift;
    if (bytes >= unit && bytes % unit == 0) return std::to_string(bytes / unit) + name;
  }
  return std::to_string(bytes);
}

std::string trimmed(std::string word) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  word.erase(word.begin(), std::find_if_not(word.begin(), word.end(), blank));
  while (!word.empty() && blank(word.back())) word.pop_back();
  return word;
}

// A number, or a text that is one.
std::optional<std::int64_t> whole_number_of(const json& value) {
  if (!value.is_string()) return json_int(value);
  const auto parsed = parse_untrusted(value.get_ref<const std::string&>());
  return parsed ? json_int(*parsed) : std::nullopt;
}

// Each by its type: whether it was read.
struct Reader {
  const Setting& setting;
  Settings& into;
  const json& value;

  bool within(std::int64_t number) const {
    if (number == 0 && setting.zero_is_none) return true;
    return number >= setting.least && (setting.most == 0 || number <= setting.most);
  }

  bool operator()(bool Settings::*member) const {
    const bool yes = value == true || value == "true";
    if (!yes && value != false && value != "false") return false;
    into.*member = yes;
    return true;
  }
  bool operator()(Duration Settings::*member) const {
    const auto seconds = json_int(value);
    const auto parsed = seconds             ? parse_duration(std::to_string(*seconds))
                        : value.is_string() ? parse_duration(value.get_ref<const std::string&>())
                                            : std::nullopt;
    if (!parsed || *parsed < std::chrono::milliseconds(setting.least)) return false;
    into.*member = *parsed;
    return true;
  }
  bool operator()(int Settings::*member) const {
    const auto number = whole_number_of(value);
    if (!number || !within(*number)) return false;
    into.*member = static_cast<int>(*number);
    return true;
  }
  // A number of bytes, as one or as a text with KiB, MiB, GiB behind.
  bool operator()(std::int64_t Settings::*member) const {
    const auto number = json_int(value);
    if (!number && !value.is_string()) return false;
    const auto bytes =
        parse_byte_size(number ? std::to_string(*number) : value.get_ref<const std::string&>());
    if (!bytes || !within(*bytes)) return false;
    into.*member = *bytes;
    return true;
  }
  bool operator()(std::string Settings::*member) const {
    std::string text;
    if (value.is_string()) {
      text = value.get_ref<const std::string&>();
    } else if (setting.kind == Setting::Kind::object || setting.kind == Setting::Kind::reference) {
      text = json_text(value);
    } else {
      return false;
    }
    if (setting.fits != nullptr && !setting.fits(text)) return false;
    into.*member = std::move(text);
    return true;
  }
  // A list, or words with commas between as a variable of the environment has them.
  bool operator()(Words Settings::*member) const {
    Words words;
    if (value.is_string()) {
      std::istringstream all(value.get<std::string>());
      for (std::string word; std::getline(all, word, ',');) words.push_back(word);
    } else if (value.is_array()) {
      for (const json& item : value) {
        if (!item.is_string()) return false;
        words.push_back(item.get<std::string>());
      }
    } else {
      return false;
    }
    for (std::string& word : words) {
      word = trimmed(std::move(word));
      if (!setting.fits(word)) return false;
    }
    if (words.empty() && !setting.empty_fits) return false;
    into.*member = std::move(words);
    return true;
  }
  bool operator()(std::vector<BundleSetting> Settings::*) const { return false; }  // read apart
};

struct Shower {
  const Settings& of;

  std::string operator()(bool Settings::*member) const { return of.*member ? "true" : "false"; }
  std::string operator()(Duration Settings::*member) const { return shown_duration(of.*member); }
  std::string operator()(int Settings::*member) const { return std::to_string(of.*member); }
  std::string operator()(std::int64_t Settings::*member) const { return shown_bytes(of.*member); }
  std::string operator()(std::string Settings::*member) const { return of.*member; }
  std::string operator()(Words Settings::*member) const {
    std::string text;
    for (const auto& word : of.*member) text.append(text.empty() ? "" : ", ").append(word);
    return text;
  }
  std::string operator()(std::vector<BundleSetting> Settings::*member) const {
    return shown_bundles(of.*member);
  }
};

void take_over(const Setting& setting, Settings& into, const Settings& from) {
  std::visit([&](auto member) { into.*member = from.*member; }, setting.member);
}

// A folder, a repository or an object store.
json bundle_schema() {
  const json text{{"type", "string"}}, names{{"type", "string"}, {"pattern", "^[a-z][a-z0-9_-]*$"}};
  const json flag{{"type", "boolean"}}, kept{{"type", "integer"}, {"minimum", 1}, {"maximum", 100}};
  json kinds = json::array();
  for (const char* kind : {"path", "git", "store"})
    kinds.push_back({{"required", json::array({kind})}});
  return {{"type", "object"},
          {"properties",
           {{"name", names},
            {"path", text},
            {"git", text},
            {"ref", text},
            {"subdir", text},
            {"store", text},
            {"connection", text},
            {"every", text},
            {"allow_errors", flag},
            {"keep", kept}}},
          {"additionalProperties", false},
          {"required", json::array({"name"})},
          {"oneOf", std::move(kinds)}};
}

json type_schema(const Setting& setting) {
  using Of = Setting::Kind;
  const json number{{"type", "integer"}, {"minimum", 0}};
  switch (setting.kind) {
    case Of::flag:
      return {{"type", "boolean"}};
    case Of::duration: {
      const json text{{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)?$"}};
      return {{"anyOf", {text, number}}};
    }
    case Of::integer: {
      json out{{"type", "integer"}, {"minimum", setting.least}};
      if (setting.most != 0) out["maximum"] = setting.most;
      return out;
    }
    case Of::bytes: {
      const json text{{"type", "string"}, {"pattern", "^[0-9]+(KiB|MiB|GiB|TiB)?$"}};
      json bytes{{"type", "integer"}, {"minimum", setting.zero_is_none ? 0 : setting.least}};
      if (setting.most != 0) bytes["maximum"] = setting.most;
      return {{"anyOf", {text, bytes}}};
    }
    case Of::text:
      return {{"type", "string"}};
    case Of::list: {
      json out{{"type", "array"}, {"items", {{"type", "string"}}}};
      if (!setting.empty_fits) out["minItems"] = 1;
      return out;
    }
    case Of::object: {
      json out{{"type", "object"}};
      const auto example = parse_untrusted(setting.example);
      const bool of_texts = example && std::all_of(example->begin(), example->end(),
                                                   [](const json& one) { return one.is_string(); });
      if (of_texts) out["additionalProperties"] = {{"type", "string"}};
      return out;
    }
    case Of::reference:
      return {{"type", "object"},
              {"properties",
               {{"$env", {{"type", "string"}}},
                {"$file", {{"type", "string"}}},
                {"$command", {{"type", "array"}, {"items", {{"type", "string"}}}}}}},
              {"additionalProperties", false},
              {"minProperties", 1},
              {"maxProperties", 1}};
    case Of::bundles:
      break;
  }
  return {{"type", "array"}, {"maxItems", max_bundles - 1}, {"items", bundle_schema()}};
}

json default_of(const Setting& setting) {
  const Settings defaults;
  if (setting.kind == Setting::Kind::flag) return setting.show(defaults) == "true";
  if (setting.kind == Setting::Kind::integer) return *whole_number_of(json(setting.show(defaults)));
  if (const auto* words = std::get_if<Words Settings::*>(&setting.member))
    return defaults.*(*words);
  if (setting.kind == Setting::Kind::bundles) return json::array();
  if (setting.kind == Setting::Kind::object) return json::object();
  const std::string shown = setting.show(defaults);
  return shown.empty() ? json() : json(shown);
}

}  // namespace

std::string Setting::variable() const {
  std::string out = std::string("BATUTA_") + name;
  for (char& c : out) {
    c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string Setting::expected() const {
  switch (kind) {
    case Kind::flag:
      return "true or false";
    case Kind::duration:
      return least == 0 ? "a duration such as \"90s\""
                        : "a duration of at least " +
                              shown_duration(std::chrono::milliseconds(least)) + " such as \"90s\"";
    case Kind::integer:
      return std::string("a number of ") + unit + " from " + std::to_string(least) + " to " +
             std::to_string(most);
    case Kind::bytes:
      return most == 0 ? "a size of at least " + shown_bytes(least) + " such as \"2GiB\"" +
                             (zero_is_none ? ", or 0 for none" : "")
                       : "a size from " + shown_bytes(least) + " to " + shown_bytes(most) +
                             " such as \"8MiB\"";
    default:
      return expects;
  }
}

Status Setting::read(Settings& into, const json& value) const {
  if (kind == Kind::bundles) {
    auto read =
        read_bundle_settings(value.is_string() ? value.get<std::string>() : json_text(value));
    if (!read) return read.error();
    into.bundles = *std::move(read);
    return success();
  }
  if (std::visit(Reader{*this, into, value}, member)) return success();
  std::string message = std::string("\"") + name + "\" must be " + expected();
  // Where a reference is wanted a secret itself may stand by mistake.
  if (shown == nullptr && kind != Kind::reference) {
    std::string given = json_text(value);
    if (given.size() > 80) given = "what it is";
    message += ", not " + given;
    if (why != nullptr) {
      const std::string told = why(value.is_string() ? value.get<std::string>() : json_text(value));
      if (!told.empty()) message += ": " + told;
    }
  }
  return {Errc::invalid, message};
}

std::string Setting::show(const Settings& of) const {
  std::string text = std::visit(Shower{of}, member);
  return shown == nullptr ? text : shown(text);
}

bool Setting::same(const Settings& a, const Settings& b) const {
  return std::visit([&](auto which) { return a.*which == b.*which; }, member);
}

std::vector<std::pair<std::string, std::string>> shown_settings(const Settings& settings) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Setting& setting : settings_table())
    out.emplace_back(setting.name, setting.show(settings));
  return out;
}

Status check_together(const Settings& settings) {
  if (!settings.worker_user_range.empty() && settings.worker_user.empty())
    return {Errc::invalid, "worker.user_range needs worker.user: its group is the slots'"};
  if (!settings.worker_run_as_users.empty() && settings.worker_user.empty())
    return {Errc::invalid,
            "worker.run_as_users needs worker.user: that is who all other tasks run as, and its "
            "group is the lake's"};
  if (settings.lease < 2 * settings.heartbeat)
    return {Errc::invalid, "lease must be at least twice the heartbeat"};
  if (!stores::folder_of(settings.lake_url).empty() && !settings.worker_user.empty())
    return {Errc::invalid,
            "a folder as lake.url does not go with worker.user, which is given the folder lake of "
            "the home: mount the other one there"};
  if (!settings.lake_url.empty() && !settings.worker_user_range.empty())
    return {Errc::invalid,
            "lake.url does not go with worker.user_range: the files of a store are cached for one "
            "user alone"};
  if (!settings.lake_url.empty() && !settings.worker_run_as_users.empty())
    return {Errc::invalid,
            "lake.url does not go with worker.run_as_users: the files of a store are cached for "
            "one user alone"};
  if (const Status events = check_event_settings(settings); !events) return events;
  if (const Status vault = check_vault_settings(settings); !vault) return vault;
  if (const Status aws = check_aws_settings(settings); !aws) return aws;
  return check_login_settings(settings);
}

std::string settings_schema() {
  json properties{{"$schema", {{"type", "string"}}}};
  for (const Setting& setting : settings_table()) {
    json one = type_schema(setting);
    one["description"] =
        std::string(setting.sentence) + " Must be " + setting.expected() + ". " +
        (setting.live ? "Taken over by `batuta config reload`." : "Taken over by the next start.") +
        " Variable: " + setting.variable();
    if (const json value = default_of(setting); !value.is_null()) one["default"] = value;
    if (*setting.example != '\0')
      one["examples"] = json::array({*parse_untrusted(setting.example)});
    properties[setting.name] = std::move(one);
  }
  const json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                    {"title", "batuta.json: the settings of an installation of Batuta"},
                    {"type", "object"},
                    {"properties", std::move(properties)},
                    {"additionalProperties", false}};
  return schema.dump(2) + "\n";
}

std::pair<Settings, SettingsReload> reloaded(const Settings& now, const Settings& next) {
  std::pair<Settings, SettingsReload> out{now, {}};
  for (const Setting& setting : settings_table()) {
    if (setting.same(now, next)) continue;
    auto& list = setting.live ? out.second.changed : out.second.needs_restart;
    list.push_back({setting.name, setting.show(now), setting.show(next)});
    if (setting.live) take_over(setting, out.first, next);
  }
  return out;
}

}  // namespace batuta
