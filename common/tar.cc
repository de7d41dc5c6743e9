#include "common/tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t tar_block = 512;
constexpr std::uint64_t most_octal_size = 077777777777;  // that a header has place for
constexpr std::size_t most_pax_bytes = 64u << 10, most_tar_name = 4096, most_name_part = 255;
constexpr std::size_t copy_bytes = 256u << 10;

// Where the fields of a header lie.
struct Field {
  std::size_t at, size;
};
constexpr Field name_field{0, 100}, size_field{124, 12}, sum_field{148, 8}, type_field{156, 1},
    magic_field{257, 5}, prefix_field{345, 155};

using FilePtr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

std::uint64_t padding_of(std::uint64_t size) {
  return (tar_block - size % tar_block) % tar_block;
}

std::uint64_t sum_of(std::string_view header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < tar_block; ++i) {
    const bool of_sum = i >= sum_field.at && i < sum_field.at + sum_field.size;
    sum += of_sum ? ' ' : static_cast<unsigned char>(header[i]);
  }
  return sum;
}

void put_octal(std::string& header, const Field& field, std::uint64_t value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%0*llo", static_cast<int>(field.size) - 1,
                static_cast<unsigned long long>(value));
  header.replace(field.at, field.size - 1, text.data(), field.size - 1);
}

// `name` and `size` fit.
std::string header_of(const std::string& name, std::uint64_t size, char type) {
  std::string header(tar_block, '\0');
  header.replace(name_field.at, name.size(), name);
  put_octal(header, {100, 8}, 0644);
  put_octal(header, {108, 8}, 0);
  put_octal(header, {116, 8}, 0);
  put_octal(header, size_field, size);
  put_octal(header, {136, 12}, 0);
  header[type_field.at] = type;
  header.replace(magic_field.at, 5, "ustar");
  header.replace(263, 2, "00");
  put_octal(header, {148, 7}, sum_of(header));
  header[155] = ' ';
  return header;
}

// "<length of all> key=value\n"
std::string pax_record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t size = rest.size() + 1;
  while (std::to_string(size).size() + rest.size() != size)
    size = std::to_string(size).size() + rest.size();
  return std::to_string(size) + rest;
}

std::string headers_of(const std::string& name, std::uint64_t size) {
  std::string records;
  if (name.size() > name_field.size) records += pax_record("path", name);
  if (size > most_octal_size) records += pax_record("size", std::to_string(size));
  std::string out;
  if (!records.empty()) {
    out = header_of("pax", records.size(), 'x') + records;
    out.append(padding_of(records.size()), '\0');
  }
  return out + header_of(name.substr(0, name_field.size), std::min(size, most_octal_size), '0');
}

class TarWriter {
 public:
  TarWriter(const std::string& path, std::int64_t most_bytes)
      : path_(path), most_(most_bytes), file_(std::fopen(path.c_str(), "wxe"), &std::fclose) {}

  Status put(std::string_view bytes) {
    written_ += static_cast<std::int64_t>(bytes.size());
    if (written_ > most_)
      return {Errc::too_large,
              "the archive would have more than " + std::to_string(most_) + " bytes"};
    if (!file_ || std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size())
      return failed();
    return success();
  }
  Status add(const fs::path& from, const std::string& name) {
    const FilePtr in(std::fopen(from.c_str(), "rbe"), &std::fclose);
    std::error_code failure;
    const std::uint64_t size = fs::file_size(from, failure);
    if (!in || failure) return {Errc::unavailable, "cannot read " + from.string()};
    if (auto put_all = put(headers_of(name, size)); !put_all) return put_all;
    std::string piece(copy_bytes, '\0');
    for (std::uint64_t left = size; left > 0;) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
      if (std::fread(piece.data(), 1, want, in.get()) != want)
        return {Errc::unavailable, "cannot read " + from.string()};
      if (auto done = put(std::string_view(piece).substr(0, want)); !done) return done;
      left -= want;
    }
    return put(std::string(padding_of(size), '\0'));
  }
  Result<std::int64_t> finish() {
    if (auto done = put(std::string(2 * tar_block, '\0')); !done) return done.error();
    if (std::fclose(file_.release()) != 0) return failed().error();
    return written_;
  }

 private:
  Status failed() const { return {Errc::unavailable, "cannot write " + path_}; }

  const std::string path_;
  const std::int64_t most_;
  FilePtr file_;
  std::int64_t written_ = 0;
};

std::optional<std::uint64_t> tar_number(std::string_view text, int base) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string text_in(std::string_view header, const Field& field) {
  const std::string_view text = header.substr(field.at, field.size);
  return std::string(text.substr(0, std::min(text.find('\0'), text.size())));
}

// Below a folder, and nowhere else.
bool stays_below(const std::string& name) {
  if (name.empty() || name.size() > most_tar_name || name.find('\0') != name.npos) return false;
  for (std::size_t from = 0; from <= name.size();) {
    const std::size_t end = std::min(name.find('/', from), name.size());
    const std::string part = name.substr(from, end - from);
    if (part.empty() || part == "." || part == ".." || part.size() > most_name_part) return false;
    from = end + 1;
  }
  return true;
}

Error no_archive() {
  return {Errc::invalid, "it is no whole tar archive", {}};
}

}  // namespace

