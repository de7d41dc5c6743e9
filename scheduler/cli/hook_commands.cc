// hooks: triggers a DAG as a program outside does, by its signed webhook.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/store/crypto.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr const char* secret_variable = "BATUTA_HOOK_SECRET";

struct HookArguments {
  std::string dag_id, conf = "{}", key;
};

void send_hook(Session& session, const HookArguments& a) {
  const char* secret = std::getenv(secret_variable);
  if (secret == nullptr || *secret == '\0') {
    throw Failure(std::string("set $") + secret_variable + " to the webhook's secret", 2);
  }
  const auto conf = parse_untrusted(a.conf);
  if (!conf || !conf->is_object()) throw Failure("--conf must be a JSON object", 2);
  const std::string seconds = std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(read_clock().wall.time_since_epoch())
          .count());
  const Digest mac =
      hmac_sha256(secret, seconds + "." + (a.key.empty() ? "" : a.key + ".") + json_text(*conf));
  Client::Headers headers{{"X-Batuta-Signature", "t=" + seconds + ",v1=" + hex_of(mac)}};
  if (!a.key.empty()) headers.emplace_back("Idempotency-Key", a.key);
  print_object(
      session.format(),
      session.client().call("POST", "/hooks/" + percent_encoded(a.dag_id), *conf, headers));
}

}  // namespace

void add_hook_commands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("hooks", "Webhooks of DAGs: send one, signed");
  noun->require_subcommand(1);
  auto a = std::make_shared<HookArguments>();
  CLI::App* send =
      add_verb(*noun, session, "send",
               "Trigger a DAG by its webhook, signed with the secret in $BATUTA_HOOK_SECRET",
               [&session, a] { send_hook(session, *a); });
  send->add_option("dag_id", a->dag_id)->required();
  send->add_option("--conf", a->conf, "the body, a JSON object: the run's conf");
  send->add_option("--idempotency-key", a->key, "the same key makes one run");
}

}  // namespace batuta::cli
