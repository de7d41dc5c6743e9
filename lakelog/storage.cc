#include "lakelog/storage.h"

#include "lakelog/file_storage.h"

namespace batuta::lakelog {
namespace {

constexpr std::size_t max_key_bytes = 1024;

}  // namespace

bool valid_key(std::string_view key) {
  if (key.empty() || key.size() > max_key_bytes) return false;
  if (key.find('\0') != std::string_view::npos) return false;
  while (true) {
    const auto slash = key.find('/');
    const auto part = key.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    key.remove_prefix(slash + 1);
  }
}

Result<std::unique_ptr<Storage>> open_storage(const std::string& location) {
  constexpr std::string_view scheme = "file://";
  std::string folder = location;
  if (folder.starts_with(scheme)) folder = folder.substr(scheme.size());
  if (!folder.starts_with('/')) {
    return {Errc::invalid, "cannot open the lake \"" + location +
                               "\": give an absolute folder, or file:///folder"};
  }
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return std::unique_ptr<Storage>(std::make_unique<FileStorage>(std::move(folder)));
}

}  // namespace batuta::lakelog
