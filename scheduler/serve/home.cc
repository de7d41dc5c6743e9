#include "scheduler/serve/home.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "worker/slot_user.h"

namespace batuta {

Result<Home> Home::open(const std::string& folder) {
  Home home;
  std::error_code error;
  home.folder_ = std::filesystem::absolute(folder, error).lexically_normal().string();
  while (home.folder_.size() > 1 && home.folder_.back() == '/') home.folder_.pop_back();
  const mode_t old_mask = umask(0077);
  for (const char* sub : {"", "run", "run/slots", "logs", "lake", "backups", "bundles"}) {
    std::filesystem::create_directories(home.path(sub), error);
    if (error) {
      umask(old_mask);
      return {Errc::unavailable, "cannot create " + home.path(sub) + ": " + error.message()};
    }
  }
  umask(old_mask);
  auto settings = settings_of(home.folder_, &home.notes_);
  if (!settings) return settings.error();
  home.settings_ = *std::move(settings);
  home.live_ = std::make_shared<LiveSettings>(home.settings_);
  if (const std::string& user = home.settings_.worker_user; !user.empty()) {
    if (const auto found = find_slot_user(user); !found) return found.error();
  }
  return home;
}

Status Home::write_first_settings() const {
  const std::string schema = settings_schema();
  std::stringstream kept;
  kept << std::ifstream(path("batuta.schema.json")).rdbuf();
  if (kept.str() != schema) {
    if (auto status = write_private("batuta.schema.json", schema); !status) return status;
  }
  std::error_code ignored;
  if (std::filesystem::exists(path("batuta.db"), ignored) ||
      std::filesystem::exists(path("batuta.json"), ignored))
    return success();
  return write_private("batuta.json", "{\n  \"$schema\": \"./batuta.schema.json\"\n}\n");
}

Status Home::write_private(const std::string& relative, const std::string& text) const {
  const std::string target = path(relative);
  const std::string staged = target + ".new";
  const int fd = ::open(staged.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return {Errc::unavailable, "cannot write " + staged + ": " + std::strerror(errno)};
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(staged.c_str(), target.c_str()) != 0) {
    return {Errc::unavailable, "cannot write " + target + ": " + std::strerror(errno)};
  }
  return success();
}

}  // namespace batuta
