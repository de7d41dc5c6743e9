// A file of a DAG folder written anew: whole or not at all, only over the text that its writer has
// seen, and never through a link or outside the folder.
#pragma once

#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/result.h"

namespace batuta {

// Move-only; one thread at a time.
class StagedFile {
 public:
  // Writes `text` beside the file `path` below `folder`, under a hidden name that no listing shows,
  // with the file's owner, group and permissions (set-id bits and ACLs are not kept), and waits for
  // the disk. Errc::not_found: there is no such file; forbidden: it is reached by a link, is no
  // regular file, may not be written here, or has an owner that this process may not write for;
  // unavailable: the disk.
  static Result<StagedFile> stage(const std::string& folder, const std::string& path,
                                  std::string_view text);
  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile();  // takes away what never came into its place

  // Puts it in the place of the file, if that still has exactly the text `before`: Errc::conflict
  // when it has not. Quick: one read and a rename.
  Status replace(std::string_view before);

 private:
  StagedFile() = default;

  UniqueFd folder_;
  std::string name_;
  std::string staged_;  // empty: nothing to take away
};

}  // namespace batuta
