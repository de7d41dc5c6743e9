#include "scheduler/cli/reach.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>

#include "common/fd.h"
#include "common/url.h"

namespace batuta::cli {
namespace {

constexpr int patience_ms = 5000;

int usual_port(std::string_view name) {
  static constexpr std::pair<std::string_view, int> ports[] = {
      {"http", 80},         {"https", 443},   {"slackwebhook", 443}, {"postgres", 5432},
      {"postgresql", 5432}, {"mysql", 3306},  {"mssql", 1433},       {"oracle", 1521},
      {"redis", 6379},      {"mongo", 27017}, {"kafka", 9092},       {"ftp", 21},
      {"sftp", 22},         {"ssh", 22},      {"smtp", 25},          {"email", 25}};
  for (const auto& [known, port] : ports) {
    if (known == name) return port;
  }
  return 0;
}

std::string try_address(const addrinfo& address) {
  const UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto said = [](int error) { return std::generic_category().message(error); };
  if (fd.get() < 0) return said(errno);
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return {};
  if (errno != EINPROGRESS) return said(errno);
  pollfd wait{fd.get(), POLLOUT, 0};
  if (::poll(&wait, 1, patience_ms) == 0) return "no answer within five seconds";
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? "" : said(error);
}

}  // namespace

Reach reach_of(const std::string& conn_type, const std::string& host, int port) {
  Reach reach;
  const UrlParts parts = split_url(host);
  std::string_view name = parts.host;
  std::string_view digits;
  if (name.starts_with('[')) {
    const auto end = name.find(']');
    if (end != name.npos && name.substr(end + 1).starts_with(':')) digits = name.substr(end + 2);
    name = name.substr(1, end == name.npos ? name.npos : end - 1);
  } else if (const auto colon = name.find(':');
             colon != name.npos && name.find(':', colon + 1) == name.npos) {
    digits = name.substr(colon + 1);
    name = name.substr(0, colon);
  }
  reach.host = name;
  if (reach.host.empty()) {
    reach.problem = "it has no host";
    return reach;
  }
  std::from_chars(digits.data(), digits.data() + digits.size(), reach.port);
  if (reach.port == 0) reach.port = port;
  std::string_view scheme = parts.scheme;
  if (scheme.ends_with("://")) scheme.remove_suffix(3);
  if (reach.port == 0) reach.port = usual_port(scheme);
  if (reach.port == 0) reach.port = usual_port(conn_type);
  if (reach.port < 1 || reach.port > 65535) {
    reach.problem = "it has no port, and its type has no usual one";
  }
  return reach;
}

std::string try_to_reach(const Reach& reach) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(reach.host.c_str(), std::to_string(reach.port).c_str(), &wanted, &found);
  if (failed != 0) return std::string("its name is not found: ") + ::gai_strerror(failed);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::string problem = "it has no address";
  int tried = 0;
  for (const addrinfo* at = list.get(); at != nullptr && tried < 4; at = at->ai_next, ++tried) {
    problem = try_address(*at);
    if (problem.empty()) return {};
  }
  return problem;
}

}  // namespace batuta::cli
