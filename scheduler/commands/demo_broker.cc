#include "scheduler/commands/demo_broker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <thread>
#include <utility>

#include "common/fd.h"
#include "common/time.h"
#include "scheduler/commands/demo_process.h"
#include "scheduler/commands/supervisor.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr const char* kafka_folder = "/demo/kafka";
constexpr const char* kafka_properties = "/server.properties";
constexpr const char* kafka_login = "demo";
constexpr Duration kafka_patience = std::chrono::seconds(90);
constexpr auto kafka_pause = std::chrono::milliseconds(100);
// It closes its logs when it is asked to stop.
constexpr int kafka_stop[] = {SIGTERM, SIGKILL};
// One node that has nobody to agree with: any id of a cluster will do.
constexpr const char* kafka_cluster = "YmF0dXRhLWRlbW8tb25lLQ";

Error kafka_error(const std::string& why) {
  return {Errc::unavailable, "Apache Kafka for --real: " + why, {}};
}

std::string java_program() {
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    std::string found = rest.substr(0, colon) + "/java";
    if (found.starts_with('/') && access(found.c_str(), X_OK) == 0) return found;
    rest.erase(0, std::min(colon + 1, rest.size()));
  }
  return {};
}

bool somebody_listens(int port) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

// Both listeners want the password that was drawn: other people of this machine have none.
std::string properties_of(const std::string& folder, int port, int controller,
                          const std::string& password) {
  std::ostringstream out;
  const std::string jaas =
      ".plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
      "username=\"" +
      std::string(kafka_login) + "\" password=\"" + password + "\" user_" + kafka_login + "=\"" +
      password + "\";\n";
  out << "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
      << "controller.quorum.voters=1@127.0.0.1:" << controller
      << "\nlisteners=LOCAL://127.0.0.1:" << port << ",CONTROLLER://127.0.0.1:" << controller
      << "\nadvertised.listeners=LOCAL://127.0.0.1:" << port
      << "\nlistener.security.protocol.map=LOCAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT\n"
      << "inter.broker.listener.name=LOCAL\nsasl.mechanism.inter.broker.protocol=PLAIN\n"
      << "sasl.mechanism.controller.protocol=PLAIN\n"
      << "listener.name.local.sasl.enabled.mechanisms=PLAIN\n"
      << "listener.name.controller.sasl.enabled.mechanisms=PLAIN\nlistener.name.local" << jaas
      << "listener.name.controller" << jaas << "log.dirs=" << folder << "/data\n"
      << "num.partitions=3\nauto.create.topics.enable=false\n"
      << "offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n"
      << "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
      << "group.initial.rebalance.delay.ms=0\n";
  return out.str();
}

std::vector<std::string> java_words(const std::string& java, const std::string& jars,
                                    const char* program) {
  return {java,
          "-Xmx512m",
          "-XX:+UseSerialGC",
          "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
          "-cp",
          jars + "/*",
          program};
}

}  // namespace

std::string kafka_jars() {
  const char* named = std::getenv("KAFKA_HOME");
  if (named == nullptr || *named == '\0' || java_program().empty()) return {};
  std::error_code error;
  const fs::path libs = fs::absolute(named, error) / "libs";
  return fs::is_directory(libs, error) ? libs.string() : std::string();
}

bool topics_are_in_kafka(const std::string& home) {
  std::error_code error;
  return fs::is_directory(home + kafka_folder + "/data", error);
}

Result<std::unique_ptr<DemoBroker>> DemoBroker::start(const std::string& home) {
  std::unique_ptr<DemoBroker> broker(new DemoBroker);
  broker->jars_ = kafka_jars();
  broker->java_ = java_program();
  if (broker->jars_.empty())
    return {Errc::not_found, std::string("there is no Apache Kafka: ") + kafka_remedy};
  if (auto status = end_left_kafka(home); !status) return status.error();
  broker->folder_ = home + kafka_folder;
  if (auto status = broker->prepare(); !status) return status.error();
  if (auto status = broker->launch(); !status) return status.error();
  if (auto status = broker->wait_for_topics(); !status) return status.error();
  return broker;
}

