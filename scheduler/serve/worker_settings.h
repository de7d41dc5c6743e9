// What a worker lets its tasks do and have, as settings: their rows of the table.
#pragma once

#include <vector>

#include "scheduler/serve/settings.h"

namespace batuta {

std::vector<Setting> with_worker_settings(std::vector<Setting> table);

}  // namespace batuta
