#include "scheduler/api/entity_tags.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "scheduler/http/gzip.h"

namespace batuta::http {
namespace {

// "…", of 128 bits.
std::string tag_of(const std::string& body) {
  static constexpr char digits[] = "0123456789abcdef";
  std::array<unsigned char, 16> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(body.data()),
                     body.size(), nullptr, 0);
  std::string tag = "\"";
  for (const unsigned char byte : hash) {
    tag += digits[byte >> 4];
    tag += digits[byte & 15];
  }
  return tag + "\"";
}

bool is_tagged(const Response& response) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [](const auto& header) { return header.first == "ETag"; });
}

}  // namespace

Respond tagging(std::shared_ptr<const Request> request, Respond respond) {
  const bool reads = request->method == Method::get || request->method == Method::head;
  if (!reads || !request->path.starts_with("/api/")) return respond;
  return [request = std::move(request), respond = std::move(respond)](Response response) {
    const bool whole = response.status == 200 && !response.stream &&
                       response.content_type == "application/json" && !is_tagged(response);
    if (whole) {
      const std::string tag = tag_of(response.body);
      response.headers.emplace_back("ETag", "W/" + tag);
      if (has_entity(*request, tag)) {
        response.status = 304;
        response.body.clear();
      }
    }
    respond(std::move(response));
  };
}

}  // namespace batuta::http
