#include "plugins/contract/store_files.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <sstream>

#include "plugins/lake/count_requests.h"
#include "stores/file_cache.h"
#include "stores/object_storage.h"
#include "stores/options.h"

namespace batuta::from_contract {
namespace {

template <class T>
T of_store(Result<T> result) {
  if (result) return *std::move(result);
  if (result.error().code == Errc::unavailable)
    throw plugin::RetryableError(result.error().message);
  throw plugin::FinalError(result.error().message);
}

// The variables of docs/stores.md: what its login and password do not say its extra has by their
// own names.
std::string store_option(const plugin::Connection& connection, stores::Kind kind,
                         const std::string& name) {
  const std::string of_login =
      stores::variable_of_login(kind, connection.login, connection.password, name);
  return of_login.empty() ? connection.extra(name) : of_login;
}

}  // namespace

bool is_in_store(const std::string& path) {
  return path.starts_with("s3://") || path.starts_with("gs://") || path.starts_with("azblob://");
}

StoreFiles::StoreFiles(plugin::Context& context, const std::string& path,
                       const plugin::Connection& connection)
    : context_(context), path_(path) {
  if (path.find('?') != path.npos)
    throw plugin::FinalError("the location " + path +
                             ": in a store a name may hold '*', and no '?'");
  // The folder of the first segment with a '*', or of the file.
  const auto star = path.find('*');
  const auto slash = path.find_last_of('/', star == path.npos ? path.size() : star);
  base_ = path.substr(0, slash + 1);
  std::istringstream below(path.substr(slash + 1));
  for (std::string segment; std::getline(below, segment, '/');) segments_.push_back(segment);
  if (segments_.empty() || segments_.back().empty())
    throw plugin::FinalError("the location " + path + " names a folder: name its files, such as " +
                             path + "*.csv");
  const auto location = of_store(stores::parse_location(base_));
  auto options = of_store(stores::options_from(location.kind, [&](const std::string& name) {
    return store_option(connection, location.kind, name);
  }));
  options.probe = false;  // it is only read
  lake::count_requests_at_host(context);
  store_ = of_store(stores::open_store(base_, options));
}

void StoreFiles::find_below(const std::string& prefix, std::size_t segment, std::size_t most,
                            std::vector<std::string>& out) const {
  context_.check_cancelled();
  const auto listing = of_store(store_->list(prefix));
  const std::string& pattern = segments_[segment];
  const auto fits = [&](std::string name) {
    name.erase(0, prefix.size());
    if (name.ends_with('/')) name.pop_back();
    // "a[1].csv" is that name, and a choice for a pattern.
    return name == pattern ||
           ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE | FNM_PERIOD) == 0;
  };
  if (segment + 1 == segments_.size()) {
    for (const lakelog::ObjectInfo& object : listing.objects)
      if (fits(object.key)) out.push_back(base_ + object.key);
    if (out.size() > most)
      throw plugin::FinalError(path_ + " matches more than " + std::to_string(most) +
                               " files: let each run read its own");
    return;
  }
  for (const std::string& below : listing.prefixes)
    if (fits(below)) find_below(below, segment + 1, most, out);
}

std::vector<std::string> StoreFiles::find(std::size_t most) const {
  std::vector<std::string> out;
  find_below("", 0, most, out);
  if (out.empty()) throw plugin::RetryableError("there is no file " + path_);
  std::sort(out.begin(), out.end());
  return out;
}

std::string StoreFiles::fetch(const std::string& url) const {
  const std::string key = url.substr(base_.size());
  const auto size = static_cast<std::uint64_t>(of_store(store_->stat(key)).size);
  const std::string path = context_.scratch() + "/fetched-" + std::to_string(size) + "-" +
                           std::to_string(std::hash<std::string>{}(url));
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  for (std::uint64_t at = 0; at < size;) {
    context_.check_cancelled();
    const auto piece =
        of_store(store_->read(key, {at, std::min(stores::cache_piece_bytes, size - at)}));
    if (piece.empty()) throw plugin::RetryableError(url + " became shorter while it was read");
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    at += piece.size();
  }
  out.close();
  if (!out) throw plugin::RetryableError("the scratch folder of this host cannot hold " + url);
  return path;
}

}  // namespace batuta::from_contract
