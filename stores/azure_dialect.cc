#include <algorithm>
#include <charconv>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "common/url.h"
#include "stores/dialect.h"
#include "stores/xml.h"

namespace batuta::stores {
namespace {

constexpr const char* service_version = "2021-12-02";
// A token is asked for anew so long before it ends.
constexpr Duration renew_before = std::chrono::minutes(5);

// OAuth by client credentials: one token, kept while it holds.
class AccessToken {
 public:
  AccessToken(const Options& options, HttpCall http)
      : url_(authority(options) + "/" + percent_encoded(options.tenant) + "/oauth2/v2.0/token"),
        form_("grant_type=client_credentials&client_id=" + percent_encoded(options.client_id) +
              "&client_secret=" + percent_encoded(options.client_secret) +
              "&scope=" + percent_encoded("https://storage.azure.com/.default")),
        http_(std::move(http)) {}

  Result<std::string> get(Time now) {
    std::lock_guard lock(mutex_);
    if (!token_.empty() && now + renew_before < ends_) return token_;
    HttpRequest request;
    request.method = "POST";
    request.url = url_;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = form_;
    request.max_body = 256 << 10;
    const auto answer = http_(request);
    if (!answer) return failed(answer.error().message);
    const auto json = parse_untrusted(answer->body);
    const bool is_object = json.ok() && json->is_object();
    if (answer->status != 200) {
      // "AADSTS7000215: Invalid client secret provided. …": it says what is wrong, and no secret.
      std::string why = std::to_string(answer->status);
      if (is_object && json->contains("error") && (*json)["error"].is_string())
        why += " " + (*json)["error"].get<std::string>();
      const bool may_pass = answer->status == 429 || answer->status >= 500;
      return failed(why, may_pass ? Errc::unavailable : Errc::unauthenticated);
    }
    if (!is_object || !json->contains("access_token") || !(*json)["access_token"].is_string())
      return failed("the answer holds no access_token");
    const auto seconds = json_int(json->value("expires_in", nlohmann::json()));
    token_ = (*json)["access_token"].get<std::string>();
    ends_ = now + std::chrono::seconds(std::clamp<std::int64_t>(seconds.value_or(0), 0, 86'400));
    return token_;
  }

  void drop() {
    std::lock_guard lock(mutex_);
    token_.clear();
  }

 private:
  static std::string authority(const Options& options) {
    if (options.authority.empty()) return "https://login.microsoftonline.com";
    const auto last = options.authority.find_last_not_of('/');
    return options.authority.substr(0, last + 1);
  }

  static Error failed(const std::string& why, Errc code = Errc::unavailable) {
    return {code,
            "no access token for the store: " + why +
                " (AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET)",
            {}};
  }

  const std::string url_;
  const std::string form_;
  const HttpCall http_;
  std::mutex mutex_;
  std::string token_;
  Time ends_{};
};

// "sv=…&sig=…", escaped as the portal gives it, with or without its '?'.
Result<Query> sas_query(std::string_view sas) {
  if (sas.starts_with('?')) sas.remove_prefix(1);
  Query query;
  while (!sas.empty()) {
    const auto end = sas.find('&');
    const auto pair = sas.substr(0, end);
    sas.remove_prefix(end == std::string_view::npos ? sas.size() : end + 1);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos)
      return {Errc::invalid, "is no shared access signature", "sas"};
    query[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
  }
  if (!query.contains("sig")) return {Errc::invalid, "holds no sig=, so it signs nothing", "sas"};
  return query;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const char* from = text.data() + i + 1;
      if (std::from_chars(from, from + 2, code, 16).ptr == from + 2) {
        out += static_cast<char>(code);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

class AzureDialect final : public Dialect {
 public:
  struct Proof {
    std::string account;
    std::string key;  // decoded
    Query sas;        // escaped
    std::unique_ptr<AccessToken> token;
  };

  AzureDialect(Address address, Proof proof, std::string encryption_scope)
      : Dialect(std::move(address)),
        proof_(std::move(proof)),
        encryption_scope_(std::move(encryption_scope)) {}

  Headers put_headers(bool if_absent, const std::string& mark) const override {
    Headers headers{{"content-type", "application/octet-stream"}, {"x-ms-blob-type", "BlockBlob"}};
    if (!mark.empty()) headers[mark_header()] = mark;
    if (if_absent) headers["if-none-match"] = "*";
    if (!encryption_scope_.empty()) headers["x-ms-encryption-scope"] = encryption_scope_;
    return headers;
  }

  Headers remove_headers() const override { return {{"x-ms-delete-snapshots", "include"}}; }

  const char* mark_header() const override { return "x-ms-meta-batuta_put"; }

  Query list_query(const PageOf& page) const override {
    Query query{{"restype", "container"},
                {"comp", "list"},
                {"delimiter", "/"},
                {"prefix", page.prefix},
                {"maxresults", std::to_string(page.limit)}};
    if (!page.next.empty()) query["marker"] = page.next;
    if (page.prefix.empty()) query.erase("prefix");
    return query;
  }

  Result<Page> read_page(const std::string& body) const override {
    auto xml = parse_xml(body);
    if (!xml) return xml.error();
    const XmlElement* blobs = xml->child("Blobs");
    if (xml->name != "EnumerationResults" || blobs == nullptr)
      return {Errc::malformed, "the answer is no list of blobs but <" + xml->name + ">"};
    Page page;
    page.next = xml->text_of("NextMarker");
    for (const XmlElement& blob : blobs->children) {
      const XmlElement* name = blob.child("Name");
      if (name == nullptr) return {Errc::malformed, "the list has a blob without a name"};
      const bool encoded = name->attributes.find("Encoded=\"true\"") != std::string::npos;
      std::string key = encoded ? unescaped(name->text) : name->text;
      if (blob.name == "BlobPrefix") {
        page.prefixes.push_back(std::move(key));
        continue;
      }
      lakelog::ObjectInfo info{std::move(key)};
      if (const XmlElement* properties = blob.child("Properties")) {
        const std::string size = properties->text_of("Content-Length");
        std::from_chars(size.data(), size.data() + size.size(), info.size);
        info.modified_ms = parse_http_date(properties->text_of("Last-Modified")).value_or(-1);
        info.etag = properties->text_of("Etag");
      }
      page.objects.push_back(std::move(info));
    }
    return page;
  }

  // Another's lease or archived blob is a 409 or 412 too: only these two say that it is there.
  bool says_exists(int, const std::string& code) const override {
    return code == "BlobAlreadyExists" || code == "ConditionNotMet";
  }

  Status sign(const Payload& payload, Time now, ToSign& request) override {
    request.headers["x-ms-version"] = service_version;
    if (!proof_.key.empty()) {
      sign_shared_key(proof_.account, proof_.key, payload.size, now, request);
    } else if (proof_.token != nullptr) {
      auto token = proof_.token->get(now);
      if (!token) return token.error();
      request.headers["authorization"] = "Bearer " + *token;
      request.headers["x-ms-date"] = http_date(now);
    } else {
      for (const auto& [name, value] : proof_.sas) request.query[name] = unescaped(value);
    }
    return success();
  }

  bool distrusted() override {
    if (proof_.token == nullptr) return false;
    proof_.token->drop();
    return true;
  }

 private:
  const Proof proof_;
  const std::string encryption_scope_;
};

Error bad_option(const char* option, const std::string& why) {
  return {Errc::invalid, why, option};
}

Result<AzureDialect::Proof> proof_of(const Location& location, const Options& options,
                                     const Endpoint& endpoint, HttpCall http) {
  AzureDialect::Proof proof{location.account, {}, {}, nullptr};
  const bool oauth = !options.client_id.empty() || !options.client_secret.empty();
  const int ways =
      (options.account_key.empty() ? 0 : 1) + (options.sas.empty() ? 0 : 1) + (oauth ? 1 : 0);
  if (ways != 1) {
    return bad_option("account_key",
                      std::string(ways == 0 ? "give one" : "give only one") +
                          " of AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, or AZURE_TENANT_ID with "
                          "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET");
  }
  if (!options.account_key.empty()) {
    const auto key = from_base64(options.account_key);
    if (!key || key->empty()) return bad_option("account_key", "the account's key is no base64");
    proof.key = *key;
    return proof;
  }
  // These two are worth as much to whoever reads them on the way.
  if (endpoint.scheme != "https" && !endpoint.is_loopback)
    return bad_option("endpoint", "a SAS or a token goes over https alone");
  if (oauth) {
    if (options.tenant.empty() || options.client_id.empty() || options.client_secret.empty())
      return bad_option("tenant",
                        "give all three of AZURE_TENANT_ID, AZURE_CLIENT_ID and "
                        "AZURE_CLIENT_SECRET");
    if (!options.authority.empty()) {
      auto authority = parse_endpoint(options.authority);
      if (!authority || (authority->scheme != "https" && !authority->is_loopback))
        return bad_option("authority", "AZURE_AUTHORITY_HOST must be like https://host");
    }
    proof.token = std::make_unique<AccessToken>(options, std::move(http));
    return proof;
  }
  auto query = sas_query(options.sas);
  if (!query) return query.error();
  proof.sas = std::move(*query);
  return proof;
}

}  // namespace

Result<std::unique_ptr<Dialect>> azure_dialect(const Location& location, const Options& options,
                                               HttpCall http) {
  std::string url = options.endpoint;
  if (url.empty()) url = "https://" + location.account + ".blob.core.windows.net";
  auto endpoint = parse_endpoint(url);
  if (!endpoint) return endpoint.error();
  if (options.encryption != (options.encryption_key.empty() ? "" : "scope"))
    return bad_option("encryption",
                      "must be \"scope\" with the encryption scope's name, or not given");
  auto proof = proof_of(location, options, *endpoint, std::move(http));
  if (!proof) return proof.error();
  Address address{endpoint->scheme + "://" + endpoint->host, endpoint->host,
                  endpoint->path + "/" + location.bucket};
  return std::unique_ptr<Dialect>(std::make_unique<AzureDialect>(
      std::move(address), std::move(*proof), options.encryption_key));
}

}  // namespace batuta::stores
