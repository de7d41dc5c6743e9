#include "scheduler/cli/plugin_project.h"

#include <algorithm>
#include <cctype>

#include "common/ids.h"

namespace batuta::cli {
namespace {

// weather_bronze -> WeatherBronze
std::string type_name(const std::string& name) {
  std::string out;
  bool capital = true;
  for (const char c : name) {
    if (c == '_') {
      capital = true;
      continue;
    }
    out += capital ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    capital = false;
  }
  return out;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

constexpr const char* source_file = R"(#include "plugins/sdk/plugin.h"

struct @Type@ {
  static constexpr auto name = "@name@";  // as the file
  static constexpr auto version = "0.1.0";
  static constexpr auto kind = "@kind@";  // extract, transform or aggregate
  static constexpr auto summary = "Greets, and returns the greeting";
  static constexpr batuta_param params[] = {
      batuta::plugin::optional(BATUTA_PARAM_STRING, "who", "whom to greet", "\"world\"")};

  void execute(batuta::plugin::Context& context) {
    const std::string greeting = "hello " + context.text("who");
    context.info(greeting);
    context.return_text(greeting);
  }
};
BATUTA_PLUGIN(@Type@)
)";

constexpr const char* build_file = R"(cmake_minimum_required(VERSION 3.25)
project(@name@ LANGUAGES CXX)
find_package(batuta REQUIRED)
batuta_add_plugin(@name@ SOURCES @name@.cc)
)";

constexpr const char* dag_file = R"({
  "dag_id": "@name@",
  "schedule": null,
  "is_paused_upon_creation": false,
  "tasks": [
    { "task_id": "@layer@", "type": "@kind@", "source": "@source@", "layer": "@layer@",
      "params": { "who": "you" } }
  ]
}
)";

}  // namespace

Result<std::vector<ProjectFile>> plugin_project(const std::string& name, const std::string& kind) {
  const auto cut = name.rfind('_');
  const bool words = std::all_of(name.begin(), name.end(), [](char c) {
    return std::islower(static_cast<unsigned char>(c)) != 0 ||
           std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '_';
  });
  const bool named = cut != std::string::npos && cut > 0 && cut + 1 < name.size() && words &&
                     std::isalpha(static_cast<unsigned char>(name[0])) != 0 && valid_id(name);
  if (!named) {
    return {Errc::invalid,
            "a plugin is named <source>_<layer> in small letters, digits and '_', "
            "such as weather_bronze"};
  }
  const auto filled = [&](std::string text) {
    text = replaced(std::move(text), "@Type@", type_name(name));
    text = replaced(std::move(text), "@name@", name);
    text = replaced(std::move(text), "@kind@", kind);
    text = replaced(std::move(text), "@source@", name.substr(0, cut));
    return replaced(std::move(text), "@layer@", name.substr(cut + 1));
  };
  return std::vector<ProjectFile>{{name + ".cc", filled(source_file)},
                                  {"CMakeLists.txt", filled(build_file)},
                                  {name + ".json", filled(dag_file)}};
}

}  // namespace batuta::cli
