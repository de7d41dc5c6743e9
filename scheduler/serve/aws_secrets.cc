#include "scheduler/serve/aws_secrets.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/oidc/provider.h"
#include "scheduler/serve/event_settings.h"
#include "scheduler/serve/secret_lookup.h"
#include "stores/sign.h"

namespace batuta {
namespace {

using nlohmann::json;
using AwsKind = Setting::Kind;

constexpr Duration aws_connect_limit = std::chrono::seconds(5);

std::string aws_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool made_of_aws(const std::string& text, std::size_t most, bool (*fits)(unsigned char)) {
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), fits);
}

// "ResourceNotFoundException"; empty for what is no such word.
std::string aws_error_type(const HttpAnswer& answer) {
  const auto told = parse_untrusted(answer.body);
  if (!told || !told->is_object()) return {};
  const auto type = told->find("__type");
  if (type == told->end() || !type->is_string()) return {};
  std::string word = type->get<std::string>();
  word.erase(0, word.find('#') + 1);  // the service before it; npos + 1 is 0
  return made_of_aws(word, 64, [](unsigned char c) { return std::isalpha(c) != 0; })
             ? word
             : std::string();
}

bool fits_region(std::string& text) {
  return made_of_aws(text, 64, [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
  });
}

bool fits_aws_name(std::string& text) {
  while (text.ends_with('/')) text.pop_back();
  return made_of_aws(text, 512, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("/_+=.@-").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool fits_aws_endpoint(std::string& text) {
  return fits_url(text, {"http", "https"}) && split_url(text).user_info.empty() &&
         split_url(text).rest.empty();
}

bool fits_access_key(std::string& text) {
  return made_of_aws(text, 128, [](unsigned char c) { return std::isalnum(c) != 0; });
}

bool fits_aws_reference(std::string& text) {
  const auto reference = read_setting_reference(text);
  if (!reference) return false;
  text = reference->text();
  return true;
}

}  // namespace

Error AwsSecrets::failed(const std::string& why) const {
  return {Errc::unavailable, "AWS Secrets Manager (" + options_.endpoint + ") " + why, {}};
}

Error AwsSecrets::refusal_of(const std::string& name, const HttpAnswer& answer) const {
  const std::string type = aws_error_type(answer);
  const std::string status =
      "answered " + std::to_string(answer.status) + (type.empty() ? "" : " " + type);
  if (type == "ResourceNotFoundException")
    return failed("has no secret \"" + name + "\" in " + options_.region);
  if (type.starts_with("AccessDenied")) {
    return failed(status + ": who asks may not do secretsmanager:GetSecretValue of \"" + name +
                  "\", or not kms:Decrypt of its key");
  }
  if (type.starts_with("Throttling") || answer.status == 429)
    return failed(status + ": it is asked too often");
  if (type == "InvalidRequestException") {
    return failed(status + " to \"" + name +
                  "\": the secret is to be deleted (restore-secret brings it back), or has no "
                  "version yet");
  }
  if (type == "DecryptionFailure")
    return failed(status + " to \"" + name + "\": see whether its key in KMS is there and enabled");
  if (answer.status >= 400 && answer.status < 500) {
    return failed(status + " to \"" + name +
                  "\": see whether access key, secret key and session token are right and have "
                  "not ended, and this host's clock is");
  }
  return failed(status + " to \"" + name + "\"");
}

Result<std::string> AwsSecrets::value_of(const std::vector<std::string>& words,
                                         const HttpAnswer& answer) const {
  const auto told = parse_untrusted(answer.body);
  const bool has_text = told && told->is_object() && told->contains("SecretString") &&
                        (*told)["SecretString"].is_string();
  if (!has_text) return failed("has no text at \"" + words.front() + "\": it is binary, or none");
  std::string text = (*told)["SecretString"].get<std::string>();
  if (words.size() == 1) return text;
  const auto fields = parse_untrusted(text);
  if (!fields || !fields->is_object()) {
    return failed("has no JSON object at \"" + words.front() +
                  "\", so no field of one; name the secret alone for all of its text");
  }
  const auto field = fields->find(words[1]);
  if (field == fields->end() || field->is_null())
    return failed("has no field \"" + words[1] + "\" at \"" + words.front() + "\"");
  return field->is_string() ? field->get<std::string>() : json_text(*field);
}

Result<std::string> AwsSecrets::read(const std::vector<std::string>& words, Duration limit,
                                     const std::function<bool()>& stop) const {
  const auto end = std::chrono::steady_clock::now() + limit;
  stores::V4Key key;
  key.region = options_.region;
  key.service = "secretsmanager";
  if (options_.secret_key) {
    auto secret =
        look_up_secret(*options_.secret_key, sources_for(*options_.secret_key), limit, stop);
    if (!secret) return {Errc::unavailable, "secrets.aws_secret_key: " + secret.error().message};
    key.access_key = options_.access_key;
    key.secret_key = *std::move(secret);
  } else {
    key.access_key = aws_variable("AWS_ACCESS_KEY_ID");
    key.secret_key = aws_variable("AWS_SECRET_ACCESS_KEY");
    key.session_token = aws_variable("AWS_SESSION_TOKEN");
  }
  if (key.access_key.empty() || key.secret_key.empty()) {
    return failed(
        "was not asked: set secrets.aws_access_key and secrets.aws_secret_key, or "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the server's environment");
  }
  HttpRequest request;
  request.method = "POST";
  request.url = options_.endpoint + "/";
  request.body = json_text({{"SecretId", words.front()}});
  stores::ToSign to_sign;
  to_sign.method = request.method;
  to_sign.path = "/";
  to_sign.headers["host"] = split_url(options_.endpoint).host;
  to_sign.headers["content-type"] = "application/x-amz-json-1.1";
  to_sign.headers["x-amz-target"] = "secretsmanager.GetSecretValue";
  stores::sign_v4(key, stores::sha256_hex(request.body), options_.now(), to_sign);
  for (const auto& [name, value] : to_sign.headers) {
    if (name != "host") request.headers.emplace_back(name, value);
  }
  const auto left = std::chrono::duration_cast<Duration>(end - std::chrono::steady_clock::now());
  if (left <= Duration::zero()) return failed("was not asked in time");
  request.connect_timeout = std::min(aws_connect_limit, left);
  request.timeout = left;
  request.max_body = JsonLimits{}.bytes;
  request.connections = &connections_;
  request.cancelled = stop;
  const auto answer = options_.http(request);
  if (!answer) return failed("gave no answer: " + answer.error().message);
  return answer->status == 200 ? value_of(words, *answer) : refusal_of(words.front(), *answer);
}

std::vector<Setting> with_aws_settings(std::vector<Setting> table) {
  const std::vector<Setting> rows{
      {.name = "secrets.aws_region",
       .sentence = "The region whose AWS Secrets Manager {\"$aws\": …} asks.",
       .kind = AwsKind::text,
       .member = &Settings::aws_region,
       .expects = "the name of a region such as \"eu-west-1\"",
       .example = R"("eu-west-1")",
       .fits = fits_region},
      {.name = "secrets.aws_names",
       .sentence = "Secrets of it that {\"$aws\": …} may read, and all whose names go on with a /.",
       .kind = AwsKind::list,
       .member = &Settings::aws_names,
       .expects = "a list of names of secrets such as [\"prod/batuta\"]",
       .example = R"(["prod/batuta"])",
       .fits = fits_aws_name},
      {.name = "secrets.aws_endpoint",
       .sentence = "Another address of it, such as that of an endpoint in one's own network.",
       .kind = AwsKind::text,
       .member = &Settings::aws_endpoint,
       .expects = "an address such as \"https://secretsmanager.example.org\", without a path",
       .example = R"("https://vpce-1.secretsmanager.eu-west-1.vpce.amazonaws.com")",
       .fits = fits_aws_endpoint,
       .shown = [](const std::string& url) { return without_user_info(url); }},
      {.name = "secrets.aws_access_key",
       .sentence = "The access key that it is asked with; none: that of the server's environment.",
       .kind = AwsKind::text,
       .member = &Settings::aws_access_key,
       .expects = "the id of an access key",
       .example = R"("AKIAIOSFODNN7EXAMPLE")",
       .fits = fits_access_key,
       // The secret of the key may stand here by mistake: what does not fit is not repeated.
       .shown = [](const std::string& key) { return key; }},
      {.name = "secrets.aws_secret_key",
       .sentence = "Where the secret of that access key is kept.",
       .kind = AwsKind::reference,
       .member = &Settings::aws_secret_key,
       .expects = "a reference to the secret, {\"$env\": …}, {\"$file\": …} or {\"$command\": […]}",
       .example = R"({"$file": "/run/secrets/aws"})",
       .fits = fits_aws_reference},
  };
  auto behind = std::find_if(table.begin(), table.end(), [](const Setting& one) {
    return std::string_view(one.name) == "secrets.programs";
  });
  if (behind != table.end()) ++behind;
  table.insert(behind, rows.begin(), rows.end());
  return table;
}

Status check_aws_settings(const Settings& settings) {
  if (settings.aws_access_key.empty() != settings.aws_secret_key.empty())
    return {Errc::invalid, "secrets.aws_access_key and secrets.aws_secret_key go together"};
  const bool any = !settings.aws_names.empty() || !settings.aws_endpoint.empty() ||
                   !settings.aws_access_key.empty();
  if (settings.aws_region.empty() && any)
    return {Errc::invalid, "secrets.aws_… needs secrets.aws_region: where the secrets are"};
  if (!settings.aws_endpoint.empty() && !oidc::safe_address(settings.aws_endpoint))
    return {Errc::invalid, "secrets.aws_endpoint must be https, or http on this machine"};
  return success();
}

std::shared_ptr<const AwsSecrets> aws_secrets_of(const Settings& settings) {
  if (settings.aws_region.empty()) return nullptr;
  AwsSecretsOptions options;
  options.region = settings.aws_region;
  options.endpoint = settings.aws_endpoint;
  if (options.endpoint.empty()) {
    options.endpoint = "https://secretsmanager." + options.region + ".amazonaws.com" +
                       (options.region.starts_with("cn-") ? ".cn" : "");
  }
  options.access_key = settings.aws_access_key;
  options.secret_key = read_setting_reference(settings.aws_secret_key);
  return std::make_shared<const AwsSecrets>(std::move(options));
}

}  // namespace batuta
