// A file that a verb makes for somebody: whole, or not there at all. Internal to this room.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace batuta::cli {

// A new file: nothing is overwritten. Gone with the object unless it was finished: a disk that is
// full leaves nothing behind that looks like a result. All throw Failure.
class NewFile {
 public:
  explicit NewFile(std::string path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void add(std::string_view bytes);
  // Of another file, to its end.
  void add_file(const std::string& from);
  void finish();

 private:
  [[noreturn]] void fail() const;

  const std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  bool finished_ = false;
};

}  // namespace batuta::cli
