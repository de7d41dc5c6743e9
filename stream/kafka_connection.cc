#include "stream/kafka_connection.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <vector>

#include "common/safe_json.h"

namespace batuta::stream {
namespace {

using nlohmann::json;

const std::map<std::string, std::string> own_names{{"security_protocol", "security.protocol"},
                                                   {"sasl_mechanism", "sasl.mechanism"},
                                                   {"ca_file", "ssl.ca.location"},
                                                   {"cert_file", "ssl.certificate.location"},
                                                   {"key_file", "ssl.key.location"},
                                                   {"key_password", "ssl.key.password"},
                                                   {"client_id", "client.id"}};

// What decides over exactly-once, bounds and time-outs is not the connection's to say.
const std::set<std::string> ours{"enable.auto.commit",
                                 "enable.auto.offset.store",
                                 "auto.offset.reset",
                                 "enable.partition.eof",
                                 "group.id",
                                 "isolation.level",
                                 "message.max.bytes",
                                 "enable.idempotence",
                                 "acks",
                                 "request.required.acks",
                                 "transactional.id"};

// Code or programs of the editor's choice, in the scheduler too, which looks for wait_for topic.
bool loads_code(std::string_view name) {
  return name == "plugin.library.paths" || name == "ssl.providers" ||
         name.starts_with("ssl.engine.") || name.starts_with("sasl.kerberos.");
}

Error wrong(const KafkaConnection& connection, const std::string& field, const std::string& what) {
  return {Errc::invalid, "connection " + connection.id + ": " + field + ": " + what, field};
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string list_of(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
  return text;
}

// "host" or "host:port"; brackets around an IPv6 address.
Result<std::string> server_of(const KafkaConnection& connection, std::string_view text, int port) {
  const auto begin = text.find_first_not_of(' ');
  const auto end = text.find_last_not_of(' ');
  if (begin == std::string_view::npos) {
    return wrong(connection, "host", "an empty name between two commas");
  }
  text = text.substr(begin, end - begin + 1);
  if (text.find("://") != std::string_view::npos) {
    return wrong(connection, "host",
                 "\"broker:9092\", several with commas between; no scheme, TLS is said by "
                 "security_protocol in extra");
  }
  const auto colon = text.find_last_of(':');
  const bool named = colon != std::string_view::npos && text.find(']', colon) == text.npos &&
                     (text.front() == '[' || text.find(':') == colon);
  if (!named) return std::string(text) + ":" + std::to_string(port);
  int number = 0;
  const auto digits = text.substr(colon + 1);
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || last != digits.data() + digits.size() || number < 1 ||
      number > 65535 || colon == 0) {
    return wrong(connection, "host",
                 "\"" + std::string(text) + "\" has no port between 1 and 65535");
  }
  return std::string(text);
}

Result<std::string> servers_of(const KafkaConnection& connection, int port) {
  std::string out;
  std::string_view left = connection.host;
  for (;;) {
    const auto comma = left.find(',');
    const auto one = server_of(connection, left.substr(0, comma), port);
    if (!one) return one.error();
    out += (out.empty() ? "" : ",") + *one;
    if (comma == std::string_view::npos) return out;
    left.remove_prefix(comma + 1);
  }
}

Status read_extra(const KafkaConnection& connection, KafkaSettings& settings) {
  if (connection.extra.empty()) return success();
  const auto extra = parse_untrusted(connection.extra);
  if (!extra || !extra->is_object()) return wrong(connection, "extra", "must be a JSON object");
  for (const auto& [name, value] : extra->items()) {
    const std::string field = "extra." + name;
    std::string text;
    if (value.is_string()) {
      text = value.get<std::string>();
    } else if (value.is_boolean() || value.is_number()) {
      text = json_text(value);
    } else {
      return wrong(connection, field, "must be text, a number, true or false");
    }
    if (const auto known = own_names.find(name); known != own_names.end()) {
      settings[known->second] = text;
    } else if (ours.contains(name)) {
      return wrong(connection, field, "is not a connection's to say: exactly-once rests on it");
    } else if (loads_code(name)) {
      return wrong(connection, field,
                   "is not a connection's to say: it would load a library or run a program");
    } else if (name.find('.') != std::string::npos) {
      settings[name] = text;
    } else {
      std::vector<std::string> names;
      for (const auto& [own, dotted] : own_names) names.push_back(own);
      return wrong(
          connection, field,
          "is not known; there are " + list_of(names) + ", and librdkafka's own with their dots");
    }
  }
  return success();
}

// "Endpoint=sb://NAME.servicebus.windows.net/;SharedAccessKeyName=…;SharedAccessKey=…"
bool is_connection_string(std::string_view text) {
  return text.starts_with("Endpoint=sb://");
}

Status read_event_hubs(const KafkaConnection& connection, KafkaSettings& settings) {
  const std::string_view text = connection.password;
  for (const char* part : {"SharedAccessKeyName=", "SharedAccessKey="}) {
    if (text.find(part) == std::string_view::npos) {
      return wrong(connection, "password",
                   "an Event Hubs connection string has Endpoint, SharedAccessKeyName and "
                   "SharedAccessKey; copy it whole from the portal");
    }
  }
  std::string_view host = text.substr(std::string_view("Endpoint=sb://").size());
  host = host.substr(0, host.find_first_of("/;:"));
  if (host.empty()) return wrong(connection, "password", "its Endpoint names no host");
  settings.try_emplace("bootstrap.servers", std::string(host) + ":9093");
  settings.try_emplace("security.protocol", "SASL_SSL");
  settings.try_emplace("sasl.mechanism", "PLAIN");
  settings["sasl.username"] = "$ConnectionString";
  settings["sasl.password"] = connection.password;
  // As Event Hubs asks for: it ends idle connections after four minutes.
  settings.try_emplace("metadata.max.age.ms", "180000");
  settings.try_emplace("connections.max.idle.ms", "180000");
  settings.try_emplace("socket.keepalive.enable", "true");
  return success();
}

// By client credentials (kafka_token.h), whatever librdkafka was built with.
Status check_token_source(const KafkaConnection& connection, const KafkaSettings& settings) {
  const auto given = [&](const std::string& name) {
    const auto found = settings.find("sasl.oauthbearer." + name);
    return found == settings.end() ? std::string() : found->second;
  };
  if (const std::string method = given("method"); !method.empty() && method != "oidc")
    return wrong(connection, "extra.sasl.oauthbearer.method",
                 "\"oidc\", or left out: a token is asked for by client credentials");
  const std::string url = given("token.endpoint.url");
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    return wrong(connection, "extra.sasl.oauthbearer.token.endpoint.url",
                 "OAUTHBEARER needs it, an https:// address, with sasl.oauthbearer.client.id and "
                 ".secret");
  for (const char* name : {"client.id", "client.secret"})
    if (given(name).empty())
      return wrong(connection, std::string("extra.sasl.oauthbearer.") + name,
                   "OAUTHBEARER needs it");
  for (const char* theirs : {"config", "assertion.file"})
    if (!given(theirs).empty())
      return wrong(connection, std::string("extra.sasl.oauthbearer.") + theirs,
                   "is not there: a token is asked for by client credentials");
  return success();
}

Status check_security(const KafkaConnection& connection, KafkaSettings& settings) {
  // Old names of the same.
  if (const auto old = settings.extract("sasl.mechanisms")) {
    settings.try_emplace("sasl.mechanism", old.mapped());
  }
  const bool login = settings.contains("sasl.username") || settings.contains("sasl.password");
  std::string& protocol = settings["security.protocol"];
  std::transform(protocol.begin(), protocol.end(), protocol.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (protocol.empty()) {
    protocol = login ? "SASL_SSL" : settings.contains("ssl.ca.location") ? "SSL" : "PLAINTEXT";
  }
  static const std::vector<std::string> protocols{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
  if (!contains(protocols, protocol)) {
    return wrong(connection, "extra.security_protocol", "one of " + list_of(protocols));
  }
  const bool sasl = protocol.starts_with("SASL_");
  if (login && !sasl) {
    return wrong(connection, "extra.security_protocol",
                 protocol + " sends no login; SASL_SSL does (SASL_PLAINTEXT without TLS)");
  }
  if (!sasl) return success();
  std::string& mechanism = settings["sasl.mechanism"];
  if (mechanism.empty()) mechanism = "PLAIN";
  static const std::vector<std::string> mechanisms{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512",
                                                   "OAUTHBEARER"};
  if (!contains(mechanisms, mechanism)) {
    return wrong(connection, "extra.sasl_mechanism", "one of " + list_of(mechanisms));
  }
  if (mechanism == "OAUTHBEARER") return check_token_source(connection, settings);
  for (const auto& [field, name] :
       {std::pair("login", "sasl.username"), std::pair("password", "sasl.password")}) {
    if (!settings.contains(name)) {
      return wrong(connection, field, protocol + " with " + mechanism + " needs it");
    }
  }
  return success();
}

}  // namespace

Result<KafkaSettings> kafka_settings(const KafkaConnection& connection) {
  KafkaSettings settings;
  if (Status read = read_extra(connection, settings); !read) return read.error();
  const bool event_hubs = is_connection_string(connection.password);
  if (connection.port < 0 || connection.port > 65535) {
    return wrong(connection, "port", "between 1 and 65535");
  }
  if (!connection.host.empty()) {
    const int port = connection.port != 0 ? connection.port : event_hubs ? 9093 : 9092;
    const auto servers = servers_of(connection, port);
    if (!servers) return servers.error();
    settings["bootstrap.servers"] = *servers;
  }
  if (event_hubs) {
    if (Status read = read_event_hubs(connection, settings); !read) return read.error();
  } else {
    if (!connection.login.empty()) settings["sasl.username"] = connection.login;
    if (!connection.password.empty()) settings["sasl.password"] = connection.password;
  }
  if (!settings.contains("bootstrap.servers")) {
    return wrong(connection, "host", "the bootstrap servers, \"broker1:9092,broker2:9092\"");
  }
  if (Status good = check_security(connection, settings); !good) return good.error();
  return settings;
}

}  // namespace batuta::stream
