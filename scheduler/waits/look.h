// One look at what a task waits for.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/http_client.h"
#include "scheduler/core/event.h"
#include "scheduler/store/registry.h"
#include "stream/stream.h"

namespace batuta {

struct LookHooks {
  std::function<std::optional<Connection>(const std::string& id)> connection;
  // Puts values in the place of references to secrets; blocking. Errc::unavailable: not for now.
  std::function<Status(Connection&)> open = [](Connection&) { return success(); };
  std::function<Result<HttpAnswer>(const HttpRequest&)> http = http_call;
  // The embedded log for an empty id, else the broker of the connection.
  std::function<Result<std::unique_ptr<stream::Stream>>(const std::string& connection)> stream;
  // Runs the plugin `sql` with these parameters and this connection in a process of its own; what
  // it returns, JSON. Errc::unavailable: it may go well another time. Blocking.
  std::function<Result<std::string>(const std::string& params_json, const Connection& connection,
                                    const std::function<bool()>& stop)>
      sql;
  std::function<bool()> cancelled;  // true ends a call under way
};

struct Looked {
  WaitChecked::Outcome outcome = WaitChecked::Outcome::not_yet;
  std::string message;  // why not; without secrets
  // Of a watcher, satisfied: what is there, in a line; another thing has another text. Not yet: not
  // empty when it is known that nothing is there, empty when nobody could tell.
  std::string seen{};
};

// Begins the name of a database among servers; no connection's id has a space.
inline constexpr std::string_view database_server = "sql ";

// Who is asked by a look at an answer: the connection, "//" and the URL's host, "topic:", the
// embedded log, whose locks may let a look wait, or "sql " and a database's connection. Empty: it
// looks at a file.
std::string server_of(const std::string& argument_json);

// `argument_json` is {"file": PATTERN}, {"topic": {name, group, connection, at_least}}, {"sql":
// {connection, sql, parameters, timeout, equals}} or {"http": {connection, url, method, headers,
// body, status, pointer, equals}} (dagfile/wait_types.cc). Blocks for up to 30 s, SQL for its
// time-out and as long to connect, a topic for that long by each partition that somebody holds
// locked, or 10 s by each of four questions to a broker; any thread.
//   file  satisfied when something has that path; * ? [ ] as in a shell
//   topic satisfied when the topic has so many messages (1) that the group has not committed; a
//         topic that is not there yet and a broker that is away are "not yet", all else fails
//   sql   satisfied when the first cell of the statement's result equals `equals`, without that
//   when
//         it is there and not NULL, false, 0, '' or '0'; a database that is away or busy and a
//         statement that takes too long are "not yet"; a wrong statement, a wrong login and a
//         connection of another type are failures
//   http  satisfied by one of `status` (without it any 2xx) whose body, read as JSON, has `equals`
//         at `pointer`; 404, 408, 425, 429, 5xx, no answer at all, and a secret of the connection
//         that cannot be looked up for now are "not yet"; any other answer, one larger than 1 MiB,
//         what is no address, and a secret that may not be looked up are failures
Looked look(const std::string& argument_json, const LookHooks& hooks);

// The same for a watcher of an asset, which asks what is there and not only whether:
//   file  each path that fits, its size and when it was changed
//   http  the value at `pointer`; without that ETag or Last-Modified, or else the whole body
//   sql   the first cell
//   topic where the ends of its partitions are
Looked look_for_change(const std::string& argument_json, const LookHooks& hooks);

}  // namespace batuta
