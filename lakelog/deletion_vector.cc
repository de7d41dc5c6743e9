#include "lakelog/deletion_vector.h"

#include <array>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

constexpr std::string_view z85_digits =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr std::size_t encoded_uuid = 20;

constexpr std::uint32_t portable_magic = 1681511377;  // little endian, in front of 64-bit buckets
constexpr std::uint32_t native_magic = 1681511376;    // big endian, in front of numbered bitmaps

Error bad_vector(const std::string& what) {
  return {Errc::malformed, "a deletion vector " + what, {}};
}

// Takes numbers from the front; after one that is not there all is zero, and `good` is false.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : left_(bytes) {}
  std::uint64_t little(std::size_t size) {
    const std::string_view taken = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = taken.size(); i > 0; --i)
      value = value << 8 | static_cast<unsigned char>(taken[i - 1]);
    return value;
  }
  std::uint64_t big(std::size_t size) {
    std::uint64_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (size > left_.size()) {
      good_ = false;
      left_ = {};
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  bool good() const { return good_; }
  bool empty() const { return left_.empty(); }

 private:
  std::string_view left_;
  bool good_ = true;
};

// Takes values as they come; false once there are more than there should be, or they do not ascend.
class Rows {
 public:
  Rows(std::vector<std::int64_t>& rows, std::int64_t most) : rows_(rows), most_(most) {}
  bool add(std::uint64_t value) {
    const auto row = static_cast<std::int64_t>(value);
    if (row < 0 || static_cast<std::int64_t>(rows_.size()) >= most_) return false;
    if (!rows_.empty() && rows_.back() >= row) return false;
    rows_.push_back(row);
    return true;
  }

 private:
  std::vector<std::int64_t>& rows_;
  const std::int64_t most_;
};

// The containers of the roaring format: at most 64 Ki values each, in one of three forms.
bool take_runs(Bytes& in, std::uint64_t high, Rows& rows) {
  const auto runs = in.little(2);
  for (std::uint64_t i = 0; i < runs && in.good(); ++i) {
    const auto start = in.little(2);
    const auto length = in.little(2);
    if (start + length > 0xFFFF) return false;
    for (std::uint64_t at = 0; at <= length; ++at)
      if (!rows.add(high | (start + at))) return false;
  }
  return in.good();
}

bool take_array(Bytes& in, std::uint64_t high, std::uint64_t count, Rows& rows) {
  for (std::uint64_t i = 0; i < count && in.good(); ++i)
    if (const auto value = in.little(2); !in.good() || !rows.add(high | value)) return false;
  return in.good();
}

bool take_bits(Bytes& in, std::uint64_t high, Rows& rows) {
  constexpr std::size_t words = 1024;
  for (std::size_t word = 0; word < words && in.good(); ++word) {
    const std::uint64_t bits = in.little(8);
    for (std::uint64_t bit = 0; bit < 64; ++bit)
      if ((bits >> bit & 1) != 0 && !rows.add(high | (word * 64 + bit))) return false;
  }
  return in.good();
}

struct Container {
  std::uint64_t key = 0;
  std::uint64_t count = 0;
  bool runs = false;
};

// One 32-bit bitmap, whose values get `high` in front.
bool take_bitmap(Bytes& in, std::uint64_t high, Rows& rows) {
  constexpr std::uint64_t cookie_plain = 12346, cookie_runs = 12347, no_offsets_below = 4;
  constexpr std::uint64_t largest_array = 4096;
  const auto cookie = in.little(4);
  const bool may_run = (cookie & 0xFFFF) == cookie_runs;
  if (!may_run && cookie != cookie_plain) return false;
  const std::uint64_t count = may_run ? (cookie >> 16) + 1 : in.little(4);
  if (count > 0x10000) return false;
  std::vector<Container> containers(count);
  if (may_run) {
    const std::string_view flags = in.take((count + 7) / 8);
    for (std::size_t i = 0; in.good() && i < count; ++i)
      containers[i].runs = (static_cast<unsigned char>(flags[i / 8]) >> (i % 8) & 1) != 0;
  }
  for (Container& container : containers) {
    container.key = in.little(2);
    container.count = in.little(2) + 1;
  }
  if (!may_run || count >= no_offsets_below) in.take(count * 4);  // they lie one behind the other
  for (const Container& container : containers) {
    const std::uint64_t above = high | container.key << 16;
    const bool taken = container.runs ? take_runs(in, above, rows)
                       : container.count <= largest_array
                           ? take_array(in, above, container.count, rows)
                           : take_bits(in, above, rows);
    if (!taken || !in.good()) return false;
  }
  return in.good();
}

bool take_portable(Bytes& in, Rows& rows) {
  const auto buckets = in.little(8);
  for (std::uint64_t i = 0; i < buckets && in.good(); ++i) {
    const auto key = in.little(4);
    if (!in.good() || key >> 31 != 0 || !take_bitmap(in, key << 32, rows)) return false;
  }
  return in.good() && in.empty();
}

// An older form, which the protocol's own example still has: bitmaps by their place, with sizes.
bool take_native(Bytes& in, Rows& rows) {
  const auto count = in.big(4);
  for (std::uint64_t i = 0; i < count && in.good(); ++i) {
    Bytes one(in.take(in.big(4)));
    if (!in.good() || !take_bitmap(one, i << 32, rows)) return false;
  }
  return in.good() && in.empty();
}

std::uint32_t crc32_of(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> out{};
    for (std::uint32_t i = 0; i < out.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit)
        value = (value & 1) != 0 ? 0xEDB88320u ^ value >> 1 : value >> 1;
      out[i] = value;
    }
    return out;
  }();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ crc >> 8;
  return ~crc;
}

