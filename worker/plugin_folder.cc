#include "worker/plugin_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "common/sha256.h"

namespace batuta {
namespace {

constexpr const char* manifest_name = "manifest.json";
constexpr std::string_view suffix = ".so";
constexpr off_t max_plugin_bytes = off_t{512} << 20;
constexpr off_t max_manifest_bytes = off_t{1} << 20;
constexpr mode_t others_may_write = S_IWGRP | S_IWOTH;

Result<UniqueFd> open_folder(const std::string& folder) {
  UniqueFd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return {Errc::not_found, errno_text("plugin folder " + folder)};
  return fd;
}

// Opens `file` below the folder without following any link on the way.
Result<UniqueFd> open_beneath(int folder, const std::string& file) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd{static_cast<int>(::syscall(SYS_openat2, folder, file.c_str(), &how, sizeof how))};
  if (!fd) return {errno == ENOENT ? Errc::not_found : Errc::forbidden, errno_text("open " + file)};
  return fd;
}

// Whoever may write a plugin (or swap it in its folder) runs code as us.
Status check_owner(int fd, const std::string& what, bool folder, off_t limit) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return {Errc::forbidden, errno_text("stat " + what)};
  if (folder ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode)) {
    return {Errc::forbidden, what + " is not a regular file"};
  }
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return {Errc::forbidden, what + " belongs to another user"};
  }
  if ((info.st_mode & others_may_write) != 0) {
    return {Errc::forbidden, what + " may be written by group or others"};
  }
  if (!folder && info.st_size > limit) return {Errc::too_large, what + " is too large"};
  return success();
}

template <class Sink>
Status read_all(int fd, const std::string& what, Sink sink) {
  std::array<char, 64 << 10> chunk;
  off_t at = 0;
  for (;;) {
    const ssize_t got = ::pread(fd, chunk.data(), chunk.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {Errc::unavailable, errno_text("read " + what)};
    if (got == 0) return success();
    sink(std::string_view{chunk.data(), static_cast<std::size_t>(got)});
    at += got;
  }
}

Result<std::string> sha256_hex(int fd, const std::string& what) {
  Sha256 hash;
  const Status read = read_all(fd, what, [&](std::string_view bytes) { hash.update(bytes); });
  if (!read) return read.error();
  const Sha256Digest digest = hash.finish();
  std::array<char, sha256_bytes * 2 + 1> hex;
  sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
  return std::string{hex.data()};
}

bool is_sha256(std::string_view text) {
  return text.size() == sha256_bytes * 2 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string member(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

Result<Manifest> parse_manifest(const std::string& text) {
  const auto parsed = parse_untrusted(text);
  if (!parsed) return parsed.error();
  Manifest manifest;
  if (!parsed->is_object() || !parsed->contains("plugins") || !(*parsed)["plugins"].is_object()) {
    return {Errc::invalid, "manifest.json: no object \"plugins\"", "/plugins"};
  }
  for (const auto& [name, entry] : (*parsed)["plugins"].items()) {
    PluginFile plugin{name, member(entry, "file"), member(entry, "sha256")};
    // One bad entry costs that plugin alone.
    if (!valid_id(name) || plugin.file != name + std::string{suffix}) {
      manifest.faults[name] = "manifest.json, /plugins/" + name + ": \"file\" must be " + name +
                              std::string{suffix} + ", and the name an identifier";
    } else if (!is_sha256(plugin.sha256)) {
      manifest.faults[name] = "manifest.json, /plugins/" + name + "/sha256: not a SHA-256";
    } else {
      manifest.files.push_back(std::move(plugin));
    }
  }
  std::sort(manifest.files.begin(), manifest.files.end());
  return manifest;
}

Result<std::vector<std::string>> plugin_names(int folder) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir{copy < 0 ? nullptr : ::fdopendir(copy),
                                                &::closedir};
  if (!dir) return {Errc::unavailable, errno_text("read the plugin folder")};
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view file = entry->d_name;
    if (!file.ends_with(suffix)) continue;
    const std::string_view name = file.substr(0, file.size() - suffix.size());
    if (valid_id(name)) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status replace_file(int folder, const std::string& text) {
  const std::string temporary = "manifest.json." + std::to_string(::getpid());
  {
    const UniqueFd out{
        ::openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (!out) return {Errc::unavailable, errno_text("create " + temporary)};
    if (::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fsync(out.get()) != 0) {
      return {Errc::unavailable, errno_text("write " + temporary)};
    }
    ::fchmod(out.get(), 0644);
  }
  if (::renameat(folder, temporary.c_str(), folder, manifest_name) != 0) {
    return {Errc::unavailable, errno_text("rename " + temporary)};
  }
  return success();
}

}  // namespace

Result<Manifest> read_manifest(const std::string& folder) {
  const auto opened = open_folder(folder);
  if (!opened) return opened.error();
  if (Status ok = check_owner(opened->get(), folder, true, 0); !ok) return ok.error();
  const auto file = open_beneath(opened->get(), manifest_name);
  if (!file && file.error().code == Errc::not_found) return Manifest{};
  if (!file) return file.error();
  if (Status ok = check_owner(file->get(), manifest_name, false, max_manifest_bytes); !ok) {
    return ok.error();
  }
  std::string text;
  const Status read =
      read_all(file->get(), manifest_name, [&](std::string_view bytes) { text.append(bytes); });
  if (!read) return read.error();
  return parse_manifest(text);
}

Status write_manifest(const std::string& folder) {
  const auto opened = open_folder(folder);
  if (!opened) return opened.error();
  struct stat info {};
  if (::fstat(opened->get(), &info) == 0) {
    ::fchmod(opened->get(), info.st_mode & ~others_may_write & 07777);
  }
  const auto names = plugin_names(opened->get());
  if (!names) return names.error();
  nlohmann::json plugins = nlohmann::json::object();
  for (const std::string& name : *names) {
    const std::string file = name + std::string{suffix};
    const auto fd = open_beneath(opened->get(), file);
    if (!fd) return fd.error();
    if (::fstat(fd->get(), &info) == 0) {
      ::fchmod(fd->get(), info.st_mode & ~others_may_write & 07777);
    }
    if (Status ok = check_owner(fd->get(), file, false, max_plugin_bytes); !ok) return ok;
    auto hash = sha256_hex(fd->get(), file);
    if (!hash) return hash.error();
    plugins[name] = {{"file", file}, {"sha256", *hash}};
  }
  return replace_file(opened->get(), nlohmann::json{{"plugins", plugins}}.dump(2) + "\n");
}

Result<UniqueFd> open_plugin(const std::string& folder, const PluginFile& plugin) {
  if (!valid_id(plugin.name) || plugin.file != plugin.name + std::string{suffix}) {
    return {Errc::invalid, "not a plugin name: " + plugin.name};
  }
  const auto opened = open_folder(folder);
  if (!opened) return opened.error();
  if (Status ok = check_owner(opened->get(), folder, true, 0); !ok) return ok.error();
  auto file = open_beneath(opened->get(), plugin.file);
  if (!file) return file.error();
  if (Status ok = check_owner(file->get(), plugin.file, false, max_plugin_bytes); !ok) {
    return ok.error();
  }
  const auto hash = sha256_hex(file->get(), plugin.file);
  if (!hash) return hash.error();
  if (*hash != plugin.sha256) {
    return {Errc::forbidden, plugin.file + " is not the file its manifest lists"};
  }
  return std::move(*file);
}

}  // namespace batuta
