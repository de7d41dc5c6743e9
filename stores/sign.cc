#include "stores/sign.h"

#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <vector>

#include "common/url.h"

namespace batuta::stores {
namespace {

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hex(std::string_view bytes) {
  std::string out(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), raw(bytes), bytes.size());
  out.pop_back();
  return out;
}

std::string hmac(std::string_view key, std::string_view text) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, raw(key), key.size());
  crypto_auth_hmacsha256_update(&state, raw(text), text.size());
  std::string out(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256_final(&state, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::tm utc(Time t) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return parts;
}

std::string formatted(Time t, const char* format) {
  const std::tm parts = utc(t);
  std::array<char, 40> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Inner runs of spaces count as one, as the signature's rules want them.
std::string squeezed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

const std::string& header_or_empty(const ToSign& request, const char* name) {
  static const std::string none;
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? none : found->second;
}

}  // namespace

std::string query_text(const Query& query) {
  // By the escaped names: where one name begins another, '=' must not take part.
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : query)
    pairs.emplace_back(percent_encoded(name), percent_encoded(value));
  std::sort(pairs.begin(), pairs.end());
  std::string text;
  for (const auto& [name, value] : pairs) text += (text.empty() ? "" : "&") + name + "=" + value;
  return text;
}

std::string escaped_path(std::string_view key) {
  std::string out;
  while (true) {
    const auto slash = key.find('/');
    out += percent_encoded(key.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    out += '/';
    key.remove_prefix(slash + 1);
  }
}

void sign_v4(const V4Key& key, const std::string& payload_sha256, Time now, ToSign& request) {
  const std::string family = key.google ? "x-goog-" : "x-amz-";
  const std::string name = key.google ? "GOOG4" : "AWS4";
  const std::string service = key.google ? "storage" : key.service.empty() ? "s3" : key.service;
  const std::string last = key.google ? "goog4_request" : "aws4_request";
  const std::string stamp = formatted(now, "%Y%m%dT%H%M%SZ");
  const std::string day = stamp.substr(0, 8);
  request.headers[family + "date"] = stamp;
  request.headers[family + "content-sha256"] = payload_sha256;
  if (!key.session_token.empty()) request.headers[family + "security-token"] = key.session_token;

  std::string lines, names;
  for (const auto& [header, value] : request.headers) {
    lines += header + ":" + squeezed(value) + "\n";
    names += (names.empty() ? "" : ";") + header;
  }
  const std::string canonical = request.method + "\n" + request.path + "\n" +
                                query_text(request.query) + "\n" + lines + "\n" + names + "\n" +
                                payload_sha256;
  const std::string scope = day + "/" + key.region + "/" + service + "/" + last;
  const std::string text =
      name + "-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + sha256_hex(canonical);
  const std::string of_day = hmac(name + key.secret_key, day);
  const std::string signing = hmac(hmac(hmac(of_day, key.region), service), last);
  request.headers["authorization"] = name + "-HMAC-SHA256 Credential=" + key.access_key + "/" +
                                     scope + ",SignedHeaders=" + names +
                                     ",Signature=" + hex(hmac(signing, text));
}

std::string shared_key_text(const std::string& account, std::uint64_t body_size,
                            const ToSign& request) {
  std::string text = request.method + "\n";
  const auto line = [&text](const std::string& value) { text += value + "\n"; };
  line(header_or_empty(request, "content-encoding"));
  line(header_or_empty(request, "content-language"));
  line(body_size == 0 ? "" : std::to_string(body_size));
  line(header_or_empty(request, "content-md5"));
  line(header_or_empty(request, "content-type"));
  line("");  // Date: x-ms-date stands for it
  line(header_or_empty(request, "if-modified-since"));
  line(header_or_empty(request, "if-match"));
  line(header_or_empty(request, "if-none-match"));
  line(header_or_empty(request, "if-unmodified-since"));
  line(header_or_empty(request, "range"));
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-ms-")) line(name + ":" + squeezed(value));
  text += "/" + account + request.path;
  for (const auto& [name, value] : request.query) text += "\n" + name + ":" + value;
  return text;
}

void sign_shared_key(const std::string& account, const std::string& key, std::uint64_t body_size,
                     Time now, ToSign& request) {
  request.headers["x-ms-date"] = http_date(now);
  request.headers["authorization"] =
      "SharedKey " + account + ":" +
      base64(hmac(key, shared_key_text(account, body_size, request)));
}

std::string sha256_hex(std::string_view bytes) {
  std::string out(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(out.data()), raw(bytes), bytes.size());
  return hex(out);
}

Result<std::string> sha256_hex_of_file(int fd, std::uint64_t size) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::vector<unsigned char> buffer(256 << 10);
  for (std::uint64_t at = 0; at < size;) {
    const auto want = std::min<std::uint64_t>(buffer.size(), size - at);
    const auto got = ::pread(fd, buffer.data(), want, static_cast<off_t>(at));
    if (got <= 0) return {Errc::unavailable, "the file cannot be read, or became shorter"};
    crypto_hash_sha256_update(&state, buffer.data(), static_cast<unsigned long long>(got));
    at += static_cast<std::uint64_t>(got);
  }
  std::string out(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256_final(&state, reinterpret_cast<unsigned char*>(out.data()));
  return hex(out);
}

std::string base64(std::string_view bytes) {
  std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), raw(bytes), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                        text.size(), nullptr, &size, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

// Not by strftime: the names are English whatever the locale.
std::string http_date(Time t) {
  const std::tm parts = utc(t);
  return std::string(days[static_cast<std::size_t>(parts.tm_wday)]) + ", " + formatted(t, "%d ") +
         months[static_cast<std::size_t>(parts.tm_mon)] + formatted(t, " %Y %H:%M:%S GMT");
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  // Wed, 21 Oct 2015 07:28:00 GMT
  if (text.size() != 29 || text.substr(25) != " GMT") return std::nullopt;
  const auto month = std::find(months.begin(), months.end(), text.substr(8, 3));
  if (month == months.end()) return std::nullopt;
  const auto number = std::to_string(month - months.begin() + 1);
  const auto time =
      parse_iso(std::string(text.substr(12, 4)) + (number.size() == 1 ? "-0" : "-") + number + "-" +
                std::string(text.substr(5, 2)) + "T" + std::string(text.substr(17, 8)) + "Z");
  if (!time) return std::nullopt;
  return std::chrono::floor<std::chrono::milliseconds>(*time).time_since_epoch().count();
}

}  // namespace batuta::stores
