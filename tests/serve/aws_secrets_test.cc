#include "scheduler/serve/aws_secrets.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "scheduler/serve/secret_lookup.h"

using namespace batuta;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// GetSecretValue of AWS Secrets Manager, as its documentation has it.
struct FakeAws {
  std::map<std::string, std::string> secrets{
      {"prod/batuta/db", R"({"password":"s3cret","port":5432})"}, {"prod/batuta/text", "s3cret"}};
  HttpRequest asked;
  int status = 200;
  std::string type;  // of an error

  static std::string header(const HttpRequest& request, std::string_view name) {
    for (const auto& [known, value] : request.headers) {
      if (known == name) return value;
    }
    return "";
  }
  HttpAnswer answer(const HttpRequest& request) {
    asked = request;
    const auto body = parse_untrusted(request.body);
    REQUIRE(body);
    const std::string name = (*body)["SecretId"];
    const auto found = secrets.find(name);
    const bool missing = status == 200 && found == secrets.end();
    if (missing || status != 200) {
      const std::string why = missing ? "ResourceNotFoundException" : type;
      return {missing ? 400 : status, {}, json{{"__type", why}, {"Message", "s3cret"}}.dump()};
    }
    return {200, {}, json{{"Name", name}, {"SecretString", found->second}}.dump()};
  }
  AwsSecretsOptions options() {
    ::setenv("AWS_TEST_SECRET_KEY", "s3cret/key", 1);
    AwsSecretsOptions out;
    out.region = "eu-west-1";
    out.endpoint = "https://secretsmanager.eu-west-1.amazonaws.com";
    out.access_key = "AKIATEST";
    out.secret_key = {SecretReference::Kind::env, {"AWS_TEST_SECRET_KEY"}};
    out.http = [this](const HttpRequest& request) { return answer(request); };
    out.now = [] { return *parse_iso("2026-01-02T03:04:05Z"); };
    return out;
  }
};

// The value, or "!" and why there is none, which never has a secret in it.
std::string aws_read(const AwsSecrets& client, const std::vector<std::string>& words) {
  const auto value = client.read(words, 10s, {});
  if (value) return *value;
  CAPTURE(value.error().message);
  CHECK(value.error().code == Errc::unavailable);
  CHECK(value.error().message.find("s3cret") == std::string::npos);
  return "!" + value.error().message;
}

bool aws_says(const std::string& text, const char* part) {
  CAPTURE(text);
  return text.starts_with('!') && text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(FakeAws, "a secret of AWS Secrets Manager is asked for with a signed request") {
  const AwsSecrets client(options());
  CHECK(aws_read(client, {"prod/batuta/db", "password"}) == "s3cret");
  CHECK(asked.method == "POST");
  CHECK(asked.url == "https://secretsmanager.eu-west-1.amazonaws.com/");
  CHECK(header(asked, "x-amz-target") == "secretsmanager.GetSecretValue");
  // As it was computed by hand, by the document of signature version 4.
  CHECK(header(asked, "authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIATEST/20260102/eu-west-1/secretsmanager/aws4_request,"
        "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target,"
        "Signature=8cee6fac3482b18cf355076b8f556aa5cb900f1ed2da42c778c34944fe06b53c");
  CHECK(aws_read(client, {"prod/batuta/db", "port"}) == "5432");
  CHECK(aws_read(client, {"prod/batuta/db"}) == secrets["prod/batuta/db"]);
  CHECK(aws_read(client, {"prod/batuta/text"}) == "s3cret");
}

TEST_CASE_FIXTURE(FakeAws, "what AWS Secrets Manager has not, or does not give, is told") {
  const AwsSecrets client(options());
  CHECK(aws_says(aws_read(client, {"prod/none"}), "has no secret \"prod/none\" in eu-west-1"));
  CHECK(aws_says(aws_read(client, {"prod/batuta/db", "user"}), "has no field \"user\""));
  CHECK(aws_says(aws_read(client, {"prod/batuta/text", "x"}), "has no JSON object"));
  status = 400;
  type = "AccessDeniedException";
  CHECK(aws_says(aws_read(client, {"prod/batuta/db"}), "secretsmanager:GetSecretValue"));
  type = "com.amazonaws#ExpiredTokenException";
  CHECK(aws_says(aws_read(client, {"prod/batuta/db"}), "400 ExpiredTokenException"));
  // Neither is mended by another key.
  type = "ThrottlingException";
  CHECK(aws_says(aws_read(client, {"prod/batuta/db"}), "it is asked too often"));
  type = "InvalidRequestException";
  CHECK(aws_says(aws_read(client, {"prod/batuta/db"}), "restore-secret"));
  type = "DecryptionFailure";
  CHECK(aws_says(aws_read(client, {"prod/batuta/db"}), "its key in KMS"));
  status = 500;
  type = "no <word>";
  CHECK(aws_says(aws_read(client, {"prod/batuta/db"}), "answered 500 to"));

  ::unsetenv("AWS_TEST_SECRET_KEY");
  CHECK(aws_says(aws_read(client, {"prod/batuta/db"}), "secrets.aws_secret_key: the server's"));
}

TEST_CASE_FIXTURE(FakeAws, "a look-up of AWS Secrets Manager goes through what the settings list") {
  SecretLookup::Options given;
  given.aws = std::make_shared<const AwsSecrets>(options());
  SecretSources sources;
  sources.aws_names = {"prod/batuta"};
  SecretLookup lookup(sources, given);
  const SecretReference listed{SecretReference::Kind::aws, {"prod/batuta/db", "password"}};
  CHECK(*lookup.wait(listed, 10s) == "s3cret");
  const auto other = lookup.find({SecretReference::Kind::aws, {"prod/batuta2", "password"}});
  REQUIRE(other);
  CHECK(other->error().code == Errc::forbidden);
  CHECK(other->error().message.find("\"secrets.aws_names\"") != std::string::npos);
  lookup.stop();
}

TEST_CASE("the settings of AWS Secrets Manager fit each other") {
  const auto wrong = [](const char* text) {
    int count = 0;
    const auto problems = check_settings_text(text, "batuta.json", count);
    return problems.empty() ? std::string() : problems[0];
  };
  CHECK(wrong(R"({"secrets.aws_region": "eu-west-1", "secrets.aws_names": ["prod/batuta/"],
    "secrets.aws_access_key": "AKIA", "secrets.aws_secret_key": {"$env": "A"}})")
            .empty());
  CHECK(wrong(R"({"secrets.aws_names": ["prod"]})").find("needs secrets.aws_region") !=
        std::string::npos);
  CHECK(wrong(R"({"secrets.aws_region": "eu-west-1", "secrets.aws_access_key": "AKIA"})")
            .find("go together") != std::string::npos);
  CHECK(wrong(R"({"secrets.aws_region": "eu-west-1", "secrets.aws_endpoint": "http://aws"})")
            .find("must be https") != std::string::npos);
  CHECK(wrong(R"({"secrets.aws_names": ["prod/*"]})").find("a list of names") != std::string::npos);
  // What stands at the wrong place is not repeated: it may be the secret.
  for (const char* text : {R"({"secrets.aws_access_key": "hidden/word"})",
                           R"({"secrets.aws_endpoint": "https://u:hidden/word@aws"})"}) {
    CHECK(wrong(text).find("must be") != std::string::npos);
    CHECK(wrong(text).find("hidden") == std::string::npos);
  }
  Settings settings;
  CHECK(aws_secrets_of(settings) == nullptr);
  settings.aws_region = "eu-west-1";
  CHECK(aws_secrets_of(settings) != nullptr);
}
