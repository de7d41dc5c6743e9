// Text from outside: decoded by what it declares, or refused. Nothing is ever replaced, because a
// question mark in a diamond is a lost value that nobody is told of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

// `bytes` as UTF-8. A byte-order mark decides (and is left out), else `charset` ("ISO-8859-1",
// "utf-16"…, any case), else UTF-8. Errc::invalid, naming charset and position, when they are no
// text in it; Errc::invalid when the charset is not known.
Result<std::string> to_utf8(std::string_view bytes, std::string_view charset = {});

// The charset of a Content-Type such as `text/csv; charset="windows-1252"`; empty: it names none.
std::string charset_of(std::string_view content_type);

// "512MiB": a number, alone of bytes or with KiB, MiB or GiB behind; nullopt for anything else, and
// above 2^50.
std::optional<std::int64_t> parse_byte_size(std::string_view text);

}  // namespace batuta
