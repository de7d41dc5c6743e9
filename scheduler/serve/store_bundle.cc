#include "scheduler/serve/store_bundle.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "common/safe_json.h"
#include "stores/object_storage.h"
#include "stores/options.h"
#include "stores/sign.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t max_bundle_folders = 2'000;  // each is a request
constexpr Duration pause_slice = std::chrono::milliseconds(50);

std::string process_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// What its login and password do not say its extra has by the names of docs/stores.md.
std::string connection_variable(stores::Kind kind, const Connection& connection,
                                const nlohmann::json& extra, const std::string& name) {
  std::string value = stores::variable_of_login(kind, connection.login, connection.password, name);
  if (!value.empty() || !extra.is_object()) return value;
  const auto found = extra.find(name);
  if (found == extra.end()) return {};
  return found->is_string() ? found->get<std::string>() : json_text(*found);
}

// The network until `end`, or until `stop` says so; then every request fails at once.
stores::Surroundings bounded(SteadyClock::time_point end, const std::function<bool()>& stop) {
  stores::Surroundings out = stores::real_surroundings();
  const auto over = [end, stop] { return (stop && stop()) || SteadyClock::now() >= end; };
  out.http = [over, call = out.http](const HttpRequest& request) -> Result<HttpAnswer> {
    if (over()) return {Errc::unavailable, "it takes too long, or the scheduler is stopping"};
    HttpRequest bounded_request = request;
    bounded_request.cancelled = over;
    return call(bounded_request);
  };
  out.pause = [over](Duration pause) {
    const auto until = SteadyClock::now() + pause;
    while (!over() && SteadyClock::now() < until) std::this_thread::sleep_for(pause_slice);
  };
  return out;
}

std::string revision_of(const std::vector<lakelog::ObjectInfo>& objects) {
  std::string text;
  for (const lakelog::ObjectInfo& one : objects) {
    // A store without ETags tells that an object is another one by when it was put.
    const std::string mark = one.etag.empty() ? std::to_string(one.modified_ms) : one.etag;
    text += one.key + '\0' + mark + '\0' + std::to_string(one.size) + '\n';
  }
  return stores::sha256_hex(text);
}

std::int64_t bytes_of(const std::vector<lakelog::ObjectInfo>& objects) {
  std::int64_t bytes = 0;
  for (const lakelog::ObjectInfo& one : objects) bytes += std::max<std::int64_t>(one.size, 0);
  return bytes;
}

std::string subject_of(const std::vector<lakelog::ObjectInfo>& objects) {
  std::int64_t newest = 0;
  for (const lakelog::ObjectInfo& one : objects) newest = std::max(newest, one.modified_ms);
  return std::to_string(objects.size()) + (objects.size() == 1 ? " object, " : " objects, ") +
         std::to_string(bytes_of(objects)) + " bytes, the newest of " +
         to_iso(Time(std::chrono::milliseconds(newest)));
}

// Regular files below, by their paths in it.
std::map<std::string, std::uintmax_t> files_below(const std::string& folder) {
  std::map<std::string, std::uintmax_t> out;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (!at->is_regular_file(failed)) continue;
    out[at->path().lexically_relative(folder).string()] = at->file_size(failed);
  }
  return out;
}

bool same_bytes(const std::string& a, const std::string& b) {
  std::ifstream first(a, std::ios::binary), second(b, std::ios::binary);
  using Bytes = std::istreambuf_iterator<char>;
  return first && second && std::equal(Bytes(first), Bytes(), Bytes(second), Bytes());
}

Error changed_meanwhile(const std::string& store) {
  return {Errc::unavailable,
          store +
              " has changed since it was looked at: the next look, or the same command again, "
              "takes what is there then",
          {}};
}

}  // namespace

Result<std::unique_ptr<lakelog::Storage>> StoreBundle::open() const {
  const auto location = stores::parse_location(setting_.store);
  if (!location) return location.error();
  std::function<std::string(const std::string&)> variable = process_variable;
  if (!setting_.connection.empty()) {
    if (!hooks_.connection) return {Errc::not_found, "there are no connections here"};
    auto connection = hooks_.connection(setting_.connection);
    if (!connection) return connection.error();
    auto extra = parse_untrusted(connection->extra.empty() ? "{}" : connection->extra);
    if (!extra)
      return {Errc::invalid, "connection \"" + setting_.connection + "\": extra is no JSON"};
    variable = [kind = location->kind, connection = *std::move(connection),
                extra = *std::move(extra)](const std::string& name) {
      return connection_variable(kind, connection, extra, name);
    };
  }
  auto options = stores::options_from(location->kind, variable);
  if (!options)
    return {options.error().code, options.error().where + " " + options.error().message};
  options->probe = false;  // it is only read
  return stores::open_store(setting_.store, *options,
                            bounded(SteadyClock::now() + hooks_.limit, hooks_.stop));
}

