// An Azure Blob Storage of the demo's own, in <home>/demo/azurite: `batuta demo run --real` where
// Microsoft's stand-in for it is installed. It has the lake.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "common/result.h"

namespace batuta {

// How to get it, for messages.
inline constexpr const char* azurite_remedy =
    "npm install --global azurite (or BATUTA_AZURITE, the path of its azurite-blob)";

// The program: $BATUTA_AZURITE, else azurite-blob on the PATH; empty: it is not installed.
std::string azurite_program();

// Whether a demo of this home has put its lake there.
bool lake_is_in_azurite(const std::string& home);

// On a free port of this machine alone, with an account and a key of the home's own. It ends with
// this object, and with the thread that started it, however that ends.
class DemoAzurite {
 public:
  // Starts it, waits until it answers, makes the container. Called by the main thread while nobody
  // else has the home. `home` is absolute. Errc::not_found: it is not installed;
  // Errc::unavailable: it does not start, with the last lines of its log.
  static Result<std::unique_ptr<DemoAzurite>> start(const std::string& home);
  ~DemoAzurite();
  DemoAzurite(const DemoAzurite&) = delete;
  DemoAzurite& operator=(const DemoAzurite&) = delete;

  // As the setting lake.url has it.
  static const char* lake_url();
  // Of this process, and of what it starts: where the lake is, and the key to it.
  void set_environment() const;
  // What somebody must export who looks at the lake by the command line while this runs.
  std::string exports() const;

 private:
  DemoAzurite() = default;
  Status launch(const std::string& program);
  Status wait_for_container();

  std::string folder_, key_;
  int port_ = 0;
  pid_t pid_ = -1;
};

// Ends one that an earlier demo of this home left behind, if there is one. Errc::conflict: it does
// not end. Nothing else is ever signalled: the process must have been started on that folder.
Status end_left_azurite(const std::string& home);

}  // namespace batuta
