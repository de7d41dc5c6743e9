// How a request to an object store proves who sends it. Pure: the time comes in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/time.h"

namespace batuta::stores {

using Headers = std::map<std::string, std::string>;  // names in lower case
using Query = std::map<std::string, std::string>;    // as they are meant, not escaped

struct ToSign {
  std::string method;
  std::string path;  // as it is sent: escaped, from the first '/'
  Query query;
  Headers headers;  // all of them are signed; "host" is among them
};

// An access key and its secret, for S3's signature version 4 and Google's variant of it.
struct V4Key {
  bool google = false;  // GOOG4-HMAC-SHA256 and x-goog-… instead of AWS4 and x-amz-…
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // of temporary credentials; else empty
  std::string region;
  std::string service{};  // of Amazon's; empty: S3
};

// Adds date, hash of the payload (lower-case hex), session token and "authorization".
void sign_v4(const V4Key& key, const std::string& payload_sha256, Time now, ToSign& request);

// Azure's SharedKey. `key` is the account's key, decoded; "x-ms-version" is set already. Adds date
// and "authorization".
void sign_shared_key(const std::string& account, const std::string& key, std::uint64_t body_size,
                     Time now, ToSign& request);
// What is signed for it, for the test that holds it against the published text.
std::string shared_key_text(const std::string& account, std::uint64_t body_size,
                            const ToSign& request);

// "a=1&b=x%20y", ascending by name.
std::string query_text(const Query& query);
// A key as a path: every segment escaped, '/' kept.
std::string escaped_path(std::string_view key);

std::string sha256_hex(std::string_view bytes);
// Of the first `size` bytes; Errc::unavailable when there are fewer.
Result<std::string> sha256_hex_of_file(int fd, std::uint64_t size);
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

// "Fri, 26 Jun 2015 23:39:12 GMT"
std::string http_date(Time t);
// Milliseconds since 1970; nullopt for anything else.
std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace batuta::stores
