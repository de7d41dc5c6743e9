#include "scheduler/cli/validate.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>

#include "scheduler/cli/client.h"
#include "scheduler/cli/home_limits.h"
#include "scheduler/cli/output.h"
#include "scheduler/cli/plugin_scan.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* schema_file = "dag.schema.json";

class Validator {
 public:
  explicit Validator(const Validation& what) : plugins_(what.plugins), home_(what.home) {
    // Named but not there is a slip; not named and not there is a machine without plugins.
    if (!plugins_.empty()) catalogue();
  }

  void check(const std::string& path) {
    if (fs::is_directory(path)) {
      if (!is_bundle(path)) return check_folder(path);
      if (const auto inside = check_links_of_bundle(path); !inside)
        return complain(path + ": " + inside.error().message);
      return check_folder(path + "/dags");
    }
    const auto folder = fs::path(path).parent_path();
    const std::string name = fs::path(path).filename().string();
    if (name == schema_file) {
      std::printf("%s: skipped: it is the schema of DAG files, not a DAG\n", path.c_str());
      return;
    }
    check_file(folder.empty() ? "." : folder.string(), name, path);
  }

  int bad() const { return bad_; }

 private:
  // The folder of a bundle has its DAG files in dags/, and none beside that.
  static bool is_bundle(const std::string& path) {
    if (!fs::is_directory(path + "/dags")) return false;
    const Listing listing = list_dag_folder(path);
    return std::all_of(listing.files.begin(), listing.files.end(), [](const FoundFile& file) {
      return file.path.find('/') != std::string::npos;
    });
  }

  void check_folder(const std::string& folder) {
    const Listing listing = list_dag_folder(folder);
    if (listing.files.empty()) complain(folder + ": holds no DAG files (*.json)");
    if (listing.truncated) complain(folder + ": holds too many files; the rest was not looked at");
    for (const FoundFile& file : listing.files) {
      const std::string shown = (fs::path(folder) / file.path).string();
      if (file.refused.empty()) {
        check_file(folder, file.path, shown);
      } else {
        complain(shown + ": " + file.refused);
      }
    }
  }

  // As the scheduler reads: only regular files, never beyond the limit, never waiting for a writer.
  void check_file(const std::string& folder, const std::string& name, const std::string& shown) {
    const auto text = read_below(folder, name, max_dag_file_bytes);
    if (!text) return complain(shown + ": " + text.error().message);
    auto result = parse_dag_file(*text, shown, folder, {});
    if (!result.unknown_plugins.empty() && !catalogue().empty()) {
      result = parse_dag_file(*text, shown, folder, catalogue());
    }
    for (const DagFileProblem& problem : result.problems) say(problem.text());
    if (!catalogue_ || !catalogue_->empty()) {
      for (const std::string& warning : result.unknown_plugins) {
        say(shown + ": warning: " + missing_in(plugins_, warning));
      }
    }
    for (DagFileProblem warning : result.warnings) {
      warning.message.insert(0, "warning: ");
      say(warning.text());
    }
    if (!result.dag) {
      ++bad_;
      return;
    }
    for (const std::string& warning : not_listed_here(home_, *result.dag))
      say(shown + ": warning: " + warning);
    const auto [first, fresh] = files_.emplace(result.dag->id, shown);
    if (!fresh) {
      return complain(shown + ": DAG " + result.dag->id + " is defined in " + first->second +
                      " already");
    }
    std::printf("%s: ok, DAG %s with %zu tasks\n", shown.c_str(), result.dag->id.c_str(),
                result.dag->tasks.size());
  }

  // Read when the first file names a plugin: built-in types need none.
  const std::vector<PluginInfo>& catalogue() {
    if (catalogue_) return *catalogue_;
    const bool named = !plugins_.empty();
    if (!named) plugins_ = default_plugins_folder();
    auto found = scan_plugins(plugins_);
    if (!found && named) throw Failure(found.error().message, 2);
    catalogue_ = found ? std::move(*found) : std::vector<PluginInfo>{};
    if (catalogue_->empty())
      say("warning: no plugins in " + plugins_ + ": their parameters are not checked");
    return *catalogue_;
  }

  static void say(const std::string& line) {
    std::fprintf(stderr, "%s\n", shown_text(line).c_str());
  }
  void complain(const std::string& line) {
    say(line);
    ++bad_;
  }

  std::string plugins_;
  const std::string home_;
  std::optional<std::vector<PluginInfo>> catalogue_;
  std::map<std::string, std::string> files_;  // DAG id -> where it was first
  int bad_ = 0;
};

}  // namespace

int validate(const Validation& what) {
  Validator validator(what);
  for (const std::string& path : what.paths) validator.check(path);
  return validator.bad() == 0 ? 0 : 1;
}

}  // namespace batuta::cli