Result<std::int64_t> move_to_tar(const std::string& folder, const std::string& path,
                                 std::int64_t most_bytes) {
  std::vector<std::string> names;
  std::error_code failure;
  for (auto at = fs::recursive_directory_iterator(folder, failure);
       !failure && at != fs::recursive_directory_iterator(); at.increment(failure)) {
    const auto type = at->symlink_status(failure).type();
    if (type == fs::file_type::directory) continue;
    if (type != fs::file_type::regular)
      return {Errc::invalid, at->path().string() + " is neither a file nor a folder"};
    names.push_back(at->path().lexically_relative(folder).generic_string());
  }
  if (failure) return {Errc::unavailable, "cannot read " + folder + ": " + failure.message()};
  std::sort(names.begin(), names.end());
  TarWriter out(path, most_bytes);
  for (const std::string& name : names) {
    const fs::path from = fs::path(folder) / name;
    if (auto added = out.add(from, name); !added) return added.error();
    fs::remove(from, failure);
  }
  auto size = out.finish();
  if (size) fs::remove_all(folder, failure);
  return size;
}

Status TarReader::take(std::string_view bytes) {
  while (!bytes.empty()) {
    if (next_ == Next::end) return success();  // what fills up the last record
    if (next_ == Next::header) {
      const std::size_t want = std::min(tar_block - buffer_.size(), bytes.size());
      buffer_ += bytes.substr(0, want);
      bytes.remove_prefix(want);
      if (buffer_.size() < tar_block) continue;
      if (auto read = block(); !read) return read;
      continue;
    }
    std::uint64_t& left = next_ == Next::padding ? padding_ : left_;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, bytes.size()));
    const std::string_view piece = bytes.substr(0, want);
    if (next_ == Next::pax) buffer_ += piece;
    if (next_ == Next::file)
      if (auto written = write(piece); !written) return written;
    bytes.remove_prefix(want);
    left -= want;
    if (left > 0) continue;
    if (auto ended = end_member(); !ended) return ended;
  }
  return success();
}

Status TarReader::finish() {
  return next_ == Next::end && !file_ ? success() : Status(no_archive());
}

Status TarReader::block() {
  const std::string header = std::exchange(buffer_, {});
  if (header.find_first_not_of('\0') == header.npos) {
    if (++empty_blocks_ == 2) next_ = Next::end;
    return success();
  }
  const auto sum = tar_number(std::string_view(header).substr(sum_field.at, sum_field.size), 8);
  const auto size = tar_number(std::string_view(header).substr(size_field.at, size_field.size), 8);
  if (empty_blocks_ > 0 || !sum || *sum != sum_of(header) || !size ||
      header.compare(magic_field.at, magic_field.size, "ustar") != 0)
    return no_archive();
  const char type = header[type_field.at];
  left_ = *size;
  if (type == 'x') {
    if (left_ == 0 || left_ > most_pax_bytes) return no_archive();
    next_ = Next::pax;
    padding_ = padding_of(left_);
    return success();
  }
  const std::string prefix = text_in(header, prefix_field);
  std::string name = (prefix.empty() ? "" : prefix + "/") + text_in(header, name_field);
  if (!pax_name_.empty()) name = std::exchange(pax_name_, {});
  if (std::exchange(has_pax_size_, false)) left_ = pax_size_;
  const bool is_folder = type == '5';
  while (is_folder && name.ends_with('/')) name.pop_back();
  if ((type != '0' && type != '\0' && !is_folder) || (is_folder && left_ > 0))
    return {Errc::invalid, "the archive has something else than files and folders: " + name};
  if (!stays_below(name))
    return {Errc::invalid, "the archive has a name that leads out of its folder: " + name};
  std::error_code failure;
  if (is_folder) {
    fs::create_directories(folder_ + "/" + name, failure);
    return failure ? Status(Errc::unavailable, "cannot make " + name) : success();
  }
  padding_ = padding_of(left_);
  if (auto begun = begin_file(name); !begun) return begun;
  next_ = Next::file;
  return left_ == 0 ? end_member() : success();
}

Status TarReader::begin_file(const std::string& name) {
  const fs::path path = fs::path(folder_) / name;
  std::error_code failure;
  fs::create_directories(path.parent_path(), failure);
  if (fs::exists(fs::symlink_status(path)))
    return {Errc::invalid, "the archive has a name twice: " + name};
  file_.reset(std::fopen(path.c_str(), "wbxe"));
  if (!file_) return {Errc::unavailable, "cannot make " + path.string()};
  ++files_;
  return success();
}

Status TarReader::end_member() {
  if (next_ == Next::file && std::fclose(file_.release()) != 0)
    return {Errc::unavailable, "cannot write below " + folder_};
  if (next_ == Next::pax) {
    std::string_view records = buffer_;
    while (!records.empty()) {
      const auto space = records.find(' ');
      const auto size = tar_number(records.substr(0, std::min(space, records.size())), 10);
      if (space == records.npos || !size || *size <= space + 1 || *size > records.size() ||
          records[*size - 1] != '\n')
        return no_archive();
      const std::string_view record = records.substr(space + 1, *size - space - 2);
      const auto equal = record.find('=');
      if (equal == record.npos) return no_archive();
      if (record.substr(0, equal) == "path") pax_name_ = record.substr(equal + 1);
      if (record.substr(0, equal) == "size") {
        const auto told = tar_number(record.substr(equal + 1), 10);
        if (!told) return no_archive();
        pax_size_ = *told;
        has_pax_size_ = true;
      }
      records.remove_prefix(*size);
    }
    buffer_.clear();
  }
  next_ = next_ != Next::padding && padding_ > 0 ? Next::padding : Next::header;
  return success();
}

Status TarReader::write(std::string_view bytes) {
  bytes_ += static_cast<std::int64_t>(bytes.size());
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size()) return success();
  return {Errc::unavailable, "cannot write below " + folder_};
}

}  // namespace batuta
