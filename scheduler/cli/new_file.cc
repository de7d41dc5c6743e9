#include "scheduler/cli/new_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "scheduler/cli/client.h"

namespace batuta::cli {

NewFile::NewFile(std::string path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wbxe"), &std::fclose) {
  if (!file_ && errno == EEXIST)
    throw Failure(path_ + " exists already: name a new file, or remove it first", 1);
  if (!file_) throw Failure("cannot make the file " + path_ + ": " + std::strerror(errno), 1);
}

NewFile::~NewFile() {
  file_.reset();
  if (!finished_) (void)std::remove(path_.c_str());
}

void NewFile::add(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail();
}

void NewFile::add_file(const std::string& from) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(from.c_str(), "rbe"),
                                                           &std::fclose);
  if (!in) throw Failure("cannot read " + from, 1);
  std::string piece(std::size_t{256} << 10, '\0');
  std::size_t got = 0;
  while ((got = std::fread(piece.data(), 1, piece.size(), in.get())) > 0)
    add(std::string_view(piece).substr(0, got));
  if (std::ferror(in.get()) != 0) throw Failure("cannot read " + from, 1);
}

void NewFile::finish() {
  if (std::fclose(file_.release()) != 0) fail();
  finished_ = true;
}

void NewFile::fail() const {
  throw Failure("cannot write " + path_ + ": " + std::strerror(errno) + "; nothing of it is left",
                1);
}

}  // namespace batuta::cli
