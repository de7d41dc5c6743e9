// dags import-crontab, import-dagu: DAG files in a folder, and a list of what needs a hand.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "scheduler/cli/commands.h"
#include "scheduler/cli/imported.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_import_bytes = 1 << 20;

struct Import {
  std::vector<std::string> files;
  std::string folder = "./dags";
  CrontabOptions crontab;
  bool overwrite = false, dry_run = false;
};

std::string read_whole(const std::string& file) {
  std::string text;
  if (file == "-") {
    text.resize(max_import_bytes + 1);
    std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::cin.gcount()));
  } else {
    const fs::path path(file);
    const auto read = read_below(path.has_parent_path() ? path.parent_path().string() : ".",
                                 path.filename().string(), max_import_bytes);
    if (!read) throw Failure(file + ": " + read.error().message, 1);
    text = *read;
  }
  if (text.size() > max_import_bytes) throw Failure(file + ": larger than 1 MiB", 1);
  return text;
}

// The zone that this machine's cron reads its times in; empty when it does not say.
std::string zone_of_machine() {
  std::error_code failed;
  const std::string link = fs::read_symlink("/etc/localtime", failed).string();
  const auto at = link.find("zoneinfo/");
  if (failed || at == link.npos) return {};
  const std::string zone = link.substr(at + 9);
  return zone == "Etc/UTC" ? "UTC" : zone;
}

void write_dag(const Import& import, const ImportedDag& dag) {
  const fs::path path = fs::path(import.folder) / (dag.dag_id + ".json");
  if (!import.overwrite && fs::exists(path)) {
    throw Failure(path.string() +
                      " is there already: --overwrite replaces it, --prefix gives "
                      "other names",
                  1);
  }
  // Beside its place and then there: a server that watches the folder never reads half of it.
  const fs::path staged = path.string() + ".new";
  std::ofstream out(staged, std::ios::binary);
  out << dag.text << "\n" << std::flush;
  std::error_code failed;
  if (out) fs::rename(staged, path, failed);
  if (!out || failed) throw Failure("cannot write " + path.string(), 1);
  std::printf("%s\n", path.c_str());
}

void keep(const Import& import, Imported imported, const std::string& file) {
  check_imported(imported);
  if (imported.dags.empty()) {
    std::fprintf(stderr, "batuta: %s: no job was found in it\n", file.c_str());
  }
  if (import.dry_run) {
    for (const ImportedDag& dag : imported.dags) std::printf("%s\n", dag.text.c_str());
  } else {
    std::error_code failed;
    fs::create_directories(import.folder, failed);
    if (failed) throw Failure("cannot make the folder " + import.folder, 1);
    for (const ImportedDag& dag : imported.dags) write_dag(import, dag);
  }
  std::fflush(stdout);
  if (imported.notes.empty()) return;
  std::fprintf(stderr, "%s: what needs a hand\n", file.c_str());
  for (const std::string& note : imported.notes) {
    std::fprintf(stderr, "  - %s\n", shown_text(note).c_str());
  }
}

void import_options(CLI::App& verb, Import& import) {
  verb.add_option("files", import.files, "- is standard input")->required();
  verb.add_option("--to", import.folder, "the folder that the DAG files go to")
      ->capture_default_str();
  verb.add_flag("--overwrite", import.overwrite, "replace files that are there");
  verb.add_flag("--dry-run", import.dry_run, "print the DAGs, write nothing");
}

}  // namespace

void add_import_commands(CLI::App& app, Session& session) {
  (void)session;
  CLI::App* dags = app.get_subcommand("dags");
  auto a = std::make_shared<Import>();
  CLI::App* crontab = dags->add_subcommand(
      "import-crontab", "A DAG for every line of a crontab, and what needs a hand");
  import_options(*crontab, *a);
  crontab->add_option("--prefix", a->crontab.prefix, "of the DAG ids");
  crontab->add_option("--timezone", a->crontab.timezone,
                      "that the crontab is read in (default: this machine's)");
  crontab->add_flag("--system", a->crontab.system,
                    "the sixth field is a user (so are /etc/crontab and /etc/cron.d)");
  crontab->callback([a] {
    for (const std::string& file : a->files) {
      CrontabOptions options = a->crontab;
      if (options.timezone.empty()) options.timezone = zone_of_machine();
      const std::string where = fs::absolute(file).lexically_normal().string();
      options.system |= where == "/etc/crontab" || where.starts_with("/etc/cron.d/");
      keep(*a, import_crontab(read_whole(file), options), file);
    }
  });
  CLI::App* dagu =
      dags->add_subcommand("import-dagu", "A DAG of each Dagu file, and what needs a hand");
  import_options(*dagu, *a);
  dagu->callback([a] {
    for (const std::string& file : a->files) {
      auto imported = import_dagu(read_whole(file), fs::path(file).stem().string());
      if (!imported) throw Failure(file + ": " + imported.error().message, 1);
      keep(*a, std::move(*imported), file);
    }
  });
}

}  // namespace batuta::cli
