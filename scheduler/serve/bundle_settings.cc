#include "scheduler/serve/bundle_settings.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "stores/options.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr const char* bundle_example = R"([{"name": "risk", "path": "/srv/risk"}])";
constexpr std::string_view repository_schemes[] = {"https://", "http://", "ssh://", "git://",
                                                   "file:///"};

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

bool names_no_option(std::string_view text) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f';
  });
}

Status check_repository(const std::string& url) {
  const bool known = url.front() == '/' ||
                     std::any_of(std::begin(repository_schemes), std::end(repository_schemes),
                                 [&](std::string_view scheme) { return url.starts_with(scheme); });
  if (!known || !names_no_option(url)) {
    return {Errc::invalid,
            "\"git\" must be the absolute path of a repository, or its address: https://…, "
            "ssh://git@host/…, file:///…"};
  }
  // Up to the path, whatever else stands in it. A name before the '@' is what ssh needs.
  const auto mark = url.find("://");
  const std::string host =
      mark == url.npos ? "" : url.substr(mark + 3, url.find('/', mark + 3) - mark - 3);
  const std::string user = host.substr(0, host.rfind('@') == host.npos ? 0 : host.rfind('@'));
  const bool shows =
      url.starts_with("http") ? host.find('@') != host.npos : user.find(':') != user.npos;
  if (shows) {
    return {Errc::invalid,
            "\"git\" has a user or password in it, which everybody would see; give git a "
            "credential helper, or use ssh:// with a key"};
  }
  return success();
}

Status check_subdir(const std::string& subdir) {
  const bool leaves = (subdir + "/").find("../") != std::string::npos;
  if (!leaves && subdir.front() != '/' && subdir.back() != '/' && subdir.front() != ':' &&
      subdir.find('\0') == std::string::npos)
    return success();
  return {Errc::invalid, "\"subdir\" must be a path in the repository, without .. and / around it"};
}

// What only a repository has.
Status check_repository_fields(const BundleSetting& bundle) {
  if (auto fits = check_repository(bundle.git); !fits) return fits;
  if (auto fits = check_ref(bundle.ref); !fits) return fits;
  return bundle.subdir.empty() ? success() : check_subdir(bundle.subdir);
}

// Put in order: without a slash at its end.
Status read_store(std::string& url) {
  const auto location = stores::parse_location(url);
  if (!location) {
    return {Errc::invalid,
            "\"store\" must be s3://bucket/prefix, gs://bucket/prefix or "
            "azblob://account/container/prefix, without credentials"};
  }
  url = location->text();
  return success();
}

// What a repository and a store have.
Status read_revisions(const json& item, BundleSetting& bundle) {
  if (const auto every = item.find("every"); every != item.end()) {
    const auto read =
        every->is_string() ? parse_duration(every->get_ref<const std::string&>()) : std::nullopt;
    if (!read || (*read != Duration::zero() && *read < std::chrono::seconds(1)))
      return {Errc::invalid,
              "\"every\" must be a duration of at least 1s, or \"0s\": only when asked"};
    bundle.every = *read;
  }
  if (const auto allow = item.find("allow_errors"); allow != item.end()) {
    if (!allow->is_boolean()) return {Errc::invalid, "\"allow_errors\" must be true or false"};
    bundle.allow_errors = *allow;
  }
  if (const auto keep = item.find("keep"); keep != item.end()) {
    const auto number = json_int(*keep);
    if (!number || *number < 1 || *number > 100)
      return {Errc::invalid, "\"keep\" must be a number of revisions from 1 to 100"};
    bundle.keep = static_cast<int>(*number);
  }
  return success();
}

Status check_fields(const json& item) {
  const bool of_git = item.contains("git"), of_store = item.contains("store");
  for (const auto& [field, value] : item.items()) {
    const auto is = [&, &name = field](const char* known) { return name == known; };
    if (is("name") || is("path") || is("git") || is("store")) continue;
    const bool of_both = is("every") || is("allow_errors") || is("keep");
    const bool git_alone = is("ref") || is("subdir"), store_alone = is("connection");
    if (!of_both && !git_alone && !store_alone) {
      return {Errc::invalid, "unknown \"" + field.substr(0, 100) +
                                 "\"; known are name, path, git, ref, subdir, store, connection, "
                                 "every, allow_errors, keep"};
    }
    if (git_alone && !of_git)
      return {Errc::invalid, "\"" + field + "\" is of a repository (\"git\") only"};
    if (store_alone && !of_store)
      return {Errc::invalid, "\"" + field + "\" is of an object store (\"store\") only"};
    if (of_both && !of_git && !of_store) {
      return {Errc::invalid, "\"" + field +
                                 "\" is of a repository (\"git\") or an object store (\"store\") "
                                 "only"};
    }
  }
  if (int{of_git} + int{of_store} + int{item.contains("path")} != 1) {
    return {Errc::invalid,
            "needs one of \"path\", a folder, \"git\", a repository, and \"store\", an object "
            "store"};
  }
  return success();
}

Result<BundleSetting> read_bundle(const json& item, const std::string& at) {
  if (!item.is_object())
    return bad_bundles(at, std::string("must be an object: ") + bundle_example);
  BundleSetting bundle;
  for (const auto& [field, into] :
       {std::pair{"name", &bundle.name}, std::pair{"path", &bundle.path},
        std::pair{"git", &bundle.git}, std::pair{"ref", &bundle.ref},
        std::pair{"subdir", &bundle.subdir}, std::pair{"store", &bundle.store},
        std::pair{"connection", &bundle.connection}}) {
    auto text = text_of(item, field, at);
    if (!text) return text.error();
    if (!text->empty()) *into = *std::move(text);
  }
  Status fits = check_fields(item);
  if (fits) fits = check_bundle_name(bundle.name);
  if (fits && !bundle.git.empty()) fits = check_repository_fields(bundle);
  if (fits && !bundle.store.empty()) fits = read_store(bundle.store);
  if (fits && bundle.has_revisions()) fits = read_revisions(item, bundle);
  if (!fits) return bad_bundles(at, fits.error().message);
  if (!bundle.has_revisions() && bundle.path.front() != '/')
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

Status check_ref(std::string_view ref) {
  const bool fits = ref.size() <= 250 && names_no_option(ref) && ref.front() != '/' &&
                    ref.back() != '/' && ref.back() != '.' && ref.find("..") == ref.npos &&
                    ref.find_first_of("~^:?*[\\+@{") == ref.npos;
  if (fits) return success();
  return {Errc::invalid,
          "\"" + std::string(ref.substr(0, 100)) + "\" is no name of a branch or tag"};
}

std::string shown_bundles(const std::vector<BundleSetting>& bundles) {
  std::string text;
  for (const BundleSetting& bundle : bundles) {
    text += (text.empty() ? "" : ", ") + bundle.name + ": ";
    text += bundle.git.empty() ? bundle.path + bundle.store : bundle.git + " at " + bundle.ref;
  }
  return text;
}

}  // namespace batuta
