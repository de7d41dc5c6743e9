#include "scheduler/api/host_metrics.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace batuta::http {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_slots = 512;
constexpr std::size_t most_processes = 2000;
constexpr std::string_view agent_name = "batuta-worker";

std::string text_of_proc(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The fields of a stat file behind the command's name, which may hold blanks: the first is the
// third of proc(5).
std::vector<std::string> stat_fields(const std::string& text) {
  const auto end = text.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream in(text.substr(end + 1));
  return {std::istream_iterator<std::string>(in), {}};
}

class HostReading {
 public:
  explicit HostReading(std::string proc)
      : proc_(std::move(proc)),
        ticks_(static_cast<double>(::sysconf(_SC_CLK_TCK))),
        page_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))) {}

  void read_machine(HostMetrics& out) const {
    std::istringstream memory(text_of_proc(proc_ + "/meminfo"));
    std::string name;
    for (std::string line; std::getline(memory, line);) {
      std::istringstream words(line);
      std::uint64_t kib = 0;
      if (!(words >> name >> kib)) continue;
      if (name == "MemTotal:") out.memory_bytes = kib << 10;
      if (name == "MemAvailable:") out.memory_available_bytes = kib << 10;
    }
    // cpu user nice system idle iowait irq softirq steal; what guests use is in user already.
    std::istringstream cpu(text_of_proc(proc_ + "/stat"));
    cpu >> name;
    double value = 0;
    for (int field = 0; field < 8 && cpu >> value; ++field)
      (field == 3 || field == 4 ? out.cpu_idle_seconds : out.cpu_busy_seconds) += value / ticks_;
  }

  void read_slots(std::int32_t agent, HostMetrics& out) {
    if (text_of_proc(folder(agent) + "/comm").find(agent_name) != 0) return;
    for (const std::int32_t slot : children(agent)) {
      if (out.slots.size() >= most_slots) return;
      SlotUse use{agent, slot, 0, 0};
      add(slot, use);
      if (use.resident_bytes > 0) out.slots.push_back(use);
    }
  }

 private:
  std::string folder(std::int32_t pid) const { return proc_ + "/" + std::to_string(pid); }

  std::vector<std::int32_t> children(std::int32_t pid) const {
    std::vector<std::int32_t> out;
    std::error_code gone;
    for (fs::directory_iterator at(folder(pid) + "/task", gone), end; !gone && at != end;
         at.increment(gone)) {
      std::istringstream in(text_of_proc(at->path().string() + "/children"));
      out.insert(out.end(), std::istream_iterator<std::int32_t>(in), {});
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  // The process and all below it, which are a tree: none is met twice.
  void add(std::int32_t slot, SlotUse& use) {
    std::vector<std::int32_t> left{slot};
    while (!left.empty() && read_ < most_processes) {
      const std::int32_t pid = left.back();
      left.pop_back();
      ++read_;
      const auto fields = stat_fields(text_of_proc(folder(pid) + "/stat"));
      if (fields.size() < 22) continue;             // it has ended
      const auto field = [&](std::size_t number) {  // as proc(5) counts
        return std::strtoull(fields[number - 3].c_str(), nullptr, 10);
      };
      for (const std::size_t number : {14, 15, 16, 17})
        use.cpu_seconds += static_cast<double>(field(number)) / ticks_;
      use.resident_bytes += field(24) * page_;
      for (const std::int32_t child : children(pid)) left.push_back(child);
    }
  }

  const std::string proc_;
  const double ticks_;
  const std::uint64_t page_;
  std::size_t read_ = 0;
};

}  // namespace

HostMetrics read_host_metrics(const std::vector<WorkerPid>& workers, const std::string& hostname,
                              const std::string& proc) {
  HostMetrics out;
  HostReading reading(proc);
  reading.read_machine(out);
  for (const WorkerPid& worker : workers)
    if (worker.hostname == hostname && worker.pid > 0) reading.read_slots(worker.pid, out);
  return out;
}

HostMetrics read_host_metrics(const std::vector<WorkerPid>& workers, const std::string& hostname) {
  return read_host_metrics(workers, hostname, "/proc");
}

}  // namespace batuta::http
