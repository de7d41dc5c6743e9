// The vault that {"$vault": …} leads to, as settings: their rows of the table and what they must be
// to each other.
#pragma once

#include <memory>
#include <vector>

#include "common/result.h"
#include "scheduler/serve/settings.h"
#include "scheduler/serve/vault_client.h"

namespace batuta {

std::vector<Setting> with_vault_settings(std::vector<Setting> table);

// A part of check_together().
Status check_vault_settings(const Settings& settings);

// Null: the settings name none.
std::shared_ptr<VaultClient> vault_of(const Settings& settings);

}  // namespace batuta
