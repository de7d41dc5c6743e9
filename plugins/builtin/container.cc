// container: a command in a container of its own, run by the engine (Docker Engine or Podman) whose
// socket the worker's settings name. Its output is the task's log as it comes; the end of the task
// ends the container, and a container whose worker died is removed by the next one that is started
// on that host. Exit code 0 is success, 99 is skipped, everything else failed.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/text.h"
#include "common/url.h"
#include "plugins/builtin/asset_file.h"
#include "plugins/builtin/checkpoint_file.h"
#include "plugins/builtin/child.h"
#include "plugins/builtin/container_engine.h"
#include "plugins/builtin/container_owner.h"
#include "plugins/builtin/last_line.h"
#include "plugins/builtin/result_file.h"
#include "plugins/builtin/secret_files.h"
#include "plugins/builtin/upstream_results.h"
#include "plugins/outputs/file_outputs.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::Duration;
using batuta::json_int;
using batuta::plugin::ContainerEnd;
using batuta::plugin::ContainerEngine;
using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::ImageName;
using batuta::plugin::optional;
using batuta::plugin::required;
using batuta::plugin::RetryableError;
using nlohmann::json;

// What the container sees of the worker's machine, and nothing else of it.
constexpr const char* own_folder = "/batuta/scratch";
constexpr const char* run_folder = "/batuta/run";
constexpr const char* secret_folder = "/batuta/secrets";
constexpr const char* result_folder = "/batuta/xcom";
constexpr int most_names = 5;
constexpr int most_calls = 3;

// The worker's settings of containers; $BATUTA_CONTAINERS is checked where it was read.
struct Settings {
  std::string socket;
  std::vector<std::string> images;
  Duration grace = std::chrono::seconds(10);
};

Settings settings() {
  Settings out;
  const char* text = std::getenv("BATUTA_CONTAINERS");
  const auto given = batuta::parse_untrusted(text == nullptr ? "{}" : text);
  if (given && given->is_object()) {
    out.socket = given->value("socket", std::string());
    out.images = given->value("images", std::vector<std::string>());
    if (const auto grace = json_int(given->value("grace_ms", json(nullptr)))) {
      out.grace = std::chrono::milliseconds(*grace);
    }
  }
  if (out.socket.empty()) {
    throw FinalError(
        "this worker runs no containers: its setting worker.container_socket names no engine's "
        "socket, such as /run/docker.sock");
  }
  return out;
}

ImageName image_of(const Context& context, const Settings& settings) {
  auto image = batuta::plugin::image_name(context.text("image"));
  if (!image) throw FinalError("parameter image: " + image.error().message);
  if (!batuta::plugin::image_allowed(*image, settings.images)) {
    throw FinalError("the image " + image->text() +
                     " may not be run on this worker: its setting worker.container_images does not "
                     "list it");
  }
  return *std::move(image);
}

// The connection's password goes to the connection's registry and to no other.
std::string login_of(const Context& context, const ImageName& image) {
  const std::string id = context.text("registry", "");
  if (id.empty()) return {};
  const auto connection = context.connection(id);
  const std::string server(batuta::split_url(connection.base_url()).host);
  if (server != image.host) {
    throw FinalError("parameter registry: the connection " + id + " is for " + server +
                     ", and the image comes from " + image.host);
  }
  return batuta::plugin::registry_login(server, connection.login, connection.password);
}

void pull_if_needed(const Context& context, const ContainerEngine& engine, const ImageName& image) {
  const std::string when = context.text("pull", "missing");
  if (when != "missing" && when != "always" && when != "never") {
    throw FinalError("parameter pull: missing, always or never");
  }
  if (when != "always" && engine.has_image(image)) return;
  if (when == "never") {
    throw FinalError("there is no image " + image.text() +
                     " on this worker, and \"pull\" is \"never\"");
  }
  engine.pull(
      image, login_of(context, image), [&] { return context.cancelled(); },
      [&](const std::string& line) { context.info(line); });
}

std::vector<std::string> words_of(const Context& context, const char* name) {
  const std::string text = context.json(name);
  if (text.empty() || text == "null") return {};
  const auto given = batuta::parse_untrusted(text);
  const std::string wrong = std::string("parameter ") + name + ": expected a list of texts";
  if (!given || !given->is_array()) throw FinalError(wrong);
  std::vector<std::string> out;
  for (const json& word : *given) {
    if (word.is_structured() || word.is_null()) throw FinalError(wrong);
    out.push_back(word.is_string() ? word.get<std::string>() : batuta::json_text(word));
    if (out.back().find('\0') != std::string::npos)
      throw FinalError(std::string("parameter ") + name + ": NUL in a text");
  }
  return out;
}

