#include "plugins/builtin/virtual_environment.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/fd.h"
#include "plugins/builtin/child.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

namespace fs = std::filesystem;

std::string key_of(const std::string& python, const std::vector<std::string>& packages) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  const auto add = [&](const std::string& text) {
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(text.c_str()),
                              text.size() + 1);  // with the NUL: ["a","b"] is not ["ab"]
  };
  add(python);
  std::error_code ignored;  // an upgrade of the interpreter behind the name wants another one
  add(fs::canonical(python, ignored).string());
  for (const std::string& package : packages) add(package);
  unsigned char hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256_final(&state, hash);
  char text[2 * sizeof hash + 1];
  sodium_bin2hex(text, sizeof text, hash, sizeof hash);
  return std::string(text).substr(0, 32);
}

std::string folder_of_all() {
  std::string folder;
  if (const char* given = std::getenv("BATUTA_VENV_FOLDER"); given && *given) {
    folder = given;
  } else if (const char* home = std::getenv("HOME"); home && *home) {
    folder = std::string(home) + "/.cache/batuta/venv";
  }
  std::error_code error;
  if (!folder.empty()) fs::create_directories(folder, error);
  if (folder.empty() || error || ::access(folder.c_str(), W_OK) != 0) {
    throw FinalError("there is no place for a virtual environment" +
                     (folder.empty() ? std::string{} : " (" + folder + " cannot be written)") +
                     ": set BATUTA_VENV_FOLDER for the worker, or name a ready interpreter by "
                     "\"python\" instead of \"requirements\"");
  }
  return folder;
}

// Held while the environment is made; freed by the kernel whatever becomes of us.
UniqueFd lock_of(Context& context, const std::string& path) {
  UniqueFd lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!lock) throw RetryableError("cannot open " + path + ": " + std::strerror(errno));
  bool told = false;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (!told) context.info("waiting: another attempt makes this virtual environment");
    told = true;
    context.sleep(std::chrono::milliseconds(200));
    context.check_cancelled();
  }
  return lock;
}

void run(Context& context, const std::string& program, std::vector<std::string> arguments,
         const std::string& what) {
  Child child;
  child.program = program;
  child.arguments = std::move(arguments);
  child.folder = context.scratch();
  child.environment = environment_of(context);
  child.environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1";
  child.environment["PIP_NO_INPUT"] = "1";
  child.environment["PIP_ROOT_USER_ACTION"] = "ignore";  // it is an environment of its own
  // How this machine reaches packages is the worker's business: pip's own variables pass.
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view line = *variable;
    const auto equals = line.find('=');
    const auto name = line.substr(0, equals);
    const bool proxy = name.ends_with("_proxy") || name.ends_with("_PROXY");
    if (equals == std::string_view::npos || !(name.starts_with("PIP_") || proxy)) continue;
    child.environment[std::string(name)] = line.substr(equals + 1);
  }
  child.cancelled = [&context] { return context.cancelled(); };
  const ChildEnd end = run_child(child);
  context.check_cancelled();
  if (end.signal != 0)
    throw RetryableError(what + " ended by signal " + std::to_string(end.signal));
  if (end.exit_code != 0) {
    throw RetryableError(what + " failed with exit code " + std::to_string(end.exit_code) +
                         "; its words are in the log");
  }
}

}  // namespace

std::string interpreter(const std::string& name, const std::string& path) {
  if (name.starts_with('/')) {
    if (::access(name.c_str(), X_OK) == 0) return name;
    throw FinalError("python: " + name + ": " + std::strerror(errno));
  }
  if (name.empty() || name.find('/') != std::string::npos) {
    throw FinalError("python: \"" + name + "\" is neither an absolute path nor a program's name");
  }
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    const std::string candidate = path.substr(at, end - at) + "/" + name;
    if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    at = end + 1;
  }
  throw FinalError("python: there is no " + name + " in the worker's PATH (" + path + ")");
}

std::string virtual_environment(Context& context, const std::string& python,
                                std::vector<std::string> packages) {
  for (const std::string& package : packages) {
    if (package.empty() || package.starts_with('-') ||
        package.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos) {
      throw FinalError("requirements: \"" + package.substr(0, 80) +
                       "\" is not the name of a package; options belong into the worker's PIP_* "
                       "variables");
    }
  }
  std::sort(packages.begin(), packages.end());
  const std::string folder = folder_of_all() + "/" + key_of(python, packages);
  const std::string made = folder + "/.complete";
  const std::string program = folder + "/bin/python";
  if (::access(made.c_str(), F_OK) == 0) return program;
  const UniqueFd lock = lock_of(context, folder + ".lock");
  if (::access(made.c_str(), F_OK) == 0) return program;
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  context.info("making a virtual environment with " + std::to_string(packages.size()) +
               " packages in " + folder);
  run(context, python, {"-m", "venv", folder}, "python -m venv");
  std::vector<std::string> words{"-m", "pip", "install", "--quiet", "--"};
  words.insert(words.end(), packages.begin(), packages.end());
  run(context, program, std::move(words), "pip");
  write_private(made, "");
  return program;
}

}  // namespace batuta::plugin
