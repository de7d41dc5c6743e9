// What the machine allows: the durable steps of a scheduler and nothing else, to put Batuta's
// figures in proportion. One process with SQLite (WAL, synchronous=FULL) and two forked workers
// over Unix sockets; a task is written before it is sent, and its end before it counts. No DAG
// files, no retries, no API but one POST.
//
//   floor FOLDER one N W        N triggers over HTTP, one after the other: microseconds each
//   floor FOLDER chain N W      N tasks, each after the one before: microseconds in all
//   floor FOLDER wide N W       N independent tasks, a worker holds W: microseconds in all
//   floor FOLDER process N W    the same, /bin/sh -c true for each task
#include <arpa/inet.h>
#include <poll.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;
constexpr int workers = 2;
constexpr std::int64_t rows_per_commit = 1000;  // of those that wait

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void write_all(int fd, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(fd, at, size);
    if (n <= 0) die("write");
    at += n;
    size -= static_cast<std::size_t>(n);
  }
}

void run_process() {
  char sh[] = "/bin/sh", c[] = "-c", command[] = "true";
  std::array<char*, 4> argv{sh, c, command, nullptr};
  pid_t child = 0;
  if (::posix_spawn(&child, sh, nullptr, nullptr, argv.data(), environ) != 0) die("posix_spawn");
  ::waitpid(child, nullptr, 0);
}

// Answers each number with itself.
[[noreturn]] void work(int fd, bool process) {
  std::array<std::int64_t, 4096> ids{};
  std::size_t have = 0;
  for (;;) {
    const ssize_t n = ::read(fd, reinterpret_cast<char*>(ids.data()) + have, sizeof ids - have);
    if (n <= 0) _exit(0);
    have += static_cast<std::size_t>(n);
    const std::size_t whole = have / sizeof ids[0];
    for (std::size_t i = 0; process && i < whole; ++i) {
      run_process();
      write_all(fd, &ids[i], sizeof ids[0]);
    }
    if (!process) write_all(fd, ids.data(), whole * sizeof ids[0]);
    have -= whole * sizeof ids[0];
    std::memmove(ids.data(), ids.data() + whole, have);
  }
}

class Store {
 public:
  explicit Store(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) die(path.c_str());
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    // What a task instance is found by elsewhere, and three indexes on it.
    run("CREATE TABLE task_instance (id INTEGER PRIMARY KEY, dag_id TEXT NOT NULL, run_id TEXT NOT "
        "NULL, task_id TEXT NOT NULL, map_index INTEGER NOT NULL, try_number INTEGER NOT NULL, "
        "state TEXT, queue TEXT, pool TEXT, priority INTEGER, queued_at INTEGER, started_at "
        "INTEGER, "
        "ended_at INTEGER, worker TEXT, exit_code INTEGER, "
        "UNIQUE (dag_id, run_id, task_id, map_index)); "
        "CREATE INDEX by_state ON task_instance (state, priority); "
        "CREATE INDEX by_run ON task_instance (run_id, state)");
    insert_ = prepare(
        "INSERT INTO task_instance VALUES (?1, 'bench_dag', 'manual__2026-11-20T12:00:00', "
        "printf('t%07d', ?1), -1, 0, 'scheduled', 'default', 'default_pool', 1, ?2, NULL, NULL, "
        "NULL, NULL)");
    start_ = prepare(
        "UPDATE task_instance SET state = 'running', started_at = ?2, worker = 'w' WHERE id = ?1");
    finish_ = prepare(
        "UPDATE task_instance SET state = 'success', ended_at = ?2, exit_code = 0 WHERE id = ?1");
  }
  ~Store() {
    sqlite3_finalize(insert_);
    sqlite3_finalize(start_);
    sqlite3_finalize(finish_);
    sqlite3_close(db_);
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  void begin() { run("BEGIN IMMEDIATE"); }
  void commit() { run("COMMIT"); }
  void insert(std::int64_t id) { step(insert_, id); }
  void start(std::int64_t id) { step(start_, id); }
  void finish(std::int64_t id) { step(finish_, id); }

 private:
  void run(const char* sql) {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) die(sqlite3_errmsg(db_));
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) != SQLITE_OK)
      die(sqlite3_errmsg(db_));
    return statement;
  }
  void step(sqlite3_stmt* statement, std::int64_t id) {
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, Clock::now().time_since_epoch().count());
    if (sqlite3_step(statement) != SQLITE_DONE) die(sqlite3_errmsg(db_));
    sqlite3_reset(statement);
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* start_ = nullptr;
  sqlite3_stmt* finish_ = nullptr;
};

