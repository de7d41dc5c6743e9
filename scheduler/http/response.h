// An answer's bytes on the wire. Pure.
#pragma once

#include <string>
#include <string_view>

#include "scheduler/http/exchange.h"

namespace batuta::http {

// Status line, our security headers, the response's own, the empty line. Bytes that could end a
// header line are dropped from names and values, so no value can add a header. Content-Length is
// the body's, also for HEAD, or what a stream gives in all; one that does not know it has none, and
// ends with the connection as all do.
std::string response_head(const Response& response, bool keep_alive);

// {"detail": "…"}, Airflow's shape; a 503 says when to come again.
Response error_response(int status, std::string_view detail);

}  // namespace batuta::http
