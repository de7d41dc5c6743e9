// Inbound webhooks: whoever can sign with the secret of a DAG's webhook triggers it.
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/uuid.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/dagfile/run_conf.h"
#include "scheduler/store/crypto.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_signatures = 4;

// "t=1763640000,v1=<hex>[,v1=<hex>…]": as our own webhooks are signed, and Stripe's.
struct HookSignature {
  std::int64_t seconds = 0;
  std::string text;  // the seconds as they were written: they are signed
  std::vector<std::string> macs;
};

std::optional<HookSignature> read_signature(std::string_view header) {
  HookSignature found;
  while (!header.empty()) {
    const auto comma = std::min(header.find(','), header.size());
    const std::string_view part = header.substr(0, comma);
    header.remove_prefix(std::min(comma + 1, header.size()));
    if (part.starts_with("t=") && found.text.empty()) {
      found.text = part.substr(2);
    } else if (part.starts_with("v1=") && found.macs.size() < max_signatures) {
      found.macs.emplace_back(part.substr(3));
    }
  }
  const char* end = found.text.data() + found.text.size();
  const auto [stop, error] = std::from_chars(found.text.data(), end, found.seconds);
  const bool sound = error == std::errc() && stop == end && found.seconds >= 0 &&
                     found.text.size() <= 12 && !found.macs.empty();
  return sound ? std::optional(std::move(found)) : std::nullopt;
}

// The key of its own, if a delivery has one, is signed with it: else who saw one delivery could
// send it again under other keys. A body is an object, so that the signed text is read in one way
// only.
bool is_signed(const HookSignature& signature, const std::string& secret, const Request& request) {
  const std::string* key = request.header("idempotency-key");
  const Digest right =
      hmac_sha256(secret, signature.text + "." + (key ? *key + "." : std::string()) + request.body);
  const Digest wanted = sha256(hex_of(right));
  bool signed_so = false;
  for (const std::string& mac : signature.macs) {
    signed_so = equal_in_constant_time(sha256(mac), wanted) || signed_so;
  }
  return signed_so;
}

// Reader thread, which no stranger may stop: what is not known yet, or cannot be looked up now, is
// Errc::unavailable, and the sender delivers again. Empty: there is none.
Result<std::string> secret_of(const ApiServices& services, const Webhook& webhook) {
  std::vector<std::string> opened;
  const FindSecret find = [&](const SecretReference& one) -> std::optional<Result<std::string>> {
    if (services.secrets) return services.secrets->find(one);
    return Result<std::string>(Errc::forbidden, "nothing here looks secrets up");
  };
  const auto told = [](const Result<bool>& whole, const std::string& value) -> Result<std::string> {
    const bool later = whole ? !*whole : whole.error().code == Errc::unavailable;
    if (later) return {Errc::unavailable, "the webhook's secret is not known yet: deliver again"};
    return whole ? value : std::string();
  };
  if (!webhook.variable.empty()) {
    auto variable = services.registry.variable(webhook.variable);
    if (!variable) return std::string();
    const auto whole = open_variable(*variable, find, opened);
    return told(whole, variable->value);
  }
  auto connection = services.registry.connection(webhook.connection);
  if (!connection) return std::string();
  const auto whole = open_connection(*connection, find, opened);
  return told(whole, connection->password);
}

// What was wrong goes into the event log, as far as strangers may fill it; the caller learns less.
void note_refusal(Context& context, const Call& call, const std::string& dag_id, const char* why) {
  context.on_io([&context, call, dag_id, why] {
    const auto left_out = context.brake.admit(context.now());
    if (!left_out) return;
    context.change(
        call, "hook_refused",
        {{"why", why}, {"address", call.request->peer}, {"left_out_before", *left_out}}, success,
        [](const Status&) {}, dag_id);
  });
}

// Told before the secret is asked for: looking one up takes time, which strangers shall not spend.
const char* early_refusal(const HookSignature* signature, const Webhook& hook, Time now) {
  if (signature == nullptr) return "no signature";
  const Time at{std::chrono::seconds(signature->seconds)};
  const bool fits = at <= now + hook.window && at >= now - hook.window;
  return fits ? nullptr : "timestamp outside the window";
}

// Empty: the request may trigger the DAG.
const char* refusal(const HookSignature* signature, const std::string& secret,
                    const Request& request) {
  if (secret.empty()) return "no secret";
  if (!is_signed(*signature, secret, request)) return "wrong signature";
  return nullptr;
}

// What knows a delivery without a key of its own: sent again, it makes no run. A body with
// passwords must not be guessed by it, and it outlives a change of secret.key: so it is keyed with
// the hook's own secret there.
std::string key_of_delivery(const Request& request, const Dag& dag, const HookSignature& signature,
                            const std::string& secret) {
  if (password_params(dag).empty()) return signature.text + "." + sha256_hex(request.body);
  return hex_of(hmac_sha256(secret, "delivery." + signature.text + "." + request.body));
}

Result<RunRequested> hooked_run(const Request& request, const Dag& dag,
                                const HookSignature& signature, const std::string& secret,
                                Time now) {
  const auto body = body_object(request);
  if (!body) return body.error();
  RunRequested event;
  event.dag_id = dag.id;
  if (auto status = set_conf(dag, json_text(*body), event); !status) return status.error();
  event.uuid = make_uuid_v7(now);
  event.user = "webhook";
  const std::string* key = request.header("idempotency-key");
  if (key && (key->empty() || key->size() > 200)) {
    return Error{Errc::invalid, "must be 1 to 200 bytes long", "header.Idempotency-Key"};
  }
  event.idempotency_key = "hook:" + (key ? *key : key_of_delivery(request, dag, signature, secret));
  event.request_digest = stable_uuid("hook:" + json_text(*body));
  return event;
}

}  // namespace

void receive_hook(Context& context, Call call) {
  const std::string dag_id = path_param(*call.request, "dag_id");
  const auto bag = context.services.backend.dags();
  const auto found = bag->dags.find(dag_id);
  if (found == bag->dags.end() || !found->second->webhook) {
    return call.respond(error_response({Errc::not_found, "there is no such webhook", {}}));
  }
  context.work(call, [&context, call, dag = found->second]() -> Status {
    const Request& request = *call.request;
    const std::string* header = request.header("x-batuta-signature");
    const auto signature = header ? read_signature(*header) : std::nullopt;
    const Time now = context.now();
    const char* why = early_refusal(signature ? &*signature : nullptr, *dag->webhook, now);
    const auto secret =
        why ? Result<std::string>(std::string()) : secret_of(context.services, *dag->webhook);
    if (!secret) return secret.error();
    if (!why) why = refusal(&*signature, *secret, request);
    if (why) {
      note_refusal(context, call, dag->id, why);
      return {
          Errc::unauthenticated,
          "X-Batuta-Signature must be t=<seconds>,v1=<hex of HMAC-SHA256(secret, \"<seconds>.\" "
          "+ body)>, of now and with this webhook's secret; with an Idempotency-Key, of "
          "\"<seconds>.<key>.\" + body"};
    }
    auto event = hooked_run(request, *dag, *signature, *secret, now);
    if (!event) return event.error();
    context.services.backend.request(*std::move(event), [call](const Reply& reply) {
      if (reply.code != Errc::ok || !reply.run) {
        return call.respond(error_response(reply_error(reply)));
      }
      call.respond(json_response({{"dag_id", reply.run->dag_id},
                                  {"dag_run_id", reply.run->dag_run_id},
                                  {"state", to_string(reply.run->state)},
                                  {"repeated", reply.repeated}},
                                 202));
    });
    return success();
  });
}

}  // namespace batuta::http
