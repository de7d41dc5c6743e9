#include "scheduler/cli/plugin_scan.h"

#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "scheduler/dagfile/plugin_check.h"
#include "worker/catalogue_scan.h"
#include "worker/posix.h"

namespace batuta::cli {
namespace {

std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

}  // namespace

std::string default_plugins_folder() {
  return (program_folder() / "plugins").string();
}

std::string missing_in(const std::string& folder, const std::string& unknown_plugin) {
  if (!unknown_plugin.starts_with(nobody_offers)) return unknown_plugin;
  return folder + " has no plugin " + unknown_plugin.substr(nobody_offers.size());
}

namespace {

// Runs the scan of a folder to its end, then hands it to `use`.
template <class Answer, class Use>
Result<Answer> scan_folder(const std::string& folder, Use use) {
  if (!std::filesystem::is_directory(folder)) {
    return {Errc::not_found,
            "there is no plugin folder " + folder + "; name it with --plugins DIR"};
  }
  CatalogueScan::Options options;
  options.command = {(program_folder() / "batuta-worker").string(), "slot"};
  options.folder = std::filesystem::absolute(folder).lexically_normal().string();
  CatalogueScan scan(options);
  scan.start();
  while (scan.active()) {
    pollfd waiting{scan.fd(), POLLIN, 0};
    const auto left_ms = std::max<std::int64_t>(0, (scan.deadline_us() - boot_us()) / 1000 + 1);
    const int ready = poll(&waiting, 1, static_cast<int>(left_ms));
    if (ready < 0 && errno != EINTR) return {Errc::unavailable, "cannot wait for the plugins"};
    const bool done = ready > 0 ? scan.on_readable() : ready == 0 && scan.on_timeout();
    if (done) break;
  }
  return use(scan);
}

}  // namespace

Result<std::vector<PluginInfo>> scan_plugins(const std::string& folder) {
  return scan_folder<std::vector<PluginInfo>>(
      folder, [](const CatalogueScan& scan) { return scan.plugins(); });
}

Result<std::map<std::string, std::string>> scan_plugin_faults(const std::string& folder) {
  return scan_folder<std::map<std::string, std::string>>(
      folder, [](const CatalogueScan& scan) { return scan.faults(); });
}

}  // namespace batuta::cli
