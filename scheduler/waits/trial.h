// Whether a connection's server lets us in.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/http_client.h"
#include "common/mail_client.h"
#include "common/result.h"
#include "scheduler/store/registry.h"
#include "stream/stream.h"

namespace batuta {

struct TrialHooks {
  std::function<Result<HttpAnswer>(const HttpRequest&)> http = http_call;
  std::function<Status(const MailRequest&)> mail = greet_mail;
  // The broker of a connection of type kafka.
  std::function<Result<std::unique_ptr<stream::Stream>>(const Connection&)> broker;
  // As LookHooks::sql.
  std::function<Result<std::string>(const std::string& params_json, const Connection& connection,
                                    const std::function<bool()>& stop)>
      sql;
  std::function<bool()> cancelled = [] { return false; };  // true ends what is under way
};

// Asks its server for as little as tells whether the login is good: a database for SELECT 1, an
// HTTP server for its address, a broker for its topics, a mail server for nothing behind the login.
// What it said, in words; an error says why not. Neither holds a secret of the connection, nor one
// of `secrets`: what its references gave, wherever in it they stand. Nothing
// is written, sent on or posted: Errc::not_found for types whose only question would be a message,
// and for those that are not known here. `connection` has values in the place of references.
// Blocking, 40 s at most; any thread.
Result<std::string> try_connection(const Connection& connection,
                                   const std::vector<std::string>& secrets,
                                   const TrialHooks& hooks);

}  // namespace batuta
