// What may be set about an installation, as one table: reading batuta.json and the environment,
// `config list`, the schema for editors and docs/configuration.md are made or tested from it. To
// add a setting: a member of Settings, a row of settings_table.cc (of worker_settings.cc and its
// like for those of one kind), a row of docs/configuration.md.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/api/reloaded_settings.h"
#include "scheduler/serve/bundle_settings.h"
#include "scheduler/store/secret_sources.h"

namespace batuta {

struct Settings {
  Duration heartbeat = std::chrono::seconds(2);
  Duration lease = std::chrono::seconds(10);
  Duration cancel_grace = std::chrono::seconds(10);
  Duration stop_drain{};
  int retention_days = 90;
  int min_free_disk_percent = 10;
  std::vector<std::string> allowed_hosts;        // lower case, beside loopback names
  std::vector<std::string> trusted_proxies;      // as plain_address() writes them
  std::string worker_user;                       // empty: the server's
  std::string worker_user_range;                 // "64000-64031"
  std::vector<std::string> worker_run_as_users;  // whom tasks may ask to run as; empty: nobody
  bool worker_warm_python = false;  // python tasks that say nothing are forked from one that stays
  std::int64_t worker_memory_limit = 0;    // bytes for each process; 0: none
  std::int64_t worker_attempt_memory = 0;  // bytes of an attempt with all it starts; 0: none
  int worker_attempt_cpu = 0;              // percent of one processor; 0: none
  // What a task may ask for itself; 0: no more than the two above.
  std::int64_t worker_attempt_memory_max = 0;
  int worker_attempt_cpu_max = 0;
  std::int64_t worker_run_dir_limit = std::int64_t{10} << 30;  // bytes; 0: none
  std::int64_t worker_log_limit = std::int64_t{256} << 20;     // bytes of one try's log
  std::string worker_env = "{}";                               // a JSON object of texts
  std::string worker_container_socket;                         // empty: there is no engine
  std::vector<std::string> worker_container_images;            // empty: each may be run
  std::vector<std::string> worker_spark_submit;                // empty: spark-submit of the PATH
  std::string contracts;                                       // empty: beside the DAG folder
  std::vector<BundleSetting> bundles;
  bool page_edit_dags = false;    // people may edit DAG files in the page
  bool connections_test = false;  // connections may be tried: their secrets go to their servers
  std::string base_url;           // without a slash at its end; empty: none
  std::string outgoing_proxy;
  std::string outgoing_no_proxy;
  std::string outgoing_ca_file;
  std::string lineage_url;                   // with its path; empty: none
  std::string lineage_token;                 // a reference as JSON; empty: none
  std::string lineage_file;                  // absolute; empty: none
  std::string lineage_namespace = "batuta";  // of jobs
  bool lineage_gzip = false;
  std::string traces_url;                 // with its path; empty: none
  std::string traces_token;               // a reference as JSON; empty: none
  std::string traces_service = "batuta";  // service.name of its spans
  bool traces_gzip = false;
  bool auth_local_login = true;  // passwords are taken
  std::string oidc_issuer;       // empty: there is no login provider
  std::string oidc_client_id;
  std::string oidc_client_secret;  // a reference as JSON; empty: a client without one
  std::vector<std::string> oidc_scopes{"openid", "profile", "email"};
  std::string oidc_name_claim = "preferred_username";
  std::string oidc_groups_claim = "groups";
  std::vector<std::string> oidc_roles;   // "theirs=role"; the first that fits is taken
  std::vector<std::string> oidc_groups;  // "theirs=group"
  std::string oidc_default_role;         // empty: whom oidc.roles gives none does not get in
  std::string oidc_label = "single sign-on";
  std::vector<std::string> secrets_env;       // names
  std::vector<std::string> secrets_folders;   // absolute, as lexically_normal() writes them
  std::vector<std::string> secrets_programs;  // the same
  std::string vault_url;                      // without a slash at its end; empty: there is none
  std::vector<std::string> vault_paths;       // of its API, without slashes around them
  std::string vault_namespace;
  std::string vault_token;  // a reference as JSON; empty: by role, or none
  std::string vault_role_id;
  std::string vault_secret_id;               // a reference as JSON; empty: the role wants none
  std::string vault_auth = "approle";        // where that way of logging in is mounted
  std::string aws_region;                    // empty: AWS Secrets Manager is not asked
  std::vector<std::string> aws_names;        // of its secrets, without slashes at their ends
  std::string aws_endpoint;                  // empty: the region's own
  std::string aws_access_key;                // empty: the environment has the credentials
  std::string aws_secret_key;                // a reference as JSON
  std::vector<std::string> params_programs;  // that defaults of params may be asked from
  SecretSources param_sources() const { return {{}, {}, params_programs, "params.programs"}; }
  SecretSources secret_sources() const {
    return {secrets_env,        secrets_folders, secrets_programs,
            "secrets.programs", vault_paths,     aws_names};
  }
  std::string lake_url;                              // of a store, or file://; empty: the home's
  std::string lake_secret_at;                        // a reference as JSON; empty: the environment
  std::int64_t lake_cache = std::int64_t{10} << 30;  // bytes
  std::int64_t lake_memory = 640 << 20;              // bytes
  int lake_threads = 1;
  Duration lake_sql_timeout = std::chrono::seconds(30);
  int lake_sql_slots = 1;
  int lake_sql_rows = 10'000;
  std::int64_t lake_sql_bytes = 4 << 20;
  std::string lake_maintenance = "23 3 * * *";  // or "off"
  Duration lake_maintenance_budget = std::chrono::minutes(30);
  int lake_maintenance_small_files = 32;
  std::string lake_monitors = "*/15 * * * *";  // or "off"
  std::string lake_monitor_notices = "{}";     // as JSON (monitor_notices.h)
  std::string lake_report = "7 * * * *";       // or "off"
};

// One setting. The texts are literals.
struct Setting {
  using Words = std::vector<std::string>;
  using Member = std::variant<bool Settings::*, Duration Settings::*, int Settings::*,
                              std::int64_t Settings::*, std::string Settings::*, Words Settings::*,
                              std::vector<BundleSetting> Settings::*>;
  // How batuta.json has it. `bytes` and `duration` are a number or a text with a unit; `object` is
  // kept as its text.
  // `reference` too: where a secret is kept (store/secret_reference.h).
  enum class Kind { flag, duration, integer, bytes, text, list, object, reference, bundles };

