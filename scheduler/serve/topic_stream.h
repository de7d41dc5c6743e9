// The streams that waits look into, and those of contracts' topics.
#pragma once

#include <memory>
#include <string>

#include "contract/contract.h"
#include "scheduler/serve/secret_lookup.h"
#include "scheduler/store/registry.h"
#include "stream/stream.h"

namespace batuta {

// Any thread; the registry outlives it.
struct TopicStreams {
  using Opened = Result<std::unique_ptr<stream::Stream>>;

  Registry& registry;
  SecretLookup& secrets;  // puts values in the place of a connection's references; outlives it too
  std::string folder;     // of the embedded log

  // The embedded log for an empty id, else the broker of that connection. Blocking.
  // Errc::not_found, Errc::invalid with what is wrong with the connection.
  Opened of_connection(const std::string& connection_id) const;
  // The same, but the embedded log is not made: nullptr where it has no topic yet.
  Opened if_there(const std::string& connection_id) const;
  // The same for the source of a contract, as its tasks reach it: its connection, the brokers that
  // it names, or the embedded log. Errc::not_found where that has no topic yet: no folder is made.
  Opened of_source(const contract::Source& source) const;
  // The broker of a connection of type kafka, with values in the place of its references.
  static Opened of_broker(const Connection& connection);
};

}  // namespace batuta
