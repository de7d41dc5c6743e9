#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "scheduler/cli/client.h"
#include "scheduler/cli/output.h"
#include "scheduler/cli/plugin_project.h"
#include "scheduler/cli/plugin_scan.h"

extern char** environ;

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;

fs::path beside_executable(const char* name) {
  return fs::read_symlink("/proc/self/exe").parent_path() / name;
}

// Waits; the exit code. Its output is shown on standard error: standard output is our own.
int run_program(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Failure(words[0] + " cannot be started: " + std::strerror(error) +
                      (error == ENOENT ? "; install cmake and g++" : ""),
                  1);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void must_run(const std::vector<std::string>& words, const std::string& what) {
  std::fflush(stdout);
  if (const int code = run_program(words); code != 0) {
    throw Failure(what + " failed (" + words[0] + " ended with " + std::to_string(code) + ")", 1);
  }
}

std::vector<fs::path> shared_objects(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".so") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void write_manifest_of(const fs::path& folder) {
  must_run({beside_executable("batuta-worker").string(), "manifest", folder.string()},
           "listing the plugins of " + folder.string());
}

// Each must load and be what its file's name says.
void check_loads(const fs::path& built) {
  write_manifest_of(built);
  const auto scanned = scan_plugin_faults(built.string());
  if (!scanned) throw Failure(scanned.error().message, 1);
  std::string faults;
  for (const auto& [name, why] : *scanned) faults += "\n  " + why;
  if (!faults.empty()) throw Failure("built, but no worker would load it:" + shown_text(faults), 1);
}

// Under another name and then in place: a worker never sees half a file.
void put_in(const fs::path& file, const fs::path& folder) {
  const fs::path staged = folder / (file.filename().string() + ".new");
  std::error_code failed;
  fs::copy_file(file, staged, fs::copy_options::overwrite_existing, failed);
  if (!failed) fs::rename(staged, folder / file.filename(), failed);
  if (failed) {
    throw Failure("cannot write to " + folder.string() + ": " + failed.message() +
                      "\n  run it as who owns that folder, or name another: --plugins DIR (and "
                      "start the worker with it)",
                  1);
  }
}

// The plugins that every worker needs come along into a folder that is new.
void make_folder(const fs::path& folder) {
  if (fs::exists(folder)) return;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw Failure("cannot make " + folder.string() + ": " + failed.message(), 1);
  const auto shipped = shared_objects(default_plugins_folder());
  for (const fs::path& file : shipped) put_in(file, folder);
  std::printf("%s: new, with the %zu plugins of the product\n", folder.c_str(), shipped.size());
}

}  // namespace

int build_plugins(const PluginBuild& build) {
  const fs::path source = fs::absolute(build.folder).lexically_normal();
  if (!fs::exists(source / "CMakeLists.txt")) {
    throw Failure(source.string() + " has no CMakeLists.txt: batuta plugins new NAME makes one", 1);
  }
  const fs::path sdk = beside_executable("sdk");
  if (!fs::exists(sdk / "batutaConfig.cmake")) {
    throw Failure("there is no SDK at " + sdk.string() +
                      ": it lies beside the executable of an installation (the package, or cmake "
                      "--install of a build), which is the one to call",
                  1);
  }
  const fs::path made = source / "build";
  must_run({"cmake", "-S", source.string(), "-B", made.string(), "-DCMAKE_BUILD_TYPE=Release",
            "-Dbatuta_DIR=" + sdk.string()},
           "configuring");
  must_run({"cmake", "--build", made.string()}, "compiling");
  const auto files = shared_objects(made / "plugins");
  if (files.empty()) throw Failure("nothing was built: batuta_add_plugin(NAME SOURCES …)", 1);
  check_loads(made / "plugins");
  if (!build.install) {
    for (const fs::path& file : files) std::printf("%s\n", file.c_str());
    return 0;
  }
  const fs::path folder =
      fs::absolute(build.plugins.empty() ? default_plugins_folder() : build.plugins);
  make_folder(folder);
  for (const fs::path& file : files) put_in(file, folder);
  write_manifest_of(folder);
  for (const fs::path& file : files) {
    std::printf("%s installed\n", (folder / file.filename()).c_str());
  }
  return 0;
}

}  // namespace batuta::cli
