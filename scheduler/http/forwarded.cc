#include "scheduler/http/forwarded.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace batuta::http {
namespace {

// "10.0.0.9", "10.0.0.9:4711", "2001:db8::9", "[2001:db8::9]", "[2001:db8::9]:4711", "unknown".
std::optional<std::string> hop_address(std::string_view hop) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!hop.empty() && blank(hop.front())) hop.remove_prefix(1);
  while (!hop.empty() && blank(hop.back())) hop.remove_suffix(1);
  if (hop.starts_with('[')) return plain_address(hop.substr(1, hop.find(']') - 1));
  if (std::count(hop.begin(), hop.end(), ':') == 1) hop = hop.substr(0, hop.find(':'));
  return plain_address(hop);
}

}  // namespace

std::optional<std::string> plain_address(std::string_view text) {
  const std::string whole(text);
  std::array<char, INET6_ADDRSTRLEN> out{};
  in6_addr six{};
  in_addr four{};
  if (::inet_pton(AF_INET6, whole.c_str(), &six) == 1) {
    if (!IN6_IS_ADDR_V4MAPPED(&six)) {
      return ::inet_ntop(AF_INET6, &six, out.data(), out.size());
    }
    std::copy(six.s6_addr + 12, six.s6_addr + 16, reinterpret_cast<unsigned char*>(&four.s_addr));
  } else if (::inet_pton(AF_INET, whole.c_str(), &four) != 1) {
    return std::nullopt;
  }
  return ::inet_ntop(AF_INET, &four, out.data(), out.size());
}

bool is_trusted(const std::string& address, const std::vector<std::string>& trusted) {
  return std::find(trusted.begin(), trusted.end(), address) != trusted.end();
}

std::string client_address(const std::string& peer, const std::string* forwarded_for,
                           const std::vector<std::string>& trusted) {
  std::string client = peer;
  std::string_view rest = forwarded_for ? std::string_view(*forwarded_for) : std::string_view{};
  while (!rest.empty() && is_trusted(client, trusted)) {
    const auto comma = rest.rfind(',');
    const auto hop = hop_address(comma == rest.npos ? rest : rest.substr(comma + 1));
    if (!hop) break;
    client = *hop;
    rest = comma == rest.npos ? std::string_view{} : rest.substr(0, comma);
  }
  return client;
}

}  // namespace batuta::http
