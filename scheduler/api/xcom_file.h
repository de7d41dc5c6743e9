// The answer about an XCom whose value is a file (common/run_files.h).
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"
#include "scheduler/http/exchange.h"

namespace batuta::http {

// A file up to this size is in the answer's body; a larger one is streamed, piece by piece.
inline constexpr std::int64_t max_xcom_body = 1 << 20;

// `entry`, JSON text of an object that is not empty, with "value": what the file at `path` holds,
// or with `as_text` its text where it is no string. Errc::not_found or Errc::unavailable when the
// file is not what it was. Blocking; a stream reads as it is sent.
Result<Response> answer_of_file(std::string entry, bool as_text, const std::string& path,
                                std::int64_t bytes);

}  // namespace batuta::http
