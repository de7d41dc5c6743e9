#include "scheduler/commands/demo_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "common/fd.h"
#include "common/time.h"
#include "common/uuid.h"

namespace batuta {
namespace {

constexpr Duration demo_stop_patience = std::chrono::seconds(20);
constexpr std::size_t log_shown = 1000;
constexpr auto look_for_end = std::chrono::milliseconds(50);

// Gone within the time; a child is reaped.
bool is_gone(pid_t pid, bool child, Duration within) {
  const Boot deadline = read_clock().boot + within;
  for (;;) {
    const bool gone =
        child ? waitpid(pid, nullptr, WNOHANG) != 0 : kill(pid, 0) != 0 && errno == ESRCH;
    if (gone) return true;
    if (read_clock().boot > deadline) return false;
    std::this_thread::sleep_for(look_for_end);
  }
}

}  // namespace

bool end_demo_process(pid_t pid, bool child, std::span<const int> signals) {
  for (const int signal : signals) {
    kill(pid, signal);
    if (is_gone(pid, child, demo_stop_patience)) return true;
  }
  return false;
}

Status end_left_process(const std::string& pid_file, const std::string& word,
                        const std::string& name, std::span<const int> signals) {
  const std::string text = text_of_file(pid_file);
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  if (pid <= 1) return success();
  std::string words = text_of_file("/proc/" + std::to_string(pid) + "/cmdline");
  std::replace(words.begin(), words.end(), '\0', '\n');
  if (words.find("\n" + word + "\n") == words.npos) return success();
  if (end_demo_process(pid, false, signals)) return success();
  return {Errc::conflict, "the " + name + " of this home, process " + std::to_string(pid) +
                              ", does not end: kill it, and say this once more"};
}

std::string end_of_log(const std::string& path) {
  const std::string text = text_of_file(path);
  return text.size() <= log_shown ? text : "…" + text.substr(text.size() - log_shown);
}

std::string text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string secret_text() {
  std::uint8_t bytes[20];
  random_bytes(bytes, sizeof bytes);
  std::string out;
  for (const std::uint8_t byte : bytes) {
    constexpr const char* digits = "0123456789abcdef";
    out += {digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

int free_port() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd.get(), any, size) != 0 || getsockname(fd.get(), any, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

Status write_secret(const std::string& path, const std::string& text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd.get() >= 0 && write(fd.get(), text.data(), text.size()) == ssize_t(text.size()))
    return success();
  return {Errc::unavailable, path + " cannot be written: " + std::strerror(errno)};
}

}  // namespace batuta
