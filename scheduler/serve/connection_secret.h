// A connection as an attempt gets it.
#pragma once

#include "common/message.h"
#include "scheduler/store/registry.h"

namespace batuta {

// What is behind its references stands in `connection` already. launch_secrets.cc
Secret connection_secret(const Connection& connection);

}  // namespace batuta
