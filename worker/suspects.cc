#include "worker/suspects.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <tuple>

#include "common/fd.h"
#include "worker/posix.h"

namespace batuta {
namespace {

constexpr std::size_t max_entries = 4096;
constexpr std::size_t journal_bytes = max_entries * sizeof(RunningJournal::Entry);
constexpr std::size_t max_tallied = 10'000;  // the oldest runs are forgotten first
constexpr std::string_view running_suffix = ".running";

using Instance = std::tuple<std::int64_t, std::uint32_t, std::int32_t>;
using Tally = std::map<Instance, int>;

Instance instance_of(const Launch& launch) {
  return {static_cast<std::int64_t>(launch.key.run), launch.key.task,
          number_of(launch.key.map_index)};
}

Tally read_tally(const std::string& path) {
  Tally tally;
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    std::istringstream words{line};
    Instance instance;
    int deaths = 0;
    if (words >> std::get<0>(instance) >> std::get<1>(instance) >> std::get<2>(instance) >>
        deaths) {
      tally[instance] = deaths;
    }
  }
  return tally;
}

void write_tally(const std::string& path, Tally tally) {
  while (tally.size() > max_tallied) tally.erase(tally.begin());
  const std::string staged = path + ".new";
  {
    std::ofstream file{staged, std::ios::trunc};
    for (const auto& [instance, deaths] : tally) {
      file << std::get<0>(instance) << ' ' << std::get<1>(instance) << ' ' << std::get<2>(instance)
           << ' ' << deaths << '\n';
    }
  }
  ::rename(staged.c_str(), path.c_str());
}

// Every dead agent's list, once.
bool collect(const std::string& run_folder, Tally& tally) {
  bool changed = false;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(run_folder.c_str()), &::closedir};
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (!name.starts_with("agent-") || !name.ends_with(running_suffix)) continue;
    const std::string path = run_folder + "/" + name;
    const std::string agent = path.substr(0, path.size() - running_suffix.size());
    if (!lock_is_free(agent + ".lock")) continue;
    std::ifstream file{path, std::ios::binary};
    RunningJournal::Entry found;
    while (file.read(reinterpret_cast<char*>(&found), sizeof found)) {
      if (found.used != 0) ++tally[{found.run, found.task, found.map_index}];
    }
    ::unlink(path.c_str());
    changed = true;
  }
  return changed;
}

// Held while the tally is read and written.
UniqueFd lock_tally(const std::string& run_folder) {
  UniqueFd lock{::open((run_folder + "/suspects.lock").c_str(),
                       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (lock && ::flock(lock.get(), LOCK_EX) != 0) lock.reset();
  return lock;
}

}  // namespace

RunningJournal::~RunningJournal() {
  if (entries_ == nullptr) return;
  ::munmap(entries_, journal_bytes);
  ::unlink(path_.c_str());
}

Status RunningJournal::open(const std::string& path) {
  const UniqueFd file{
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
  // Allocated now: a full disk must not become a bus error later.
  if (!file || ::posix_fallocate(file.get(), 0, journal_bytes) != 0) {
    return {Errc::unavailable, errno_text("make " + path)};
  }
  void* memory = ::mmap(nullptr, journal_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return {Errc::unavailable, errno_text("map " + path)};
  entries_ = static_cast<Entry*>(memory);
  path_ = path;
  for (int i = static_cast<int>(max_entries); i-- > 0;) free_.push_back(i);
  return success();
}

int RunningJournal::note(const Launch& launch) {
  if (free_.empty()) return -1;
  const int place = free_.back();
  free_.pop_back();
  Entry& entry = entries_[place];
  entry.run = static_cast<std::int64_t>(launch.key.run);
  entry.task = launch.key.task;
  entry.map_index = number_of(launch.key.map_index);
  entry.used = 1;
  return place;
}

void RunningJournal::clear(int place) {
  if (place < 0) return;
  entries_[place].used = 0;
  free_.push_back(place);
}

void collect_journals(const std::string& run_folder) {
  const UniqueFd lock = lock_tally(run_folder);
  if (!lock) return;
  const std::string path = run_folder + "/suspects";
  Tally tally = read_tally(path);
  if (collect(run_folder, tally)) write_tally(path, std::move(tally));
}

int deaths_during(const std::string& run_folder, const Launch& launch) {
  const UniqueFd lock = lock_tally(run_folder);
  const Tally tally = read_tally(run_folder + "/suspects");
  const auto known = tally.find(instance_of(launch));
  return known == tally.end() ? 0 : known->second;
}

void forgive(const std::string& run_folder, const Launch& launch) {
  const UniqueFd lock = lock_tally(run_folder);
  if (!lock) return;
  const std::string path = run_folder + "/suspects";
  Tally tally = read_tally(path);
  if (tally.erase(instance_of(launch)) > 0) write_tally(path, std::move(tally));
}

}  // namespace batuta
