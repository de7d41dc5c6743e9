// A file of lines cut into parts that can be read beside each other.
#pragma once

#include <cstdint>
#include <string>

#include "common/fd.h"

namespace batuta::from_contract {

struct LinePart {
  std::string path;
  std::int64_t before = 0;  // records in front of it, in the whole file
};

// Cuts at ends of lines, from the front: each part is a copy, so that only those exist at a time
// that are read. A record is a line that is more than blanks, as the engine counts them.
class LineParts {
 public:
  // Parts become files named `prefix` and a number. `part_bytes`: how many one has at least, but
  // for the last.
  LineParts(const std::string& file, std::string prefix, std::int64_t part_bytes);

  // Makes the next part; false when there is none. Throws plugin::RetryableError where the disk
  // refuses.
  bool next(LinePart& part);

 private:
  [[noreturn]] void failed(const std::string& what) const;
  // The next bytes into the buffer; false at the end of the file.
  bool fill();
  // Writes to `out` up to the end of the line in which the part is full.
  void copy(int out);

  const std::string file_, prefix_;
  const std::int64_t part_bytes_;
  UniqueFd in_;
  std::string buffer_;
  std::size_t used_ = 0;  // of the buffer, by earlier parts
  bool blank_ = true;     // so far, of the line at hand
  std::int64_t records_ = 0;
  int made_ = 0;
};

}  // namespace batuta::from_contract
