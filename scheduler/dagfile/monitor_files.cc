#include "scheduler/dagfile/monitor_files.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "monitor/definition.h"
#include "scheduler/dagfile/bundle.h"

namespace batuta {
namespace {

constexpr std::string_view monitors_folder = "monitors/";
constexpr std::string_view json_ending = ".json";
// Two writes within one tick of the file system's clock look the same.
constexpr Duration tick = std::chrono::milliseconds(50);

bool was_just_written(const FileStamp& stamp, Time now) {
  const Time modified(
      std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(stamp.modified_ns)));
  return now >= modified && now - modified < tick;  // a stamp of the future tells nothing
}

std::string domain_of(const std::string& file) {
  const auto slash = file.rfind('/');
  const std::string name = slash == file.npos ? file : file.substr(slash + 1);
  return name.substr(0, name.size() - json_ending.size());
}

// "" or what is wrong, a line for each.
std::string problems_of(const std::string& file, const std::string& text) {
  std::string out;
  for (const auto& problem : monitor::parse_monitors(domain_of(file), text).problems)
    out += (out.empty() ? "" : "\n") + file + " " + problem;
  return out;
}

}  // namespace

void MonitorFiles::take(Kept& kept, const Place& place, const FoundFile& found) {
  const std::string file = std::string(monitors_folder) + found.path;
  kept.error = found.refused.empty() ? "" : file + ": " + found.refused;
  if (kept.error.empty() && found.path.find('/') != std::string::npos)
    kept.error = file + ": monitors lie in monitors/<domain>.json, not in folders below";
  if (!kept.error.empty()) return;
  auto text = read_below(place.folder, found.path, monitor::max_file_bytes);
  if (!text) {
    kept.error = file + ": " + text.error().message;
    kept.stamp = {};  // it may be read the next time
    return;
  }
  kept.error = problems_of(file, *text);
  if (kept.error.empty()) kept.text = *std::move(text);
}

void MonitorFiles::read(const Place& place, Time now, std::set<std::string>& present) {
  const std::string prefix = file_in_bundle(place.bundle, std::string(monitors_folder));
  if (place.missing) {
    for (const auto& [file, kept] : kept_)
      if (file.starts_with(prefix)) present.insert(file);
    return;
  }
  const Listing listing = list_dag_folder(place.folder);
  for (const FoundFile& found : listing.files) {
    const std::string file = prefix + found.path;
    present.insert(file);
    const auto [at, fresh] = kept_.try_emplace(file);
    if (!fresh && at->second.stamp == found.stamp) continue;
    at->second.stamp = found.stamp;
    take(at->second, place, found);
    if (!was_just_written(found.stamp, now)) continue;
    at->second.stamp = {};
    unsettled_ = true;
  }
}

void MonitorFiles::put_together() {
  nlohmann::json all = nlohmann::json::object();
  std::map<std::string, std::string> owners;
  std::size_t bytes = 0;
  for (const auto& [file, kept] : kept_) {
    if (!kept.error.empty()) errors_[file] = kept.error;
    if (kept.text.empty()) continue;
    const std::string domain = domain_of(file);
    if (const auto [owner, first] = owners.emplace(domain, file); !first) {
      errors_[file] = "the domain \"" + domain + "\" has its monitors in " + owner->second +
                      " already; put them into one file";
      continue;
    }
    bytes += kept.text.size();
    if (bytes > max_monitor_bytes) {
      errors_[file] = "all monitors together have more than 1 MiB: these are left out";
      bytes -= kept.text.size();
      continue;
    }
    if (auto parsed = parse_untrusted(kept.text)) all[domain] = *std::move(parsed);
  }
  json_ = all.empty() ? "" : json_text(all);
}

bool MonitorFiles::scan(const std::vector<Place>& places, Time now) {
  std::set<std::string> present;
  unsettled_ = false;
  for (const Place& place : places) read(place, now, present);
  std::erase_if(kept_, [&](const auto& item) { return !present.contains(item.first); });
  const std::string json_before = std::exchange(json_, {});
  const auto errors_before = std::exchange(errors_, {});
  put_together();
  return json_ != json_before || errors_ != errors_before;
}

}  // namespace batuta