  const char* name;      // "lake.memory"; the variable is BATUTA_LAKE_MEMORY
  const char* sentence;  // what it is, for editors; docs/configuration.md says more
  Kind kind;
  Member member;
  std::int64_t least = 0;                // milliseconds, bytes or the number itself
  std::int64_t most = 0;                 // 0: no bound but what the type holds
  const char* unit = "";                 // of an integer: "days"
  const char* expects = "";              // of texts and lists: what it must be
  const char* example = "";              // as JSON
  bool zero_is_none = false;             // 0 is allowed below `least`: no bound
  bool live = false;                     // a reload takes it over; else the next start does
  bool (*fits)(std::string&) = nullptr;  // of a text, or each of a list: may put it in order
  bool empty_fits = true;                // of a list
  // What is wrong with a text that does not fit, beside `expects`; empty: nothing more is to say.
  std::string (*why)(const std::string&) = nullptr;
  // What may be shown of a value that holds secrets; null: all of it.
  std::string (*shown)(const std::string&) = nullptr;
  const char* airflow = "";  // Airflow's variable that means the same

  std::string variable() const;  // "BATUTA_LAKE_MEMORY"
  // "a size of at least 32MiB such as \"2GiB\"".
  std::string expected() const;
  // Errc::invalid: "must be …, not …"; a value that holds secrets is not repeated. Text is read as
  // the environment has it, too: a number, words with commas, JSON.
  Status read(Settings& into, const nlohmann::json& value) const;
  // For people, without secrets; empty: it is not set.
  std::string show(const Settings& of) const;
  // Whether two have the same value, secrets included.
  bool same(const Settings& a, const Settings& b) const;
};

const std::vector<Setting>& settings_table();

// What stands in `text`, a batuta.json that people call `file`: each problem is a sentence that
// begins with file, line and column. `into` gets what is right.
std::vector<std::string> read_settings_text(const std::string& text, const std::string& file,
                                            Settings& into);

// The same as settings by themselves: what they must be to each other, too. Changes nothing.
// `settings`: how many are set.
std::vector<std::string> check_settings_text(const std::string& text, const std::string& file,
                                             int& settings);

// The settings of the home in `folder`, which need not be there: then the defaults and the
// environment, which goes before the file. Changes nothing. Errc::invalid with all that is wrong, a
// line each; so is a file that is there and cannot be read, and an absent one that must be there.
// `notes`: what somebody should be told, such as a variable that is none of ours.
enum class SettingsFile : std::uint8_t { may_be_absent, must_be_there };
Result<Settings> settings_of(const std::string& folder, std::vector<std::string>* notes = nullptr,
                             SettingsFile presence = SettingsFile::may_be_absent);

// What settings must be to each other. Errc::invalid.
Status check_together(const Settings& settings);

// Every setting by its name with its value as batuta.json takes it, those with one prefix side by
// side, without secrets.
std::vector<std::pair<std::string, std::string>> shown_settings(const Settings& settings);

// JSON Schema (2020-12) of batuta.json, indented.
std::string settings_schema();

// `now` with what of `next` is taken over while running, and what was done.
std::pair<Settings, SettingsReload> reloaded(const Settings& now, const Settings& next);

}  // namespace batuta
