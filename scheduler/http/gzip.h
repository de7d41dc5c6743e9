// Smaller answers for clients that ask for them (RFC 9110: Accept-Encoding). zlib stays in gzip.cc.
#pragma once

#include <string>
#include <string_view>

#include "scheduler/http/exchange.h"

namespace batuta::http {

// True when the client takes "gzip", by name or by "*", with a weight above 0.
bool accepts_gzip(const Request& request);

// True when the client takes "br" (RFC 7932), by name and with a weight above 0. Nothing is packed
// so here: it is for files that were, before they came.
bool accepts_brotli(const Request& request);

// True when If-None-Match names `etag` (quoted), or any.
bool has_entity(const Request& request, std::string_view etag);

// True for a whole body of text, large enough to gain from it, that is not encoded yet; never for a
// stream, whose pieces must arrive as they are made.
bool worth_compressing(const Response& response);

// Some 80 MB of JSON a second: not for the io thread when `bytes` may be large.
std::string gzip(std::string_view bytes);

// The body replaced by its gzip form, and said so.
void compress(Response& response);

}  // namespace batuta::http
