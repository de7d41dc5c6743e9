// The settings in effect, as Airflow's configuration: sections of options. None of them is a
// secret.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

struct Option {
  std::string section, key, value;
};

// "lake.memory" is the option memory of the section lake; what has no dot is of "core".
std::vector<Option> options_of(const Context& context) {
  std::vector<Option> options;
  for (const auto& [name, value] : context.services.settings()) {
    const auto dot = name.find('.');
    const bool plain = dot == name.npos;
    options.push_back(
        {plain ? "core" : name.substr(0, dot), plain ? name : name.substr(dot + 1), value});
  }
  return options;
}

Response config_answer(const Request& request, const std::vector<Option>& options) {
  const std::string* accept = request.header("accept");
  if (accept && accept->starts_with("text/plain")) {
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    std::string section;
    for (const Option& one : options) {
      if (one.section != section) response.body += "[" + one.section + "]\n";
      section = one.section;
      response.body += one.key + " = " + one.value + "\n";
    }
    return response;
  }
  json sections = json::array();
  for (const Option& one : options) {
    if (sections.empty() || sections.back()["name"] != one.section) {
      sections.push_back({{"name", one.section}, {"options", json::array()}});
    }
    sections.back()["options"].push_back({{"key", one.key}, {"value", one.value}});
  }
  return json_response({{"sections", sections}});
}

json changes_json(const std::vector<SettingChange>& changes) {
  json out = json::array();
  for (const SettingChange& one : changes)
    out.push_back({{"name", one.name}, {"before", one.before}, {"after", one.after}});
  return out;
}

}  // namespace

std::string reload_json(const SettingsReload& told) {
  return json_text({{"changed", changes_json(told.changed)},
                    {"needs_restart", changes_json(told.needs_restart)}});
}

Result<Response> reload_config(Context& context, const Request& request) {
  const auto told = context.services.reload_settings(request.identity.user);
  if (!told) return told.error();
  Response response;
  response.content_type = "application/json";
  response.body = reload_json(*told);
  return response;
}

Result<Response> get_config(Context& context, const Request& request) {
  QueryReader query(request);
  const auto section = query.text("section");
  if (!query.status()) return query.status().error();
  auto options = options_of(context);
  if (section) {
    std::erase_if(options, [&](const Option& one) { return one.section != *section; });
    if (options.empty()) return {Errc::not_found, "Section " + *section + " not found."};
  }
  return config_answer(request, options);
}

Result<Response> get_config_value(Context& context, const Request& request) {
  const std::string& section = path_param(request, "section");
  const std::string& key = path_param(request, "option");
  auto options = options_of(context);
  std::erase_if(options,
                [&](const Option& one) { return one.section != section || one.key != key; });
  if (options.empty()) {
    return {Errc::not_found, "Option [" + section + "/" + key + "] not found."};
  }
  return config_answer(request, options);
}

}  // namespace batuta::http
