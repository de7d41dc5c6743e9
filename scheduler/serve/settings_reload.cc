#include "scheduler/serve/settings_reload.h"

#include "common/log.h"

namespace batuta {
namespace {

std::string or_none(const std::string& value) {
  return value.empty() ? "none" : value;
}

}  // namespace

Result<SettingsReload> SettingsReloader::reload(const std::string& owner) {
  const std::lock_guard lock(mutex_);
  const auto next = settings_of(home_.folder(), nullptr, SettingsFile::must_be_there);
  if (!next) return Error{next.error().code, "nothing was changed: " + next.error().message, {}};
  auto [settings, told] = reloaded(*home_.live(), *next);
  if (auto fit = check_together(settings); !fit) return fit.error();
  if (auto kept = keep(told, owner); !kept) return kept.error();
  if (told.changed.empty()) return std::move(told);
  home_.set_live(settings);
  apply_(settings);
  return std::move(told);
}

Status SettingsReloader::keep(const SettingsReload& told, const std::string& owner) {
  if (!told.changed.empty()) {
    EventLogRow row;
    row.when = read_clock().wall;
    row.event = "reload_config";
    row.owner = owner;
    row.extra_json = http::reload_json(told);
    const Status kept = engine_.write_and_wait(
        [this, &row] { return registry_.audited(row, [] { return success(); }); });
    if (!kept) return {kept.error().code, "nothing was changed: " + kept.error().message};
  }
  for (const SettingChange& one : told.changed)
    log::info("settings: " + one.name + " was " + or_none(one.before) + " and is " +
              or_none(one.after));
  for (const SettingChange& one : told.needs_restart)
    log::warn("settings: " + one.name + " stays " + or_none(one.before) +
              " until the next start, which takes over " + or_none(one.after));
  if (told.changed.empty() && told.needs_restart.empty())
    log::info("settings: read again, none has changed");
  return success();
}

}  // namespace batuta