Result<StoreBundle::Objects> StoreBundle::list(const lakelog::Storage& storage) const {
  Objects objects;
  std::vector<std::string> folders{""};
  std::size_t looked_at = 0;
  std::int64_t bytes = 0;
  while (!folders.empty()) {
    const std::string prefix = std::move(folders.back());
    folders.pop_back();
    if (++looked_at > max_bundle_folders) {
      return {Errc::too_large,
              setting_.store +
                  " has more than 2,000 folders; name the one that has dags/ in it "
                  "as the bundle's \"store\""};
    }
    lakelog::ListOptions options;
    options.details = true;
    // Folders count as well, also those in which nothing is: with room for both none is cut off.
    options.limit = hooks_.most_files + 1 - objects.size() + max_bundle_folders + 1;
    auto listing = storage.list(prefix, options);
    if (!listing) return listing.error();
    for (lakelog::ObjectInfo& one : listing->objects) {
      bytes += std::max<std::int64_t>(one.size, 0);
      objects.push_back(std::move(one));
    }
    if (objects.size() > hooks_.most_files || bytes > max_bytes) {
      return too_large(setting_.store, objects.size(), bytes,
                       "at least; name the folder that has dags/ in it as the bundle's \"store\"");
    }
    for (std::string& below : listing->prefixes) folders.push_back(std::move(below));
  }
  if (objects.empty()) {
    return {Errc::not_found, "there is no object below " + setting_.store +
                                 "; a bundle has its DAGs in dags/ there"};
  }
  std::sort(objects.begin(), objects.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return objects;
}

Result<Commit> StoreBundle::fetch() const {
  const auto storage = open();
  if (!storage) return storage.error();
  const auto objects = list(**storage);
  if (!objects) return objects.error();
  return Commit{revision_of(*objects).substr(0, commit_digits), subject_of(*objects)};
}

Result<Commit> StoreBundle::find(const std::string& revision) const {
  if (revision.empty()) return fetch();
  if (is_commit_id(revision, 7)) {
    std::error_code failed;
    for (fs::directory_iterator at(folder(), failed), end; !failed && at != end;
         at.increment(failed)) {
      std::string name = at->path().filename().string();
      if (is_commit_id(name) && name.starts_with(revision)) return Commit{std::move(name), {}};
    }
    auto now = fetch();
    if (!now || now->id.starts_with(revision)) return now;
  }
  return {Errc::not_found,
          "\"" + revision.substr(0, 100) + "\" is no revision of " + setting_.store +
              " that is here (batuta bundles list); without a revision what is there now is taken"};
}

Status StoreBundle::fetch_into(const std::string& folder, const lakelog::Storage& storage,
                               const Objects& objects) const {
  std::error_code failed;
  for (const lakelog::ObjectInfo& one : objects) {
    const auto bytes = storage.read(one.key);
    if (!bytes) return bytes.error();
    // Nor does it take more room than what was listed may.
    if (one.size >= 0 && bytes->size() != static_cast<std::uint64_t>(one.size))
      return changed_meanwhile(setting_.store);
    const fs::path path = fs::path(folder) / one.key;
    // Where a name is a file's and a folder's at once, no folder can hold both.
    fs::create_directories(path.parent_path(), failed);
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
    out.close();
    if (failed || !out) {
      return {Errc::unavailable, "cannot write the object " + setting_.store + "/" + one.key +
                                     " to " + path.string() +
                                     ": is there room, and does no other object's name begin "
                                     "with \"" +
                                     one.key + "/\" or lead through it?"};
    }
  }
  return success();
}

Result<std::string> StoreBundle::check_out(const Commit& commit) const {
  const std::string target = folder_of(commit.id);
  if (fs::is_directory(target)) return target;
  const auto storage = open();
  if (!storage) return storage.error();
  const Error changed = changed_meanwhile(setting_.store);
  const auto is_it = [&](const Objects& objects) {
    return revision_of(objects).starts_with(commit.id);
  };
  const auto objects = list(**storage);
  if (!objects) return objects.error();
  if (!is_it(*objects)) return changed;
  const auto staged = make_staging(commit.id);
  if (!staged) return staged.error();
  if (auto fetched = fetch_into(*staged, **storage, *objects); !fetched) return fetched.error();
  // What was read is what was listed only if it is so still.
  const auto after = list(**storage);
  if (!after) return after.error();
  if (!is_it(*after)) return changed;
  return keep_staged(*staged, commit.id);
}

Result<std::vector<std::pair<std::string, std::string>>> StoreBundle::files_between(
    const std::string& from, const std::string& to) const {
  std::map<std::string, std::uintmax_t> before;
  if (!from.empty()) before = files_below(folder_of(from));
  const auto after = files_below(folder_of(to));
  std::map<std::string, std::string> changes;
  for (const auto& [path, size] : after) {
    const auto old = before.find(path);
    if (old == before.end()) {
      changes[path] = "A";
    } else if (old->second != size ||
               !same_bytes(folder_of(from) + "/" + path, folder_of(to) + "/" + path)) {
      changes[path] = "M";
    }
  }
  for (const auto& [path, size] : before) {
    if (!after.contains(path)) changes[path] = "D";
  }
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& [path, change] : changes) {
    if (files.size() == max_told_files) break;
    files.emplace_back(change, path);
  }
  return files;
}

}  // namespace batuta
