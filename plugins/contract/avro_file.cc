#include "plugins/contract/avro_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "common/safe_json.h"
#include "plugins/contract/avro_schema.h"
#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {
namespace {

using nlohmann::json;
using plugin::FinalError;

constexpr std::string_view avro_magic{"Obj\x01", 4};
constexpr std::size_t sync_bytes = 16;
constexpr std::int64_t max_values = 10'000'000;  // of one record
constexpr std::int64_t max_header_fields = 1000;
constexpr std::int64_t records_between_looks = 10'000;  // at whether it is cancelled

class Bytes {
 public:
  explicit Bytes(std::string_view left) : left_(left) {}
  bool empty() const { return left_.empty(); }

  std::string_view take(std::int64_t count) {
    if (count < 0 || static_cast<std::uint64_t>(count) > left_.size()) broken_avro("it is cut off");
    const auto out = left_.substr(0, static_cast<std::size_t>(count));
    left_.remove_prefix(out.size());
    return out;
  }
  std::int64_t number() {
    std::uint64_t bits = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      if (shift == 63 && byte > 1) break;
      bits |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80)
        return static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
    }
    broken_avro("a number in it has more than 64 bits");
  }
  std::string_view text() { return take(number()); }

 private:
  std::string_view left_;
};

std::string base64_of(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t three = 0;
    for (std::size_t i = 0; i < 3; ++i)
      three = three << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      out += at + i > bytes.size() ? '=' : digits[three >> (18 - 6 * i) & 63];
  }
  return out;
}

// A JSON string; of what is no UTF-8: base64.
std::string string_of(std::string_view text) {
  try {
    return json(std::string(text)).dump();
  } catch (const json::exception&) {
    return "\"" + base64_of(text) + "\"";
  }
}

class Printer {
 public:
  explicit Printer(Bytes& bytes) : bytes_(bytes) {}

  void print(const AvroType& type, std::string& out, int depth = 0) {
    if (depth > max_avro_depth) broken_avro("a record in it is nested too deeply");
    if (++values_ > max_values) broken_avro("a record in it has more than 10,000,000 values");
    switch (type.kind) {
      case AvroType::Kind::null:
        out += "null";
        return;
      case AvroType::Kind::boolean:
        out += bytes_.take(1)[0] == 0 ? "false" : "true";
        return;
      case AvroType::Kind::integer:
        out += std::to_string(bytes_.number());
        return;
      case AvroType::Kind::real:
        return print_real<double, std::uint64_t>(out);
      case AvroType::Kind::float32:
        return print_real<float, std::uint32_t>(out);
      case AvroType::Kind::string:
        out += string_of(bytes_.text());
        return;
      case AvroType::Kind::bytes:
        return print_bytes(bytes_.text(), out);
      case AvroType::Kind::fixed:
        return print_bytes(bytes_.take(static_cast<std::int64_t>(type.size)), out);
      case AvroType::Kind::enumeration:
        out += string_of(chosen(type.symbols));
        return;
      case AvroType::Kind::choice:
        return print(*chosen(type.parts), out, depth + 1);
      case AvroType::Kind::array:
      case AvroType::Kind::map:
        return print_items(type, out, depth);
      case AvroType::Kind::record:
        break;
    }
    const char* between = "{";
    for (const auto& [name, field] : type.fields) {
      out += between + string_of(name) + ":";
      print(*field, out, depth + 1);
      between = ",";
    }
    out += type.fields.empty() ? "{}" : "}";
  }

 private:
  template <class T>
  const T& chosen(const std::vector<T>& among) {
    const std::int64_t at = bytes_.number();
    if (at < 0 || static_cast<std::uint64_t>(at) >= among.size())
      broken_avro("it chooses what its schema does not have");
    return among[static_cast<std::size_t>(at)];
  }

