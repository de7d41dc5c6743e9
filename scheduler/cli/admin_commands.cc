#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/import_file.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

void add_pools(CLI::App& app, Session& session) {
  struct Arguments {
    std::string name;
    std::optional<std::string> description;
    int slots = 0;
  };
  auto a = std::make_shared<Arguments>();
  CLI::App* pools = app.add_subcommand("pools", "Pools: how many attempts of a kind at once");
  pools->require_subcommand(1);
  add_verb(*pools, session, "list", "All pools", [&session] {
    print_rows(session.format(), session.client().all("/api/v2/pools", "pools"),
               {{"name", "name"},
                {"slots", "slots"},
                {"running", "running_slots"},
                {"queued", "queued_slots"},
                {"open", "open_slots"},
                {"description", "description"}});
  });
  CLI::App* get = add_verb(*pools, session, "get", "One pool", [&session, a] {
    print_object(session.format(),
                 session.client().get("/api/v2/pools/" + percent_encoded(a->name)));
  });
  get->add_option("name", a->name)->required();
  CLI::App* set = add_verb(*pools, session, "set", "Create or change a pool", [&session, a] {
    const Client client = session.client();
    json body{{"slots", a->slots}};
    if (a->description) body["description"] = *a->description;
    const std::string path = "/api/v2/pools/" + percent_encoded(a->name);
    if (!client.look_up(path).is_null())
      return print_object(session.format(), client.call("PATCH", path, body));
    body["name"] = a->name;
    print_object(session.format(), client.call("POST", "/api/v2/pools", body));
  });
  set->add_option("name", a->name)->required();
  set->add_option("slots", a->slots, "-1 = unlimited")->required();
  set->add_option("description", a->description, "of a pool that is there: stays unless given");
  CLI::App* remove = add_verb(*pools, session, "delete", "Delete a pool", [&session, a] {
    session.client().call("DELETE", "/api/v2/pools/" + percent_encoded(a->name), nullptr);
  });
  remove->add_option("name", a->name)->required();
}

// Whether it was there; its description stays unless one is given.
bool put_variable(const Client& client, const std::string& key, const std::string& value,
                  const std::optional<std::string>& description) {
  json body{{"key", key}, {"value", value}};
  if (description) body["description"] = *description;
  const std::string path = "/api/v2/variables/" + percent_encoded(key);
  const bool exists = !client.look_up(path).is_null();
  client.call(exists ? "PATCH" : "POST", exists ? path : "/api/v2/variables", body);
  return exists;
}

void import_variables(Session& session, const std::string& file) {
  const Client client = session.client();
  for (const Variable& variable : read_variables(file)) {
    std::optional<std::string> description;
    if (!variable.description.empty()) description = variable.description;
    const bool exists = put_variable(client, variable.key, variable.value, description);
    std::printf("%s %s\n", variable.key.c_str(), exists ? "changed" : "created");
  }
}

void add_variables(CLI::App& app, Session& session) {
  struct Arguments {
    std::string key, value;
    std::optional<std::string> description;
  };
  auto a = std::make_shared<Arguments>();
  CLI::App* variables = app.add_subcommand("variables", "Variables for templates");
  variables->require_subcommand(1);
  add_verb(*variables, session, "list", "All variables; sensitive values masked", [&session] {
    print_rows(session.format(), session.client().all("/api/v2/variables", "variables"),
               {{"key", "key"}, {"value", "value"}, {"description", "description"}});
  });
  CLI::App* get = add_verb(*variables, session, "get", "One variable", [&session, a] {
    const json variable = session.client().get("/api/v2/variables/" + percent_encoded(a->key));
    if (session.format().data()) return print_object(session.format(), variable);
    std::printf("%s\n", shown_text(variable.value("value", "")).c_str());
  });
  get->add_option("key", a->key)->required();
  CLI::App* set =
      add_verb(*variables, session, "set", "Create or change a variable", [&session, a] {
        const Client client = session.client();
        const std::string value = a->value == "-" ? read_secret("value of " + a->key) : a->value;
        (void)put_variable(client, a->key, value, a->description);
      });
  set->add_option("key", a->key)->required();
  set->add_option("value", a->value, "`-` reads it from standard input")->required();
  set->add_option("--description", a->description, "of one that is there: stays unless given");
  CLI::App* import =
      add_verb(*variables, session, "import", "Create or change those of a JSON file",
               [&session, a] { import_variables(session, a->value); });
  import->add_option("file", a->value, "{\"key\": value}")->required();
  CLI::App* remove = add_verb(*variables, session, "delete", "Delete a variable", [&session, a] {
    session.client().call("DELETE", "/api/v2/variables/" + percent_encoded(a->key), nullptr);
  });
  remove->add_option("key", a->key)->required();
}

