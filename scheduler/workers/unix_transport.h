// Agents of this host, over a Unix socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "scheduler/workers/transport.h"

namespace batuta {

// Listens on `path` (0600, what lay there is replaced); peers of another user, save root, are hung
// up on. `io` must outlive the transport and its channels, and be run by one thread.
std::unique_ptr<Transport> make_unix_transport(boost::asio::io_context& io, std::string path);

}  // namespace batuta
