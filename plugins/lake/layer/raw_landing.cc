#include "plugins/lake/layer/raw_landing.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <vector>

#include "common/fd.h"
#include "common/uuid.h"
#include "lakelog/path.h"
#include "lakelog/storage.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/must.h"

namespace batuta::lake {
namespace {

constexpr std::size_t max_listed_files = 50;
constexpr std::size_t max_request_bytes = 1u << 20;
constexpr std::size_t copied_at_once = 1u << 20;

std::string today() {
  const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  return to_iso(now).substr(0, 10);
}

void put_all(int out, const char* bytes, std::size_t count, const std::string& target) {
  while (count > 0) {
    const ssize_t put = ::write(out, bytes, count);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) throw plugin::RetryableError(target + " cannot be written");
    bytes += put;
    count -= static_cast<std::size_t>(put);
  }
}

// The bytes copied, which are on the disk on return. Within the kernel as far as the file systems
// let it; where they do not, and to see that nothing is left, by hand.
std::int64_t copy_whole(const std::string& file, const std::string& target) {
  constexpr std::size_t by_kernel = std::size_t{64} << 20;
  const UniqueFd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) throw plugin::RetryableError(file + " cannot be read");
  const UniqueFd out(::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!out) throw plugin::RetryableError(target + " cannot be written");
  std::int64_t bytes = 0;
  for (;;) {
    const ssize_t copied = ::copy_file_range(in.get(), nullptr, out.get(), nullptr, by_kernel, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) break;
    bytes += copied;
  }
  std::vector<char> piece(copied_at_once);
  for (;;) {
    const ssize_t got = ::read(in.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw plugin::RetryableError(file + " cannot be read");
    if (got == 0) break;
    put_all(out.get(), piece.data(), static_cast<std::size_t>(got), target);
    bytes += got;
  }
  if (::fsync(out.get()) != 0) throw plugin::RetryableError(target + " cannot be written");
  return bytes;
}

}  // namespace

RawLanding::RawLanding(plugin::Context& context, const std::string& source,
                       const std::string& request_json)
    : context_(context),
      storage_(must(lake_folder(context).storage())),
      folder_("raw/" + source + "/ingest_date=" + today() + "/run=" + context.execution_id()) {
  Uuid id;
  random_bytes(id.bytes.data(), id.bytes.size());
  attempt_ = to_string(id).substr(0, 8);
  const std::string name = folder_ + "/_request-" + attempt_ + ".json";
  put(name, request_json);
}

void RawLanding::put(const std::string& name, const std::string& body) {
  if (must(storage_->put_if_absent(name, body)) == lakelog::Put::exists)
    throw plugin::RetryableError(name + " is there already");
  context_.report("files", plugin::quoted(name));
}

std::string RawLanding::next_name(const std::string& extension) {
  char number[16];
  std::snprintf(number, sizeof number, "%04zu", ++count_);
  return folder_ + "/part-" + attempt_ + "-" + number + "." + extension;
}

void RawLanding::note(const std::string& name) {
  if (first_files_.size() < max_listed_files) first_files_.push_back(name);
}

std::string RawLanding::add(const std::string& body, const std::string& extension) {
  std::string name = next_name(extension);
  put(name, body);
  note(name);
  return name;
}

std::pair<std::string, std::int64_t> RawLanding::add_file(const std::string& file,
                                                          const std::string& extension) {
  std::string name = next_name(extension);
  const std::string folder = must(storage_->stage(folder_));
  const std::string target = folder + name.substr(folder_.size());
  // Whoever dies here leaves no file that looks whole: readers pass over names that begin with '.'.
  const std::string partial = folder + "/." + name.substr(folder_.size() + 1);
  std::int64_t bytes = 0;
  try {
    bytes = copy_whole(file, partial);
  } catch (...) {
    ::unlink(partial.c_str());
    throw;
  }
  if (std::rename(partial.c_str(), target.c_str()) != 0) {
    ::unlink(partial.c_str());
    throw plugin::RetryableError(name + " cannot be written");
  }
  must(storage_->sync({name}));
  context_.report("files", plugin::quoted(name));
  note(name);
  return {std::move(name), bytes};
}

std::string request_path_sql(const std::string& path) {
  return "regexp_replace(" + path +
         R"(, '/part-([0-9a-f]+)-[0-9]+\.[a-z]+$', '/_request-\1.json'))";
}

std::optional<std::string> read_request(const stores::Lake& lake, const std::string& path) {
  if (!path.starts_with("raw/") || !lakelog::valid_data_path(path)) return std::nullopt;
  auto text = must(lake.storage())->read(path, {0, max_request_bytes + 1});
  if (text && text->size() <= max_request_bytes) return *std::move(text);
  if (text) throw plugin::FinalError(path + " is larger than any request");
  if (text.error().code == Errc::not_found) return std::nullopt;
  throw plugin::RetryableError(text.error().message);
}

}  // namespace batuta::lake
