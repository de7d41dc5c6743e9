#include "scheduler/commands/demo_kafka.h"

#include <fstream>
#include <iterator>

#include "scheduler/demo/written_file.h"
#include "scheduler/serve/home.h"
#include "scheduler/serve/server.h"

namespace batuta {
namespace {

constexpr const char* broker_about = "The broker that was named by --kafka (the demo's own)";

bool replace_once(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) return false;
  text.replace(at, from.size(), to);
  return true;
}

}  // namespace

std::string with_broker(std::string text, const demo::Simulation& simulation,
                        const std::string& file) {
  for (const demo::BrokerText& each : simulation.broker_texts())
    if (each.file == file) replace_once(text, each.embedded, each.broker);
  return text;
}

Status choose_broker(const Home& home, const std::string& name, const demo::Simulation& simulation,
                     bool wanted) {
  for (const demo::BrokerText& each : simulation.broker_texts()) {
    const std::string path = home.path("bundles/" + name + "/" + each.file);
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::string& right = wanted ? each.broker : each.embedded;
    if (text.find(right) != std::string::npos) continue;
    if (!replace_once(text, wanted ? each.embedded : each.broker, right)) {
      if (each.may_miss) continue;
      return {Errc::conflict, path + " is not as it was installed: for a run " +
                                  (wanted ? "with" : "without") + " --kafka it needs " + right +
                                  "; or remove the file, and it is copied anew"};
    }
    if (auto status = demo::write_file(path, text); !status) return status;
  }
  return success();
}

Status set_broker(Registry& registry, const std::string& name,
                  const stream::KafkaConnection* broker) {
  const std::string id = name + "_broker";
  if (broker == nullptr) {
    const auto left = registry.connection(id);
    return left && left->description == broker_about ? registry.delete_connection(id) : success();
  }
  Connection connection;
  connection.id = id;
  connection.conn_type = "kafka";
  connection.description = broker_about;
  connection.host = broker->host;
  if (broker->port != 0) connection.port = broker->port;
  connection.login = broker->login;
  connection.password = broker->password;
  connection.extra = broker->extra;
  return registry.set_connection(connection);
}

}  // namespace batuta
