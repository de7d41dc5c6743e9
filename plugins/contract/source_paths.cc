#include "plugins/contract/source_paths.h"

#include <glob.h>

#include <filesystem>
#include <system_error>

#include "common/time.h"
#include "plugins/contract/store_files.h"

namespace batuta::from_contract {
namespace {

std::string day_of(const plugin::Context& context) {
  const OptTime logical = context.logical_date();
  if (!logical)
    throw plugin::FinalError("the path names {{ ds }}, and this run has no logical date");
  return to_iso(*logical).substr(0, 10);
}

}  // namespace

std::string source_path(const plugin::Context& context, const contract::Source& source) {
  std::string path = context.text("path", source.path);
  for (std::size_t at = 0; (at = path.find("{{", at)) != path.npos;) {
    const auto end = path.find("}}", at);
    std::string name = end == path.npos ? "" : path.substr(at + 2, end - at - 2);
    std::erase(name, ' ');
    std::string value;
    if (name == "ds") {
      value = day_of(context);
    } else if (name == "ds_nodash") {
      value = day_of(context);
      std::erase(value, '-');
    } else {
      throw plugin::FinalError(
          "the path " + path +
          ": a contract knows {{ ds }} and {{ ds_nodash }}; others go into the "
          "task's parameter \"path\"");
    }
    path.replace(at, end + 2 - at, value);
    at += value.size();
  }
  if (!path.starts_with("/") && !is_in_store(path))
    throw plugin::FinalError("the path of a source must be absolute, or a URL in a store, not " +
                             path);
  return path;
}

std::vector<std::string> source_files(const std::string& path) {
  // A file of that very name, though it holds what a pattern would take for a choice: "a[1].csv".
  std::error_code unknown;
  if (std::filesystem::is_regular_file(path, unknown)) return {path};
  ::glob_t found{};
  const int code = ::glob(path.c_str(), GLOB_MARK, nullptr, &found);
  std::vector<std::string> files;
  for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i) {
    const std::string name = found.gl_pathv[i];
    if (!name.ends_with("/")) files.push_back(name);
  }
  ::globfree(&found);
  if (code != 0 && code != GLOB_NOMATCH)
    throw plugin::RetryableError("the folder of " + path + " cannot be read");
  if (files.empty()) throw plugin::RetryableError("there is no file " + path);
  if (files.size() > most_source_files)
    throw plugin::FinalError(path + " matches more than 10,000 files: let each run read its own");
  return files;
}

}  // namespace batuta::from_contract
