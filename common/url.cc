#include "common/url.h"

#include <algorithm>

namespace batuta {
namespace {

constexpr std::string_view mark = "://";

// What is sent there is read by nobody on the way: it goes by TLS, or not over a network.
bool keeps_secrets(std::string_view url) {
  const UrlParts parts = split_url(url);
  if (parts.scheme == "https://") return true;
  std::string_view host = parts.host;
  if (host == "[::1]" || host.starts_with("[::1]:")) return true;
  host = host.substr(0, host.find(':'));
  return host == "localhost" || host == "127.0.0.1";
}

}  // namespace

UrlParts split_url(std::string_view url) {
  UrlParts parts;
  if (const auto at = url.find(mark); at != std::string_view::npos) {
    parts.scheme = url.substr(0, at + mark.size());
    url.remove_prefix(parts.scheme.size());
  }
  const std::size_t end = std::min(url.find_first_of("/?#"), url.size());
  parts.rest = url.substr(end);
  parts.host = url.substr(0, end);
  if (const auto at = parts.host.rfind('@'); at != std::string_view::npos) {
    parts.user_info = parts.host.substr(0, at);
    parts.host.remove_prefix(at + 1);
  }
  return parts;
}

std::string percent_encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::string without_user_info(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t found = text.find(mark);
    if (found == std::string_view::npos) break;
    const std::size_t start = found + mark.size();
    const std::size_t end = std::min(text.find_first_of("/?#\"'<> \t\r\n", start), text.size());
    const std::size_t at = text.substr(0, end).rfind('@');
    out.append(text.substr(0, start));
    if (at != std::string_view::npos && at >= start) {
      out.append("***");
      text.remove_prefix(at);
    } else {
      text.remove_prefix(start);
    }
  }
  out.append(text);
  return out;
}

std::string base_url(std::string_view host, std::string_view scheme, int port) {
  std::string url(host);
  if (url.find("://") == std::string::npos) {
    url = (scheme.empty() ? "http" : std::string(scheme)) + "://" + url;
  }
  while (url.ends_with('/')) url.pop_back();
  if (port != 0) url += ":" + std::to_string(port);
  return url;
}

ServerDoor server_door(std::string_view conn_type, std::string_view host, std::string_view scheme,
                       int port, std::string_view login, std::string_view password) {
  const bool databricks = conn_type == "databricks";
  ServerDoor door;
  door.base = base_url(host, databricks && scheme.empty() ? "https" : scheme, port);
  if (databricks) {
    // Never in the clear over a network: without it nobody is let in.
    if (keeps_secrets(door.base)) door.bearer = password;
  } else {
    door.login = login;
    door.password = password;
  }
  return door;
}

std::string webhook_url(std::string_view host, std::string_view scheme, int port,
                        std::string_view secret_path) {
  std::string url(host);
  if (url.find("://") == std::string::npos) {
    url = (scheme.empty() ? "https" : std::string(scheme)) + "://" + url;
  }
  if (port > 0) {
    const auto path = url.find('/', url.find("://") + 3);
    url.insert(path == std::string::npos ? url.size() : path, ":" + std::to_string(port));
  }
  if (secret_path.empty()) return url;
  if (url.back() != '/') url += '/';
  return url += secret_path.front() == '/' ? secret_path.substr(1) : secret_path;
}

bool lies_below(std::string_view url, std::string_view base) {
  if (!url.starts_with(base)) return false;
  const std::string_view rest = url.substr(base.size());
  return rest.empty() || rest[0] == '/' || rest[0] == '?' || rest[0] == '#';
}

}  // namespace batuta
