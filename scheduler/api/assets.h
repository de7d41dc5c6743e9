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

// `path` as requested: "/", "/app.js"; with ".gz" behind a name: its gzip form. nullptr when there
// is no such file. Any thread.
const Asset* find_asset(std::string_view path);

}  // namespace batuta::http
