#include "scheduler/commands/demo_postgres.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "common/fd.h"
#include "scheduler/commands/demo_process.h"
#include "scheduler/commands/process_parts.h"
#include "scheduler/commands/supervisor.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

// Ours, with the password and what the server says; below it the server's own.
constexpr const char* postgres_folder = "demo/postgres";
constexpr const char* server_folder = "/server";
constexpr const char* demo_login = "batuta";
constexpr Duration start_patience = std::chrono::seconds(60);  // initdb on a slow disk
constexpr auto look_again = std::chrono::milliseconds(50);
// A stop that waits for no client; then one that keeps no house.
constexpr int ask_to_stop[] = {SIGINT, SIGQUIT, SIGKILL};
constexpr std::size_t max_output = std::size_t{1} << 20;

Error not_started(const std::string& why) {
  return {Errc::unavailable, "PostgreSQL for --real: " + why, {}};
}

bool has_programs(const fs::path& folder) {
  for (const char* name : {"initdb", "postgres", "pg_isready", "psql"})
    if (access((folder / name).c_str(), X_OK) != 0) return false;
  return true;
}

// Debian keeps each version apart, and only psql and its like on the PATH. The newest.
std::string folder_of_programs() {
  std::vector<std::pair<int, std::string>> found;
  std::error_code error;
  for (fs::directory_iterator at("/usr/lib/postgresql", error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    int version = 0;
    std::from_chars(name.data(), name.data() + name.size(), version);
    if (has_programs(at->path() / "bin")) found.emplace_back(version, at->path() / "bin");
  }
  if (!found.empty()) return std::max_element(found.begin(), found.end())->second;
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    const std::string folder = rest.substr(0, colon);
    if (folder.starts_with('/') && has_programs(folder)) return folder;
    rest.erase(0, std::min(colon + 1, rest.size()));
  }
  return {};
}

Status give(const std::string& path, uid_t uid, gid_t gid, mode_t mode) {
  if (chmod(path.c_str(), mode) == 0 && (geteuid() != 0 || chown(path.c_str(), uid, gid) == 0))
    return success();
  return not_started(path + " cannot be given to its user: " + std::strerror(errno));
}

// As a value of a connection string of libpq.
std::string conninfo_value(const std::string& text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return out + "'";
}

// What a command wrote, both streams; its exit code in `code`.
Result<std::string> said_by(std::vector<std::string> command, int& code) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return not_started("no pipe for a command");
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  const auto child = start_process(std::move(command), in.get(), in.get());
  in = UniqueFd();
  if (!child) return child.error();
  std::string text;
  char buffer[65536];
  for (ssize_t got = 0; (got = read(out.get(), buffer, sizeof buffer)) > 0;)
    if (text.size() < max_output) text.append(buffer, static_cast<std::size_t>(got));
  int status = 0;
  waitpid(*child, &status, 0);
  code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return text;
}

}  // namespace

Result<std::unique_ptr<DemoPostgres>> DemoPostgres::start(const std::string& home) {
  std::unique_ptr<DemoPostgres> server(new DemoPostgres);
  server->home_ = home;
  server->folder_ = home + "/" + postgres_folder;
  server->programs_ = folder_of_programs();
  if (server->programs_.empty())
    return {Errc::not_found,
            "--real needs a PostgreSQL server, and none is installed: there is no initdb with "
            "postgres and psql in /usr/lib/postgresql/*/bin or on the PATH (Debian: apt-get "
            "install postgresql). Without --real SQLite takes its place"};
  server->uid_ = geteuid();
  server->gid_ = getegid();
  if (server->uid_ == 0) {
    const passwd* user = getpwnam("postgres");
    if (user == nullptr) user = getpwnam("nobody");
    if (user == nullptr)
      return not_started("it does not run as root, and there is no user postgres or nobody");
    server->user_ = user->pw_name;
    server->uid_ = user->pw_uid;
    server->gid_ = user->pw_gid;
  }
  if (auto status = end_left_postgres(home); !status) return status.error();
  if (auto status = server->make_cluster(); !status) return status.error();
  if (auto status = server->launch(); !status) return status.error();
  return server;
}

DemoPostgres::~DemoPostgres() {
  if (pid_ > 0) end_demo_process(pid_, true, ask_to_stop);
}

// Another user than ours: it may pass through the home to its own folder, and see nothing there.
// The working folder is one that every user may be in. In a session of its own: a terminal's Ctrl-C
// is for this process, whose tasks may still need the server.
std::vector<std::string> DemoPostgres::as_its_user(std::vector<std::string> command) const {
  std::vector<std::string> out = {"/usr/bin/env", "-C",          "/",  "setsid",
                                  "setpriv",      "--pdeathsig", "INT"};
  if (!user_.empty()) {
    out.push_back("--reuid=" + std::to_string(uid_));
    out.push_back("--regid=" + std::to_string(gid_));
    out.emplace_back("--clear-groups");
  }
  out.emplace_back("--");
  out.insert(out.end(), std::make_move_iterator(command.begin()),
             std::make_move_iterator(command.end()));
  return out;
}

