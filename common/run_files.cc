#include "common/run_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

#include "common/fd.h"

namespace batuta {
namespace {

constexpr std::string_view bytes_word = "{\"bytes\":";
constexpr std::string_view map_word = ",\"map_index\":";
constexpr std::string_view fence_word = ",\"fence\":";

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool take(std::string_view& text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < -1) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string to_text(const ResultFile& file) {
  return std::string(result_file_head) + std::string(bytes_word) + std::to_string(file.bytes) +
         std::string(map_word) + std::to_string(number_of(file.map_index)) +
         std::string(fence_word) + std::to_string(file.fence) + "}}";
}

std::optional<ResultFile> result_file_of(std::string_view stored) {
  ResultFile file;
  std::int64_t index = -1;
  const bool whole = take(stored, result_file_head) && take(stored, bytes_word) &&
                     take(stored, file.bytes) && take(stored, map_word) && take(stored, index) &&
                     take(stored, fence_word) && take(stored, file.fence) && stored == "}}";
  if (!whole || file.bytes < 0 || index > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  file.map_index = MapIndex{static_cast<std::int32_t>(index)};
  return file;
}

std::string results_folder(const std::string& home, const std::string& run_uuid) {
  return home + "/results/" + run_uuid;
}

std::string instance_results(const std::string& home, const std::string& run_uuid,
                             const std::string& task_id, MapIndex map_index) {
  return results_folder(home, run_uuid) + "/" + task_id + "." +
         std::to_string(number_of(map_index));
}

std::string result_path(const std::string& home, const std::string& run_uuid,
                        const std::string& task_id, const ResultFile& file) {
  return instance_results(home, run_uuid, task_id, file.map_index) + "/" +
         std::to_string(file.fence) + ".json";
}

std::string shared_folder(const std::string& home, const std::string& run_uuid) {
  return home + "/runs/" + run_uuid;
}

Result<std::string> read_result_file(const std::string& path, std::int64_t bytes,
                                     std::int64_t offset, std::size_t most) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (!file && errno == ENOENT) return {Errc::not_found, "the file of the value is gone: " + path};
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0) {
    return {Errc::unavailable, "cannot open " + path + ": " + std::strerror(errno)};
  }
  if (!S_ISREG(facts.st_mode) || facts.st_size != bytes) {
    return {Errc::unavailable, path + " is not what the task returned: expected a file of " +
                                   std::to_string(bytes) + " bytes"};
  }
  const auto left = static_cast<std::size_t>(std::max<std::int64_t>(0, bytes - offset));
  std::string out(std::min(left, most), '\0');
  std::size_t got = 0;
  while (got < out.size()) {
    const ssize_t n = ::pread(file.get(), out.data() + got, out.size() - got,
                              static_cast<off_t>(offset + static_cast<std::int64_t>(got)));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return {Errc::unavailable, "cannot read " + path + ": " + std::strerror(errno)};
    got += static_cast<std::size_t>(n);
  }
  return out;
}

}  // namespace batuta
