// Where events of lineage and traces go, as settings: their rows of the table, what they must be to
// each other, and how they are sent.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/outbox/event_sender.h"
#include "scheduler/serve/settings.h"

namespace batuta {

std::vector<Setting> with_event_settings(std::vector<Setting> table);

// A part of check_together().
Status check_event_settings(const Settings& settings);

EventTransport lineage_transport(const Settings& settings);
EventTransport trace_transport(const Settings& settings);

// For rows of the table: an absolute address of one of these schemes, kept without a slash at its
// end; and a path, kept as it is compared with others, without "." and "..".
bool fits_url(std::string& text, std::initializer_list<std::string_view> schemes);
bool fits_plain_path(std::string& path);

}  // namespace batuta
