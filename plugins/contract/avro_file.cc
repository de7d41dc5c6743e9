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
#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {
namespace {

using nlohmann::json;
using plugin::FinalError;

constexpr std::string_view avro_magic{"Obj\x01", 4};
constexpr std::size_t sync_bytes = 16;
constexpr std::int64_t max_header = 4 << 20;
constexpr std::int64_t max_block = 256 << 20;  // as it lies there, and unpacked
constexpr int max_depth = 64;
constexpr std::int64_t max_values = 10'000'000;  // of one record
constexpr std::size_t max_types = 10'000;
constexpr std::int64_t max_header_fields = 1000;
constexpr std::int64_t records_between_looks = 10'000;  // at whether it is cancelled

[[noreturn]] void broken(const std::string& what) {
  throw FinalError(what);
}

struct Type {
  enum class Kind {
    null,
    boolean,
    integer,
    real,
    float32,
    bytes,
    string,
    record,
    enumeration,
    array,
    map,
    fixed,
    choice
  } kind = Kind::null;
  std::vector<std::pair<std::string, const Type*>> fields;  // of a record
  std::vector<const Type*> parts;                           // items, values; what a union may be
  std::vector<std::string> symbols;
  std::size_t size = 0;
};

// The schema of a file. Types refer to each other, also to themselves.
class Schema {
 public:
  explicit Schema(const std::string& text) {
    const auto parsed =
        parse_untrusted(text, {std::size_t{max_header}, max_depth, 200'000, 1 << 20});
    if (!parsed) broken("its schema is no JSON: " + parsed.error().message);
    root_ = type_of(*parsed, "", 0);
  }
  const Type& root() const { return *root_; }

 private:
  static std::string text(const json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
  }

  Type& make(Type::Kind kind) {
    if (types_.size() >= max_types) broken("its schema has more than 10,000 types");
    types_.push_back(std::make_unique<Type>());
    types_.back()->kind = kind;
    return *types_.back();
  }

  const Type* named(const std::string& name, const std::string& space) {
    using enum Type::Kind;
    static const std::map<std::string, Type::Kind> plain{
        {"null", null},     {"boolean", boolean}, {"int", integer}, {"long", integer},
        {"float", float32}, {"double", real},     {"bytes", bytes}, {"string", string}};
    if (const auto found = plain.find(name); found != plain.end()) return &make(found->second);
    const bool whole = name.find('.') != std::string::npos || space.empty();
    for (const std::string& each : {whole ? name : space + "." + name, name})
      if (const auto found = names_.find(each); found != names_.end()) return found->second;
    broken("its schema names the type \"" + name.substr(0, 80) + "\" before it says what that is");
  }

  const Type* type_of(const json& told, const std::string& space, int depth) {
    if (depth > max_depth) broken("its schema is nested too deeply");
    if (told.is_string()) return named(told.get<std::string>(), space);
    if (told.is_array()) {
      Type& out = make(Type::Kind::choice);
      for (const json& each : told) out.parts.push_back(type_of(each, space, depth + 1));
      return &out;
    }
    if (!told.is_object()) broken("its schema is none");
    if (text(told, "logicalType") == "decimal")
      broken("it has decimals, which are not read from Avro here");
    const auto kind = told.find("type");
    if (kind == told.end()) broken("its schema has a type without \"type\"");
    if (!kind->is_string()) return type_of(*kind, space, depth + 1);
    const std::string name = kind->get<std::string>();
    if (name == "record" || name == "error" || name == "enum" || name == "fixed")
      return own_type(told, name, space, depth);
    if (name != "array" && name != "map") return named(name, space);
    Type& out = make(name == "map" ? Type::Kind::map : Type::Kind::array);
    const auto part = told.find(name == "map" ? "values" : "items");
    if (part == told.end()) broken("its schema has a " + name + " of nothing");
    out.parts.push_back(type_of(*part, space, depth + 1));
    return &out;
  }

  const Type* own_type(const json& told, const std::string& kind, std::string space, int depth) {
    std::string name = text(told, "name");
    if (const std::string own = text(told, "namespace"); !own.empty()) space = own;
    if (const auto dot = name.rfind('.'); dot != std::string::npos) {
      space = name.substr(0, dot);
    } else if (!space.empty()) {
      name = space + "." + name;
    }
    Type& out = make(kind == "enum"    ? Type::Kind::enumeration
                     : kind == "fixed" ? Type::Kind::fixed
                                       : Type::Kind::record);
    names_[name] = &out;
    if (kind == "fixed") {
      const auto size = told.find("size");
      const auto bytes = size == told.end() ? std::nullopt : json_int(*size);
      if (!bytes || *bytes < 0 || *bytes > max_block) broken("its schema has a fixed of no size");
      out.size = static_cast<std::size_t>(*bytes);
      return &out;
    }
    const auto list = told.find(kind == "enum" ? "symbols" : "fields");
    if (list == told.end() || !list->is_array()) broken("its schema has a " + kind + " of nothing");
    for (const json& each : *list) {
      if (kind == "enum") {
        out.symbols.push_back(each.is_string() ? each.get<std::string>() : std::string());
        continue;
      }
      const auto type = each.is_object() ? each.find("type") : each.end();
      if (!each.is_object() || type == each.end()) broken("its schema has a field of no type");
      if (text(each, "logicalType") == "decimal")
        broken("it has decimals, which are not read from Avro here");
      out.fields.emplace_back(text(each, "name"), type_of(*type, space, depth + 1));
    }
    return &out;
  }

  std::vector<std::unique_ptr<Type>> types_;
  std::map<std::string, const Type*> names_;
  const Type* root_ = nullptr;
};

class Bytes {
 public:
  explicit Bytes(std::string_view left) : left_(left) {}
  bool empty() const { return left_.empty(); }

  std::string_view take(std::int64_t count) {
    if (count < 0 || static_cast<std::uint64_t>(count) > left_.size()) broken("it is cut off");
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
    broken("a number in it has more than 64 bits");
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

  void print(const Type& type, std::string& out, int depth = 0) {
    if (depth > max_depth) broken("a record in it is nested too deeply");
    if (++values_ > max_values) broken("a record in it has more than 10,000,000 values");
    switch (type.kind) {
      case Type::Kind::null:
        out += "null";
        return;
      case Type::Kind::boolean:
        out += bytes_.take(1)[0] == 0 ? "false" : "true";
        return;
      case Type::Kind::integer:
        out += std::to_string(bytes_.number());
        return;
      case Type::Kind::real:
        return print_real<double, std::uint64_t>(out);
      case Type::Kind::float32:
        return print_real<float, std::uint32_t>(out);
      case Type::Kind::string:
        out += string_of(bytes_.text());
        return;
      case Type::Kind::bytes:
        return print_bytes(bytes_.text(), out);
      case Type::Kind::fixed:
        return print_bytes(bytes_.take(static_cast<std::int64_t>(type.size)), out);
      case Type::Kind::enumeration:
        out += string_of(chosen(type.symbols));
        return;
      case Type::Kind::choice:
        return print(*chosen(type.parts), out, depth + 1);
      case Type::Kind::array:
      case Type::Kind::map:
        return print_items(type, out, depth);
      case Type::Kind::record:
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
      broken("it chooses what its schema does not have");
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
      const auto told = parse_untrusted(bytes, {bytes.size(), max_depth, 1'000'000, bytes.size()});
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

  void print_items(const Type& type, std::string& out, int depth) {
    const bool is_map = type.kind == Type::Kind::map;
    out += is_map ? '{' : '[';
    bool first = true;
    for (std::int64_t count = bytes_.number(); count != 0; count = bytes_.number()) {
      if (count < 0) {
        if (count == std::numeric_limits<std::int64_t>::min()) broken("a list in it has no length");
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
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) broken("zlib cannot begin");
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
    if (told != Z_OK && told != Z_STREAM_END) broken("it is compressed by no deflate");
    out.append(part.data(), part.size() - stream.avail_out);
    if (out.size() > std::size_t{max_block}) broken("it has more than 256 MiB unpacked");
    if (told == Z_OK && stream.avail_in == 0 && stream.avail_out != 0) broken("it is cut off");
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
      broken("a part of it has " + std::to_string(count) + " bytes, and may have " +
             std::to_string(most));
    std::string out;
    // In pieces: a length that is wrong takes no memory for what is not there.
    while (static_cast<std::int64_t>(out.size()) < count) {
      const auto before = out.size();
      const auto piece = std::min<std::int64_t>(count - static_cast<std::int64_t>(before), 1 << 20);
      out.resize(before + static_cast<std::size_t>(piece));
      if (!file_.read(out.data() + before, piece)) broken("it is cut off");
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
  if (file.take(4, 4) != avro_magic) broken("it is no Avro file");
  std::map<std::string, std::string> out;
  std::int64_t left = max_header_fields, bytes_left = max_header;
  const auto take = [&] {
    std::string text = file.take(file.number(), bytes_left);
    bytes_left -= std::ssize(text);
    return text;
  };
  for (std::int64_t count = file.number(); count != 0; count = file.number()) {
    const bool has_size = count < 0;
    if (count < -left || count > left) broken("its header has more than 1,000 fields");
    if (has_size) file.number();
    for (std::int64_t i = has_size ? -count : count; i > 0; --i, --left) {
      const std::string name = take();
      out[name] = take();
    }
  }
  return out;
}

}  // namespace

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
    const auto given = header.find("avro.schema"), codec = header.find("avro.codec");
    if (given == header.end()) broken("its header has no schema");
    const Schema schema(given->second);
    const std::string packed = codec == header.end() ? "null" : codec->second;
    if (packed != "null" && packed != "deflate")
      broken("it is compressed by \"" + packed.substr(0, 40) +
             "\"; null and deflate are read here");
    const std::string sync = file.take(sync_bytes, sync_bytes);
    while (!file.at_end()) {
      go_on();
      block = file.at();
      const std::int64_t count = file.number();
      std::string data = file.take(file.number(), max_block);
      if (file.take(sync_bytes, sync_bytes) != sync)
        broken("a block in it does not end where it says");
      if (packed == "deflate") data = inflated(data);
      Bytes bytes(data);
      if (count < 0) broken("a block in it has no number of records");
      std::string line;
      // Records of no bytes would never end, nor what they are written to.
      if (static_cast<std::uint64_t>(count) > std::max<std::size_t>(data.size(), 1))
        broken("a block in it has fewer records than it says");
      for (std::int64_t i = 0; i < count; ++i) {
        line.clear();
        Printer(bytes).print(schema.root(), line);
        line += '\n';
        if (!out.write(line.data(), static_cast<std::streamsize>(line.size())))
          throw plugin::RetryableError(lines + " cannot be written: is the disk full?");
        if (bytes.empty() && i + 1 < count) broken("a block in it has fewer records than it says");
        if (i % records_between_looks == records_between_looks - 1) go_on();
      }
      if (!bytes.empty()) broken("a block in it has more than its records");
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
