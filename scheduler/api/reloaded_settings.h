// What a reload of the settings did.
#pragma once

#include <string>
#include <vector>

namespace batuta {

struct SettingChange {
  std::string name, before, after;  // without secrets
};

struct SettingsReload {
  std::vector<SettingChange> changed;        // in effect
  std::vector<SettingChange> needs_restart;  // left as they were
};

namespace http {

// {"changed": [{"name", "before", "after"}], "needs_restart": [the same]}
std::string reload_json(const SettingsReload& told);

}  // namespace http
}  // namespace batuta
