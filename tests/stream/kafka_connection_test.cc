#include "stream/kafka_connection.h"

#include <doctest/doctest.h>

using namespace batuta;
using namespace batuta::stream;

namespace {

KafkaConnection made(std::string host, int port = 0, std::string extra = {}) {
  KafkaConnection connection;
  connection.id = "hub";
  connection.host = std::move(host);
  connection.port = port;
  connection.extra = std::move(extra);
  return connection;
}

std::string refused(const KafkaConnection& connection) {
  const auto settings = kafka_settings(connection);
  REQUIRE(!settings.ok());
  CHECK(settings.error().code == Errc::invalid);
  return settings.error().message;
}

bool says(const std::string& text, const char* what) {
  return text.find(what) != std::string::npos;
}

constexpr const char* hub_string =
    "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0";

}  // namespace

TEST_CASE("kafka connection: servers get the port, several are kept, IPv6 too") {
  const auto servers = [](const KafkaConnection& connection) {
    const auto settings = kafka_settings(connection);
    REQUIRE_MESSAGE(settings.ok(), settings.error().message);
    CHECK(settings->at("security.protocol") == "PLAINTEXT");
    return settings->at("bootstrap.servers");
  };
  CHECK(servers(made("kafka")) == "kafka:9092");
  CHECK(servers(made("kafka", 19092)) == "kafka:19092");
  CHECK(servers(made("a:1, b ,c:3", 9)) == "a:1,b:9,c:3");
  CHECK(servers(made("[::1]:9093")) == "[::1]:9093");
  CHECK(servers(made("", 0, R"({"bootstrap.servers": "x:1"})")) == "x:1");
}

TEST_CASE("kafka connection: an Event Hubs connection string is all that is needed") {
  KafkaConnection connection = made("");
  connection.password = hub_string;
  const auto settings = kafka_settings(connection);
  REQUIRE_MESSAGE(settings.ok(), settings.error().message);
  CHECK(settings->at("bootstrap.servers") == "shop.servicebus.windows.net:9093");
  CHECK(settings->at("security.protocol") == "SASL_SSL");
  CHECK(settings->at("sasl.mechanism") == "PLAIN");
  CHECK(settings->at("sasl.username") == "$ConnectionString");
  CHECK(settings->at("sasl.password") == hub_string);
  CHECK(settings->at("metadata.max.age.ms") == "180000");

  connection.password = "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=x";
  const std::string message = refused(connection);
  CHECK(says(message, "SharedAccessKey; copy it whole"));
  CHECK(!says(message, "shop."));
}

TEST_CASE("kafka connection: a login is sent over TLS unless it is said otherwise") {
  KafkaConnection connection = made("kafka");
  connection.login = "me";
  connection.password = "pw";
  CHECK(kafka_settings(connection)->at("security.protocol") == "SASL_SSL");
  connection.extra =
      R"({"security_protocol": "sasl_plaintext", "sasl_mechanism": "SCRAM-SHA-256"})";
  CHECK(kafka_settings(connection)->at("security.protocol") == "SASL_PLAINTEXT");
  CHECK(kafka_settings(connection)->at("sasl.mechanism") == "SCRAM-SHA-256");
  connection.extra = R"({"security_protocol": "PLAINTEXT"})";
  CHECK(says(refused(connection), "PLAINTEXT sends no login"));
  CHECK(kafka_settings(made("kafka", 0, R"({"ca_file": "/ca.pem"})"))->at("security.protocol") ==
        "SSL");
}

TEST_CASE("kafka connection: what is wrong is named with what may stand there") {
  CHECK(says(refused(made("")), "connection hub: host: the bootstrap servers"));
  CHECK(says(refused(made("a,,b")), "an empty name between two commas"));
  CHECK(says(refused(made("a:0")), "no port between 1 and 65535"));
  CHECK(says(refused(made("a:x")), "no port between 1 and 65535"));
  CHECK(says(refused(made("kafka://a")), "no scheme"));
  CHECK(says(refused(made("a", 0, "[]")), "extra: must be a JSON object"));
  CHECK(says(refused(made("a", 0, R"({"protocol": "x"})")), "extra.protocol: is not known"));
  CHECK(says(refused(made("a", 0, R"({"acks": 1})")), "not a connection's to say"));
  for (const char* name : {"plugin.library.paths", "ssl.engine.location", "ssl.engine.id",
                           "ssl.providers", "sasl.kerberos.kinit.cmd"}) {
    CHECK(says(refused(made("a", 0, R"({")" + std::string(name) + R"(": "x"})")),
               "it would load a library or run a program"));
  }
  CHECK(says(refused(made("a", 0, R"({"transactional.id": "x"})")), "not a connection's to say"));
  CHECK(says(refused(made("a", 0, R"({"client_id": {}})")), "must be text, a number"));
  CHECK(says(refused(made("a", 0, R"({"security_protocol": "TLS"})")), "one of PLAINTEXT, SSL"));
  CHECK(says(refused(made("a", 0, R"({"security_protocol": "SASL_SSL"})")), "login: SASL_SSL"));
  CHECK(says(refused(made("a", 0, R"({"security_protocol": "SASL_SSL", "sasl_mechanism": "X"})")),
             "one of PLAIN, SCRAM"));
}

TEST_CASE(
    "kafka connection: a service's token is asked for by client credentials, which are whole") {
  const auto with = [](const std::string& more) {
    return made(
        "kafka", 0,
        R"({"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER")" + more + "}");
  };
  const std::string url = R"(, "sasl.oauthbearer.token.endpoint.url": "https://login.test/token")";
  const std::string client = R"(, "sasl.oauthbearer.client.id": "batuta")";
  const std::string secret = R"(, "sasl.oauthbearer.client.secret": "geheim")";
  CHECK(says(refused(with("")), "token.endpoint.url: OAUTHBEARER needs it"));
  CHECK(says(refused(with(url)), "client.id: OAUTHBEARER needs it"));
  CHECK(says(refused(with(url + client)), "client.secret: OAUTHBEARER needs it"));
  const std::string whole = url + client + secret;
  CHECK(kafka_settings(with(whole)).ok());
  CHECK(kafka_settings(with(whole + R"(, "sasl.oauthbearer.method": "oidc")")).ok());
  CHECK(says(refused(with(whole + R"(, "sasl.oauthbearer.method": "default")")), "left out"));
  CHECK(says(refused(with(whole + R"(, "sasl.oauthbearer.config": "principal=x")")), "not there"));
}
