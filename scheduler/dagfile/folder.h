// Reading files of the DAG folder without ever leaving it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

namespace batuta {

// Tells one state of a file from another.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
  auto operator<=>(const FileStamp&) const = default;
};

struct FoundFile {
  std::string path;  // relative to the folder
  FileStamp stamp;
  std::string refused;  // why it will not be read (a link out of the folder, not a file); or empty
};

struct Listing {
  std::vector<FoundFile> files;      // *.json but dag.schema.json, by path
  std::vector<std::string> folders;  // relative; "" first
  bool truncated = false;  // more than 10,000 files or folders: the rest was not looked at
  bool missing = false;    // the folder itself cannot be opened
};

// Hidden names are ignored, folders that are symbolic links are not followed, depth at most 16.
Listing list_dag_folder(const std::string& folder);

// The text of `path` below `folder`. Links may not lead outside; only regular files; at most
// `limit` bytes. Errc::not_found, forbidden, too_large, unavailable.
Result<std::string> read_below(const std::string& folder, const std::string& path,
                               std::size_t limit);

// The folder `name` beside a DAG folder: "contracts", "models", "monitors",
// "calendars".
std::string folder_beside(const std::string& dag_folder, const std::string& name);

// Errc::forbidden when dags, contracts, models, monitors or calendars of the bundle in `folder` is
// a link that leads out of the bundle: whoever writes into a bundle may not have other files of the
// server read.
Status check_links_of_bundle(const std::string& folder);

// A file that a DAG names: below its DAG folder, or, where "models/…" or "calendars/…" is not
// there, in the folder of that name beside it. As read_below(), which each of the two is read by.
Result<std::string> read_named(const std::string& dag_folder, const std::string& path,
                               std::size_t limit);
// Where that one is looked for beside the DAG folder; empty for any other name.
std::string named_beside(const std::string& dag_folder, const std::string& path);

}  // namespace batuta
