// What the outbox is given of an installation: where it sends, and how it writes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "scheduler/engine/engine.h"
#include "scheduler/outbox/lineage.h"
#include "scheduler/outbox/outbox.h"
#include "scheduler/outbox/traces.h"
#include "scheduler/serve/home.h"
#include "scheduler/serve/secret_lookup.h"
#include "scheduler/store/history.h"
#include "scheduler/store/registry.h"
#include "scheduler/store/store.h"

namespace batuta {

// `diverted`: alerts go nowhere outside, and neither do lineage and traces.
Outbox::Options outbox_options(const Home& home, const stores::Lake& lake,
                               const std::string& store_uuid, bool diverted);

// All outlive the outbox; the engine need not be there yet.
Outbox::Hooks outbox_hooks(Engine& engine, Store& store, History& history, Registry& registry,
                           SecretLookup& secrets, const std::string& home);

// Null when lineage is off.
std::unique_ptr<LineageTeller> lineage_teller(const Home& home, const stores::Lake& lake,
                                              const Outbox& outbox, bool diverted);

// Null when traces are off.
std::unique_ptr<TraceTeller> trace_teller(const Home& home, const std::string& store_uuid,
                                          const Outbox& outbox, bool diverted);

}  // namespace batuta
