// The API of a container engine (Docker Engine, Podman) over a local socket: as much of it as a
// task needs. Blocking, one thread.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/http_client.h"
#include "plugins/builtin/image_name.h"

namespace batuta::plugin {

// What became of a container.
struct ContainerEnd {
  std::int64_t exit_code = 0;
  bool out_of_memory = false;  // the kernel ended it at its limit
  std::string fault;           // the engine's own word, where it has one
};

// Another container has the name.
struct NameTaken {};

// All throw RetryableError when the engine cannot be reached or fails (5xx), FinalError when it
// refuses what was asked, both with its own words. `cancelled` is asked about ten times a second
// where it is taken; true ends the call with RetryableError("cancelled").
class ContainerEngine {
 public:
  using Cancelled = std::function<bool()>;
  // Asks what the engine speaks.
  explicit ContainerEngine(std::string socket);

  // Podman; otherwise Docker, or what says no more than it.
  bool podman() const { return podman_; }
  // Its containers run as an ordinary user of this host, who is root inside.
  bool rootless() const;

  bool has_image(const ImageName& image) const;
  // `login`: X-Registry-Auth, or empty. `tell` gets lines for people, a few a second at most.
  void pull(const ImageName& image, const std::string& login, const Cancelled& cancelled,
            const std::function<void(const std::string&)>& tell) const;

  // The id; NameTaken is thrown, too.
  std::string create(const std::string& name, const nlohmann::json& config) const;
  void start(const std::string& id) const;
  // What it writes, from its first byte, as it comes, until it ends. False: `cancelled` said so.
  bool follow(const std::string& id, const Cancelled& cancelled,
              const std::function<void(int descriptor, std::string_view)>& output) const;
  // Blocks until it has ended.
  ContainerEnd wait(const std::string& id, const Cancelled& cancelled) const;
  // Nothing happens to one that has ended.
  void signal(const std::string& id, const char* name) const;
  // With its anonymous volumes, whatever it does; nothing happens when there is none.
  void remove(const std::string& id_or_name, Duration limit = std::chrono::seconds(60)) const;

  struct Found {
    std::string id;
    std::map<std::string, std::string> labels;
  };
  // Running or not, those with the label ("name=value").
  std::vector<Found> labelled(const std::string& label) const;
  // Labels of one, by name; empty: there is none.
  std::map<std::string, std::string> labels(const std::string& name) const;

 private:
  HttpRequest request(const char* method, const std::string& path) const;
  HttpAnswer ask(const HttpRequest& request, const std::string& what) const;
  HttpAnswer checked(const HttpRequest& request, const std::string& what) const;

  std::string socket_;
  std::string version_;
  bool podman_ = false;
};

// X-Registry-Auth of a login.
std::string registry_login(const std::string& server, const std::string& user,
                           const std::string& password);

}  // namespace batuta::plugin
