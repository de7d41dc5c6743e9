// Smaller answers for clients that ask for them (RFC 9110: Accept-Encoding). zlib stays in
// gzip.cc, Brotli in brotli.cc.
#pragma once

#include <string>
#include <string_view>

#include "scheduler/http/exchange.h"

namespace batuta::http {

// True when the client takes "gzip", by name or by "*", with a weight above 0.
bool accepts_gzip(const Request& request);

// True when the client takes "br" (RFC 7932), by name and with a weight above 0.
bool accepts_brotli(const Request& request);

enum class Packing { none, gzip, brotli };

// How an answer made anew is packed: as Brotli where the client names it and gives gzip less weight
// or none, else as gzip where it takes that. Of two that it likes equally gzip is the cheaper to
// make; files that were packed before they came ask accepts_brotli first.
Packing packing_of(const Request& request);

// The word for Content-Encoding: "gzip", "br", "identity".
const char* coding_name(Packing packing);

// True when If-None-Match names `etag` (quoted), or any.
bool has_entity(const Request& request, std::string_view etag);

// True for a whole body of text, large enough to gain from it, that is not encoded yet; never for a
// stream, whose pieces must arrive as they are made.
bool worth_compressing(const Response& response);

// Some 80 MB of JSON a second: not for the io thread when `bytes` may be large.
std::string gzip(std::string_view bytes);

// As Brotli at a low quality, about as fast as gzip() and a tenth smaller. Holds a few megabytes
// beside the result, whatever the size of `bytes`: the window is small. Throws std::bad_alloc.
std::string brotli(std::string_view bytes);

// `bytes` in that form; as they are with none.
std::string packed(std::string_view bytes, Packing packing);

// The body replaced by that form, and said so; untouched with none.
void compress(Response& response, Packing packing);

}  // namespace batuta::http
