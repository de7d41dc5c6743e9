#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include "common/url.h"
#include "scheduler/core/cron.h"
#include "scheduler/http/forwarded.h"
#include "scheduler/serve/aws_secrets.h"
#include "scheduler/serve/event_settings.h"
#include "scheduler/serve/login_settings.h"
#include "scheduler/serve/monitor_notices.h"
#include "scheduler/serve/settings.h"
#include "scheduler/serve/vault_settings.h"
#include "scheduler/serve/worker_settings.h"
#include "scheduler/store/secret_reference.h"
#include "stores/lake.h"

namespace batuta {
namespace {

// As requests are compared with it: lower case, without a port. A scheme or port would never match.
bool fits_host(std::string& host) {
  for (char& c : host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (host.empty() || host.find_first_of("/ \t") != std::string::npos) return false;
  return bracketed || host.find(':') == std::string::npos;
}

bool fits_address(std::string& text) {
  auto address = http::plain_address(text);
  if (address) text = *std::move(address);
  return address.has_value();
}

bool fits_something(std::string& text) {
  return !text.empty();
}

bool fits_store_secret(std::string& text) {
  const auto reference = read_setting_reference(text);
  if (!reference) return false;
  text = reference->text();
  return true;
}

bool fits_folder(std::string& text) {
  return !text.empty() && text.front() == '/';
}

bool fits_file(std::string& text) {
  return !text.empty() && std::ifstream(text).good();
}

bool fits_variable_name(std::string& name) {
  return !name.empty() && name.size() <= 512 && name.find('=') == std::string::npos;
}

bool fits_schedule(std::string& text) {
  return text == "off" || parse_cron(text);
}

bool fits_page_url(std::string& text) {
  return fits_url(text, {"http", "https"});
}

bool fits_proxy_url(std::string& text) {
  return fits_url(text, {"http", "https", "socks5", "socks5h"});
}

// Put in order: without a slash at its end. Empty: the folder of the home.
bool fits_store(std::string& text) {
  if (text.empty()) return true;
  auto plain = stores::plain_url(text);
  if (plain) text = *std::move(plain);
  return plain.ok();
}

using Kind = Setting::Kind;
constexpr std::int64_t settings_kib = 1 << 10, settings_mib = 1 << 20;
constexpr std::int64_t one_second = 1'000;  // in milliseconds

std::vector<Setting> most_settings() {
  return with_event_settings(with_login_settings({
      {.name = "heartbeat",
       .sentence = "How often a worker shows that it lives.",
       .kind = Kind::duration,
       .member = &Settings::heartbeat,
       .least = 100,
       .airflow = "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC"},
      {.name = "lease",
       .sentence = "A worker that is silent for so long is lost, and its attempts run again. At "
                   "least twice the heartbeat.",
       .kind = Kind::duration,
       .member = &Settings::lease,
       .least = 500,
       .airflow = "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"},
      {.name = "cancel_grace",
       .sentence = "What an attempt that is stopped has between being asked to end and being "
                   "killed.",
       .kind = Kind::duration,
       .member = &Settings::cancel_grace,
       .airflow = "AIRFLOW__CORE__KILLED_TASK_CLEANUP_TIME"},
      {.name = "stop_drain",
       .sentence = "What running attempts may end by themselves when their worker is asked to "
                   "stop, before they are asked to end.",
       .kind = Kind::duration,
       .member = &Settings::stop_drain},
      {.name = "retention_days",
       .sentence = "Ended runs, their logs and files and the event log are removed after so many "
                   "days.",
       .kind = Kind::integer,
       .member = &Settings::retention_days,
       .least = 1,
       .most = 36'500,
       .unit = "days",
       .live = true},
      {.name = "min_free_disk_percent",
       .sentence = "With less free disk under the home the scheduler's log warns; 0 never.",
       .kind = Kind::integer,
       .member = &Settings::min_free_disk_percent,
       .most = 99,
       .unit = "percent",
       .live = true},
      {.name = "allowed_hosts",
       .sentence = "Host names that requests may be addressed to, beside localhost, loopback "
                   "addresses and the address of --host.",
       .kind = Kind::list,
       .member = &Settings::allowed_hosts,
       .expects = "a list of host names, without scheme and port",
       .example = R"(["batuta.example.org"])",
       .live = true,
       .fits = fits_host},
      {.name = "trusted_proxies",
       .sentence = "IP addresses of proxies whose X-Forwarded-For is believed.",
       .kind = Kind::list,
       .member = &Settings::trusted_proxies,
       .expects = "a list of IP addresses, without port",
       .example = R"(["127.0.0.1"])",
       .live = true,
       .fits = fits_address},
      {.name = "contracts",
       .sentence = "Where data contracts lie; without it the folder contracts beside the DAG "
                   "folder.",
       .kind = Kind::text,
       .member = &Settings::contracts,
       .expects = "the absolute path of the folder of data contracts",
       .example = R"("/srv/contracts")",
       .fits = fits_folder},
      {.name = "bundles",
       .sentence = "Folders and Git repositories with DAGs, beside the DAG folder.",
       .kind = Kind::bundles,
       .member = &Settings::bundles,
       .expects = "a list such as [{\"name\": \"risk\", \"path\": \"/srv/risk\"}]",
       .example = R"([{"name": "risk", "path": "/srv/risk"}])"},
      {.name = "base_url",
       .sentence = "The address that people reach the page by: alerts link to it.",
       .kind = Kind::text,
       .member = &Settings::base_url,
       .expects = "the address that people reach the page by, such as "
                  "\"https://batuta.example.org\"",
       .example = R"("https://batuta.example.org")",
       .fits = fits_page_url,
       .airflow = "AIRFLOW__API__BASE_URL"},
      {.name = "page.edit_dags",
       .sentence = "Whether people may edit DAG files in the page.",
       .kind = Kind::flag,
       .member = &Settings::page_edit_dags,
       .live = true},
      {.name = "connections.test",
       .sentence = "Whether people may try connections: the server logs in where they lead.",
       .kind = Kind::flag,
       .member = &Settings::connections_test,
       .live = true},
      {.name = "outgoing.proxy",
       .sentence = "The proxy of every outgoing request.",
       .kind = Kind::text,
       .member = &Settings::outgoing_proxy,
       .expects = "the address of a proxy such as \"http://proxy.example.org:3128\"",
       .example = R"("http://proxy.example.org:3128")",
       .fits = fits_proxy_url,
       .shown = [](const std::string& url) { return without_user_info(url); }},
      {.name = "outgoing.no_proxy",
       .sentence = "Hosts that are reached without the proxy.",
       .kind = Kind::text,
       .member = &Settings::outgoing_no_proxy,
       .expects = "host names with commas between, such as \"intranet.example.org,.local\"",
       .example = R"("intranet.example.org,.local")",
       .fits = fits_something},
      {.name = "outgoing.ca_file",
       .sentence = "Certificates of authorities that are believed beside the system's.",
       .kind = Kind::text,
       .member = &Settings::outgoing_ca_file,
       .expects = "a file of certificates (PEM) that can be read",
       .example = R"("/etc/ssl/example-ca.pem")",
       .fits = fits_file},
      {.name = "params.programs",
       .sentence = "Programs that the server may ask for the default of a DAG's param.",
       .kind = Kind::list,
       .member = &Settings::params_programs,
       .expects = "a list of absolute paths of programs, without \"..\"",
       .example = R"(["/usr/bin/date"])",
       .fits = fits_plain_path},
      {.name = "secrets.env",
       .sentence = "Variables of the server's environment that {\"$env\": …} may refer to.",
       .kind = Kind::list,
       .member = &Settings::secrets_env,
       .expects = "a list of names of variables",
       .example = R"(["WAREHOUSE_PASSWORD"])",
       .fits = fits_variable_name},
      {.name = "secrets.folders",
       .sentence = "Folders whose files {\"$file\": …} may refer to, at any depth.",
       .kind = Kind::list,
       .member = &Settings::secrets_folders,
       .expects = "a list of absolute paths of folders, without \"..\"",
       .example = R"(["/run/secrets"])",
       .fits = fits_plain_path},
      {.name = "secrets.programs",
       .sentence = "Programs that {\"$command\": …} may run.",
       .kind = Kind::list,
       .member = &Settings::secrets_programs,
       .expects = "a list of absolute paths of programs, without \"..\"",
       .example = R"(["/usr/bin/vault"])",
       .fits = fits_plain_path},
      {.name = "lake.url",
       .sentence = "The store or folder that holds the lake; none: the folder lake of the home.",
       .kind = Kind::text,
       .member = &Settings::lake_url,
       .expects = "s3://bucket/prefix, gs://bucket/prefix or azblob://account/container/prefix, "
                  "without credentials, or file:///an/absolute/path",
       .example = R"("s3://my-bucket/lake")",
       .fits = fits_store,
       .shown = [](const std::string& url) { return without_user_info(url); }},
      {.name = "lake.secret",
       .sentence = "Where the secret part of the credentials for lake.url is kept; none: in the "
                   "environment.",
       .kind = Kind::reference,
       .member = &Settings::lake_secret_at,
       .expects = "a reference to the secret, {\"$env\": …}, {\"$file\": …} or {\"$command\": […]}",
       .example = R"({"$file": "/run/secrets/lake"})",
       .fits = fits_store_secret},
      {.name = "lake.cache",
       .sentence = "What a host keeps of the files of a lake in an object store.",
       .kind = Kind::bytes,
       .member = &Settings::lake_cache,
       .least = 64 * settings_mib},
      {.name = "lake.memory",
       .sentence = "What the SQL engine of a slot may use; what does not fit is spilled to disk.",
       .kind = Kind::bytes,
       .member = &Settings::lake_memory,
       .least = 32 * settings_mib},
      {.name = "lake.threads",
       .sentence = "Threads of the SQL engine of a slot.",
       .kind = Kind::integer,
       .member = &Settings::lake_threads,
       .least = 1,
       .most = 256,
       .unit = "threads"},
      {.name = "lake.sql_timeout",
       .sentence = "How long a query of people may take.",
       .kind = Kind::duration,
       .member = &Settings::lake_sql_timeout,
       .least = one_second,
       .live = true},
      {.name = "lake.sql_slots",
       .sentence = "How many statements of people the server runs at a time.",
       .kind = Kind::integer,
       .member = &Settings::lake_sql_slots,
       .least = 1,
       .most = 16,
       .unit = "statements at a time"},
      {.name = "lake.sql_rows",
       .sentence = "The most rows of one answer to a query of people.",
       .kind = Kind::integer,
       .member = &Settings::lake_sql_rows,
       .least = 1,
       .most = 1'000'000,
       .unit = "rows"},
      {.name = "lake.sql_bytes",
       .sentence = "The most bytes of one answer to a query of people, as JSON.",
       .kind = Kind::bytes,
       .member = &Settings::lake_sql_bytes,
       .least = 64 * settings_kib,
       .most = 16 * settings_mib},
      {.name = "lake.maintenance",
       .sentence = "The schedule (UTC) on which the DAG lake_maintenance looks after the tables.",
       .kind = Kind::text,
       .member = &Settings::lake_maintenance,
       .expects = "a schedule such as \"23 3 * * *\" or \"@daily\", or \"off\"",
       .example = R"("23 3 * * *")",
       .live = true,
       .fits = fits_schedule},
      {.name = "lake.monitors",
       .sentence = "The schedule (UTC) on which the DAG lake_monitors judges monitors.",
       .kind = Kind::text,
       .member = &Settings::lake_monitors,
       .expects = "a schedule such as \"*/15 * * * *\" or \"@hourly\", or \"off\"",
       .example = R"("*/15 * * * *")",
       .live = true,
       .fits = fits_schedule},
      {.name = "lake.monitor_notices",
       .sentence = "Who is sent a message when alerts of monitors open and close.",
       .kind = Kind::object,
       .member = &Settings::lake_monitor_notices,
       .expects =
           "an object of \"notifiers\", one or up to eight as tasks have them in on_success, "
           "and of a \"severity\" (info, warning, critical) from which on it is told, or {}",
       .example = R"({"severity": "warning", "notifiers": [{"notifier": "slack", )"
                  R"("connection": "slack_alerts", "channel": "#data"}]})",
       .live = true,
       .fits = fits_monitor_notices,
       .why = why_monitor_notices_unfit},
      {.name = "lake.report",
       .sentence =
           "The schedule (UTC) on which the DAG lake_report keeps runs as tables of the lake.",
       .kind = Kind::text,
       .member = &Settings::lake_report,
       .expects = "a schedule such as \"7 * * * *\" or \"@daily\", or \"off\"",
       .example = R"("7 * * * *")",
       .live = true,
       .fits = fits_schedule},
      {.name = "lake.maintenance_budget",
       .sentence = "How long a run of lake_maintenance begins with further tables.",
       .kind = Kind::duration,
       .member = &Settings::lake_maintenance_budget,
       .least = 60 * one_second,
       .live = true},
      {.name = "lake.maintenance_small_files",
       .sentence = "It rewrites a table when at least so many files would go by it.",
       .kind = Kind::integer,
       .member = &Settings::lake_maintenance_small_files,
       .least = 2,
       .most = 1'000'000,
       .unit = "files",
       .live = true},
  }));
}

}  // namespace

// Those with one prefix side by side: `config list` shows them as sections.
const std::vector<Setting>& settings_table() {
  static const std::vector<Setting> table =
      with_worker_settings(with_vault_settings(with_aws_settings(most_settings())));
  return table;
}

}  // namespace batuta
