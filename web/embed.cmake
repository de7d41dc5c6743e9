# cmake -DDIST=<built files> -DNAMES=<list> -DOUT=<folder> -P embed.cmake
#
# Writes assets_data.S, which takes the files in as they are (.incbin: nothing to compile), and
# assets.cc, which defines batuta::http::find_asset over them.
set(types html text/html js text/javascript css text/css svg image/svg+xml)

# All but index.html and favicon.svg lie under the hash that index.html leads to (pack.mjs), and may be kept for ever.
file(READ ${DIST}/index.html index_html)
if(NOT index_html MATCHES "\"(/a/[0-9a-f]+/)app\\.js\"")
  message(FATAL_ERROR "index.html leads to no app.js under a hash")
endif()
set(under ${CMAKE_MATCH_1})

set(data ".section .rodata\n")
set(externs "")
set(rows "")
set(index 0)
foreach(name IN LISTS NAMES)
  file(SHA256 ${DIST}/${name} hash)
  string(SUBSTRING ${hash} 0 32 etag)
  string(REGEX REPLACE "\\.(br|gz)$" "" plain ${name})  # a packed file is of its content's type
  string(REGEX REPLACE ".*\\." "" extension ${plain})
  list(FIND types ${extension} at)
  math(EXPR at "${at} + 1")
  list(GET types ${at} type)
  if(type MATCHES "^text/")
    string(APPEND type "; charset=utf-8")
  endif()
  set(symbol batuta_asset_${index})
  string(APPEND data ".global ${symbol}\n.global ${symbol}_end\n.balign 16\n"
    "${symbol}:\n.incbin \"${DIST}/${name}\"\n${symbol}_end:\n.byte 0\n")
  string(APPEND externs "extern const char ${symbol}[];\nextern const char ${symbol}_end[];\n")
  set(path ${under}${name})
  if(plain STREQUAL "index.html" OR plain STREQUAL "favicon.svg")
    set(path /${name})
  endif()
  string(APPEND rows "      {\"${path}\",\n       {\"${type}\",\n"
    "        {${symbol}, static_cast<std::size_t>(${symbol}_end - ${symbol})},\n"
    "        \"\\\"${etag}\\\"\"}},\n")
  math(EXPR index "${index} + 1")
endforeach()
string(APPEND data ".section .note.GNU-stack,\"\",%progbits\n")

file(WRITE ${OUT}/assets_data.S "${data}")
file(WRITE ${OUT}/assets.cc "// Made by web/embed.cmake.
#include \"scheduler/api/assets.h\"

#include <array>
#include <cstddef>
#include <utility>

extern \"C\" {
${externs}}

namespace batuta::http {

const Asset* find_asset(std::string_view path) {
  static const std::array<std::pair<std::string_view, Asset>, ${index}> assets = {{
${rows}  }};
  if (path == \"/\") path = \"/index.html\";
  for (const auto& [name, asset] : assets) {
    if (name == path) return &asset;
  }
  return nullptr;
}

}  // namespace batuta::http
")
