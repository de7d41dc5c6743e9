#include "common/text.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

namespace batuta {
namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

struct Mark {
  std::string_view bytes;
  const char* charset;
};
constexpr std::array<Mark, 3> marks{
    {{"\xEF\xBB\xBF", "utf-8"}, {"\xFF\xFE", "utf-16le"}, {"\xFE\xFF", "utf-16be"}}};

// Families whose decoders are simple; the name comes from a stranger, and some of the converters
// that iconv offers have had holes.
bool acceptable(std::string_view charset) {
  static constexpr std::string_view families[] = {
      "utf-8",  "utf-16",     "utf-32", "utf8",    "us-ascii", "ascii",    "iso-8859-",
      "latin1", "windows-12", "cp12",   "koi8-",   "euc-jp",   "euc-kr",   "shift_jis",
      "sjis",   "gbk",        "gb2312", "gb18030", "big5",     "macintosh"};
  return charset.size() <= 20 && charset.find('/') == std::string_view::npos &&
         std::any_of(std::begin(families), std::end(families),
                     [&](std::string_view family) { return charset.starts_with(family); });
}

bool ascii_superset(std::string_view charset) {
  return !charset.starts_with("utf-16") && !charset.starts_with("utf-32") &&
         charset != "shift_jis" && charset != "sjis";
}

class Converter {
 public:
  explicit Converter(const std::string& charset)
      : handle_(::iconv_open("UTF-8", charset.c_str())) {}
  ~Converter() {
    if (ok()) ::iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  bool ok() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  // False at the first byte that is no text; `used` says where.
  bool convert(std::string_view bytes, std::string& out, std::size_t& used) {
    char* from = const_cast<char*>(bytes.data());  // iconv's way of saying const
    std::size_t left = bytes.size();
    std::array<char, 16 << 10> chunk;
    while (left > 0) {
      char* to = chunk.data();
      std::size_t room = chunk.size();
      const std::size_t done = ::iconv(handle_, &from, &left, &to, &room);
      out.append(chunk.data(), chunk.size() - room);
      if (done == static_cast<std::size_t>(-1) && errno != E2BIG) {
        used = bytes.size() - left;
        return false;
      }
    }
    return true;
  }

 private:
  iconv_t handle_;
};

}  // namespace

Result<std::string> to_utf8(std::string_view bytes, std::string_view declared) {
  std::string charset = declared.empty() ? "utf-8" : lower(declared);
  if (charset == "utf-16") charset = "utf-16le";  // without a mark, as browsers take it
  std::size_t skipped = 0;
  for (const Mark& mark : marks) {
    if (!bytes.starts_with(mark.bytes)) continue;
    charset = mark.charset;
    skipped = mark.bytes.size();
    break;
  }
  const std::string_view text = bytes.substr(skipped);
  if (!acceptable(charset)) return {Errc::invalid, "the charset " + charset + " is not known"};
  const bool plain =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
  if (plain && ascii_superset(charset)) return std::string{text};
  Converter converter{charset};
  if (!converter.ok()) return {Errc::invalid, "the charset " + charset + " is not known"};
  std::string out;
  std::size_t used = 0;
  if (!converter.convert(text, out, used)) {
    return {Errc::invalid,
            "byte " + std::to_string(skipped + used + 1) + " is no text in " + charset};
  }
  return out;
}

std::string charset_of(std::string_view content_type) {
  const std::string type = lower(content_type);
  const auto at = type.find("charset=");
  if (at == std::string::npos) return {};
  std::string_view value = std::string_view{type}.substr(at + 8);
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return std::string{value.substr(0, value.find('"'))};
  }
  return std::string{value.substr(0, value.find_first_of("; \t"))};
}

std::optional<std::int64_t> parse_byte_size(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const int shift = unit.empty()    ? 0
                    : unit == "KiB" ? 10
                    : unit == "MiB" ? 20
                    : unit == "GiB" ? 30
                                    : -1;
  if (error != std::errc{} || shift < 0) return std::nullopt;
  if (number < 0 || number > (std::int64_t{1} << 50 >> shift)) return std::nullopt;
  return number << shift;
}

}  // namespace batuta
