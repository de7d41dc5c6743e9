// How people log in, as settings: their rows of the table, what they must be to each other, and the
// login provider made from them.
#pragma once

#include <memory>
#include <vector>

#include "scheduler/api/sign_on.h"
#include "scheduler/serve/settings.h"

namespace batuta {

std::vector<Setting> with_login_settings(std::vector<Setting> table);

// A part of check_together().
Status check_login_settings(const Settings& settings);

// Null: no provider is set. The client's secret is looked up when it is needed, by a look-up of its
// own: naming it here lets no connection refer to it.
std::unique_ptr<http::SignOn> sign_on_of(const Settings& settings);

}  // namespace batuta
