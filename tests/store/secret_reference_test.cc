#include "scheduler/store/secret_reference.h"

#include <doctest/doctest.h>

namespace batuta {
namespace {

SecretReference reference(std::string_view text) {
  const auto read = read_secret_reference(text);
  REQUIRE(read);
  REQUIRE(*read);
  return **read;
}

std::string refused_by(std::string_view text, const SecretSources& sources) {
  const Status status = check_secret_reference(reference(text), sources);
  return status ? "" : status.error().message;
}

// Tells each reference's own text, or that it is being looked up.
struct Finder {
  bool ready = true;
  std::string fails;  // the text of one
  FindSecret find() {
    return [this](const SecretReference& one) -> std::optional<Result<std::string>> {
      if (!ready) return std::nullopt;
      if (one.text() == fails) return Result<std::string>(Errc::unavailable, "gone");
      return Result<std::string>("of " + one.words.front());
    };
  }
};

}  // namespace

TEST_CASE("a text is a reference when it is an object that names a place and nothing else") {
  CHECK(reference(R"({"$env": "DB"})").kind == SecretReference::Kind::env);
  CHECK(reference(R"( {"$file":"/run/secrets/db"} )").text() == R"({"$file":"/run/secrets/db"})");
  CHECK(reference(R"({"$command": ["/bin/pass", "a b"]})").words.size() == 2);
  CHECK(reference(R"({"$vault": ["secret/data/a b", "pw"]})").text() ==
        R"({"$vault":["secret/data/a b","pw"]})");
  CHECK(reference(R"({"$vault": ["kv/app"]})").words.size() == 1);
  CHECK(reference(R"({"$aws": ["prod/db", "pw"]})").kind == SecretReference::Kind::aws);
  for (const char* value : {"", "s3cret", "{\"$env", R"({"env": "DB"})", R"(["$env"])", "$env",
                            R"("{\"$env\": \"DB\"}")"}) {
    CAPTURE(std::string(value));
    const auto read = read_secret_reference(std::string_view(value));
    REQUIRE(read);
    CHECK_FALSE(*read);
  }
  for (const char* wrong : {R"({"$env": "DB", "x": 1})",
                            R"({"$env": ""})",
                            R"({"$env": "A=B"})",
                            R"({"$env": 1})",
                            R"({"$file": "db"})",
                            R"({"$file": "/run/../etc/shadow"})",
                            R"({"$file": "/run/"})",
                            R"({"$command": "/bin/pass"})",
                            R"({"$command": []})",
                            R"({"$command": ["pass"]})",
                            R"({"$command": ["/bin/pass", 1]})",
                            R"({"$vault": "secret/data/a"})",
                            R"({"$vault": ["secret"]})",
                            R"({"$vault": ["/secret/data/a", "b"]})",
                            R"({"$vault": ["secret/../sys/a", "b"]})",
                            R"({"$vault": ["secret/data/a", ""]})",
                            R"({"$vault": ["secret/data/a", "b", "c"]})",
                            R"({"$aws": "prod/a"})",
                            R"({"$aws": ["prod/*"]})",
                            R"({"$vault": ["secret/data/a\n", "b"]})"}) {
    CAPTURE(std::string(wrong));
    const auto read = read_secret_reference(std::string_view(wrong));
    REQUIRE_FALSE(read);
    CHECK(read.error().message.find("\"$") != std::string::npos);
  }
}

TEST_CASE("nothing may be looked up that no setting lists, and the refusal names the setting") {
  CHECK(refused_by(R"({"$env":"DB"})", {}).find("\"secrets.env\"") != std::string::npos);
  CHECK(refused_by(R"({"$file":"/a/b"})", {}).find("\"secrets.folders\"") != std::string::npos);
  CHECK(refused_by(R"({"$command":["/a/b"]})", {}).find("\"secrets.programs\"") !=
        std::string::npos);
  CHECK(refused_by(R"({"$vault":["a/b","c"]})", {}).find("\"secrets.vault_paths\"") !=
        std::string::npos);
  SecretSources sources{{"DB"}, {"/run/secrets"}, {"/bin/pass"}};
  sources.vault_paths = {"secret/data/app"};
  CHECK(refused_by(R"({"$vault":["secret/data/app","x"]})", sources).empty());
  CHECK(refused_by(R"({"$vault":["secret/data/app/a b","x"]})", sources).empty());
  CHECK_FALSE(refused_by(R"({"$vault":["secret/data/app2","x"]})", sources).empty());
  CHECK_FALSE(refused_by(R"({"$vault":["secret/data","x"]})", sources).empty());
  CHECK(refused_by(R"({"$env":"DB"})", sources).empty());
  CHECK_FALSE(refused_by(R"({"$env":"DBX"})", sources).empty());
  CHECK(refused_by(R"({"$file":"/run/secrets/a/b"})", sources).empty());
  CHECK_FALSE(refused_by(R"({"$file":"/run/secrets2/a"})", sources).empty());
  CHECK_FALSE(refused_by(R"({"$file":"/run/secrets"})", sources).empty());
  CHECK(refused_by(R"({"$command":["/bin/pass","x"]})", sources).empty());
  CHECK_FALSE(refused_by(R"({"$command":["/bin/pas"]})", sources).empty());
}

TEST_CASE("a connection's references are opened wherever they stand, and all of them or none") {
  Connection connection;
  connection.password = R"({"$env":"PW"})";
  connection.extra = R"({"a":{"token":{"$file":"/t"}},"b":[1,{"$env":"B"}],"c":"plain"})";
  const auto placed = references_of(connection);
  REQUIRE(placed);
  REQUIRE(placed->size() == 3);
  CHECK((*placed)[0].place == "password");
  CHECK((*placed)[1].place == "extra/a/token");
  CHECK((*placed)[2].place == "extra/b/1");

  Finder finder;
  Connection opened = connection;
  std::vector<std::string> values;
  CHECK(*open_connection(opened, finder.find(), values));
  CHECK(opened.password == "of PW");
  CHECK(opened.extra == R"({"a":{"token":"of /t"},"b":[1,"of B"],"c":"plain"})");
  CHECK(values == std::vector<std::string>{"of PW", "of /t", "of B"});

  finder.fails = R"({"$file":"/t"})";
  opened = connection;
  const auto failed = open_connection(opened, finder.find(), values);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message == R"(extra/a/token {"$file":"/t"}: gone)");

  finder.ready = false;
  opened = connection;
  CHECK_FALSE(*open_connection(opened, finder.find(), values));
  CHECK(opened.password == connection.password);
}

TEST_CASE("all of an extra may be kept elsewhere, and must be JSON there") {
  Connection connection;
  connection.extra = R"({"$env":"EXTRA"})";
  std::vector<std::string> values;
  const auto give = [&](const char* text) {
    Connection opened = connection;
    const auto whole = open_connection(
        opened, [&](const SecretReference&) { return std::optional(Result<std::string>(text)); },
        values);
    return whole ? opened.extra : whole.error().message;
  };
  CHECK(give(R"({"token":"x"})") == R"({"token":"x"})");
  CHECK(give("token") == "extra: what was looked up is not JSON");
}

TEST_CASE("a connection refers to sixteen secrets at most") {
  Connection connection;
  for (int i = 0; i < 16; ++i) {
    connection.extra += (i == 0 ? "[" : ",") + std::string(R"({"$env":"A"})");
  }
  connection.extra += "]";
  CHECK(references_of(connection));
  connection.password = R"({"$env":"PW"})";
  CHECK_FALSE(references_of(connection));
}

}  // namespace batuta
