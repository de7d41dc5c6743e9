#include "stream/kafka_token.h"

#include "common/client_credentials.h"

namespace batuta::stream {

std::optional<TokenSource> take_token_source(KafkaSettings& settings) {
  const auto mechanism = settings.find("sasl.mechanism");
  const auto url = settings.find("sasl.oauthbearer.token.endpoint.url");
  if (mechanism == settings.end() || mechanism->second != "OAUTHBEARER" || url == settings.end())
    return std::nullopt;
  const auto take = [&](const char* name) {
    const auto found = settings.extract(name);
    return found ? found.mapped() : std::string();
  };
  TokenSource out;
  out.url = take("sasl.oauthbearer.token.endpoint.url");
  out.client = take("sasl.oauthbearer.client.id");
  out.secret = take("sasl.oauthbearer.client.secret");
  out.scope = take("sasl.oauthbearer.scope");
  out.extensions = take("sasl.oauthbearer.extensions");
  take("sasl.oauthbearer.method");
  if (const auto ca = settings.find("ssl.ca.location"); ca != settings.end())
    out.ca_file = ca->second;
  return out;
}

Result<AccessToken> fetch_token(const TokenSource& source) {
  ClientCredentials login{source.url, source.client, source.secret, source.scope, "", {}};
  login.outgoing.ca_file = source.ca_file;
  return fetch_access_token(login);  // librdkafka asks anew when four fifths of its life are over
}

}  // namespace batuta::stream
