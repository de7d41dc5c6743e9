#include "plugins/builtin/last_line.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/text.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {

void LastLine::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      done_ = std::move(open_);
      done_too_long_ = std::exchange(open_too_long_, false);
      open_.clear();
    } else if (open_.size() < max_last_line) {
      open_ += c;
    } else {
      open_too_long_ = true;
    }
  }
}

std::string LastLine::take(bool& too_long) {
  const bool unfinished = !open_.empty();
  std::string line = unfinished ? std::move(open_) : std::move(done_);
  too_long = unfinished ? open_too_long_ : done_too_long_;
  if (!too_long && line.ends_with('\r')) line.pop_back();
  return line;
}

void return_last_line(Context& context, const std::string& line, bool too_long) {
  static const std::string remedy =
      "; write it to $BATUTA_RESULT as JSON, or with \"do_xcom_push\": false have no return value";
  const auto text = to_utf8(line);
  if (!text && !too_long) {
    throw FinalError("the last line of standard output cannot be the return value: " +
                     text.error().message + remedy);
  }
  const std::string value = text ? quoted(*text) : std::string{};
  if (too_long || value.size() > max_last_line) {
    throw FinalError("the last line of standard output is too long for a return value: over " +
                     std::to_string(max_last_line) + " bytes as JSON" + remedy);
  }
  context.return_json(value);
}

void pass_on(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

}  // namespace batuta::plugin
