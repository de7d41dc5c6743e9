#include "common/slot_loads.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace batuta {
namespace {

constexpr std::size_t most_processes = 2000;

std::string text_of_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The fields of a stat file behind the command's name, which may hold blanks: the first is the
// third of proc(5). Empty: it is none.
std::vector<std::string> fields_of_stat(const std::string& text) {
  const auto end = text.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream in(text.substr(end + 1));
  return {std::istream_iterator<std::string>(in), {}};
}

}  // namespace

std::vector<SlotLoad> SlotLoads::of(std::int32_t agent) {
  std::vector<SlotLoad> out;
  for (const std::int32_t slot : children(agent)) {
    SlotLoad load;
    load.pid = slot;
    if (slots_ >= most_slot_loads || !read(slot, load)) {
      ++left_out_;
    } else if (load.resident_bytes > 0) {
      ++slots_;
      out.push_back(load);
    }
  }
  return out;
}

std::vector<std::int32_t> SlotLoads::children(std::int32_t pid) const {
  namespace fs = std::filesystem;
  std::vector<std::int32_t> out;
  std::error_code gone;
  for (fs::directory_iterator at(proc_ + "/" + std::to_string(pid) + "/task", gone), end;
       !gone && at != end; at.increment(gone)) {
    std::istringstream in(text_of_file(at->path().string() + "/children"));
    out.insert(out.end(), std::istream_iterator<std::int32_t>(in), {});
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The process and all below it, which are a tree: none is met twice. False: there are too many.
bool SlotLoads::read(std::int32_t slot, SlotLoad& load) {
  const auto page = static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE));
  const auto ticks = static_cast<std::int64_t>(::sysconf(_SC_CLK_TCK));
  std::vector<std::int32_t> left{slot};
  while (!left.empty()) {
    if (processes_ >= most_processes) return false;
    ++processes_;
    const std::int32_t pid = left.back();
    left.pop_back();
    const auto fields = fields_of_stat(text_of_file(proc_ + "/" + std::to_string(pid) + "/stat"));
    if (fields.size() < 22) continue;             // it has ended
    const auto field = [&](std::size_t number) {  // as proc(5) counts
      return std::strtoll(fields[number - 3].c_str(), nullptr, 10);
    };
    for (const std::size_t number : {14, 15, 16, 17})
      load.cpu_us += field(number) * 1'000'000 / ticks;
    load.resident_bytes += field(24) * page;
    for (const std::int32_t child : children(pid)) left.push_back(child);
  }
  return true;
}

}  // namespace batuta
