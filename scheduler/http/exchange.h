// Requests and answers as handlers see them: ours, so that Beast stays in session.cc and handlers
// are tested without a socket.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time.h"
#include "scheduler/rights/rights.h"

namespace batuta::http {

enum class Method { get, head, post, put, patch, del, options };

struct Identity {
  std::string user;  // empty: nobody
  std::string role;  // by name, for people: what it may is in `rights`
  bool by_cookie = false;
  Time expires_at;  // of the token
  Rights rights;    // of the user's role and groups, narrowed by the token's scope
};

// "GET", "DELETE", …
std::string_view to_string(Method method);

struct Route;

struct Request {
  Method method = Method::get;
  std::string path;  // decoded once, guarded (no dot segments, no %2f)
  std::vector<std::pair<std::string, std::string>> query;   // decoded, in order
  std::map<std::string, std::string, std::less<>> headers;  // names in lower case
  std::string body;
  std::string peer;  // address of the client
  Identity identity;
  std::map<std::string, std::string, std::less<>> path_params;  // filled by the router
  const Route* route = nullptr;                                 // the same; null outside the API
  // Set before it returns by a handler whose answer may take long: called once, on the io thread,
  // when the client is gone before it was answered.
  std::function<void()> on_gone;
  // First value of a query parameter, or nullptr.
  const std::string* query_value(std::string_view name) const;
  const std::string* header(std::string_view lower_case_name) const;
  // Whose budget of streams and waits this one is taken from: "user ana" where somebody is known,
  // else "address 10.0.0.9".
  std::string holder() const;
};

// A live stream (SSE). The session calls `next` on the io thread whenever it can write; it returns
// the bytes to send, or empty to wait. `on_ready` is set by the session: the producer calls it (io
// thread) when there is more. Destroyed when the client is gone.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual std::string next() = 0;
  // True when nothing will ever come again: the session sends what is left and closes.
  virtual bool ended() const { return false; }
  std::function<void()> on_ready;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::shared_ptr<Stream> stream;  // body is ignored when set
  // What the stream gives in all, where that is known: whoever reads it sees when some is missing.
  std::optional<std::int64_t> stream_bytes{};
  bool close = false;
};

// Called by a handler once, on the io thread or any other; the session hops to its own.
using Respond = std::function<void(Response)>;
// One handler for everything: the router, the demo's quote service, the alert receiver.
using Handler = std::function<void(std::shared_ptr<Request>, Respond)>;

}  // namespace batuta::http
