#include "plugins/builtin/secret_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "plugins/builtin/child.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

// "my-api" is $BATUTA_SECRET_MY_API.
std::string variable_of(const std::string& connection) {
  std::string name = "BATUTA_SECRET_";
  for (const unsigned char c : connection) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += lower ? static_cast<char>(c - 32) : kept ? static_cast<char>(c) : '_';
  }
  return name;
}

}  // namespace

void hand_over_secrets(const Context& context, const std::string& folder,
                       const std::string& seen_as, std::map<std::string, std::string>& environment,
                       const std::string& except) {
  auto names = context.connections();
  std::erase(names, except);
  if (names.empty()) return;
  if (::mkdir(folder.c_str(), 0700) != 0) {
    throw RetryableError("cannot make " + folder + ": " + std::strerror(errno));
  }
  for (const std::string& name : names) {
    const std::string variable = variable_of(name);
    if (environment.contains(variable)) {
      throw FinalError("connection " + name + ": $" + variable +
                       " is taken by another connection or by \"env\"; rename one");
    }
    write_private(folder + "/" + name, context.connection_json(name));
    environment[variable] = seen_as + "/" + name;
  }
}

}  // namespace batuta::plugin
