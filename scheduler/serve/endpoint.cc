#include "scheduler/serve/endpoint.h"

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/safe_json.h"

namespace batuta {
namespace {

constexpr Duration lifetime = std::chrono::hours(24);
constexpr const char* endpoint_file = "run/endpoint.json";

}  // namespace

std::string reachable_host(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "[::1]";
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

std::string an_admin(const Registry& registry) {
  std::string found;
  for (const User& user : registry.users()) {
    if (!user.identity.empty()) continue;  // the provider may take its role at any time
    if (user.role == "admin" && (found.empty() || user.name == "admin")) found = user.name;
  }
  return found;
}

Endpoint::Endpoint(const Home& home, Registry& registry, Engine& engine)
    : home_(home), registry_(registry), engine_(engine) {}

Status Endpoint::publish(const std::string& url) {
  const std::lock_guard lock(mutex_);
  const Status ended = engine_.write_and_wait([this]() -> Status {
    for (const TokenInfo& old : registry_.tokens(read_clock().wall)) {
      if (old.purpose != server_purpose) continue;
      if (auto status = registry_.revoke_token_id(old.id); !status) return status;
    }
    return success();
  });
  if (!ended) return ended;
  url_ = url;
  return write_file();
}

void Endpoint::renew_if_due() {
  const std::lock_guard lock(mutex_);
  if (token_.empty()) return;  // withdrawn, or not published yet
  const Time now = read_clock().wall;
  const auto holder = registry_.check_token(token_, now);
  // The old token stays for those who are just using it; it has half of its life left at most.
  if (now - issued_at_ < lifetime / 2 && holder && holder->user.role == "admin") return;
  if (const auto status = write_file(); !status) {
    log::warn("the command line's token could not be renewed: " + status.error().message);
  }
}

void Endpoint::withdraw() {
  const std::lock_guard lock(mutex_);
  if (token_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove(home_.path(endpoint_file), ignored);
  const auto status = engine_.write_and_wait([this] { return registry_.revoke_token(token_); });
  token_.clear();
  // When the store cannot be written the token ends at the next start, or by itself.
  if (!status && status.error().code != Errc::not_found) {
    log::warn("the command line's token could not be ended: " + status.error().message);
  }
}

Status Endpoint::write_file() {
  const Time now = read_clock().wall;
  auto issued = issue(now);
  if (!issued) return issued.error();
  const nlohmann::json endpoint{{"url", url_}, {"token", *issued}, {"pid", ::getpid()}};
  if (auto written = home_.write_private(endpoint_file, json_text(endpoint) + "\n"); !written) {
    const auto ended =
        engine_.write_and_wait([this, token = *issued] { return registry_.revoke_token(token); });
    if (!ended) log::warn("an unused token could not be ended: " + ended.error().message);
    return written;
  }
  token_ = std::move(*issued);
  issued_at_ = now;
  return success();
}

Result<std::string> Endpoint::issue(Time now) {
  auto token = std::make_shared<std::string>();
  const Status status = engine_.write_and_wait([this, token, now]() -> Status {
    EventLogRow row;
    row.when = now;
    row.event = "token_created";
    row.owner = an_admin(registry_);
    row.extra_json = R"({"by":"start","purpose":"command line"})";
    return registry_.audited(row, [&]() -> Status {
      auto issued = registry_.issue_token(row.owner, server_purpose, now, lifetime);
      if (!issued) return issued.error();
      *token = std::move(*issued);
      return success();
    });
  });
  if (!status) return status.error();
  return *token;
}

}  // namespace batuta