struct ConnectionArguments {
  std::string id, type, host, login, schema, description, extra, file, password_from;
  int port = 0;
  bool password = false, overwrite = false;
};

// env:NAME, file:PATH, command:PROGRAM WORDS, vault:PATH FIELD or aws:NAME FIELD as a reference.
// Words with blanks in them need the list: command:["/bin/x", "a b"].
std::string reference_of(const std::string& text) {
  const auto colon = std::min(text.find(':'), text.size());
  const std::string kind = text.substr(0, colon);
  const std::string rest = colon < text.size() ? text.substr(colon + 1) : std::string();
  const bool is_list = kind == "command" || kind == "vault" || kind == "aws";
  if (rest.empty() || (kind != "env" && kind != "file" && !is_list)) {
    throw Failure(
        "--password-from takes env:NAME, file:/path, command:/program and words or vault:path and "
        "field or aws:name and field, not \"" +
            text + "\"",
        2);
  }
  json value = rest;
  if (is_list && rest.starts_with('[')) {
    const auto list = parse_untrusted(rest);
    if (!list) throw Failure("--password-from: " + list.error().message, 2);
    value = *list;
  } else if (is_list) {
    value = json::array();
    std::istringstream words(rest);
    for (std::string word; words >> word;) value.push_back(word);
  }
  return json_text({{"$" + kind, value}});
}

// What was given; on a change, what was not stays as it is.
json connection_body(const ConnectionArguments& a) {
  json body{{"connection_id", a.id}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) body[name] = value;
  };
  add("conn_type", a.type);
  add("host", a.host);
  add("login", a.login);
  add("schema", a.schema);
  add("description", a.description);
  add("extra", a.extra == "-" ? read_secret("extra") : a.extra);
  if (a.port != 0) body["port"] = a.port;
  if (a.password) body["password"] = read_secret("password");
  if (!a.password_from.empty()) body["password"] = reference_of(a.password_from);
  return body;
}

void change_connection(Session& session, const ConnectionArguments& a) {
  const std::string path = "/api/v2/connections/" + percent_encoded(a.id);
  print_object(session.format(), session.client().call("PATCH", path, connection_body(a)));
}

// Airflow's --overwrite: in place of what there was, nothing of which stays.
void add_connection(Session& session, const ConnectionArguments& a) {
  const Client client = session.client();
  const json body = connection_body(a);
  if (a.overwrite) {
    const json known = client.all("/api/v2/connections", "connections");
    const bool exists = std::any_of(known.begin(), known.end(),
                                    [&](const json& c) { return c["connection_id"] == a.id; });
    if (exists) {
      json all = body;
      for (const char* name :
           {"host", "login", "schema", "description", "extra", "password", "port"}) {
        if (!all.contains(name)) all[name] = nullptr;
      }
      if (all["password"].is_null()) all["password"] = "";
      if (all["extra"].is_null()) all["extra"] = "";
      const std::string path = "/api/v2/connections/" + percent_encoded(a.id);
      return print_object(session.format(), client.call("PATCH", path, all));
    }
  }
  print_object(session.format(), client.call("POST", "/api/v2/connections", body));
}

