#include "scheduler/http/response.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::http {
namespace {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

void add_field(std::string& out, std::string_view name, std::string_view value) {
  const auto add = [&](std::string_view text) {
    std::copy_if(text.begin(), text.end(), std::back_inserter(out),
                 [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
  };
  add(name);
  out += ": ";
  add(value);
  out += "\r\n";
}

constexpr std::string_view security_fields =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

}  // namespace

std::string response_head(const Response& response, bool keep_alive) {
  std::string out;
  out.reserve(768);
  out += "HTTP/1.1 " + std::to_string(response.status) + ' ';
  out += reason_phrase(response.status);
  out += "\r\nServer: batuta\r\n";
  out += security_fields;
  bool cache_said = false;
  for (const auto& [name, value] : response.headers) {
    add_field(out, name, value);
    cache_said = cache_said || name == "Cache-Control";
  }
  if (!cache_said) out += "Cache-Control: no-store\r\n";
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless && !response.content_type.empty()) {
    add_field(out, "Content-Type", response.content_type);
  }
  if (!bodiless && !response.stream) {
    out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  } else if (!bodiless && response.stream_bytes) {
    out += "Content-Length: " + std::to_string(*response.stream_bytes) + "\r\n";
  }
  if (!keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  return out;
}

Response error_response(int status, std::string_view detail) {
  Response response;
  response.status = status;
  response.body = json_text(nlohmann::json{{"detail", detail}});
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace batuta::http
