// The stream that a wait looks into.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "scheduler/store/registry.h"
#include "stream/stream.h"

namespace batuta {

// The embedded log in `folder` for an empty id, else the broker of that connection.
// `open` puts values in the place of its references to secrets. Blocking.
// Errc::not_found, Errc::invalid with what is wrong with the connection. Any thread.
Result<std::unique_ptr<stream::Stream>> stream_of(const std::string& connection_id,
                                                  Registry& registry,
                                                  const std::function<Status(Connection&)>& open,
                                                  const std::string& folder);

}  // namespace batuta
