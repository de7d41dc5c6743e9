// S3, and Google Cloud Storage, whose XML interface speaks S3 with names of its own.
#include <charconv>

#include "stores/dialect.h"
#include "stores/xml.h"

namespace batuta::stores {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// encoding-type=url writes a space as '+'.
std::string url_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

class S3Dialect final : public Dialect {
 public:
  S3Dialect(Address address, V4Key key, std::string encryption, std::string encryption_key)
      : Dialect(std::move(address)),
        key_(std::move(key)),
        encryption_(std::move(encryption)),
        encryption_key_(std::move(encryption_key)) {}

  Headers put_headers(bool if_absent, const std::string& mark) const override {
    Headers headers{{"content-type", "application/octet-stream"}};
    if (!mark.empty()) headers[mark_header()] = mark;
    if (key_.google) {
      if (if_absent) headers["x-goog-if-generation-match"] = "0";
      if (!encryption_.empty()) headers["x-goog-encryption-kms-key-name"] = encryption_key_;
      return headers;
    }
    if (if_absent) headers["if-none-match"] = "*";
    if (!encryption_.empty()) headers["x-amz-server-side-encryption"] = encryption_;
    if (!encryption_key_.empty())
      headers["x-amz-server-side-encryption-aws-kms-key-id"] = encryption_key_;
    return headers;
  }

  const char* mark_header() const override {
    return key_.google ? "x-goog-meta-batuta-put" : "x-amz-meta-batuta-put";
  }

  Query list_query(const PageOf& page) const override {
    Query query{{"list-type", "2"},
                {"delimiter", "/"},
                {"prefix", page.prefix},
                {"max-keys", std::to_string(page.limit)}};
    // Google's answers are as they are; S3's could hold what XML cannot.
    if (!key_.google) query["encoding-type"] = "url";
    if (!page.next.empty()) {
      query["continuation-token"] = page.next;
    } else if (!page.start_after.empty()) {
      query["start-after"] = page.start_after;
    }
    return query;
  }

  Result<Page> read_page(const std::string& body) const override {
    auto xml = parse_xml(body);
    if (!xml) return xml.error();
    if (xml->name != "ListBucketResult")
      return {Errc::malformed, "the answer is no list of objects but <" + xml->name + ">"};
    const bool encoded = xml->text_of("EncodingType") == "url";
    const auto name = [encoded](const XmlElement& of, const char* child) {
      return encoded ? url_decoded(of.text_of(child)) : of.text_of(child);
    };
    Page page;
    for (const XmlElement& child : xml->children) {
      if (child.name == "CommonPrefixes") page.prefixes.push_back(name(child, "Prefix"));
      if (child.name != "Contents") continue;
      lakelog::ObjectInfo info{name(child, "Key")};
      const std::string size = child.text_of("Size");
      std::from_chars(size.data(), size.data() + size.size(), info.size);
      info.etag = child.text_of("ETag");
      if (const auto time = parse_iso(child.text_of("LastModified"))) {
        info.modified_ms =
            std::chrono::floor<std::chrono::milliseconds>(*time).time_since_epoch().count();
      }
      page.objects.push_back(std::move(info));
    }
    if (xml->text_of("IsTruncated") == "true") {
      page.next = xml->text_of("NextContinuationToken");
      if (page.next.empty())
        return {Errc::malformed, "the list goes on, and the store does not say where"};
    }
    return page;
  }

  bool says_exists(int status, const std::string&) const override { return status == 412; }

  Status sign(const Payload& payload, Time now, ToSign& request) override {
    sign_v4(key_, payload.sha256, now, request);
    return success();
  }

 private:
  const V4Key key_;
  const std::string encryption_;
  const std::string encryption_key_;
};

Error missing(const char* option, const std::string& why) {
  return {Errc::invalid, why, option};
}

Status check_s3(const Options& options, bool google) {
  if (options.access_key.empty() || options.secret_key.empty()) {
    return missing("access_key",
                   google ? "give an HMAC key of a service account: GS_ACCESS_KEY_ID and "
                            "GS_SECRET_ACCESS_KEY"
                          : "give an access key: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  if (google) {
    if (options.encryption.empty() && options.encryption_key.empty()) return success();
    if (options.encryption == "kms" && !options.encryption_key.empty()) return success();
    return missing("encryption", "must be \"kms\" with the key's resource name, or not given");
  }
  if (options.region.empty() && options.endpoint.empty())
    return missing("region", "give the bucket's region: AWS_REGION");
  if (!options.encryption.empty() && options.encryption != "AES256" &&
      options.encryption != "aws:kms" && options.encryption != "aws:kms:dsse")
    return missing("encryption",
                   "must be AES256, aws:kms or aws:kms:dsse, not \"" + options.encryption + "\"");
  if (!options.encryption_key.empty() && !options.encryption.starts_with("aws:kms"))
    return missing("encryption_key", "goes with the encryption aws:kms");
  return success();
}

std::string amazon_host(const std::string& region) {
  return "s3." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

bool is_ip(const Endpoint& endpoint) {
  return endpoint.host.starts_with('[') ||
         endpoint.host.find_first_not_of("0123456789.:") == std::string::npos;
}

}  // namespace

Result<std::unique_ptr<Dialect>> s3_dialect(const Location& location, const Options& options) {
  const bool google = location.kind == Kind::gs;
  if (auto ok = check_s3(options, google); !ok) return ok.error();
  V4Key key{google, options.access_key, options.secret_key, google ? "" : options.session_token,
            options.region};
  if (key.region.empty()) key.region = google ? "auto" : "us-east-1";
  std::string url = options.endpoint;
  if (url.empty()) url = "https://" + (google ? "storage.googleapis.com" : amazon_host(key.region));
  auto endpoint = parse_endpoint(url);
  if (!endpoint) return endpoint.error();
  // A dot in a bucket's name would make it two labels, which no certificate covers.
  const bool fits_host = location.bucket.find('.') == std::string::npos && !is_ip(*endpoint);
  const bool in_path =
      options.path_style.value_or(google || !options.endpoint.empty() || !fits_host);
  if (!in_path && !fits_host)
    return missing("path_style", "the bucket's name cannot be part of that host's name");
  const std::string host = in_path ? endpoint->host : location.bucket + "." + endpoint->host;
  return std::unique_ptr<Dialect>(
      std::make_unique<S3Dialect>(Address{endpoint->scheme + "://" + host, host,
                                          endpoint->path + (in_path ? "/" + location.bucket : "")},
                                  std::move(key), options.encryption, options.encryption_key));
}

}  // namespace batuta::stores
