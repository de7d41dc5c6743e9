#include "scheduler/serve/bundle_settings.h"

#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr const char* bundle_example = R"([{"name": "risk", "path": "/srv/risk"}])";

Error bad_bundles(const std::string& at, const std::string& why) {
  return {Errc::invalid, at + ": " + why, {}};
}

Result<std::string> text_of(const json& item, const char* field, const std::string& at) {
  const auto found = item.find(field);
  if (found == item.end()) return std::string();
  if (!found->is_string() || found->get_ref<const std::string&>().empty())
    return bad_bundles(at, std::string("\"") + field + "\" must be a text");
  return found->get<std::string>();
}

Result<BundleSetting> read_bundle(const json& item, const std::string& at) {
  if (!item.is_object()) return bad_bundles(at, std::string("must be an object: ") + bundle_example);
  for (const auto& [field, value] : item.items()) {
    if (field != "name" && field != "path")
      return bad_bundles(at, "unknown \"" + field.substr(0, 100) + "\"; known are name, path");
  }
  BundleSetting bundle;
  for (const auto& [field, into] :
       {std::pair{"name", &bundle.name}, std::pair{"path", &bundle.path}}) {
    auto text = text_of(item, field, at);
    if (!text) return text.error();
    *into = *std::move(text);
  }
  if (auto fits = check_bundle_name(bundle.name); !fits)
    return bad_bundles(at, fits.error().message);
  if (bundle.path.empty() || bundle.path.front() != '/')
    return bad_bundles(at, "\"path\" must be the absolute path of a folder with dags/ in it");
  while (bundle.path.size() > 1 && bundle.path.back() == '/') bundle.path.pop_back();
  return bundle;
}

}  // namespace

Result<std::vector<BundleSetting>> read_bundle_settings(const std::string& text) {
  const auto list = parse_untrusted(text);
  if (!list) return bad_bundles("bundles", list.error().message);
  if (!list->is_array() || list->size() >= max_bundles) {
    return bad_bundles("bundles", "must be a list of at most " + std::to_string(max_bundles - 1) +
                                      " bundles: " + bundle_example);
  }
  std::vector<BundleSetting> bundles;
  std::set<std::string> names;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string at = "bundles[" + std::to_string(i) + "]";
    auto bundle = read_bundle((*list)[i], at);
    if (!bundle) return bundle.error();
    if (!names.insert(bundle->name).second)
      return bad_bundles(at, "the name \"" + bundle->name + "\" is there twice");
    bundles.push_back(*std::move(bundle));
  }
  return bundles;
}

std::string shown_bundles(const std::vector<BundleSetting>& bundles) {
  std::string text;
  for (const BundleSetting& bundle : bundles)
    text.append(text.empty() ? "" : ", ").append(bundle.name).append(": ").append(bundle.path);
  return text;
}

std::vector<BundleFolder> folders_of(const std::vector<BundleSetting>& bundles) {
  std::vector<BundleFolder> folders;
  for (const BundleSetting& bundle : bundles) folders.push_back(bundle_in(bundle.name, bundle.path));
  return folders;
}

}  // namespace batuta
