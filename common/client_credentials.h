// OAuth 2.0 by client credentials (RFC 6749, 4.4): the access token by which a program is let in.
// Of batuta_http_client.
#pragma once

#include <functional>
#include <string>

#include "common/http_client.h"
#include "common/outgoing.h"
#include "common/result.h"
#include "common/time.h"

namespace batuta {

struct ClientCredentials {
  std::string url;  // of the token endpoint
  std::string client, secret;
  std::string scope, audience;  // empty: not asked for
  Outgoing outgoing{};
};

struct AccessToken {
  std::string text;
  Time until{};  // a day away at most; five minutes where the endpoint says nothing of it
};

// Asks the endpoint, once, with the client in HTTP Basic. Errc::unauthenticated where it refuses
// the client, Errc::unavailable where it cannot be reached or is busy, Errc::malformed for what is
// no token. No message holds a secret. `call` makes the request. Blocking, for ten seconds at most;
// any thread.
Result<AccessToken> fetch_access_token(
    const ClientCredentials& of,
    const std::function<Result<HttpAnswer>(const HttpRequest&)>& call = http_call);

}  // namespace batuta
