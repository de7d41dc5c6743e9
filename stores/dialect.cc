#include "stores/dialect.h"

#include <algorithm>

#include "common/url.h"
#include "stores/xml.h"

namespace batuta::stores {
namespace {

constexpr std::size_t max_message = 300;

}  // namespace

Result<Endpoint> parse_endpoint(const std::string& endpoint) {
  const UrlParts parts = split_url(endpoint);
  Endpoint out;
  out.scheme = parts.scheme == "https://" ? "https" : parts.scheme == "http://" ? "http" : "";
  out.host = parts.host;
  std::transform(out.host.begin(), out.host.end(), out.host.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  out.path = parts.rest;
  while (out.path.ends_with('/')) out.path.pop_back();
  const bool has_more = out.path.find_first_of("?#% ") != std::string::npos;
  if (out.scheme.empty() || out.host.empty() || !parts.user_info.empty() || has_more) {
    return {Errc::invalid, "the store's endpoint must be like https://host or https://host:port",
            "endpoint"};
  }
  // As it will stand in the Host header, which is signed.
  const std::string usual = out.scheme == "https" ? ":443" : ":80";
  if (out.host.ends_with(usual)) out.host.resize(out.host.size() - usual.size());
  const std::string name = out.host.substr(0, out.host.rfind(':'));
  out.is_loopback =
      name == "localhost" || name.starts_with("127.") || out.host.starts_with("[::1]");
  return out;
}

Complaint complaint_of(const HttpAnswer& answer) {
  Complaint complaint;
  if (const std::string* code = answer.header("x-ms-error-code")) complaint.code = *code;
  if (const auto xml = parse_xml(answer.body); xml.ok() && xml->name == "Error") {
    if (complaint.code.empty()) complaint.code = xml->text_of("Code");
    complaint.message = xml->text_of("Message");
  }
  // Azure's goes on with ids and times on lines of their own.
  complaint.message.resize(
      std::min(complaint.message.find_first_of("\r\n"), complaint.message.size()));
  if (complaint.message.size() > max_message) {
    complaint.message.resize(max_message);
    complaint.message += "…";
  }
  return complaint;
}

}  // namespace batuta::stores