// The vector's bytes out of its file: size, bytes, checksum.
Result<std::string> stored_vector(const Storage& lake, const std::string& table,
                                  const DeletionVector& vector) {
  auto path = deletion_vector_path(vector);
  if (!path) return path.error();
  const auto size = static_cast<std::uint64_t>(vector.size);
  auto bytes =
      lake.read(table + "/" + *path, {static_cast<std::uint64_t>(vector.offset), size + 8});
  if (!bytes) return bytes.error();
  Bytes in(*bytes);
  const auto told = in.big(4);
  const std::string_view data = in.take(size);
  const auto checksum = in.big(4);
  if (!in.good() || told != size)
    return bad_vector("file " + *path + " is cut or holds another size");
  if (checksum != crc32_of(data)) return bad_vector("file " + *path + " has another checksum");
  return std::string(data);
}

}  // namespace

Result<std::string> decode_z85(std::string_view text) {
  if (text.size() % 5 != 0) return bad_vector("is not whole in its base 85 text");
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += 5) {
    std::uint64_t value = 0;
    for (const char c : text.substr(at, 5)) {
      const auto digit = z85_digits.find(c);
      if (digit == std::string_view::npos) return bad_vector("holds what is no base 85 digit");
      value = value * 85 + digit;
    }
    if (value > 0xFFFFFFFFu) return bad_vector("holds too large a base 85 number");
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
  }
  return out;
}

Result<std::vector<std::int64_t>> decode_deleted_rows(std::string_view bytes, std::int64_t most) {
  std::vector<std::int64_t> out;
  Rows rows(out, most);
  Bytes little(bytes), big(bytes);
  const bool portable = little.little(4) == portable_magic;
  if (!portable && big.big(4) != native_magic)
    return bad_vector("begins with another magic number");
  const bool taken = portable ? take_portable(little, rows) : take_native(big, rows);
  if (!taken) return bad_vector("is damaged");
  return out;
}

