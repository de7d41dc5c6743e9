// The measuring end of ./dev bench: triggers runs through the public API and waits for their end.
//
//   bench_client HOST PORT TOKEN runs DAG COUNT    one after the other: ms of each, a line each
//   bench_client HOST PORT TOKEN burst DAG COUNT   COUNT runs at once: seconds in all
//   bench_client - 0 - fdatasync FOLDER COUNT      us of each 4 KiB overwrite and sync, a line each
//   bench_client - 0 - spawn SHELL COUNT           "SHELL -c true" by COUNT per core: how many a
//   second
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/http_connection.h"

using batuta::bench::Answer;
using batuta::bench::HttpConnection;
using Clock = std::chrono::steady_clock;

namespace {

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string field(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const auto at = json.find(key);
  if (at == std::string::npos)
    throw std::runtime_error("no " + name + " in " + json.substr(0, 300));
  return json.substr(at + key.size(), json.find('"', at + key.size()) - at - key.size());
}

std::string trigger(HttpConnection& connection, const std::string& dag) {
  const Answer answer =
      connection.call("POST", "/api/v2/dags/" + dag + "/dagRuns", "{\"logical_date\":null}");
  if (answer.status != 200)
    throw std::runtime_error("trigger answered " + std::to_string(answer.status) + ": " +
                             answer.body);
  return field(answer.body, "dag_run_id");
}

void wait(HttpConnection& connection, const std::string& dag, const std::string& run) {
  for (;;) {
    const Answer answer =
        connection.call("GET", "/api/v2/dags/" + dag + "/dagRuns/" + run + "/wait?interval=1");
    if (answer.status != 200)
      throw std::runtime_error("wait answered " + std::to_string(answer.status));
    const std::string state = field(answer.body, "state");
    if (state == "success") return;
    if (state == "failed") throw std::runtime_error("run " + run + " failed");
  }
}

int run_series(HttpConnection& connection, const std::string& dag, int count) {
  for (int i = 0; i < count; ++i) {
    const auto start = Clock::now();
    wait(connection, dag, trigger(connection, dag));
    std::printf("%.4f\n", seconds_since(start) * 1e3);
  }
  return 0;
}

int run_burst(HttpConnection& connection, const std::string& dag, int count) {
  const auto start = Clock::now();
  std::vector<std::string> runs;
  runs.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) runs.push_back(trigger(connection, dag));
  for (const std::string& run : runs) wait(connection, dag, run);
  std::printf("%.4f\n", seconds_since(start));
  return 0;
}

int run_fdatasync(const std::string& folder, int count) {
  const std::string name = folder + "/fdatasync.probe";
  const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("cannot open " + name);
  const std::vector<char> block(4096, 'x');
  for (int i = 0; i < count; ++i) {
    const auto start = Clock::now();
    if (pwrite(fd, block.data(), block.size(), 0) != 4096 || fdatasync(fd) != 0) {
      throw std::runtime_error("cannot write " + name);
    }
    std::printf("%.1f\n", seconds_since(start) * 1e6);
  }
  close(fd);
  unlink(name.c_str());
  return 0;
}

// What any scheduler on this machine can start at most, with nothing around it.
int run_spawn(const std::string& shell, int count) {
  const auto loop = [&] {
    std::string program = shell, flag = "-c", text = "true";
    char* argv[] = {program.data(), flag.data(), text.data(), nullptr};
    for (int i = 0; i < count; ++i) {
      pid_t pid = -1;
      if (posix_spawn(&pid, shell.c_str(), nullptr, nullptr, argv, environ) == 0) {
        waitpid(pid, nullptr, 0);
      }
    }
  };
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) threads.emplace_back(loop);
  for (std::thread& thread : threads) thread.join();
  const double all = static_cast<double>(count) * static_cast<double>(threads.size());
  std::printf("%.1f\n", all / seconds_since(start));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr,
                 "usage: bench_client HOST PORT TOKEN runs|burst|fdatasync|spawn DAG|FOLDER|SHELL "
                 "COUNT\n");
    return 2;
  }
  try {
    const std::string what = argv[4];
    const int count = std::atoi(argv[6]);
    if (what == "fdatasync") return run_fdatasync(argv[5], count);
    if (what == "spawn") return run_spawn(argv[5], count);
    HttpConnection connection(argv[1], std::atoi(argv[2]), argv[3]);
    return what == "runs" ? run_series(connection, argv[5], count)
                          : run_burst(connection, argv[5], count);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_client: %s\n", error.what());
    return 1;
  }
}
