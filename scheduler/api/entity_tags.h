// Answers to reads bear a tag of what they say, and whoever has just that is told so and sent
// nothing more. Private to the room.
#pragma once

#include <memory>

#include "scheduler/http/exchange.h"

namespace batuta::http {

// What a handler answers to `request` is sent through here: a whole JSON answer of a GET gets a
// weak ETag (packed or not it says the same), or becomes 304. Nothing is saved of making the
// answer. Any thread; hashes about a gigabyte a second there.
Respond tagging(std::shared_ptr<const Request> request, Respond respond);

}  // namespace batuta::http