std::string make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    throw RetryableError("cannot make " + path + ": " + std::strerror(errno));
  }
  return path;
}

json mount_of(const std::string& from, const char* to, bool read_only) {
  return {{"Type", "bind"}, {"Source", from}, {"Target", to}, {"ReadOnly", read_only}};
}

// Names that mean something to this machine's programs mean nothing to it here.
bool may_be_set(std::string_view name) {
  return !name.empty() && !name.starts_with("BATUTA_") &&
         name.find_first_of(std::string_view("=\0", 2)) == std::string_view::npos;
}

std::map<std::string, std::string> variables_of(const Context& context) {
  std::map<std::string, std::string> out;
  batuta::plugin::add_own_variables(context, may_be_set, out);
  out["BATUTA_SCRATCH"] = own_folder;
  out["BATUTA_RESULT"] = std::string(own_folder) + "/.result";
  out["BATUTA_CHECKPOINT"] = std::string(own_folder) + "/.checkpoint";
  out["BATUTA_ASSETS"] = std::string(own_folder) + "/.assets";
  return out;
}

// Engines also take what is no name: "container:x" is the network of any container of the machine,
// "ns:/path" that of any process, and behind a colon stand a driver's options.
std::string network_of(const Context& context) {
  const std::string network = context.text("network", "");
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  for (std::size_t i = 0; i < network.size(); ++i) {
    const char c = network[i];
    if (plain(c) || (i > 0 && (c == '_' || c == '.' || c == '-'))) continue;
    throw FinalError(
        "parameter network: none, host, or the name of a network, of letters, digits, '_', '.' and "
        "'-'");
  }
  return network;
}

// What no task may take all of: the machine's process numbers and, for output that nobody has read
// yet, the engine's disk. Podman bounds the processes by itself and has other kinds of logs.
void add_bounds(const ContainerEngine& engine, json& host) {
  if (engine.podman()) return;
  host["PidsLimit"] = 4096;
  host["LogConfig"] = {{"Type", "json-file"},
                       {"Config", {{"max-size", "256m"}, {"max-file", "4"}}}};
}

// Bytes, nanoseconds of processor time a second: as the engine wants them.
void add_limits(const Context& context, json& host) {
  if (context.has("memory")) {
    const std::string text = context.json("memory");
    const auto bytes =
        batuta::parse_byte_size(text.starts_with('"') ? context.text("memory") : text);
    if (!bytes || *bytes < (6 << 20)) {
      throw FinalError("parameter memory: a size of at least 6MiB, such as \"512MiB\"");
    }
    host["Memory"] = *bytes;
    host["MemorySwap"] = *bytes;  // no swap beside it
  }
  if (context.has("cpus")) {
    const double cpus = context.number("cpus", 0);
    if (!(cpus >= 0.01 && cpus <= 1024)) throw FinalError("parameter cpus: 0.01 to 1024");
    host["NanoCpus"] = std::llround(cpus * 1e9);
  }
  if (const std::string network = network_of(context); !network.empty())
    host["NetworkMode"] = network;
}

// Who it runs as: like a command's, what it writes should be the slot's to read and remove.
std::string user_of(const Context& context, const ContainerEngine& engine) {
  if (context.has("user")) return context.text("user");
  if (::geteuid() == 0 || engine.rootless()) return "0:0";
  return std::to_string(::geteuid()) + ":" + std::to_string(::getegid());
}

