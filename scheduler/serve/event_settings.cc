#include "scheduler/serve/event_settings.h"

#include <algorithm>
#include <filesystem>

#include "common/url.h"
#include "scheduler/http/gzip.h"
#include "scheduler/oidc/provider.h"
#include "scheduler/store/secret_reference.h"

namespace batuta {
namespace {

using EventKind = Setting::Kind;

bool fits_collector(std::string& text, const char* path) {
  if (!fits_url(text, {"http", "https"})) return false;
  const UrlParts parts = split_url(text);
  if (!parts.user_info.empty()) return false;
  if (parts.rest.empty()) text += path;
  return true;
}
bool fits_lineage_collector(std::string& text) {
  return fits_collector(text, "/api/v1/lineage");
}
bool fits_trace_collector(std::string& text) {
  return fits_collector(text, "/v1/traces");
}

bool fits_reference(std::string& text) {
  return read_setting_reference(text).has_value();
}

bool fits_job_namespace(std::string& text) {
  return !text.empty() && text.size() <= 256 && std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ';
  });
}

Status check_token(const std::string& what, const std::string& token, const std::string& url) {
  if (token.empty() || url.empty() || oidc::safe_address(url)) return success();
  return {Errc::invalid, what + ".token is sent with every request: " + what +
                             ".url must be https, or http on this machine"};
}

}  // namespace

bool fits_plain_path(std::string& path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.starts_with('/') && path.size() <= 4096 &&
         std::filesystem::path(path).lexically_normal() == path;
}

bool fits_url(std::string& text, std::initializer_list<std::string_view> schemes) {
  const UrlParts parts = split_url(text);
  const bool known = std::any_of(schemes.begin(), schemes.end(), [&](std::string_view scheme) {
    return parts.scheme == std::string(scheme) + "://";
  });
  if (!known || parts.host.empty() || text.find_first_of(" \t\r\n\"<>") != std::string::npos) {
    return false;
  }
  while (text.back() == '/') text.pop_back();
  return true;
}

std::vector<Setting> with_event_settings(std::vector<Setting> table) {
  const std::vector<Setting> rows{
      {.name = "lineage.url",
       .sentence = "The collector that OpenLineage events are sent to.",
       .kind = EventKind::text,
       .member = &Settings::lineage_url,
       .expects = "the address of a collector such as \"https://marquez.example.org\" (then the "
                  "path is /api/v1/lineage), without user and password",
       .example = R"("https://marquez.example.org/api/v1/lineage")",
       .fits = fits_lineage_collector},
      {.name = "lineage.token",
       .sentence = "Where the bearer token for lineage.url is kept.",
       .kind = EventKind::reference,
       .member = &Settings::lineage_token,
       .expects = "a secret reference such as {\"$env\": \"LINEAGE_TOKEN\"}",
       .example = R"({"$env": "LINEAGE_TOKEN"})",
       .fits = fits_reference},
      {.name = "lineage.gzip",
       .sentence = "Events go to lineage.url compressed.",
       .kind = EventKind::flag,
       .member = &Settings::lineage_gzip},
      {.name = "lineage.file",
       .sentence = "The file that OpenLineage events are added to, a line each.",
       .kind = EventKind::text,
       .member = &Settings::lineage_file,
       .expects = "the absolute path of a file",
       .example = R"("/var/log/batuta/lineage.jsonl")",
       .fits = fits_plain_path},
      {.name = "lineage.namespace",
       .sentence = "The namespace of DAGs and tasks in OpenLineage events.",
       .kind = EventKind::text,
       .member = &Settings::lineage_namespace,
       .expects = "a word of at most 256 bytes without spaces",
       .example = R"("batuta-production")",
       .fits = fits_job_namespace},
      {.name = "traces.url",
       .sentence = "The collector that spans of runs and tries are sent to (OTLP over HTTP).",
       .kind = EventKind::text,
       .member = &Settings::traces_url,
       .expects = "the address of a collector such as \"https://otel.example.org:4318\" (then the "
                  "path is /v1/traces), without user and password",
       .example = R"("https://otel.example.org:4318/v1/traces")",
       .fits = fits_trace_collector},
      {.name = "traces.token",
       .sentence = "Where the bearer token for traces.url is kept.",
       .kind = EventKind::reference,
       .member = &Settings::traces_token,
       .expects = "a secret reference such as {\"$env\": \"OTEL_TOKEN\"}",
       .example = R"({"$env": "OTEL_TOKEN"})",
       .fits = fits_reference},
      {.name = "traces.service",
       .sentence = "The name of this installation in traces (service.name).",
       .kind = EventKind::text,
       .member = &Settings::traces_service,
       .expects = "a word of at most 256 bytes without spaces",
       .example = R"("batuta-production")",
       .fits = fits_job_namespace},
      {.name = "traces.gzip",
       .sentence = "Spans go to traces.url compressed.",
       .kind = EventKind::flag,
       .member = &Settings::traces_gzip},
  };
  table.insert(table.end(), rows.begin(), rows.end());
  return table;
}

Status check_event_settings(const Settings& settings) {
  const Status lineage = check_token("lineage", settings.lineage_token, settings.lineage_url);
  return lineage ? check_token("traces", settings.traces_token, settings.traces_url) : lineage;
}

EventTransport lineage_transport(const Settings& settings) {
  EventTransport transport;
  transport.url = settings.lineage_url;
  transport.file = settings.lineage_file;
  transport.token = settings.lineage_token;
  if (settings.lineage_gzip) transport.gzip = http::gzip;
  return transport;
}

EventTransport trace_transport(const Settings& settings) {
  EventTransport transport;
  transport.what = "traces";
  transport.url = settings.traces_url;
  transport.token = settings.traces_token;
  if (settings.traces_gzip) transport.gzip = http::gzip;
  return transport;
}

}  // namespace batuta
