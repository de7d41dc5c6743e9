#include "scheduler/endpoint.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/safe_json.h"

namespace batuta {
namespace {

constexpr Duration lifetime = std::chrono::hours(24);
constexpr const char* file = "run/endpoint.json";

// The token in the file of a server that did not live to withdraw it; empty when there is none.
std::string left_behind(const Home& home) {
  std::ifstream in(home.path(file), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto endpoint = parse_untrusted(text);
  if (!endpoint || !endpoint->is_object()) return {};
  const auto token = endpoint->find("token");
  return token != endpoint->end() && token->is_string() ? token->get<std::string>() : "";
}

// Runs `change` on the control thread and waits for its commit.
Status on_control(Engine& engine, std::function<Status()> change) {
  auto told = std::make_shared<std::promise<Status>>();
  auto result = told->get_future();
  engine.write(std::move(change), [told](Status status) { told->set_value(std::move(status)); });
  return result.get();
}

}  // namespace

Endpoint::Endpoint(const Home& home, Registry& registry, Engine& engine)
    : home_(home), registry_(registry), engine_(engine) {}

Status Endpoint::publish(const std::string& url) {
  url_ = url;
  if (const std::string old = left_behind(home_); token_.empty() && !old.empty()) {
    if (const auto status = end_token(old); !status && status.error().code != Errc::not_found) {
      return status;
    }
  }
  auto issued = issue();
  if (!issued) return issued.error();
  token_ = std::move(*issued);
  const nlohmann::json endpoint{{"url", url_}, {"token", token_}, {"pid", ::getpid()}};
  return home_.write_private(file, json_text(endpoint) + "\n");
}

void Endpoint::renew_if_due() {
  const Time now = read_clock().wall;
  // The old token stays for those who are just using it; it has half of its life left at most.
  if (now - issued_at_ < lifetime / 2 && registry_.check_token(token_, now)) return;
  if (const auto status = publish(url_); !status) {
    log::warn("the command line's token could not be renewed: " + status.error().message);
  }
}

void Endpoint::withdraw() {
  if (token_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove(home_.path(file), ignored);
  // When the store cannot be written the token ends at the next start, or by itself.
  if (const auto status = end_token(token_); !status) {
    log::warn("the command line's token could not be ended: " + status.error().message);
  }
}

Result<std::string> Endpoint::issue() {
  auto token = std::make_shared<std::string>();
  const Time now = read_clock().wall;
  const Status status = on_control(engine_, [this, token, now]() -> Status {
    const auto users = registry_.users();
    const auto admin = std::find_if(users.begin(), users.end(),
                                    [](const User& user) { return user.role == "admin"; });
    if (admin == users.end()) return {Errc::not_found, "there is no user with the role admin", {}};
    EventLogRow row;
    row.when = now;
    row.event = "token_created";
    row.owner = admin->name;
    row.extra_json = R"({"by":"start","purpose":"command line"})";
    return registry_.audited(row, [&]() -> Status {
      auto issued = registry_.issue_token(admin->name, "command line", now, lifetime);
      if (!issued) return issued.error();
      *token = std::move(*issued);
      return success();
    });
  });
  if (!status) return status.error();
  issued_at_ = now;
  return *token;
}

Status Endpoint::end_token(const std::string& token) {
  return on_control(engine_, [this, token] { return registry_.revoke_token(token); });
}

}  // namespace batuta