json config_of(const Context& context, const ContainerEngine& engine, const ImageName& image,
               const std::string& folder) {
  json host{{"Mounts", json::array()}, {"SecurityOpt", {"no-new-privileges"}}};
  auto environment = variables_of(context);
  host["Mounts"].push_back(mount_of(make_folder(folder + "/scratch"), own_folder, false));
  if (const void* shared = context.extension("batuta.run_folder")) {
    environment["BATUTA_RUN_DIR"] = run_folder;
    host["Mounts"].push_back(mount_of(static_cast<const char*>(shared), run_folder, false));
  }
  const std::string secrets = folder + "/secrets";
  batuta::plugin::hand_over_secrets(context, secrets, secret_folder, environment,
                                    context.text("registry", ""));
  if (::access(secrets.c_str(), F_OK) == 0)
    host["Mounts"].push_back(mount_of(secrets, secret_folder, true));
  if (const std::string results = folder + "/xcom";
      batuta::plugin::make_result_files(context, results, true)) {
    environment["BATUTA_XCOM_DIR"] = result_folder;
    host["Mounts"].push_back(mount_of(results, result_folder, true));
  }
  add_limits(context, host);
  add_bounds(engine, host);
  json variables = json::array();
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  json config{{"Image", image.text()},
              {"Env", std::move(variables)},
              {"User", user_of(context, engine)},
              {"Labels", batuta::plugin::container_labels(context, folder)},
              {"AttachStdin", false},
              {"Tty", false},
              {"HostConfig", std::move(host)}};
  if (auto words = words_of(context, "entrypoint"); !words.empty())
    config["Entrypoint"] = std::move(words);
  if (auto words = words_of(context, "command"); !words.empty()) config["Cmd"] = std::move(words);
  if (const auto where = context.text("working_dir", ""); !where.empty())
    config["WorkingDir"] = where;
  return config;
}

// The container of an earlier try of this instance, whose worker is gone or lost, has our name.
void remove_predecessor(const Context& context, const ContainerEngine& engine,
                        const std::string& name) {
  const auto labels = engine.labels(name);
  if (labels.empty()) return;  // it has just gone
  const auto fence = labels.find("batuta.fence");
  if (fence == labels.end()) {
    throw FinalError("a container that is none of Batuta's has the name " + name);
  }
  if (std::atoll(fence->second.c_str()) > context.fence()) {
    throw RetryableError("a later try of this task runs in " + name);
  }
  engine.remove(name);
  context.warn("removed the container of an earlier try");
}

std::string create(const Context& context, const ContainerEngine& engine, const json& config) {
  const std::string name = batuta::plugin::container_name(context);
  for (int call = 1;; ++call) {
    try {
      return engine.create(name, config);
    } catch (const batuta::plugin::NameTaken&) {
      if (call == most_names)
        throw RetryableError("the container of an earlier try, " + name + ", cannot be removed");
      remove_predecessor(context, engine, name);
      // The engine removes it behind its answer.
      if (call > 1 && !context.sleep(std::chrono::milliseconds(200))) context.check_cancelled();
    }
  }
}

// Asks a container to end when the attempt should, and ends it when the grace is over: a little
// before the slot itself is ended.
class Ending {
 public:
  Ending(const Context& context, const ContainerEngine& engine, const std::string& id,
         Duration grace)
      : context_(context), engine_(engine), id_(id), grace_(grace) {}

  // True: it was ended, and the engine has had time to say so.
  bool overdue() {
    if (!context_.cancelled()) return false;
    const auto now = batuta::read_clock().boot;
    if (!asked_) {
      asked_ = now;
      send("SIGTERM");
    }
    if (!killed_ && now >= *asked_ + grace_ * 8 / 10) {
      killed_ = true;
      context_.warn("the container did not end within its grace: SIGKILL");
      send("SIGKILL");
    }
    return now >= *asked_ + grace_ * 9 / 10;
  }

 private:
  void send(const char* signal) const {
    try {
      engine_.signal(id_, signal);
    } catch (const std::exception& error) {
      context_.warn(error.what());
    }
  }

  const Context& context_;
  const ContainerEngine& engine_;
  const std::string& id_;
  Duration grace_;
  std::optional<batuta::Boot> asked_;
  bool killed_ = false;
};

