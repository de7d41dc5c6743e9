// Addresses as people write them, cut into parts, so that what is secret in them does not show.
#pragma once

#include <string>
#include <string_view>

namespace batuta {

// Views into the text that was cut. Joined they are that text again.
struct UrlParts {
  std::string_view scheme;     // with its "://"; empty when there is none
  std::string_view user_info;  // without its "@"; empty when there is none
  std::string_view host;       // with its port
  std::string_view rest;       // path, query and fragment, from the first of / ? #
};

// Never fails: what has no scheme begins with user info or host.
UrlParts split_url(std::string_view url);

// Where a connection leads, without a '/' at its end: `host` may bring its scheme, else `scheme`
// (http when that is empty) is put before it. `port` 0: none.
std::string base_url(std::string_view host, std::string_view scheme, int port);
// Where requests to a connection's server go, and by what they say who asks: a bearer token, or
// else login and password. A databricks connection has its token as the password, and https unless
// it says otherwise.
struct ServerDoor {
  std::string base;  // as base_url()
  std::string bearer, login, password;
};
ServerDoor server_door(std::string_view conn_type, std::string_view host, std::string_view scheme,
                       int port, std::string_view login, std::string_view password);
// The address of a webhook as Airflow's connections keep it: `host` may be a whole URL, `scheme`
// (https when that is empty) else; `secret_path`, which may be empty, is the part of the path that
// is kept as a password.
std::string webhook_url(std::string_view host, std::string_view scheme, int port,
                        std::string_view secret_path);
// It is `base` itself or lies below it: what is meant for that server may go there.
bool lies_below(std::string_view url, std::string_view base);

// One segment of a path or one value of a query, as it may stand there (RFC 3986, unreserved).
std::string percent_encoded(std::string_view text);

// `text` with the user info of every URL in it (scheme://user:password@host) as ***.
std::string without_user_info(std::string_view text);

}  // namespace batuta