// Made beside its place and put there whole: one that was interrupted is made anew.
Status DemoPostgres::make_cluster() {
  std::error_code error;
  const std::string own = folder_ + server_folder;
  fs::create_directories(own, error);
  if (error) return not_started(own + " cannot be made: " + error.message());
  if (!user_.empty()) {
    // Where root writes later that user may change nothing: a link there would lead it astray.
    for (const std::string& passed : {home_, home_ + "/demo", folder_})
      if (chown(passed.c_str(), uid_t(-1), gid_) != 0 || chmod(passed.c_str(), 0710) != 0)
        return not_started(passed + " cannot be opened to the user " + user_ + ": " +
                           std::strerror(errno));
  }
  if (auto status = give(own, uid_, gid_, 0700); !status) return status;
  int code = 0;
  const auto reached = said_by(as_its_user({"/usr/bin/test", "-w", own}), code);
  if (!reached) return reached.error();
  if (code != 0)
    return not_started("the user " + user_ + ", as whom it runs, does not get to " + own +
                       ": take another --home, in a folder that others may pass through, or "
                       "run this as somebody who is not root" +
                       (reached->empty() ? "" : " (" + *reached + ")"));
  address_.login = demo_login;
  address_.pass_file = folder_ + "/pgpass";
  const std::string password_file = folder_ + "/password";
  const std::string data = own + "/data";
  if (!fs::exists(data, error)) {
    fs::remove_all(data + ".new", error);
    if (auto status = write_secret(password_file, secret_text()); !status) return status;
    if (auto status = give(password_file, geteuid(), gid_, user_.empty() ? 0600 : 0640); !status)
      return status;
    const auto said =
        said_by(as_its_user({programs_ + "/initdb", "--pgdata", data + ".new", "--username",
                             demo_login, "--pwfile", password_file, "--auth", "scram-sha-256",
                             "--encoding", "UTF8", "--locale", "C"}),
                code);
    if (!said) return said.error();
    if (code != 0)
      return not_started("initdb ended with exit code " + std::to_string(code) + ": " + *said);
    fs::rename(data + ".new", data, error);
    if (error) return not_started(data + " cannot be made: " + error.message());
  }
  address_.password = text_of_file(password_file);
  return success();
}

Status DemoPostgres::launch() {
  address_.port = free_port();
  if (auto status =
          write_secret(address_.pass_file, "127.0.0.1:" + std::to_string(address_.port) +
                                               ":*:" + demo_login + ":" + address_.password + "\n");
      !status)
    return status;
  const std::string log = folder_ + "/log";
  const UniqueFd output(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (output.get() < 0) return not_started(log + " cannot be written: " + std::strerror(errno));
  // No socket in a folder: those have names of at most 107 bytes.
  const auto child =
      start_process(as_its_user({programs_ + "/postgres", "-D", folder_ + server_folder + "/data",
                                 "-p", std::to_string(address_.port), "-c",
                                 "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}),
                    output.get(), output.get());
  if (!child) return child.error();
  pid_ = *child;
  const Boot deadline = read_clock().boot + start_patience;
  for (;;) {
    int code = 0;
    const auto said = said_by(
        {programs_ + "/pg_isready", "-q", "-h", "127.0.0.1", "-p", std::to_string(address_.port)},
        code);
    if (!said) return said.error();
    if (waitpid(pid_, nullptr, WNOHANG) != 0) {
      pid_ = -1;
      return not_started("it ended at once: " + end_of_log(log));
    }
    if (code == 0) return success();
    if (read_clock().boot > deadline)
      return not_started("it does not answer after a minute: " + end_of_log(log));
    std::this_thread::sleep_for(look_again);
  }
}

// The password comes from a file, which is in no list of processes.
std::vector<std::string> DemoPostgres::psql(const std::string& database) const {
  return {programs_ + "/psql",
          "--no-psqlrc",
          "--quiet",
          "--tuples-only",
          "--no-align",
          "--set",
          "ON_ERROR_STOP=1",
          "host=127.0.0.1 port=" + std::to_string(address_.port) + " user=" + demo_login +
              " dbname=" + database + " passfile=" + conninfo_value(address_.pass_file) +
              " connect_timeout=10"};
}

Status DemoPostgres::prepare(const std::string& database, const std::string& script,
                             const std::string& file) const {
  const auto there =
      rows("postgres", "SELECT 1 FROM pg_database WHERE datname = '" + database + "'");
  if (!there) return there.error();
  if (there->empty()) {
    const auto made = rows("postgres", "CREATE DATABASE " + database);
    if (!made) return made.error();
  }
  if (auto status = write_secret(file, script); !status) return status;
  std::vector<std::string> command = psql(database);
  command.insert(command.end(), {"--single-transaction", "--file", file});
  int code = 0;
  const auto said = said_by(std::move(command), code);
  std::error_code ignored;
  fs::remove(file, ignored);
  if (!said) return said.error();
  if (code != 0) return not_started("psql: " + *said);
  return success();
}

Result<std::vector<std::string>> DemoPostgres::rows(const std::string& database,
                                                    const std::string& query) const {
  std::vector<std::string> command = psql(database);
  command.insert(command.end(), {"--command", query});
  int code = 0;
  const auto said = said_by(std::move(command), code);
  if (!said) return said.error();
  if (code != 0) return not_started("psql: " + *said);
  std::vector<std::string> out;
  for (std::size_t from = 0; from < said->size();) {
    const auto end = std::min(said->find('\n', from), said->size());
    if (end > from) out.push_back(said->substr(from, end - from));
    from = end + 1;
  }
  return out;
}

Status end_left_postgres(const std::string& home) {
  const std::string data = home + "/" + postgres_folder + server_folder + "/data";
  return end_left_process(data + "/postmaster.pid", data, "PostgreSQL server", ask_to_stop);
}

}  // namespace batuta