  template <class Real, class Bits>
  void print_real(std::string& out) {
    const auto raw = bytes_.take(sizeof(Bits));
    Bits bits = 0;
    for (std::size_t i = sizeof(Bits); i-- > 0;)
      bits = static_cast<Bits>(bits << 8) | static_cast<unsigned char>(raw[i]);
    Real value{};
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) {
      out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
      return;
    }
    std::array<char, 40> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), end.ptr);
  }

  static void print_bytes(std::string_view bytes, std::string& out) {
    const bool may_be =
        !bytes.empty() && std::string_view("{[ \t\r\n").find(bytes[0]) != bytes.npos;
    if (may_be) {
      const auto told =
          parse_untrusted(bytes, {bytes.size(), max_avro_depth, 1'000'000, bytes.size()});
      if (told && (told->is_object() || told->is_array())) {
        const std::size_t from = out.size();
        out += bytes;
        // On one line: no string of JSON has a line break as it is.
        std::replace_if(
            out.begin() + static_cast<std::ptrdiff_t>(from), out.end(),
            [](char c) { return c == '\n' || c == '\r'; }, ' ');
        return;
      }
    }
    out += string_of(bytes);
  }

  void print_items(const AvroType& type, std::string& out, int depth) {
    const bool is_map = type.kind == AvroType::Kind::map;
    out += is_map ? '{' : '[';
    bool first = true;
    for (std::int64_t count = bytes_.number(); count != 0; count = bytes_.number()) {
      if (count < 0) {
        if (count == std::numeric_limits<std::int64_t>::min())
          broken_avro("a list in it has no length");
        count = -count;
        bytes_.number();  // of how many bytes
      }
      for (std::int64_t i = 0; i < count; ++i) {
        if (!first) out += ',';
        first = false;
        if (is_map) out += string_of(bytes_.text()) + ":";
        print(*type.parts[0], out, depth + 1);
      }
    }
    out += is_map ? '}' : ']';
  }

  Bytes& bytes_;
  std::int64_t values_ = 0;
};

std::string inflated(std::string_view packed) {
  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) broken_avro("zlib cannot begin");
  const std::unique_ptr<z_stream, void (*)(z_stream*)> end(&stream,
                                                           [](z_stream* s) { ::inflateEnd(s); });
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  std::vector<char> part(256 << 10);
  for (int told = Z_OK; told != Z_STREAM_END;) {
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    told = ::inflate(&stream, Z_NO_FLUSH);
    if (told != Z_OK && told != Z_STREAM_END) broken_avro("it is compressed by no deflate");
    out.append(part.data(), part.size() - stream.avail_out);
    if (out.size() > std::size_t{max_avro_block}) broken_avro("it has more than 256 MiB unpacked");
    if (told == Z_OK && stream.avail_in == 0 && stream.avail_out != 0) broken_avro("it is cut off");
  }
  return out;
}

// What lies there as it comes: varints byte by byte, the rest in one piece.
class AvroFile {
 public:
  AvroFile(const std::string& path, const std::string& named) : file_(path, std::ios::binary) {
    if (!file_) throw plugin::RetryableError(named + " cannot be read");
  }

  bool at_end() { return file_.peek() == std::ifstream::traits_type::eof(); }
  std::int64_t at() { return static_cast<std::int64_t>(file_.tellg()); }

  std::string take(std::int64_t count, std::int64_t most) {
    if (count < 0 || count > most)
      broken_avro("a part of it has " + std::to_string(count) + " bytes, and may have " +
                  std::to_string(most));
    std::string out;
    // In pieces: a length that is wrong takes no memory for what is not there.
    while (static_cast<std::int64_t>(out.size()) < count) {
      const auto before = out.size();
      const auto piece = std::min<std::int64_t>(count - static_cast<std::int64_t>(before), 1 << 20);
      out.resize(before + static_cast<std::size_t>(piece));
      if (!file_.read(out.data() + before, piece)) broken_avro("it is cut off");
    }
    return out;
  }
  std::int64_t number() {
    std::string bytes;
    do bytes += take(1, 1);
    while (static_cast<unsigned char>(bytes.back()) >= 0x80 && bytes.size() < 10);
    return Bytes(bytes).number();
  }

 private:
  std::ifstream file_;
};

