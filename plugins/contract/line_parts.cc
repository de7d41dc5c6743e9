#include "plugins/contract/line_parts.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\n\v\f\r") == text.npos;
}

}  // namespace

LineParts::LineParts(const std::string& file, std::string prefix, std::int64_t part_bytes)
    : file_(file),
      prefix_(std::move(prefix)),
      part_bytes_(part_bytes),
      in_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!in_) failed(file_);
}

void LineParts::failed(const std::string& what) const {
  throw plugin::RetryableError(what + ": " + std::strerror(errno));
}

bool LineParts::fill() {
  buffer_.resize(chunk_bytes);
  ssize_t got = 0;
  do got = ::read(in_.get(), buffer_.data(), buffer_.size());
  while (got < 0 && errno == EINTR);
  if (got < 0) failed(file_);
  buffer_.resize(static_cast<std::size_t>(got));
  used_ = 0;
  return got > 0;
}

bool LineParts::next(LinePart& part) {
  if (used_ == buffer_.size() && !fill()) return false;
  part.path = prefix_ + std::to_string(made_++) + ".jsonl";
  part.before = records_;
  const UniqueFd out(::open(part.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out) failed(part.path);
  copy(out.get());
  return true;
}

void LineParts::copy(int out) {
  const auto put = [&](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t done = ::write(out, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) failed(prefix_);
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
  };
  for (std::int64_t written = 0;;) {
    const std::string_view rest = std::string_view(buffer_).substr(used_);
    std::size_t at = 0;
    bool full = false;
    while (at < rest.size() && !full) {
      const auto end = rest.find('\n', at);
      const std::string_view line = rest.substr(at, end == rest.npos ? end : end - at);
      blank_ = blank_ && is_blank(line);
      at = end == rest.npos ? rest.size() : end + 1;
      if (end == rest.npos) break;
      if (!blank_) ++records_;
      blank_ = true;
      full = written + static_cast<std::int64_t>(at) >= part_bytes_;
    }
    put(rest.substr(0, at));
    written += static_cast<std::int64_t>(at);
    used_ += at;
    if (full) return;
    if (!fill()) return;
  }
}

}  // namespace batuta::from_contract