void connection_options(CLI::App& verb, ConnectionArguments& a, bool fresh) {
  verb.add_option("id", a.id)->required();
  verb.add_option("--conn-type", a.type, "http, slackwebhook, …")->required(fresh);
  verb.add_option("--conn-host", a.host, "host name or whole URL");
  verb.add_option("--conn-port", a.port)->check(whole_number(1, 65535));
  verb.add_option("--conn-login", a.login);
  verb.add_option("--conn-schema", a.schema);
  verb.add_option("--conn-extra", a.extra, "JSON; `-` reads it from standard input");
  verb.add_option("--conn-description", a.description);
  CLI::Option* typed =
      verb.add_flag("--conn-password", a.password, "read the password from standard input");
  verb.add_option("--password-from", a.password_from,
                  "where the server looks it up: env:NAME, file:/path, command:/program and "
                  "words, vault:path and field, aws:name and field")
      ->excludes(typed);
}

// Each entry of the file is created, or changed to what the file says.
void import_connections(Session& session, const std::string& file) {
  const Client client = session.client();
  for (const Connection& connection : read_connections(file)) {
    const json body{{"connection_id", connection.id},
                    {"conn_type", connection.conn_type},
                    {"description", connection.description},
                    {"host", connection.host},
                    {"login", connection.login},
                    {"schema", connection.schema},
                    {"port", connection.port ? json(*connection.port) : json(nullptr)},
                    {"password", connection.password},
                    {"extra", connection.extra}};
    const json known =
        client.all("/api/v2/connections?connection_id_pattern=" + percent_encoded(connection.id),
                   "connections");
    const bool exists = std::any_of(known.begin(), known.end(), [&](const json& c) {
      return c["connection_id"] == connection.id;
    });
    // Sent back as it was shown, a secret stays what it is; a new connection has none to keep.
    if (!exists && json_text(body).find("***") != std::string::npos) {
      throw Failure(file + ": connection \"" + connection.id +
                        "\" is not here yet: write its secrets in the place of ***",
                    1);
    }
    client.call(exists ? "PATCH" : "POST",
                "/api/v2/connections" + (exists ? "/" + percent_encoded(connection.id) : ""), body);
    std::printf("%s %s\n", connection.id.c_str(), exists ? "changed" : "created");
  }
}

void add_connections(CLI::App& app, Session& session) {
  auto a = std::make_shared<ConnectionArguments>();
  CLI::App* connections = app.add_subcommand("connections", "Connections: where other systems are");
  connections->require_subcommand(1);
  add_verb(*connections, session, "list", "All connections; secrets are never shown", [&session] {
    print_rows(session.format(), session.client().all("/api/v2/connections", "connections"),
               {{"id", "connection_id"},
                {"type", "conn_type"},
                {"host", "host"},
                {"port", "port"},
                {"login", "login"},
                {"description", "description"}});
  });
  CLI::App* get = add_verb(*connections, session, "get", "One connection", [&session, a] {
    print_object(session.format(),
                 session.client().get("/api/v2/connections/" + percent_encoded(a->id)));
  });
  get->add_option("id", a->id)->required();
  CLI::App* add = add_verb(*connections, session, "add", "Create a connection",
                           [&session, a] { add_connection(session, *a); });
  connection_options(*add, *a, true);
  add->add_flag("--overwrite", a->overwrite, "replace one of that id, secrets included");
  CLI::App* set = add_verb(*connections, session, "set",
                           "Change a connection; what is not given stays as it is",
                           [&session, a] { change_connection(session, *a); });
  connection_options(*set, *a, false);
  CLI::App* import =
      add_verb(*connections, session, "import", "Create or change those of a JSON file",
               [&session, a] { import_connections(session, a->file); });
  import->add_option("file", a->file, "{\"id\": {\"conn_type\", \"host\", \"password\", …}}")
      ->required();
  CLI::App* remove =
      add_verb(*connections, session, "delete", "Delete a connection", [&session, a] {
        session.client().call("DELETE", "/api/v2/connections/" + percent_encoded(a->id), nullptr);
      });
  remove->add_option("id", a->id)->required();
}

}  // namespace

void add_admin_commands(CLI::App& app, Session& session) {
  add_pools(app, session);
  add_variables(app, session);
  add_connections(app, session);
}

}  // namespace batuta::cli
