// The command line's way to the server: its address and token from <home>/run/endpoint.json, or
// from BATUTA_URL and BATUTA_TOKEN.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace batuta {
struct HttpAnswer;
}

namespace batuta::cli {

// What a command throws to end with a message on standard error and this exit code.
class Failure : public std::runtime_error {
 public:
  Failure(const std::string& message, int exit_code)
      : std::runtime_error(message), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

class Client {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  // Throws Failure when no server is to be found, with the ways to start or name one.
  static Client find(const std::string& home);
  // The same server, given up after so long; it tells no more than what the server said.
  Client hurried(Duration timeout) const;
  // The same server, whose answer may take so long.
  Client patient(Duration timeout) const;
  // The same server with another token.
  Client with_token(std::string token) const { return Client(url_, std::move(token)); }
  // Whether the environment names one, BATUTA_URL.
  static bool server_is_named();
  // nullopt-like: whether a server answers at all.
  static bool server_is_running(const std::string& home);

  // One exchange; `body` null = none. Throws Failure with the server's own words on any other
  // status than 2xx.
  nlohmann::json call(const std::string& method, const std::string& path,
                      const nlohmann::json& body, const Headers& headers = {}) const;
  nlohmann::json get(const std::string& path) const;
  // The same, null when there is no such thing (404).
  nlohmann::json look_up(const std::string& path) const;
  // Every row of a list, page by page to its end; `plural` is the answer's member that holds them.
  nlohmann::json all(const std::string& path, const std::string& plural) const;
  std::string get_text(const std::string& path) const;
  // The bytes of an answer of that content type. Throws as call().
  std::string bytes_of(const std::string& method, const std::string& path,
                       const nlohmann::json& body, const std::string& type,
                       Headers* answered = nullptr) const;
  // Hands the bytes of a GET on as they come, however many and however long it takes; the answer's
  // headers, their names in lower case. `take` says false to end it, `cancelled` true, asked some
  // times a second. Throws as call(), also where less came than was told.
  Headers download(const std::string& path, const std::function<bool(std::string_view)>& take,
                   const std::function<bool()>& cancelled) const;
  const std::string& url() const { return url_; }
  // What the server says about itself, also when it is not well (503).
  nlohmann::json health() const;

 private:
  Client(std::string url, std::string token);
  Failure refused(const std::string& method, const std::string& path,
                  const HttpAnswer& answer) const;
  HttpAnswer send(const std::string& method, const std::string& path, const std::string& body,
                  const std::string& accept, const Headers& headers) const;
  std::string exchange(const std::string& method, const std::string& path, const std::string& body,
                       const std::string& accept, const Headers& headers = {}) const;
  std::string url_;
  std::string token_;
  Duration timeout_;
  bool hints_ = true;  // a refusal looks for what may have been meant
};

}  // namespace batuta::cli
