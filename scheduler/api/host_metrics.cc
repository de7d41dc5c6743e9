#include "scheduler/api/host_metrics.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/slot_loads.h"

namespace batuta::http {
namespace {

constexpr std::string_view agent_name = "batuta-worker";

std::string text_of_proc(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class HostReading {
 public:
  explicit HostReading(std::string proc)
      : proc_(std::move(proc)),
        ticks_(static_cast<double>(::sysconf(_SC_CLK_TCK))),
        loads_(proc_) {}

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

  void read_slots(const WorkerPid& worker, HostMetrics& out) {
    const std::string comm = proc_ + "/" + std::to_string(worker.pid) + "/comm";
    if (text_of_proc(comm).find(agent_name) != 0) return;
    add(worker, loads_.of(worker.pid), out);
  }
  void take_told(const WorkerPid& worker, HostMetrics& out) {
    out.slots_not_shown += worker.told_left_out;
    add(worker, worker.told, out);
  }
  std::int64_t left_out() const { return loads_.left_out(); }

 private:
  static void add(const WorkerPid& worker, const std::vector<SlotLoad>& loads, HostMetrics& out) {
    for (const SlotLoad& load : loads) {
      if (out.slots.size() >= most_slot_loads) {
        ++out.slots_not_shown;
        continue;
      }
      out.slots.push_back({worker.pid, load.pid, static_cast<std::uint64_t>(load.resident_bytes),
                           static_cast<double>(load.cpu_us) / 1e6, worker.hostname});
    }
  }

  const std::string proc_;
  const double ticks_;
  SlotLoads loads_;
};

}  // namespace

HostMetrics read_host_metrics(const std::vector<WorkerPid>& workers, const std::string& hostname,
                              const std::string& proc) {
  HostMetrics out;
  HostReading reading(proc);
  reading.read_machine(out);
  for (const WorkerPid& worker : workers) {
    if (worker.hostname != hostname) {
      reading.take_told(worker, out);
    } else if (worker.pid > 0) {
      reading.read_slots(worker, out);
    }
  }
  out.slots_not_shown += reading.left_out();
  return out;
}

HostMetrics read_host_metrics(const std::vector<WorkerPid>& workers, const std::string& hostname) {
  return read_host_metrics(workers, hostname, "/proc");
}

}  // namespace batuta::http
