#include "tests/lakelog/memory_storage.h"

#include <set>

namespace batuta::lakelog {
namespace {

std::string folder_of(const std::string& key) {
  return key.substr(0, key.find_last_of('/') + 1);
}

// As a disk leaves bytes that were never flushed: cut short, or the right size and empty.
std::string torn(const std::string& bytes, std::mt19937& random) {
  if (random() % 2 == 0) return bytes.substr(0, bytes.size() / 2);
  return std::string(bytes.size(), '\0');
}

}  // namespace

void MemoryStorage::step() {
  if (cut_ >= 0 && steps_ >= cut_) throw PowerCut{};
  ++steps_;
}

void MemoryStorage::cut_at(std::int64_t at) {
  cut_ = steps_ + at;
}

Result<Listing> MemoryStorage::list(const std::string& prefix, const ListOptions& options) const {
  if (!prefix.empty() &&
      (!prefix.ends_with('/') || !valid_key(prefix.substr(0, prefix.size() - 1))))
    return {Errc::invalid, "not a prefix: " + prefix};
  Listing listing;
  std::set<std::string> prefixes;
  for (auto it = live_.lower_bound(prefix); it != live_.end() && it->first.starts_with(prefix);
       ++it) {
    if (options.limit != 0 && listing.objects.size() + prefixes.size() == options.limit) break;
    const auto slash = it->first.find('/', prefix.size());
    if (slash != std::string::npos) {
      const std::string below = it->first.substr(0, slash + 1);
      if (below.substr(0, slash) > options.start_after) prefixes.insert(below);
      continue;
    }
    if (it->first <= options.start_after) continue;
    ObjectInfo info{it->first};
    if (options.details) info = *stat(it->first);
    listing.objects.push_back(std::move(info));
  }
  listing.prefixes.assign(prefixes.begin(), prefixes.end());
  return listing;
}

Result<std::string> MemoryStorage::read(const std::string& key, ByteRange range) const {
  if (!valid_key(key)) return {Errc::invalid, "not a key: " + key};
  const auto found = live_.find(key);
  if (found == live_.end()) return {Errc::not_found, key + " is not there"};
  if (range.offset >= found->second.size()) return std::string();
  return found->second.substr(range.offset, range.length);
}

Result<Put> MemoryStorage::put_if_absent(const std::string& key, std::string_view bytes) {
  if (!valid_key(key)) return {Errc::invalid, "not a key: " + key};
  step();  // before anything
  if (live_.contains(key)) return Put::exists;
  step();  // before the name
  live_[key] = bytes;
  written_[key] = clock_ms_;
  synced_[key] = true;
  step();  // before the name is durable
  name_is_durable(folder_of(key));
  return Put::done;
}

Status MemoryStorage::put(const std::string& key, std::string_view bytes) {
  if (!valid_key(key)) return {Errc::invalid, "not a key: " + key};
  step();
  live_[key] = bytes;
  written_[key] = clock_ms_;
  synced_[key] = true;
  step();
  name_is_durable(folder_of(key));
  return success();
}

Status MemoryStorage::remove(const std::string& key) {
  if (!valid_key(key)) return {Errc::invalid, "not a key: " + key};
  step();
  live_.erase(key);
  synced_.erase(key);
  return success();
}

Result<ObjectInfo> MemoryStorage::stat(const std::string& key) const {
  if (!valid_key(key)) return {Errc::invalid, "not a key: " + key};
  const auto found = live_.find(key);
  if (found == live_.end()) return {Errc::not_found, key + " is not there"};
  if (key == untold_) return {Errc::unavailable, key + ": input/output error"};
  const auto written = written_.find(key);
  return ObjectInfo{key, static_cast<std::int64_t>(found->second.size()),
                    written == written_.end() ? 1'700'000'000'000 : written->second};
}

Result<std::string> MemoryStorage::stage(const std::string& prefix) {
  if (!valid_key(prefix)) return {Errc::invalid, "not a prefix: " + prefix};
  return "/memory/" + prefix;
}

Status MemoryStorage::sync(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (!valid_key(key)) return {Errc::invalid, "not a key: " + key};
    if (!live_.contains(key)) return {Errc::not_found, key + " is not there"};
  }
  for (const std::string& key : keys) {
    step();
    synced_[key] = true;
  }
  for (const std::string& key : keys) {
    step();
    name_is_durable(folder_of(key));
  }
  return success();
}

// A folder's flush makes all its names durable; the bytes behind them are another matter.
void MemoryStorage::name_is_durable(const std::string& folder) {
  for (auto it = durable_.lower_bound(folder); it != durable_.end();) {
    const bool removed = folder_of(it->first) == folder && !live_.contains(it->first);
    it = removed ? durable_.erase(it) : std::next(it);
  }
  for (const auto& [key, bytes] : live_)
    if (folder_of(key) == folder && synced_[key]) durable_[key] = bytes;
}

void MemoryStorage::write_staged(const std::string& key, std::string bytes) {
  step();
  live_[key] = bytes.substr(0, bytes.size() / 2);
  synced_[key] = false;
  written_[key] = clock_ms_;
  step();
  live_[key] = std::move(bytes);
}

void MemoryStorage::lose_power(Loss loss, std::mt19937& random) {
  std::set<std::string> keys;
  for (const auto& [key, bytes] : live_) keys.insert(key);
  for (const auto& [key, bytes] : durable_) keys.insert(key);
  std::map<std::string, std::string> left;
  for (const std::string& key : keys) {
    const auto now = live_.find(key);
    const auto sure = durable_.find(key);
    const bool is_sure =
        now != live_.end() && sure != durable_.end() && now->second == sure->second;
    Loss fate = loss;
    if (loss == Loss::dice) fate = static_cast<Loss>(random() % 3);
    if (is_sure || fate == Loss::everything) {
      if (sure != durable_.end()) left[key] = sure->second;
    } else if (now != live_.end()) {
      const bool whole = fate == Loss::nothing || synced_[key];
      left[key] = whole ? now->second : torn(now->second, random);
    }
  }
  live_ = durable_ = std::move(left);
  synced_.clear();
  for (const auto& [key, bytes] : live_) synced_[key] = true;
  cut_ = -1;
}

}  // namespace batuta::lakelog
