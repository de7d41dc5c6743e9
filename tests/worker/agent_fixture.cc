#include "tests/worker/agent_fixture.h"

#include <dirent.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "worker/log_format.h"

namespace batuta {
namespace {

const std::string run_uuid = "0193a5c0-0000-7000-8000-000000000001";

}  // namespace

std::string build_folder() {
  const char* folder = std::getenv("BATUTA_BUILD_DIR");
  return folder == nullptr ? "." : folder;
}

bool alive(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  std::getline(file, text);
  const auto end = text.rfind(')');
  return end != std::string::npos && text[end + 2] != 'Z' && text[end + 2] != 'X';
}

bool eventually(bool (*done)(const void*), const void* what) {
  for (int i = 0; i < 1000; ++i) {
    if (done(what)) return true;
    ::usleep(10'000);
  }
  return done(what);
}

std::string read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

AgentFixture::AgentFixture(Options options) : options_(std::move(options)) {
  char folder[] = "/tmp/batuta-agent-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  home_ = folder;
  if (options_.plugins.empty()) options_.plugins = build_folder() + "/plugins";
  REQUIRE(make_folder(home_ + "/run").ok());
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = home_ + "/run/worker.sock";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener_.get(), 8) == 0);
  start_agent();
  accept();
}

AgentFixture::~AgentFixture() {
  kill_agent();
  remove_tree(home_);
}

void AgentFixture::start_agent() {
  const std::string program = build_folder() + "/tests/worker_agent";
  std::vector<std::string> words = {program,
                                    "agent",
                                    home_,
                                    options_.plugins,
                                    std::to_string(options_.slots),
                                    std::to_string(options_.max_attempts),
                                    std::to_string(options_.load_timeout_ms),
                                    std::to_string(options_.stop_drain_ms),
                                    std::to_string(options_.most_memory),
                                    std::to_string(options_.most_cpu),
                                    std::to_string(options_.log_limit)};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  REQUIRE(::posix_spawn(&agent_, program.c_str(), nullptr, nullptr, argv.data(), environ) == 0);
}

void AgentFixture::kill_agent() {
  if (agent_ <= 0) return;
  ::kill(agent_, SIGKILL);
  ::waitpid(agent_, nullptr, 0);
  agent_ = -1;
  // The slots end themselves; wait, so that nothing of this test runs into the next.
  eventually([this] { return slots().empty(); });
}