// Of "avro.schema", "avro.codec" and what else there is.
std::map<std::string, std::string> read_header(AvroFile& file) {
  if (file.take(4, 4) != avro_magic) broken_avro("it is no Avro file");
  std::map<std::string, std::string> out;
  std::int64_t left = max_header_fields, bytes_left = max_avro_header;
  const auto take = [&] {
    std::string text = file.take(file.number(), bytes_left);
    bytes_left -= std::ssize(text);
    return text;
  };
  for (std::int64_t count = file.number(); count != 0; count = file.number()) {
    const bool has_size = count < 0;
    if (count < -left || count > left) broken_avro("its header has more than 1,000 fields");
    if (has_size) file.number();
    for (std::int64_t i = has_size ? -count : count; i > 0; --i, --left) {
      const std::string name = take();
      out[name] = take();
    }
  }
  return out;
}

AvroSchema schema_in(const std::map<std::string, std::string>& header) {
  const auto given = header.find("avro.schema");
  if (given == header.end()) broken_avro("its header has no schema");
  return AvroSchema(given->second);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> avro_columns(const std::string& path,
                                                              const std::string& named) {
  AvroFile file(path, named);
  std::vector<std::pair<std::string, std::string>> out;
  try {
    const AvroSchema schema = schema_in(read_header(file));
    for (const auto& [name, type] : schema.root().fields)
      if (std::string known = column_type_of(*type); !known.empty())
        out.emplace_back(name, std::move(known));
  } catch (const FinalError& error) {
    throw FinalError(named + " cannot be read as Avro, in its header: " + error.what());
  }
  return out;
}

bool is_avro_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char begin[4] = {};
  return file.read(begin, sizeof begin) && std::string_view(begin, sizeof begin) == avro_magic;
}

std::int64_t avro_to_json_lines(const std::string& path, const std::string& named,
                                const std::string& lines, const std::function<void()>& go_on) {
  AvroFile file(path, named);
  std::ofstream out(lines, std::ios::binary | std::ios::trunc);
  std::int64_t rows = 0, block = 0;
  try {
    const auto header = read_header(file);
    const auto codec = header.find("avro.codec");
    const AvroSchema schema = schema_in(header);
    const std::string packed = codec == header.end() ? "null" : codec->second;
    if (packed != "null" && packed != "deflate")
      broken_avro("it is compressed by \"" + packed.substr(0, 40) +
                  "\"; null and deflate are read here");
    const std::string sync = file.take(sync_bytes, sync_bytes);
    while (!file.at_end()) {
      go_on();
      block = file.at();
      const std::int64_t count = file.number();
      std::string data = file.take(file.number(), max_avro_block);
      if (file.take(sync_bytes, sync_bytes) != sync)
        broken_avro("a block in it does not end where it says");
      if (packed == "deflate") data = inflated(data);
      Bytes bytes(data);
      if (count < 0) broken_avro("a block in it has no number of records");
      std::string line;
      // Records of no bytes would never end, nor what they are written to.
      if (static_cast<std::uint64_t>(count) > std::max<std::size_t>(data.size(), 1))
        broken_avro("a block in it has fewer records than it says");
      for (std::int64_t i = 0; i < count; ++i) {
        line.clear();
        Printer(bytes).print(schema.root(), line);
        line += '\n';
        if (!out.write(line.data(), static_cast<std::streamsize>(line.size())))
          throw plugin::RetryableError(lines + " cannot be written: is the disk full?");
        if (bytes.empty() && i + 1 < count)
          broken_avro("a block in it has fewer records than it says");
        if (i % records_between_looks == records_between_looks - 1) go_on();
      }
      if (!bytes.empty()) broken_avro("a block in it has more than its records");
      rows += count;
    }
  } catch (const FinalError& error) {
    throw FinalError(named + " cannot be read as Avro, in the block at byte " +
                     std::to_string(block) + ": " + error.what());
  }
  out.flush();
  if (!out) throw plugin::RetryableError(lines + " cannot be written: is the disk full?");
  return rows;
}

}  // namespace batuta::from_contract