// Takes the container away whatever happens; an engine that fails is asked again for a while.
class Removal {
 public:
  Removal(const Context& context, const ContainerEngine& engine, std::string id)
      : context_(context), engine_(engine), id_(std::move(id)) {}
  ~Removal() {
    const auto end = batuta::read_clock().boot + std::chrono::seconds(5);
    for (int call = 1;; ++call) {
      try {
        engine_.remove(id_);
        return;
      } catch (const std::exception& error) {
        if (call == most_calls || batuta::read_clock().boot >= end) {
          context_.warn(std::string(error.what()) + "; the next task in a container removes it");
          return;
        }
      }
      ::usleep(200'000);  // a cancelled attempt's sleep would not wait
    }
  }
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;

 private:
  const Context& context_;
  const ContainerEngine& engine_;
  const std::string id_;
};

void judge(const Context& context, const ContainerEnd& end) {
  const int code = static_cast<int>(end.exit_code);
  if (code == context.integer("skip_on_exit_code", 99)) {
    throw batuta::plugin::Skip("exit code " + std::to_string(code), code);
  }
  if (end.out_of_memory) {
    throw RetryableError("the container was ended at its limit of memory", code);
  }
  if (code != 0 || !end.fault.empty()) {
    throw RetryableError(
        "exit code " + std::to_string(code) + (end.fault.empty() ? "" : ": " + end.fault), code);
  }
}

struct Container {
  static constexpr auto name = "container";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Runs a command in a container";
  static constexpr batuta_param params[] = {
      required(BATUTA_PARAM_STRING, "image", "such as python:3.12-slim"),
      optional(BATUTA_PARAM_ARRAY, "command", "in place of the image's command"),
      optional(BATUTA_PARAM_ARRAY, "entrypoint", "in place of the image's entrypoint"),
      optional(BATUTA_PARAM_OBJECT, "env", "environment variables"),
      optional(BATUTA_PARAM_STRING, "working_dir", "a folder of the image"),
      optional(BATUTA_PARAM_STRING, "user", "name or uid[:gid] within the container"),
      optional(BATUTA_PARAM_STRING, "network", "none, host, or the name of a network"),
      optional(BATUTA_PARAM_ANY, "memory", "such as \"512MiB\""),
      optional(BATUTA_PARAM_NUMBER, "cpus", "such as 1.5"),
      optional(BATUTA_PARAM_STRING, "pull", "missing, always or never", "\"missing\""),
      optional(BATUTA_PARAM_CONNECTION, "registry", "login of the image's registry"),
      optional(BATUTA_PARAM_ARRAY, "outputs", "tables that files of its folder become"),
      optional(BATUTA_PARAM_BOOLEAN, "do_xcom_push",
               "the last line of standard output becomes the return value", "true"),
      optional(BATUTA_PARAM_INTEGER, "skip_on_exit_code", "the exit code that means skipped",
               "99")};

  void execute(Context& context) {
    const Settings given = settings();
    const ImageName image = image_of(context, given);
    network_of(context);  // before anything is pulled
    const ContainerEngine engine(given.socket);
    if (const int removed = batuta::plugin::remove_remnants(context, engine)) {
      context.info("removed " + std::to_string(removed) + " containers whose worker is gone");
    }
    pull_if_needed(context, engine, image);
    context.check_cancelled();
    const std::string folder =
        make_folder(context.scratch() + "/container-" + std::to_string(context.fence()));
    const std::string id = create(context, engine, config_of(context, engine, image, folder));
    batuta::plugin::LastLine last;
    batuta::plugin::CheckpointFile checkpoints(context, folder + "/scratch/.checkpoint");
    const ContainerEnd end = run(context, engine, id, given.grace, last, checkpoints);
    if (end.exit_code != 0) checkpoints.look_last();
    judge(context, end);
    batuta::outputs::hand_in_files(context, folder + "/scratch");
    batuta::plugin::report_assets(context, folder + "/scratch/.assets");
    if (!context.boolean("do_xcom_push", true)) return;
    if (const auto value = batuta::plugin::result_of_file(folder + "/scratch/.result");
        !value.empty()) {
      return context.return_json(value);
    }
    bool too_long = false;
    const std::string line = last.take(too_long);
    batuta::plugin::return_last_line(context, line, too_long);
  }

  static ContainerEnd run(const Context& context, const ContainerEngine& engine,
                          const std::string& id, Duration grace, batuta::plugin::LastLine& last,
                          batuta::plugin::CheckpointFile& checkpoints) {
    const Removal removal(context, engine, id);
    engine.start(id);
    Ending ending(context, engine, id, grace);
    const auto overdue = [&ending, &checkpoints] {
      checkpoints.look();
      return ending.overdue();
    };
    const bool ended = engine.follow(id, overdue, [&last](int descriptor, std::string_view bytes) {
      batuta::plugin::pass_on(descriptor, bytes);
      if (descriptor == STDOUT_FILENO) last.feed(bytes);
    });
    if (!ended) throw RetryableError("cancelled");
    return engine.wait(id, overdue);
  }
};

}  // namespace

BATUTA_PLUGIN(Container)
