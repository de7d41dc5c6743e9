#include "stores/options.h"

#include <algorithm>
#include <string_view>

#include "lakelog/storage.h"

namespace batuta::stores {
namespace {

Error bad_location(const std::string& url, const std::string& why) {
  // What follows '?' or stands before '@' may be a secret.
  const std::string shown = url.find_first_of("?#@") == std::string::npos ? " \"" + url + "\"" : "";
  return {Errc::invalid,
          "cannot open the lake" + shown + ": " + why +
              "; a store is s3://bucket/prefix, gs://bucket/prefix or "
              "azblob://account/container/prefix",
          {}};
}

bool made_of(std::string_view name, std::string_view others) {
  return std::all_of(name.begin(), name.end(), [others](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

bool valid_bucket(const Location& location) {
  const std::string& name = location.bucket;
  if (location.kind == Kind::azblob && name == "$root") return location.prefix.empty();
  if (name.size() < 3 || name.size() > (location.kind == Kind::gs ? 222u : 63u)) return false;
  if (name.front() == '-' || name.front() == '.' || name.back() == '-' || name.back() == '.')
    return false;
  if (name.find("..") != std::string::npos) return false;
  return made_of(name, location.kind == Kind::azblob ? "-"
                       : location.kind == Kind::gs   ? "-._"
                                                     : "-.");
}

// Up to the next '/', which is taken away too.
std::string take_segment(std::string_view& rest) {
  const auto slash = rest.find('/');
  const std::string segment{rest.substr(0, slash)};
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return segment;
}

}  // namespace

std::string Location::text() const {
  std::string out = kind == Kind::s3 ? "s3://" : kind == Kind::gs ? "gs://" : "azblob://";
  if (kind == Kind::azblob) out += account + "/";
  out += bucket;
  if (!prefix.empty()) out += "/" + prefix;
  return out;
}

Result<Location> parse_location(const std::string& url) {
  Location location;
  std::string_view rest = url;
  const auto begins = [&](std::string_view scheme, Kind kind) {
    if (!rest.starts_with(scheme)) return false;
    rest.remove_prefix(scheme.size());
    location.kind = kind;
    return true;
  };
  if (!begins("s3://", Kind::s3) && !begins("gs://", Kind::gs) &&
      !begins("azblob://", Kind::azblob)) {
    return bad_location(url, "it names no object store");
  }
  if (rest.find_first_of("?#@") != std::string_view::npos)
    return bad_location(url, "credentials and options do not belong into a URL");
  if (location.kind == Kind::azblob) {
    location.account = take_segment(rest);
    if (location.account.size() < 3 || location.account.size() > 24 ||
        !made_of(location.account, ""))
      return bad_location(url, "an account's name has 3 to 24 lower-case letters and digits");
  }
  location.bucket = take_segment(rest);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  location.prefix = rest;
  if (!valid_bucket(location))
    return bad_location(url, location.kind == Kind::azblob ? "that is no container's name"
                                                           : "that is no bucket's name");
  if (!location.prefix.empty() && !lakelog::valid_key(location.prefix))
    return bad_location(url, "the prefix has an empty segment, or one of dots alone");
  return location;
}

Result<Options> options_from(Kind kind,
                             const std::function<std::string(const std::string& name)>& variable) {
  Options options;
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (auto value = variable(name); !value.empty()) return value;
    return std::string{};
  };
  options.endpoint = variable("BATUTA_STORE_ENDPOINT");
  options.encryption = variable("BATUTA_STORE_ENCRYPTION");
  options.encryption_key = variable("BATUTA_STORE_ENCRYPTION_KEY");
  if (const auto style = variable("BATUTA_STORE_PATH_STYLE"); !style.empty()) {
    if (style != "true" && style != "false")
      return {Errc::invalid, "must be true or false, not \"" + style + "\"",
              "BATUTA_STORE_PATH_STYLE"};
    options.path_style = style == "true";
  }
  if (kind == Kind::s3) {
    options.access_key = variable("AWS_ACCESS_KEY_ID");
    options.secret_key = variable("AWS_SECRET_ACCESS_KEY");
    options.session_token = variable("AWS_SESSION_TOKEN");
    options.region = first_of({"AWS_REGION", "AWS_DEFAULT_REGION"});
    if (options.endpoint.empty())
      options.endpoint = first_of({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  } else if (kind == Kind::gs) {
    options.access_key = variable("GS_ACCESS_KEY_ID");
    options.secret_key = variable("GS_SECRET_ACCESS_KEY");
  } else {
    options.account_key = variable("AZURE_STORAGE_KEY");
    options.sas = variable("AZURE_STORAGE_SAS_TOKEN");
    options.tenant = variable("AZURE_TENANT_ID");
    options.client_id = variable("AZURE_CLIENT_ID");
    options.client_secret = variable("AZURE_CLIENT_SECRET");
    options.authority = variable("AZURE_AUTHORITY_HOST");
  }
  return options;
}

std::string variable_of_login(Kind kind, const std::string& login, const std::string& password,
                              const std::string& name) {
  const bool of_s3 = kind == Kind::s3;
  if (kind == Kind::azblob) {
    if (name == "AZURE_CLIENT_ID") return login;
    return name == (login.empty() ? "AZURE_STORAGE_KEY" : "AZURE_CLIENT_SECRET") ? password : "";
  }
  if (name == (of_s3 ? "AWS_ACCESS_KEY_ID" : "GS_ACCESS_KEY_ID")) return login;
  return name == (of_s3 ? "AWS_SECRET_ACCESS_KEY" : "GS_SECRET_ACCESS_KEY") ? password : "";
}

}  // namespace batuta::stores
