#include "scheduler/commands/demo_real.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/fd.h"
#include "scheduler/commands/demo_postgres.h"
#include "scheduler/commands/demo_truth.h"
#include "scheduler/commands/supervisor.h"
#include "scheduler/demo/written_file.h"
#include "scheduler/serve/home.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

std::string bundle_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The line without its mark: "# - {…}" as "- {…}".
std::string uncommented(const std::string& line) {
  return line.substr(line.find_first_not_of("# "));
}

// "gold/ecommerce/sales_daily" as "sales_daily".
std::string last_part(const std::string& table) {
  return table.substr(table.rfind('/') + 1);
}

Result<bool> is_in_postgres(const std::string& home, const std::string& table,
                            const demo::RealDatabase& real, const DemoPostgres& postgres) {
  const std::string place = real.schema + "." + last_part(table);
  const auto there = postgres.rows(real.database, "SELECT count(*) FROM " + place);
  if (!there) return there.error();
  const auto here = count_rows(home, table);
  if (!here) return here.error();
  const bool same = there->size() == 1 && there->front() == std::to_string(*here);
  std::printf("  %s in PostgreSQL: %s.%s has the %" PRId64 " rows of %s\n",
              same ? "holds" : "WRONG", real.database.c_str(), place.c_str(), *here, table.c_str());
  return same;
}

}  // namespace

std::string with_real_server(const std::string& original, const demo::RealDatabase& real) {
  const auto at = real.comment.empty() ? original.npos : original.find(real.comment);
  if (at == original.npos) return original;
  std::string text = original;
  return text.replace(at, real.comment.size(), uncommented(real.comment));
}

Status choose_server(const Home& home, const std::string& name, const demo::RealDatabase& real,
                     bool wanted) {
  if (real.file.empty()) return success();
  const std::string path = home.path("bundles/" + name + "/" + real.file);
  const std::string original = bundle_text(fs::path(program("pipelines")) / name / real.file);
  const std::string changed = with_real_server(original, real);
  const std::string now = bundle_text(path);
  const std::string& right = wanted ? changed : original;
  if (now == right) return success();
  if (now == original || now == changed) return demo::write_file(path, right);
  const bool names_it =
      now.find(uncommented(real.comment)) != now.npos && now.find(real.comment) == now.npos;
  if (names_it == wanted) return success();
  return {Errc::conflict, path + " is not as it was installed, and stays so: for a run " +
                              (wanted ? "with" : "without") + " --real " +
                              (wanted ? "its table needs \"" + uncommented(real.comment) + "\""
                                      : "take \"" + uncommented(real.comment) + "\" out of it") +
                              ", or remove the file, and it is copied anew"};
}

Result<bool> show_delivery(const std::string& home, const std::string& name,
                           const demo::Simulation& simulation, const DemoPostgres* postgres,
                           bool stays) {
  const fs::path folder = fs::path(home) / "demo" / name / "delivered";
  std::error_code error;
  fs::remove_all(folder, error);
  if (!error) fs::create_directories(folder, error);
  if (error) return {Errc::unavailable, folder.string() + " cannot be made: " + error.message()};
  std::printf("\nhow others get %s: as files, by GET /api/lake/tables/<table>/export%s\n",
              name.c_str(),
              postgres == nullptr ? " (with --real: in PostgreSQL, too)" : ", and in PostgreSQL");
  std::fflush(stdout);
  const UniqueFd nowhere{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  bool all = true;
  for (const std::string& table : simulation.gold()) {
    const std::string file = folder / (last_part(table) + ".parquet");
    const auto child = start_process(
        {program("batuta"), "lake", "export", table, "--files", "--to", file, "--home", home},
        nowhere.get());
    if (!child) return child.error();
    int status = 0;
    waitpid(*child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
      return {Errc::unavailable, table + " cannot be exported"};
    const auto bytes = fs::file_size(file, error);
    if (error) return {Errc::unavailable, file + " cannot be looked at: " + error.message()};
    std::printf("  written %s, %" PRIuMAX " bytes\n",
                stays ? file.c_str() : (last_part(table) + ".parquet").c_str(), bytes);
    std::fflush(stdout);
    if (postgres == nullptr) continue;
    const auto same = is_in_postgres(home, table, *simulation.real_database(), *postgres);
    if (!same) return same.error();
    all = all && *same;
    std::fflush(stdout);
  }
  return all;
}

}  // namespace batuta
