// plugins new, build: from nothing to a loaded plugin, outside the source tree.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "scheduler/cli/commands.h"
#include "scheduler/cli/plugin_project.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;

struct NewPlugin {
  std::string name, kind = "extract", folder;
};

void make_project(const NewPlugin& wanted) {
  const auto files = plugin_project(wanted.name, wanted.kind);
  if (!files) throw Failure(files.error().message, 2);
  const fs::path folder = wanted.folder.empty() ? wanted.name : wanted.folder;
  std::error_code failed;
  if (fs::exists(folder) && !fs::is_empty(folder, failed)) {
    throw Failure(folder.string() + " is there already and not empty", 1);
  }
  fs::create_directories(folder, failed);
  for (const ProjectFile& file : *files) {
    std::ofstream out(folder / file.name, std::ios::binary);
    if (!(out << file.text << std::flush)) throw Failure("cannot write to " + folder.string(), 1);
    std::printf("%s\n", (folder / file.name).c_str());
  }
  std::fflush(stdout);
  std::fprintf(stderr,
               "next: batuta plugins build %s\n"
               "then: a task of \"type\": \"%s\" runs it, as in %s.json\n",
               folder.c_str(), wanted.kind.c_str(), wanted.name.c_str());
}

}  // namespace

void add_plugin_commands(CLI::App& app, Session& session) {
  CLI::App* plugins = app.get_subcommand("plugins");
  auto wanted = std::make_shared<NewPlugin>();
  CLI::App* fresh =
      plugins->add_subcommand("new", "The files of a new plugin, in a folder of its own");
  fresh->add_option("name", wanted->name, "<source>_<layer>, such as weather_bronze")->required();
  fresh->add_option("--kind", wanted->kind)
      ->check(CLI::IsMember({"extract", "transform", "aggregate"}))
      ->capture_default_str();
  fresh->add_option("--to", wanted->folder, "the folder (default: its name)");
  fresh->callback([wanted] { make_project(*wanted); });

  auto build = std::make_shared<PluginBuild>();
  CLI::App* made = plugins->add_subcommand(
      "build", "Compile the plugins of a folder, try to load them, and install them");
  made->add_option("folder", build->folder)->capture_default_str();
  made->add_option("--plugins", build->plugins,
                   "where they go (default: the plugins beside the executable)");
  made->add_flag("!--no-install", build->install, "leave them in <folder>/build/plugins");
  made->callback([&session, build] { session.exit_code = build_plugins(*build); });
}

}  // namespace batuta::cli
