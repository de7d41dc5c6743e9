#include "scheduler/http/target.h"

#include "scheduler/http/utf8.h"

namespace batuta::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986: what may stand in a path or query without being encoded.
bool allowed_raw(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("-._~!$&'()*+,;=:@/?%[]").find(c) != std::string_view::npos;
}

enum class Part { path, query };

Status decode(std::string_view raw, Part part, std::string& out) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c != '%') {
      out += part == Part::query && c == '+' ? ' ' : c;
      continue;
    }
    const int high = i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(raw[i + 2]) : -1;
    if (low < 0) return {Errc::malformed, "the target has a broken percent escape"};
    const auto byte = static_cast<unsigned char>(high * 16 + low);
    if (byte == 0) return {Errc::malformed, "the target contains an encoded NUL"};
    if (part == Part::path) {
      if (byte == '/' || byte == '\\' || byte == '%') {
        return {Errc::malformed, "the path contains an encoded slash, backslash or percent sign"};
      }
      if (byte < 0x20 || byte == 0x7F) {
        return {Errc::malformed, "the path contains a control character"};
      }
    }
    out += static_cast<char>(byte);
    i += 2;
  }
  if (!valid_utf8(out)) return {Errc::malformed, "the target is not valid UTF-8"};
  return success();
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    const auto slash = path.find('/', 1);
    const auto segment = path.substr(1, slash == path.npos ? path.npos : slash - 1);
    if (segment == "." || segment == "..") return true;
    if (slash == path.npos) break;
    path.remove_prefix(slash);
  }
  return false;
}

Status split_query(std::string_view raw, Target& target) {
  while (!raw.empty()) {
    const auto end = raw.find('&');
    const auto pair = raw.substr(0, end);
    raw = end == raw.npos ? std::string_view{} : raw.substr(end + 1);
    if (pair.empty()) continue;
    if (target.query.size() == max_query_pairs) {
      return {Errc::malformed, "more than 64 query parameters"};
    }
    const auto equals = pair.find('=');
    auto& [name, value] = target.query.emplace_back();
    if (auto ok = decode(pair.substr(0, equals), Part::query, name); !ok) return ok;
    if (equals == pair.npos) continue;
    if (auto ok = decode(pair.substr(equals + 1), Part::query, value); !ok) return ok;
  }
  return success();
}

}  // namespace

Result<Target> parse_target(std::string_view raw) {
  if (raw.empty() || raw.front() != '/') {
    return {Errc::malformed, "the target must be a path: absolute and authority forms are refused"};
  }
  for (const char c : raw) {
    if (!allowed_raw(c))
      return {Errc::malformed, "the target has a character that must be encoded"};
  }
  const auto mark = raw.find('?');
  const auto raw_path = raw.substr(0, mark);
  if (raw_path.size() > max_path_bytes) return {Errc::malformed, "the path is too long"};
  Target target;
  if (auto ok = decode(raw_path, Part::path, target.path); !ok) return ok.error();
  if (has_dot_segment(target.path)) return {Errc::malformed, "the path has a dot segment"};
  if (mark == raw.npos) return target;
  if (auto ok = split_query(raw.substr(mark + 1), target); !ok) return ok.error();
  return target;
}

}  // namespace batuta::http
