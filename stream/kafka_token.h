// SASL OAUTHBEARER by OAuth's client credentials: the access token that a client shows a broker.
// librdkafka can fetch one itself where it was built with libcurl, which Debian's is not.
// Internal to batuta_stream_kafka.
#pragma once

#include <optional>
#include <string>

#include "common/client_credentials.h"
#include "stream/kafka_connection.h"

namespace batuta::stream {

struct TokenSource {
  std::string url;  // of the token endpoint
  std::string client, secret, scope;
  std::string extensions;  // "name=value,name=value", told to the broker beside the token
  std::string ca_file;     // believed beside the system's
};

// Takes them out of the settings, where these say so (kafka_connection.h has checked them).
std::optional<TokenSource> take_token_source(KafkaSettings& settings);

// Asks the endpoint, once: fetch_access_token().
Result<AccessToken> fetch_token(const TokenSource& source);

}  // namespace batuta::stream