DemoBroker::~DemoBroker() {
  if (pid_ <= 0) return;
  end_demo_process(pid_, true, kafka_stop);
  std::error_code ignored;
  fs::remove(folder_ + "/pid", ignored);
}

Status DemoBroker::prepare() {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return kafka_error(folder_ + " cannot be made: " + error.message());
  fs::permissions(folder_, fs::perms::owner_all, error);
  std::istringstream ports(text_of_file(folder_ + "/ports"));
  if (!(ports >> port_ >> controller_)) {
    port_ = free_port();
    do controller_ = free_port();
    while (controller_ == port_);
    const std::string text = std::to_string(port_) + " " + std::to_string(controller_);
    if (auto status = write_secret(folder_ + "/ports", text); !status) return status;
  }
  for (const int port : {port_, controller_})
    if (somebody_listens(port))
      return {Errc::conflict, "the port " + std::to_string(port) +
                                  " of this demo's Kafka is taken by something else: end that, or "
                                  "say --clean first"};
  std::string password = text_of_file(folder_ + "/password");
  if (password.empty()) {
    password = secret_text();
    if (auto status = write_secret(folder_ + "/password", password); !status) return status;
  }
  return write_secret(folder_ + kafka_properties,
                      properties_of(folder_, port_, controller_, password));
}

// In a session of its own: a terminal's Ctrl-C is for this process, whose tasks may still need it.
Status DemoBroker::launch() {
  const std::string log = folder_ + "/log", properties = folder_ + kafka_properties;
  const UniqueFd output(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (output.get() < 0) return kafka_error(log + " cannot be written: " + std::strerror(errno));
  const auto begin = [&](const char* program,
                         std::initializer_list<std::string> more) -> Result<pid_t> {
    std::vector<std::string> words{"/usr/bin/env", "-C",          "/",    "setsid",
                                   "setpriv",      "--pdeathsig", "TERM", "--"};
    for (std::string& word : java_words(java_, jars_, program)) words.push_back(std::move(word));
    words.insert(words.end(), more);
    return start_process(std::move(words), output.get(), output.get());
  };
  if (!fs::is_directory(folder_ + "/data")) {
    const auto formats =
        begin("kafka.tools.StorageTool", {"format", "-t", kafka_cluster, "-c", properties});
    if (!formats) return formats.error();
    int ended = 0;
    if (waitpid(*formats, &ended, 0) != *formats || !WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
      return kafka_error("its folder cannot be made: " + end_of_log(log));
  }
  const auto child = begin("kafka.Kafka", {properties});
  if (!child) return child.error();
  pid_ = *child;
  return write_secret(folder_ + "/pid", std::to_string(pid_));
}

Status DemoBroker::wait_for_topics() {
  const Boot deadline = read_clock().boot + kafka_patience;
  while (!somebody_listens(port_)) {
    if (waitpid(pid_, nullptr, WNOHANG) != 0) {
      pid_ = -1;
      return kafka_error("it ended at once: " + end_of_log(folder_ + "/log"));
    }
    if (read_clock().boot > deadline)
      return kafka_error("it does not answer after 90 s: " + end_of_log(folder_ + "/log"));
    std::this_thread::sleep_for(kafka_pause);
  }
  return demo::ask_broker(connection());
}

stream::KafkaConnection DemoBroker::connection() const {
  stream::KafkaConnection out;
  out.id = "--real";
  out.host = "127.0.0.1:" + std::to_string(port_);
  out.login = kafka_login;
  out.password = text_of_file(folder_ + "/password");
  out.extra = R"({"security_protocol": "SASL_PLAINTEXT"})";
  return out;
}

Status end_left_kafka(const std::string& home) {
  const std::string folder = home + kafka_folder;
  return end_left_process(folder + "/pid", folder + kafka_properties, "Kafka", kafka_stop);
}

}  // namespace batuta
