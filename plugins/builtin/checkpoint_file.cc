#include "plugins/builtin/checkpoint_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/fd.h"
#include "common/safe_json.h"
#include "plugins/builtin/child.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

constexpr auto look_every = std::chrono::milliseconds(300);
constexpr std::size_t most_bytes = BATUTA_MAX_CHECKPOINT_BYTES;

// A text as the command wrote it; anything else, which another kind of task left, as JSON.
std::string left_text(const Context& context) {
  const std::string left = context.last_checkpoint_json();
  if (left.empty()) return {};
  const auto value = parse_untrusted(left);
  return value && value->is_string() ? value->get<std::string>() : left;
}

// One byte more than may be, where there are more. The command's own file and no other: it may be
// another user's, or in a container.
std::string first_bytes(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat found {};
  if (!file || ::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  std::string text(most_bytes + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

}  // namespace

CheckpointFile::CheckpointFile(Context& context, std::string path)
    : context_(context), path_(std::move(path)) {
  if (const std::string left = left_text(context_); !left.empty()) write_private(path_, left);
  taken_ = seen_ = mark();
}

CheckpointFile::Mark CheckpointFile::mark() const {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) != 0) return {};
  return {found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_ino};
}

void CheckpointFile::look() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + look_every;
  const Mark found = mark();
  const bool stands_still = found == std::exchange(seen_, found);
  if (stands_still && found != taken_ && found.size > 0) take(found);
}

void CheckpointFile::look_last() {
  const Mark found = mark();
  if (found != taken_ && found.size > 0) take(found);
}

void CheckpointFile::take(const Mark& now) {
  taken_ = now;
  const std::string text = first_bytes(path_);
  if (text.empty()) return;
  if (text.size() > most_bytes) {
    return context_.warn("$BATUTA_CHECKPOINT was not kept: it has more than " +
                         std::to_string(most_bytes) +
                         " bytes; write what is large to another file, and its name to this one");
  }
  try {
    context_.checkpoint(batuta::plugin::quoted(text));
  } catch (const std::exception& refused) {  // the worker's log line says why
    context_.warn(std::string("$BATUTA_CHECKPOINT was not kept: ") + refused.what());
  }
}

}  // namespace batuta::plugin
