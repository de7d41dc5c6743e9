// A real agent process under a scheduler that the test plays: launches go out, reports come in.
#pragma once

#include <sys/types.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/frame.h"
#include "common/message.h"
#include "worker/log_format.h"
#include "worker/posix.h"

namespace batuta {

class AgentFixture {
 public:
  struct Options {
    std::string plugins = {};  // default: the build's
    int slots = 1;
    int max_attempts = 10'000;
    int load_timeout_ms = 5'000;
    Duration heartbeat = std::chrono::milliseconds(200);
    Duration lease = std::chrono::seconds(10);
    Duration cancel_grace = std::chrono::milliseconds(500);
    int stop_drain_ms = 0;
    std::int64_t most_memory = 0;  // that a task may ask for; 0: the machine's
    int most_cpu = 0;              // percent of a processor
    std::int64_t log_limit = usual_log_limit;
  };
  AgentFixture() : AgentFixture(Options{}) {}
  explicit AgentFixture(Options options);
  ~AgentFixture();

  const std::string& home() const { return home_; }
  pid_t agent() const { return agent_; }
  const Hello& hello() const { return hello_; }

  // Accepts the agent's next connection, reads its Hello, answers with a Welcome.
  void accept();
  void hang_up();
  void start_agent();
  // SIGKILL, reaped.
  void kill_agent();

  // A launch with a fresh key; change it before sending.
  Launch make(const std::string& plugin, const std::string& params = "{}");
  AttemptKey launch(const std::string& plugin, const std::string& params = "{}");
  void send(const ToAgent& message);
  void cancel(const AttemptKey& key, Duration grace);

  // The next message other than heartbeats (which are answered), or nullopt when nothing comes.
  std::optional<FromAgent> next(Duration patience = std::chrono::seconds(20));
  // Waits for one kind; others seen on the way are kept for later calls. Fails the test otherwise.
  Finished finished(const AttemptKey& key, Duration patience = std::chrono::seconds(20));
  Started started(const AttemptKey& key);
  Recalled recalled(const AttemptKey& key);
  TaskCheckpoint checkpoint(const AttemptKey& key);  // it is not acknowledged
  CatalogueChanged catalogue();
  Leaving leaving();
  FileChunk chunk();

  std::string log_of(const AttemptKey& key) const;
  // Pids whose /proc/<pid>/cmdline holds this fixture's home: its slots.
  std::vector<pid_t> slots() const;

  bool acknowledge = true;

 private:
  template <class M, class Match>
  M wait_for(const char* what, Duration patience, Match match);

  Options options_;
  std::string home_;
  UniqueFd listener_, link_;
  pid_t agent_ = -1;
  Hello hello_;
  FrameReader reader_;
  std::deque<FromAgent> kept_;
  std::int64_t next_fence_ = 1;
};

std::string build_folder();
bool alive(pid_t pid);
// Until `done` or ten seconds have passed; returns the last answer.
bool eventually(bool (*done)(const void*), const void* what);
template <class F>
bool eventually(F done) {
  return eventually([](const void* f) { return (*static_cast<const F*>(f))(); }, &done);
}
std::string read_file(const std::string& path);

}  // namespace batuta
