// Files of the page, compiled into the executable. The table behind find_asset is generated from
// the page's build; tests hand their own function to ApiServices.
#pragma once

#include <string_view>

namespace batuta::http {

struct Asset {
  std::string_view content_type;  // "text/html; charset=utf-8"
  std::string_view bytes;
  std::string_view etag;  // quoted, from the content
};

// In front of the hash of all that index.html leads to: "/a/0123456789abcdef/app.js". Such a path
// has the same bytes as long as it has any, so that it may be kept for ever.
inline constexpr std::string_view hashed_assets = "/a/";

// `path` as requested: "/", "/favicon.svg", or one that begins with `hashed_assets`; with ".br" or
// ".gz" behind a name: that form of it. nullptr when there is no such file. Any thread.
const Asset* find_asset(std::string_view path);

}  // namespace batuta::http
