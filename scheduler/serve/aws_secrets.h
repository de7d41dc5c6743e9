// Secrets of AWS Secrets Manager, and the settings that lead to it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/http_client.h"
#include "common/result.h"
#include "common/time.h"
#include "scheduler/serve/settings.h"
#include "scheduler/store/secret_reference.h"

namespace batuta {

struct AwsSecretsOptions {
  std::string region;
  std::string endpoint;    // without a slash at its end
  std::string access_key;  // empty: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
  std::optional<SecretReference> secret_key;  // looked up for each secret anew
  // For tests.
  std::function<Result<HttpAnswer>(const HttpRequest&)> http = http_call;
  std::function<Time()> now = [] { return read_clock().wall; };
};

// Any thread.
class AwsSecrets {
 public:
  explicit AwsSecrets(AwsSecretsOptions options) : options_(std::move(options)) {}

  // `words`: the name, and the field of its JSON; without one all of its text. Blocks for `limit`,
  // or until `stop` (may be empty) says so. Errors are Errc::unavailable and say what failed, never
  // what was sent or read.
  Result<std::string> read(const std::vector<std::string>& words, Duration limit,
                           const std::function<bool()>& stop) const;

 private:
  Error failed(const std::string& why) const;
  Error refusal_of(const std::string& name, const HttpAnswer& answer) const;
  Result<std::string> value_of(const std::vector<std::string>& words,
                               const HttpAnswer& answer) const;

  const AwsSecretsOptions options_;
  mutable HttpConnections connections_;
};

std::vector<Setting> with_aws_settings(std::vector<Setting> table);
// A part of check_together().
Status check_aws_settings(const Settings& settings);
// Null: it is not asked.
std::shared_ptr<const AwsSecrets> aws_secrets_of(const Settings& settings);

}  // namespace batuta