Result<std::optional<DeletionVector>> deletion_vector_of(const AddFile& file) {
  if (!file.has_deletion_vector) return std::optional<DeletionVector>();
  const auto extra = parse_untrusted(file.extra_json.empty() ? "{}" : file.extra_json,
                                     {16u << 20, 64, 1'000'000, 8u << 20});
  const json told = extra && extra->is_object() ? extra->value("deletionVector", json()) : json();
  if (!told.is_object()) return bad_vector("of " + file.path + " is no object");
  const json storage = told.value("storageType", json());
  const json text = told.value("pathOrInlineDv", json());
  const auto size = json_int(told.value("sizeInBytes", json()));
  const auto cardinality = json_int(told.value("cardinality", json()));
  const json offset = told.value("offset", json());
  const auto from = offset.is_null() ? std::optional<std::int64_t>(0) : json_int(offset);
  if (!storage.is_string() || storage.get_ref<const std::string&>().size() != 1 ||
      !text.is_string() || !size || *size < 0 || !cardinality || *cardinality < 0 || !from ||
      *from < 0)
    return bad_vector("of " + file.path + " lacks a field");
  if (*cardinality > record_count(file).value_or(*cardinality))
    return bad_vector("of " + file.path + " takes out more rows than the file has");
  return std::optional(DeletionVector{storage.get_ref<const std::string&>()[0],
                                      text.get<std::string>(), *from, *size, *cardinality});
}

std::optional<std::int64_t> live_rows(const AddFile& file) {
  const auto rows = record_count(file);
  const auto vector = deletion_vector_of(file);
  if (!rows || !vector) return std::nullopt;
  return *vector ? *rows - (*vector)->cardinality : *rows;
}

Result<std::string> deletion_vector_path(const DeletionVector& vector) {
  if (vector.storage == 'p') {
    return {Errc::invalid,
            "a deletion vector lies at an absolute path (of another table, as shallow clones have "
            "it), which is not read"};
  }
  const std::string& text = vector.path_or_inline;
  if (vector.storage != 'u' || text.size() < encoded_uuid)
    return bad_vector("is of an unknown kind");
  const auto uuid = decode_z85(std::string_view(text).substr(text.size() - encoded_uuid));
  if (!uuid) return uuid.error();
  static constexpr char hex[] = "0123456789abcdef";
  std::string name;
  for (std::size_t i = 0; i < uuid->size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) name += '-';
    const auto byte = static_cast<unsigned char>((*uuid)[i]);
    name += hex[byte >> 4];
    name += hex[byte & 15];
  }
  const std::string prefix = text.substr(0, text.size() - encoded_uuid);
  std::string path = (prefix.empty() ? "" : prefix + "/") + "deletion_vector_" + name + ".bin";
  if (!valid_key(path)) return bad_vector("has a path that is none");
  return path;
}

Result<std::vector<std::int64_t>> deleted_rows(const Storage& lake, const std::string& table,
                                               const DeletionVector& vector) {
  if (vector.size > max_deletion_vector_bytes) {
    return {Errc::too_large, "a deletion vector takes more than " +
                                 std::to_string(max_deletion_vector_bytes >> 20) + " MiB"};
  }
  if (vector.cardinality > max_deleted_rows) {
    return {Errc::too_large,
            "a deletion vector takes out more than " + std::to_string(max_deleted_rows) + " rows"};
  }
  auto bytes = vector.storage == 'i' ? decode_z85(vector.path_or_inline)
                                     : stored_vector(lake, table, vector);
  if (!bytes) return bytes.error();
  // A text of five digits each holds up to three bytes more.
  const auto size = static_cast<std::size_t>(vector.size);
  if (bytes->size() < size || bytes->size() > size + 3) return bad_vector("has another size");
  bytes->resize(size);
  auto rows = decode_deleted_rows(*bytes, vector.cardinality);
  if (!rows) return rows.error();
  if (static_cast<std::int64_t>(rows->size()) != vector.cardinality)
    return bad_vector("tells of another number of rows than the log");
  return rows;
}

}  // namespace batuta::lakelog
