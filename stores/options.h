// Which store a URL names, and what opening it takes.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/result.h"
#include "common/time.h"

namespace batuta::stores {

enum class Kind { s3, gs, azblob };

// "s3://bucket/prefix", "gs://bucket/prefix", "azblob://account/container/prefix".
struct Location {
  Kind kind = Kind::s3;
  std::string account;  // azblob alone
  std::string bucket;   // or container
  std::string prefix;   // below it, without '/' at either end; may be empty
  std::string text() const;
};

// Errc::invalid, with what would do, for anything else: user info, '?' and '#' are refused, for
// secrets have no place in a URL.
Result<Location> parse_location(const std::string& url);

// Empty strings are "not given". Nothing of it appears in an error.
struct Options {
  std::string endpoint;            // "https://minio.example:9000"; empty: the provider's own
  std::string region;              // S3
  std::optional<bool> path_style;  // S3: bucket in the path; not given: where there is an endpoint
  std::string access_key;          // S3, and Google's HMAC keys
  std::string secret_key;
  std::string session_token;   // S3
  std::string encryption;      // S3: "AES256", "aws:kms"; gs: "kms"; azblob: "scope"
  std::string encryption_key;  // the key's ARN, its resource name, or the scope's name

  std::string account_key;  // Azure: SharedKey, as the portal shows it
  std::string sas;          // or a shared access signature ("sv=…&sig=…")
  std::string tenant;       // or OAuth by client credentials
  std::string client_id;
  std::string client_secret;
  std::string authority;  // empty: https://login.microsoftonline.com

  // Where stage() makes its folders; an absolute folder of this host, of this store alone.
  std::string staging;
  // Whether opening proves, by one small object, that the store keeps a conditional put's promise.
  // Off: for those who may only read.
  bool probe = true;
};

// What the environment says of a store of that kind: the names that the providers' own tools use,
// and BATUTA_STORE_… beside them (docs/stores.md). `variable` gives "" for what is not set.
// Errc::invalid when one cannot be understood.
Result<Options> options_from(Kind kind,
                             const std::function<std::string(const std::string& name)>& variable);

// A variable of options_from() as a connection has it: its login and password are the credentials
// (an access key and its secret; of Azure the account's key, or with a login a client and its
// secret). Empty: by that name in its extra, if at all.
std::string variable_of_login(Kind kind, const std::string& login, const std::string& password,
                              const std::string& name);

}  // namespace batuta::stores
