#include "scheduler/dagfile/bundle.h"

#include <algorithm>

namespace batuta {
namespace {

constexpr std::string_view bundle_mark = "://";
constexpr std::size_t max_bundle_name = 64;

bool is_small_letter(char c) {
  return c >= 'a' && c <= 'z';
}

}  // namespace

BundleFolder bundle_in(std::string name, const std::string& path, std::string revision) {
  return {std::move(name), path + "/dags", path + "/contracts", std::move(revision)};
}

Status check_bundle_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= max_bundle_name &&
                    is_small_letter(name.front()) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return is_small_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
                    });
  if (!fits) {
    return {Errc::invalid, "\"" + std::string(name.substr(0, 100)) +
                               "\" is no name of a bundle: 1 to 64 of a-z, 0-9, _ and -, "
                               "beginning with a letter"};
  }
  if (name == default_bundle) {
    return {Errc::invalid,
            "\"default\" is the bundle of the DAG folder (--dags); give this one another name"};
  }
  return success();
}

std::string file_in_bundle(std::string_view bundle, const std::string& path) {
  if (bundle == default_bundle) return path;
  return std::string(bundle).append(bundle_mark).append(path);
}

BundleFile split_bundle_file(std::string_view file) {
  const auto mark = file.find(bundle_mark);
  if (mark == file.npos) return {default_bundle, file};
  return {file.substr(0, mark), file.substr(mark + bundle_mark.size())};
}

}  // namespace batuta