void AgentFixture::accept() {
  pollfd event{listener_.get(), POLLIN, 0};
  REQUIRE(::poll(&event, 1, 20'000) == 1);
  link_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(link_);
  reader_ = FrameReader{};
  kept_.clear();
  auto first = next();
  REQUIRE(first);
  REQUIRE(std::holds_alternative<Hello>(*first));
  hello_ = std::get<Hello>(*first);
  send(Welcome{protocol_versions.most, "store", options_.heartbeat.count(), options_.lease.count(),
               options_.cancel_grace.count()});
}

void AgentFixture::hang_up() {
  link_.reset();
}

Launch AgentFixture::make(const std::string& plugin, const std::string& params) {
  Launch launch;
  launch.key = {RunSeq{1}, static_cast<TaskIndex>(next_fence_), unmapped, next_fence_};
  ++next_fence_;
  launch.run_uuid = run_uuid;
  launch.dag_id = "a_dag";
  launch.dag_run_id = "manual__1";
  launch.task_id = "a_task";
  launch.plugin = plugin;
  launch.params_json = params;
  launch.context_json = "{}";
  return launch;
}

AttemptKey AgentFixture::launch(const std::string& plugin, const std::string& params) {
  const Launch launch = make(plugin, params);
  send(launch);
  return launch.key;
}

void AgentFixture::cancel(const AttemptKey& key, Duration grace) {
  send(Cancel{key, grace.count(), "cancelled by the test"});
}

void AgentFixture::send(const ToAgent& message) {
  std::string body, frame;
  encode(message, body);
  append_frame(frame, body);
  for (std::size_t at = 0; at < frame.size();) {
    const ssize_t put = ::send(link_.get(), frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
    if (put <= 0) return;  // the agent is gone; the test sees that by what does not come
    at += static_cast<std::size_t>(put);
  }
}

std::optional<FromAgent> AgentFixture::next(Duration patience) {
  const std::int64_t end = boot_us() + patience.count();
  for (;;) {
    while (const auto body = reader_.next()) {
      auto message = decode_from_agent(*body);
      REQUIRE_MESSAGE(message.ok(), "the agent sent something malformed");
      if (const auto* beat = std::get_if<Heartbeat>(&*message)) {
        send(HeartbeatAck{beat->sequence});
        continue;
      }
      const auto* finished = std::get_if<Finished>(&*message);
      if (finished != nullptr && acknowledge) send(Ack{finished->key});
      return *std::move(message);
    }
    const std::int64_t left = end - boot_us();
    pollfd event{link_.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&event, 1, static_cast<int>(left / 1000 + 1)) != 1) return std::nullopt;
    char chunk[16 << 10];
    const ssize_t got = ::recv(link_.get(), chunk, sizeof chunk, 0);
    if (got <= 0) return std::nullopt;
    reader_.feed({chunk, static_cast<std::size_t>(got)});
  }
}

template <class M, class Match>
M AgentFixture::wait_for(const char* what, Duration patience, Match match) {
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    if (const auto* found = std::get_if<M>(&*at); found != nullptr && match(*found)) {
      M out = *found;
      kept_.erase(at);
      return out;
    }
  }
  const std::int64_t end = boot_us() + patience.count();
  while (boot_us() < end) {
    auto message = next(Duration{end - boot_us()});
    if (!message) break;
    if (const auto* found = std::get_if<M>(&*message); found != nullptr && match(*found)) {
      return *found;
    }
    kept_.push_back(*std::move(message));
  }
  FAIL("no " << what << " came");
  return {};
}

Finished AgentFixture::finished(const AttemptKey& key, Duration patience) {
  return wait_for<Finished>("Finished", patience, [&](const Finished& m) { return m.key == key; });
}
Started AgentFixture::started(const AttemptKey& key) {
  return wait_for<Started>("Started", std::chrono::seconds(10),
                           [&](const Started& m) { return m.key == key; });
}
TaskCheckpoint AgentFixture::checkpoint(const AttemptKey& key) {
  return wait_for<TaskCheckpoint>("TaskCheckpoint", std::chrono::seconds(20),
                                  [&](const TaskCheckpoint& m) { return m.key == key; });
}
Recalled AgentFixture::recalled(const AttemptKey& key) {
  return wait_for<Recalled>("Recalled", std::chrono::seconds(10),
                            [&](const Recalled& m) { return m.key == key; });
}
CatalogueChanged AgentFixture::catalogue() {
  return wait_for<CatalogueChanged>("CatalogueChanged", std::chrono::seconds(10),
                                    [](const CatalogueChanged&) { return true; });
}

Leaving AgentFixture::leaving() {
  return wait_for<Leaving>("Leaving", std::chrono::seconds(10),
                           [](const Leaving&) { return true; });
}
FileChunk AgentFixture::chunk() {
  return wait_for<FileChunk>("FileChunk", std::chrono::seconds(10),
                             [](const FileChunk&) { return true; });
}

std::string AgentFixture::log_of(const AttemptKey& key) const {
  return read_file(task_log_path(home_, run_uuid, key, 1));
}

std::vector<pid_t> AgentFixture::slots() const {
  std::vector<pid_t> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir("/proc"), &::closedir};
  while (const dirent* entry = ::readdir(dir.get())) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0 || !alive(pid)) continue;
    const std::string line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
    const bool slot = line.find(std::string{"slot\0", 5}) != std::string::npos;
    if (slot && line.find(home_ + "/run/scratch") != std::string::npos) out.push_back(pid);
  }
  return out;
}

}  // namespace batuta
