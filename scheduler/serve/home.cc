#include "scheduler/serve/home.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "common/safe_json.h"
#include "common/text.h"
#include "common/url.h"
#include "scheduler/http/forwarded.h"
#include "worker/slot_user.h"

namespace batuta {
namespace {

using json = nlohmann::json;

struct Setting {
  const char* name;
  std::function<bool(Settings&, const json&)> set;
  const char* expects;
};

bool set_duration(Duration& out, const json& value, Duration least) {
  const auto seconds = json_int(value);
  const auto parsed = seconds             ? parse_duration(std::to_string(*seconds))
                      : value.is_string() ? parse_duration(value.get_ref<const std::string&>())
                                          : std::nullopt;
  if (!parsed || *parsed < least) return false;
  out = *parsed;
  return true;
}

bool set_int(int& out, const json& value, int least, int most) {
  auto number = json_int(value);
  if (!number && value.is_string()) {
    const auto parsed = parse_untrusted(value.get_ref<const std::string&>());
    if (parsed) number = json_int(*parsed);
  }
  if (!number || *number < least || *number > most) return false;
  out = static_cast<int>(*number);
  return true;
}

// As requests are compared with it: lower case, without a port. A scheme or port would never match.
bool add_host(std::vector<std::string>& out, std::string host) {
  for (char& c : host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (host.empty() || host.find_first_of("/ \t") != std::string::npos) return false;
  if (!bracketed && host.find(':') != std::string::npos) return false;
  out.push_back(std::move(host));
  return true;
}

bool add_address(std::vector<std::string>& out, std::string text) {
  auto address = http::plain_address(text);
  if (address) out.push_back(*std::move(address));
  return address.has_value();
}

std::string trimmed(std::string word) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  word.erase(word.begin(), std::find_if_not(word.begin(), word.end(), blank));
  while (!word.empty() && blank(word.back())) word.pop_back();
  return word;
}

// A list, or words with commas between as a variable of the environment has them.
bool set_list(std::vector<std::string>& out, const json& value,
              bool (*add)(std::vector<std::string>&, std::string)) {
  out.clear();  // the variable takes the file's place
  if (value.is_string()) {
    std::istringstream words(value.get<std::string>());
    for (std::string word; std::getline(words, word, ',');) {
      if (!add(out, trimmed(std::move(word)))) return false;
    }
    return true;
  }
  return value.is_array() && std::all_of(value.begin(), value.end(), [&](const json& item) {
           return item.is_string() && add(out, trimmed(item.get<std::string>()));
         });
}

// A number of bytes, as one or as a text with KiB, MiB, GiB behind.
bool set_bytes(std::int64_t& out, const json& value, std::int64_t least) {
  const auto number = json_int(value);
  if (!number && !value.is_string()) return false;
  const auto bytes = parse_byte_size(number ? std::to_string(*number) : value.get<std::string>());
  if (!bytes) return false;
  out = *bytes;
  return out == 0 || out >= least;
}

bool add_text(std::vector<std::string>& out, std::string text) {
  const bool fits = !text.empty() && text.size() <= 512;
  out.push_back(std::move(text));
  return fits;
}

// As the kernel takes the address of a socket.
bool set_socket(std::string& out, const json& value) {
  if (!value.is_string()) return false;
  out = value;
  return out.size() < 108 && (out.empty() || out.front() == '/');
}

// Names and values as a program's environment can hold them; the variable of the same setting has
// the object as a text.
bool set_env(std::string& out, const json& value) {
  const auto given = value.is_string() ? parse_untrusted(value.get_ref<const std::string&>())
                                       : Result<json>(value);
  if (!given || !given->is_object()) return false;
  for (const auto& [name, text] : given->items()) {
    if (name.empty() || name.starts_with("BATUTA_") || name.find('=') != std::string::npos ||
        name.find('\0') != std::string::npos || !text.is_string() ||
        text.get_ref<const std::string&>().find('\0') != std::string::npos) {
      return false;
    }
  }
  out = json_text(*given);
  return out.size() <= (32 << 10);
}

bool set_flag(bool& out, const json& value) {
  const bool yes = value == true || value == "true";
  if (!yes && value != false && value != "false") return false;
  out = yes;
  return true;
}

bool set_text(std::string& out, const json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) return false;
  out = value;
  return true;
}

// An absolute address of one of these schemes, kept without a slash at its end.
bool set_url(std::string& out, const json& value, std::initializer_list<std::string_view> schemes) {
  if (!set_text(out, value)) return false;
  const UrlParts parts = split_url(out);
  const bool known = std::any_of(schemes.begin(), schemes.end(), [&](std::string_view scheme) {
    return parts.scheme == std::string(scheme) + "://";
  });
  if (!known || parts.host.empty() || out.find_first_of(" \t\r\n\"<>") != std::string::npos) {
    return false;
  }
  while (out.back() == '/') out.pop_back();
  return true;
}

// The variable of the same setting has the list as a text.
Status set_bundles(std::vector<BundleSetting>& out, const json& value) {
  auto read = read_bundle_settings(value.is_string() ? value.get<std::string>() : json_text(value));
  if (!read) return read.error();
  out = *std::move(read);
  return success();
}

const std::vector<Setting>& settings_table() {
  using namespace std::chrono_literals;
  static const std::vector<Setting> table{
      {"heartbeat", [](Settings& s, const json& v) { return set_duration(s.heartbeat, v, 100ms); },
       "a duration of at least 100ms"},
      {"lease", [](Settings& s, const json& v) { return set_duration(s.lease, v, 500ms); },
       "a duration of at least 500ms"},
      {"cancel_grace",
       [](Settings& s, const json& v) { return set_duration(s.cancel_grace, v, 0ms); },
       "a duration"},
      {"stop_drain", [](Settings& s, const json& v) { return set_duration(s.stop_drain, v, 0ms); },
       "a duration"},
      {"retention_days",
       [](Settings& s, const json& v) { return set_int(s.retention_days, v, 1, 36500); },
       "a number of days from 1"},
      {"min_free_disk_percent",
       [](Settings& s, const json& v) { return set_int(s.min_free_disk_percent, v, 0, 99); },
       "0 to 99"},
      {"allowed_hosts",
       [](Settings& s, const json& v) { return set_list(s.allowed_hosts, v, add_host); },
       "a list of host names, without scheme and port"},
      {"trusted_proxies",
       [](Settings& s, const json& v) { return set_list(s.trusted_proxies, v, add_address); },
       "a list of IP addresses, without port"},
      {"worker.user", [](Settings& s, const json& v) { return set_text(s.worker_user, v); },
       "the name of a user"},
      {"worker.user_range",
       [](Settings& s, const json& v) {
         return set_text(s.worker_user_range, v) && parse_user_range(s.worker_user_range);
       },
       "two user ids from 1000 with a dash between, such as \"64000-64031\""},
      {"worker.memory_limit",
       // Less, and no plugin can be loaded.
       [](Settings& s, const json& v) { return set_bytes(s.worker_memory_limit, v, 64 << 20); },
       "a size of at least 64MiB such as \"2GiB\", or 0 for none"},
      {"worker.run_dir_limit",
       [](Settings& s, const json& v) { return set_bytes(s.worker_run_dir_limit, v, 1 << 20); },
       "a size of at least 1MiB such as \"10GiB\", or 0 for none"},
      {"worker.env", [](Settings& s, const json& v) { return set_env(s.worker_env, v); },
       "an object of texts by name, such as {\"PATH\": \"/opt/tools/bin:/usr/bin:/bin\", \"TZ\": "
       "\"Europe/Rome\"}, none of them BATUTA_…, at most 32 KiB"},
      {"worker.container_socket",
       [](Settings& s, const json& v) { return set_socket(s.worker_container_socket, v); },
       "the absolute path of a container engine's socket, such as \"/run/docker.sock\""},
      {"worker.container_images",
       [](Settings& s, const json& v) {
         return set_list(s.worker_container_images, v, add_text) &&
                !s.worker_container_images.empty();
       },
       "a list of images that may be run, such as [\"registry.example.org/etl/*\", "
       "\"python:3.12\"]"},
      {"contracts",
       [](Settings& s, const json& v) {
         return set_text(s.contracts, v) && s.contracts.front() == '/';
       },
       "the absolute path of the folder of data contracts"},
      {"bundles", [](Settings& s, const json& v) { return set_bundles(s.bundles, v).ok(); },
       "a list such as [{\"name\": \"risk\", \"path\": \"/srv/risk\"}]"},
      {"base_url",
       [](Settings& s, const json& v) {
         return set_url(s.base_url, v, {"http", "https"});
       },
       "the address that people reach the page by, such as \"https://batuta.example.org\""},
      {"page.edit_dags", [](Settings& s, const json& v) { return set_flag(s.page_edit_dags, v); },
       "true or false"},
      {"outgoing.proxy",
       [](Settings& s, const json& v) {
         return set_url(s.outgoing_proxy, v, {"http", "https", "socks5", "socks5h"});
       },
       "the address of a proxy such as \"http://proxy.example.org:3128\""},
      {"outgoing.no_proxy",
       [](Settings& s, const json& v) { return set_text(s.outgoing_no_proxy, v); },
       "host names with commas between, such as \"intranet.example.org,.local\""},
      {"outgoing.ca_file",
       [](Settings& s, const json& v) {
         return set_text(s.outgoing_ca_file, v) && std::ifstream(s.outgoing_ca_file).good();
       },
       "a file of certificates (PEM) that can be read"},
      {"lake.memory",
       [](Settings& s, const json& v) {
         return set_bytes(s.lake_memory, v, 32 << 20) && s.lake_memory != 0;
       },
       "a size of at least 32MiB such as \"2GiB\""},
      {"lake.threads",
       [](Settings& s, const json& v) { return set_int(s.lake_threads, v, 1, 256); },
       "a number of threads from 1 to 256"},
      {"lake.sql_timeout",
       [](Settings& s, const json& v) { return set_duration(s.lake_sql_timeout, v, 1s); },
       "a duration of at least 1s"},
      {"lake.sql_slots",
       [](Settings& s, const json& v) { return set_int(s.lake_sql_slots, v, 1, 16); },
       "a number of statements at a time from 1 to 16"},
      {"lake.sql_rows",
       [](Settings& s, const json& v) { return set_int(s.lake_sql_rows, v, 1, 1'000'000); },
       "a number of rows from 1 to 1000000"},
      {"lake.sql_bytes",
       [](Settings& s, const json& v) {
         return set_bytes(s.lake_sql_bytes, v, 64 << 10) && s.lake_sql_bytes >= 64 << 10 &&
                s.lake_sql_bytes <= 16 << 20;
       },
       "a size from 64KiB to 16MiB such as \"8MiB\""},
      {"lake.maintenance",
       [](Settings& s, const json& v) { return set_text(s.lake_maintenance, v); },
       "a schedule such as \"23 3 * * *\" or \"@daily\", or \"off\""},
      {"lake.monitors", [](Settings& s, const json& v) { return set_text(s.lake_monitors, v); },
       "a schedule such as \"*/15 * * * *\" or \"@hourly\", or \"off\""},
      {"lake.maintenance_budget",
       [](Settings& s, const json& v) { return set_duration(s.lake_maintenance_budget, v, 1min); },
       "a duration of at least 1m"},
      {"lake.maintenance_small_files",
       [](Settings& s, const json& v) {
         return set_int(s.lake_maintenance_small_files, v, 2, 1'000'000);
       },
       "a number of files from 2 to 1000000"},
  };
  return table;
}

Status apply(Settings& settings, const std::string& name, const json& value,
             const std::string& from) {
  std::string known;
  for (const Setting& setting : settings_table()) {
    if (name == setting.name) {
      if (setting.set(settings, value)) return success();
      if (name == "bundles")  // what of the list is wrong
        return {Errc::invalid, from + ": " + set_bundles(settings.bundles, value).error().message};
      return {Errc::invalid, from + ": \"" + name + "\" must be " + setting.expects};
    }
    known += known.empty() ? setting.name : std::string(", ") + setting.name;
  }
  return {Errc::invalid, from + ": unknown setting \"" + name + "\"; known are " + known};
}

Status read_settings(const std::string& file, Settings& settings) {
  std::ifstream in(file);
  if (in) {
    std::stringstream text;
    text << in.rdbuf();
    const auto parsed = parse_untrusted(text.str());
    if (!parsed) return {Errc::invalid, file + ": " + parsed.error().message};
    if (!parsed->is_object()) return {Errc::invalid, file + ": must be a JSON object"};
    for (const auto& [name, value] : parsed->items()) {
      if (auto status = apply(settings, name, value, file); !status) return status;
    }
  }
  for (const Setting& setting : settings_table()) {
    std::string variable = std::string("BATUTA_") + setting.name;
    for (char& c : variable) {
      c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    if (const char* value = std::getenv(variable.c_str())) {
      if (auto status = apply(settings, setting.name, json(value), variable); !status)
        return status;
    }
  }
  if (!settings.worker_user_range.empty() && settings.worker_user.empty()) {
    return {Errc::invalid, "worker.user_range needs worker.user: its group is the slots'"};
  }
  if (settings.lease < 2 * settings.heartbeat) {
    return {Errc::invalid, "lease must be at least twice the heartbeat"};
  }
  return success();
}

}  // namespace

Result<Settings> settings_of(const std::string& folder) {
  Settings settings;
  if (auto status = read_settings(folder + "/batuta.json", settings); !status)
    return status.error();
  return settings;
}

namespace {

// Its names; a value may be a secret.
std::string starred_env(const std::string& env) {
  auto shown = parse_untrusted(env);
  if (!shown || !shown->is_object()) return "{}";
  for (auto& value : *shown) value = "***";
  return json_text(*shown);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> shown_settings(const Settings& s) {
  const auto duration = [](Duration d) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
    return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
  };
  const auto list = [](const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text.append(text.empty() ? "" : ", ").append(word);
    return text;
  };
  return {{"heartbeat", duration(s.heartbeat)},
          {"lease", duration(s.lease)},
          {"cancel_grace", duration(s.cancel_grace)},
          {"stop_drain", duration(s.stop_drain)},
          {"retention_days", std::to_string(s.retention_days)},
          {"min_free_disk_percent", std::to_string(s.min_free_disk_percent)},
          {"allowed_hosts", list(s.allowed_hosts)},
          {"trusted_proxies", list(s.trusted_proxies)},
          {"worker.user", s.worker_user},
          {"worker.user_range", s.worker_user_range},
          {"worker.memory_limit", std::to_string(s.worker_memory_limit)},
          {"worker.run_dir_limit", std::to_string(s.worker_run_dir_limit)},
          {"worker.env", starred_env(s.worker_env)},
          {"worker.container_socket", s.worker_container_socket},
          {"worker.container_images", list(s.worker_container_images)},
          {"contracts", s.contracts},
          {"bundles", shown_bundles(s.bundles)},
          {"base_url", s.base_url},
          {"page.edit_dags", s.page_edit_dags ? "true" : "false"},
          {"outgoing.proxy", without_user_info(s.outgoing_proxy)},
          {"outgoing.no_proxy", s.outgoing_no_proxy},
          {"outgoing.ca_file", s.outgoing_ca_file},
          {"lake.memory", std::to_string(s.lake_memory)},
          {"lake.threads", std::to_string(s.lake_threads)},
          {"lake.sql_timeout", duration(s.lake_sql_timeout)},
          {"lake.sql_slots", std::to_string(s.lake_sql_slots)},
          {"lake.sql_rows", std::to_string(s.lake_sql_rows)},
          {"lake.sql_bytes", std::to_string(s.lake_sql_bytes)},
          {"lake.maintenance", s.lake_maintenance},
          {"lake.monitors", s.lake_monitors},
          {"lake.maintenance_budget", duration(s.lake_maintenance_budget)},
          {"lake.maintenance_small_files", std::to_string(s.lake_maintenance_small_files)}};
}

Result<Home> Home::open(const std::string& folder) {
  Home home;
  std::error_code error;
  home.folder_ = std::filesystem::absolute(folder, error).lexically_normal().string();
  while (home.folder_.size() > 1 && home.folder_.back() == '/') home.folder_.pop_back();
  const mode_t old_mask = umask(0077);
  for (const char* sub : {"", "run", "run/slots", "logs", "lake", "backups", "bundles"}) {
    std::filesystem::create_directories(home.path(sub), error);
    if (error) {
      umask(old_mask);
      return {Errc::unavailable, "cannot create " + home.path(sub) + ": " + error.message()};
    }
  }
  umask(old_mask);
  if (auto status = read_settings(home.path("batuta.json"), home.settings_); !status) {
    return status.error();
  }
  if (const std::string& user = home.settings_.worker_user; !user.empty()) {
    if (const auto found = find_slot_user(user); !found) return found.error();
  }
  return home;
}

Status Home::write_private(const std::string& relative, const std::string& text) const {
  const std::string target = path(relative);
  const std::string staged = target + ".new";
  const int fd = ::open(staged.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return {Errc::unavailable, "cannot write " + staged + ": " + std::strerror(errno)};
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(staged.c_str(), target.c_str()) != 0) {
    return {Errc::unavailable, "cannot write " + target + ": " + std::strerror(errno)};
  }
  return success();
}

}  // namespace batuta
