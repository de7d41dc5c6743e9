#include "scheduler/serve/bundle_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "common/fd.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view bundle_staging = ".staging-";

Error cannot_make(const std::string& what, const std::error_code& error) {
  return {Errc::unavailable, "cannot make " + what + ": " + error.message(), {}};
}

}  // namespace

bool BundleSource::is_commit_id(std::string_view text, std::size_t least) {
  return text.size() >= least && text.size() <= commit_digits &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Error BundleSource::too_large(const std::string& what, std::size_t files, std::int64_t bytes,
                              const std::string& how) {
  return {Errc::too_large,
          what + " holds " + std::to_string(files) + " files of " + std::to_string(bytes >> 20) +
              " MiB; a bundle holds at most 20,000 of 256 MiB together (" + how + ")",
          {}};
}

Result<std::string> BundleSource::make_staging(const std::string& commit) const {
  std::error_code failed;
  std::string staged = folder_ + "/" + std::string(bundle_staging) + commit;
  fs::remove_all(staged, failed);
  fs::create_directories(staged, failed);
  if (failed) return cannot_make(staged, failed);
  return staged;
}

Result<std::string> BundleSource::keep_staged(const std::string& staged,
                                              const std::string& commit) const {
  const UniqueFd folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::syncfs(folder.get()) != 0)
    return {Errc::unavailable, "cannot write " + staged + " to the disk"};
  std::error_code failed;
  std::string target = folder_of(commit);
  fs::rename(staged, target, failed);
  if (failed) return cannot_make(target, failed);
  return target;
}

void BundleSource::clean(const std::vector<std::string>& keep) const {
  std::error_code failed;
  std::vector<fs::path> old;
  for (fs::directory_iterator at(folder_, failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string name = at->path().filename().string();
    const bool unused =
        is_commit_id(name) && std::find(keep.begin(), keep.end(), name) == keep.end();
    if (unused || name.starts_with(bundle_staging)) old.push_back(at->path());
  }
  for (const fs::path& path : old) fs::remove_all(path, failed);
}

}  // namespace batuta
