#include "worker/large_result.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "common/fd.h"
#include "common/json_scan.h"
#include "common/run_files.h"
#include "common/url.h"
#include "worker/mask.h"
#include "worker/posix.h"

namespace batuta {
namespace {

constexpr std::size_t max_depth = 64;
constexpr JsonLimits large_limits{max_result_file, max_depth, max_result_file / 2, max_result_file};

Error failed_to(const std::string& what) {
  return {Errc::unavailable, errno_text(what), {}};
}

Status write_whole(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return failed_to("write " + path);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return success();
}

Result<UniqueFd> new_file(const std::string& path) {
  UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file) return failed_to("open " + path);
  return file;
}

Status sync_folder(const std::string& path) {
  const UniqueFd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder || ::fsync(folder.get()) != 0) return failed_to("fsync " + path);
  return success();
}

// Whoever wrote it may still hold it open, so that a value of another user is copied: as many bytes
// as were reported, or none.
Status copy_bytes(int from, std::int64_t bytes, int to, const std::string& path) {
  std::vector<char> piece(std::size_t{1} << 20);
  // One more than there should be tells that it has grown.
  for (std::int64_t left = bytes + 1; left > 0;) {
    const auto most = std::min(static_cast<std::int64_t>(piece.size()), left);
    const ssize_t got = ::read(from, piece.data(), static_cast<std::size_t>(most));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed_to("read the slot's file");
    if (got == 0 && left == 1) break;
    if (got == 0 || got == left) {
      return {Errc::unavailable, "the slot's file changed while it was copied"};
    }
    left -= got;
    const std::string_view taken{piece.data(), static_cast<std::size_t>(got)};
    if (Status put = write_whole(to, taken, path); !put) return put;
  }
  return ::fsync(to) == 0 ? success() : Status(failed_to("fsync " + path));
}

Status copy_file(int from, std::int64_t bytes, const std::string& to) {
  auto file = new_file(to);
  if (!file) return file.error();
  Status copied = copy_bytes(from, bytes, file->get(), to);
  if (!copied) ::unlink(to.c_str());
  return copied;
}

Status move_to(const std::string& spilled, std::int64_t bytes, const std::string& path) {
  const UniqueFd file{::open(spilled.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0) return failed_to("open " + spilled);
  if (!S_ISREG(facts.st_mode) || facts.st_size != bytes) {
    return {Errc::unavailable, spilled + " is not what the slot reported"};
  }
  if (facts.st_uid != ::geteuid()) return copy_file(file.get(), bytes, path);
  if (::rename(spilled.c_str(), path.c_str()) == 0) return success();
  return errno == EXDEV ? copy_file(file.get(), bytes, path)
                        : Status(failed_to("rename to " + path));
}

Status place_result(const std::string& home, const std::string& spilled,
                    std::optional<gid_t> readers, const Launch& launch, const ResultFile& file) {
  const std::string run = results_folder(home, launch.run_uuid);
  const std::string folder =
      instance_results(home, launch.run_uuid, launch.task_id, launch.key.map_index);
  const std::string path = result_path(home, launch.run_uuid, launch.task_id, file);
  if (Status made = make_folder(folder); !made) return made;
  if (Status moved = move_to(spilled, file.bytes, path); !moved) return moved;
  if (readers) {
    const bool given = ::chmod(run.c_str(), 0711) == 0 && ::chmod(folder.c_str(), 0711) == 0 &&
                       ::lchown(path.c_str(), static_cast<uid_t>(-1), *readers) == 0 &&
                       ::chmod(path.c_str(), 0640) == 0;
    if (!given) return failed_to("chmod " + path);
  }
  for (const std::string& changed : {folder, run, home + "/results"}) {
    if (Status synced = sync_folder(changed); !synced) return synced;
  }
  return success();
}

}  // namespace

Status spill_result(const Launch& launch, const std::string& path, std::string_view json) {
  std::vector<std::string> secrets;
  for (const Secret& secret : launch.secrets) {
    secrets.insert(secrets.end(), secret.mask.begin(), secret.mask.end());
  }
  const Mask mask{secrets};
  bool shows = false;
  const auto look = [&](std::string_view word) {
    if (shows) return;
    if (!mask.empty() && mask.whole(word) != word) shows = true;
    const bool address =
        word.find("://") != std::string_view::npos && word.find('@') != std::string_view::npos;
    if (address && without_user_info(std::string(word)) != word) shows = true;
  };
  if (Status read = scan_json(json, large_limits, look); !read) {
    return {Errc::invalid, "the return value was refused: " + read.error().message};
  }
  if (shows) {
    return {Errc::invalid,
            "the return value holds a secret of the task and is over 64 KiB: only smaller ones are "
            "kept sealed. Leave the secret out of it"};
  }
  ::unlink(path.c_str());
  Status kept = make_folder(path.substr(0, path.find_last_of('/')));
  if (kept) {
    auto file = new_file(path);
    kept = file ? write_whole(file->get(), json, path) : Status(file.error());
    if (kept && ::fsync(file->get()) != 0) kept = failed_to("fsync " + path);
  }
  if (kept) return kept;
  ::unlink(path.c_str());
  return {kept.error().code, "the return value cannot be kept: " + kept.error().message};
}

void keep_result(const std::string& home, const std::string& spilled, std::optional<gid_t> readers,
                 const Launch& launch, Finished& report) {
  const auto told = result_file_of(report.result_json);
  if (report.outcome == Outcome::success && told) {
    const ResultFile file{told->bytes, launch.key.map_index, launch.key.fence};
    const Status placed = place_result(home, spilled, readers, launch, file);
    if (placed) {
      report.result_json = to_text(file);
      ::unlink(spilled.c_str());
      return;
    }
    report.outcome = Outcome::failed;
    report.reason = "the return value cannot be kept: " + placed.error().message;
    report.outputs.clear();
    report.watermark_us = 0;
  }
  report.result_json.clear();
  ::unlink(spilled.c_str());
}

void forget_results(const std::string& home, const Launch& launch) {
  const std::string folder =
      instance_results(home, launch.run_uuid, launch.task_id, launch.key.map_index);
  if (::access(folder.c_str(), F_OK) == 0) remove_tree(folder);
}

}  // namespace batuta
