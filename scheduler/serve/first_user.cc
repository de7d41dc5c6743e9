#include "scheduler/serve/first_user.h"

#include <nlohmann/json.hpp>
#include <string>

#include "common/safe_json.h"
#include "common/uuid.h"

namespace batuta {
namespace {

std::string new_password() {
  char random[18];
  random_bytes(random, sizeof random);
  static constexpr char alphabet[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  std::string password;
  for (const char c : random) {
    password += alphabet[static_cast<unsigned char>(c) % (sizeof alphabet - 1)];
  }
  return password;
}

}  // namespace

Status make_first_user(Registry& registry, const Home& home) {
  const std::string password = new_password();
  if (auto status = registry.set_user(first_user, "admin", hash_password(password)); !status) {
    return status;
  }
  const nlohmann::json admin{{"username", first_user}, {"password", password}};
  return home.write_private("admin.json", json_text(admin) + "\n");
}

}  // namespace batuta
