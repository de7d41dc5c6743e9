// Settings read again while the server runs.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "common/result.h"
#include "scheduler/engine/engine.h"
#include "scheduler/serve/home.h"
#include "scheduler/store/registry.h"

namespace batuta {

class SettingsReloader {
 public:
  // `apply` takes over what is not looked up in home.live() whenever it is needed; on the thread of
  // reload(). All outlive this.
  SettingsReloader(const Home& home, Engine& engine, Registry& registry,
                   std::function<void(const Settings&)> apply)
      : home_(home), engine_(engine), registry_(registry), apply_(std::move(apply)) {}

  // Reads batuta.json and the environment and takes over what may change while running: all of it
  // or, with an error, nothing. What changed is logged and a row of the event log of `owner`,
  // written first; what needs a restart is logged. Any thread but the control thread.
  Result<SettingsReload> reload(const std::string& owner);

 private:
  Status keep(const SettingsReload& told, const std::string& owner);

  const Home& home_;
  Engine& engine_;
  Registry& registry_;
  const std::function<void(const Settings&)> apply_;
  std::mutex mutex_;  // one after another
};

}  // namespace batuta