class Workers {
 public:
  // `window`: tasks that one holds.
  Workers(bool process, std::size_t window) : window_(window) {
    for (int i = 0; i < workers; ++i) {
      std::array<int, 2> pair{};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) die("socketpair");
      const pid_t child = ::fork();
      if (child < 0) die("fork");
      if (child == 0) {
        for (const pollfd& other : sockets_) ::close(other.fd);
        ::close(pair[0]);
        work(pair[1], process);
      }
      ::close(pair[1]);
      sockets_.push_back({pair[0], POLLIN, 0});
    }
    held_.resize(workers);
  }
  ~Workers() {
    for (const pollfd& socket : sockets_) ::close(socket.fd);
    while (::wait(nullptr) > 0) {
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // The worker that holds least, or -1 when all are full.
  int free_one() const {
    const int least = held_[0] <= held_[1] ? 0 : 1;
    return held_[static_cast<std::size_t>(least)] < window_ ? least : -1;
  }
  void hold(int worker) { ++held_[static_cast<std::size_t>(worker)]; }
  void send(int worker, const std::vector<std::int64_t>& ids) {
    if (!ids.empty())
      write_all(sockets_[static_cast<std::size_t>(worker)].fd, ids.data(),
                ids.size() * sizeof ids[0]);
  }
  // Waits for at least one end.
  void collect(std::vector<std::int64_t>& ended) {
    if (::poll(sockets_.data(), sockets_.size(), -1) < 0) die("poll");
    std::array<std::int64_t, 4096> ids{};
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if ((sockets_[i].revents & POLLIN) == 0) continue;
      const ssize_t n = ::read(sockets_[i].fd, ids.data(), sizeof ids);
      if (n <= 0 || n % static_cast<ssize_t>(sizeof ids[0]) != 0) die("read");
      const std::size_t count = static_cast<std::size_t>(n) / sizeof ids[0];
      ended.insert(ended.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
      held_[i] -= count;
    }
  }

 private:
  const std::size_t window_;
  std::vector<pollfd> sockets_;
  std::vector<std::size_t> held_;
};

// `together`: all may run at once, else each after the one before. Returns when all ends are
// written.
void run_tasks(Store& store, Workers& pool, std::int64_t first, std::int64_t count, bool together) {
  std::int64_t next = first;
  std::int64_t done = 0;
  std::vector<std::int64_t> ended;
  store.begin();
  for (std::int64_t id = first; id < first + count; ++id) {
    store.insert(id);
    if (id % rows_per_commit != 0 || count == 1) continue;
    store.commit();
    store.begin();
  }
  bool open = count == 1;  // a single task is written and started at once
  if (!open) store.commit();
  while (done < count) {
    std::array<std::vector<std::int64_t>, workers> out;
    if (!open) store.begin();
    open = false;
    for (const std::int64_t id : ended) store.finish(id);
    done += static_cast<std::int64_t>(ended.size());
    ended.clear();
    while (next < first + count && (together || next - first == done)) {
      const int worker = pool.free_one();
      if (worker < 0) break;
      store.start(next);
      pool.hold(worker);
      out[static_cast<std::size_t>(worker)].push_back(next++);
    }
    store.commit();
    for (int i = 0; i < workers; ++i) pool.send(i, out[static_cast<std::size_t>(i)]);
    if (done < count) pool.collect(ended);
  }
}

// A request's head and body, as far as the floor reads HTTP: to the blank line, nothing behind it.
void read_message(int fd) {
  std::string text;
  std::array<char, 4096> part{};
  while (!text.ends_with("\r\n\r\n")) {
    const ssize_t n = ::read(fd, part.data(), part.size());
    if (n <= 0) die("read");
    text.append(part.data(), static_cast<std::size_t>(n));
  }
}

void measure_triggers(Store& store, Workers& pool, int count) {
  const int door = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(door, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(door, 1) != 0 ||
      ::getsockname(door, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    die("listen");
  std::thread client([&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connect");
    const std::string request =
        "POST /runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    for (int i = 0; i < count; ++i) {
      const auto start = Clock::now();
      write_all(fd, request.data(), request.size());
      read_message(fd);
      std::printf("%.1f\n",
                  std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
    ::close(fd);
  });
  const int fd = ::accept(door, nullptr, nullptr);
  const std::string answer = "HTTP/1.1 204 No Content\r\n\r\n";
  for (int i = 0; i < count; ++i) {
    read_message(fd);
    run_tasks(store, pool, i + 1, 1, false);
    write_all(fd, answer.data(), answer.size());
  }
  client.join();
  ::close(fd);
  ::close(door);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: floor FOLDER one|chain|wide|process N WINDOW\n");
    return 2;
  }
  const std::string mode = argv[2];
  const int count = std::atoi(argv[3]);
  const std::string path = std::string(argv[1]) + "/floor.db";
  for (const char* ending : {"", "-wal", "-shm"}) ::unlink((path + ending).c_str());
  Workers pool(mode == "process", static_cast<std::size_t>(std::atoi(argv[4])));
  Store store(path);
  if (mode == "one") {
    measure_triggers(store, pool, count);
    return 0;
  }
  const auto start = Clock::now();
  run_tasks(store, pool, 1, count, mode != "chain");
  std::printf("%.1f\n", std::chrono::duration<double, std::micro>(Clock::now() - start).count());
}
