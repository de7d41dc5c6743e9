// What the routes of connections share: a body's fields, and what the event log says of them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/api/params.h"
#include "scheduler/store/registry.h"
#include "scheduler/store/secret_reference.h"

namespace batuta::http {

// Sets what the body has; what it lacks stays, and what comes back as it is shown, hidden, is what
// it was. A null empties a field. `secrets`: as ApiServices::secrets.
void read_connection(BodyReader& fields, const SecretOpener* secrets, const nlohmann::json& body,
                     Connection& connection);

// For the event log, which is not sealed: nothing that is kept sealed, and its references.
nlohmann::json told_connection(const Connection& connection);

}  // namespace batuta::http
