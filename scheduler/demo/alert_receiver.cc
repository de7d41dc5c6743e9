#include "scheduler/demo/alert_receiver.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::demo {
namespace {

using nlohmann::json;

http::Response plain(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

std::string text_of(const json& payload, const char* name) {
  const auto it = payload.find(name);
  return it != payload.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// Line breaks and control characters would fake further lines or drive the terminal.
std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += " | ";
    } else {
      out += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
  }
  return out;
}

http::Response receive(const AlertReceiverOptions& options, const http::Request& request) {
  if (request.method != http::Method::post) return plain(405, "method_not_allowed");
  const auto payload = parse_untrusted(request.body);
  if (!payload || !payload->is_object() || text_of(*payload, "text").empty()) {
    return plain(400, "invalid_payload");
  }
  if (!options.file.empty()) {
    std::ofstream file(options.file, std::ios::app);
    file << json_text(*payload) << '\n';
    if (!file.flush()) return plain(500, "the alert could not be written to its file");
  }
  const auto line = "alert " + one_line(text_of(*payload, "channel")) + " from " +
                    one_line(text_of(*payload, "username")) + ": " +
                    one_line(text_of(*payload, "text"));
  if (options.print) {
    options.print(line);
  } else {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
  return plain(200, "ok");
}

}  // namespace

http::Handler make_alert_handler(AlertReceiverOptions options) {
  return [options = std::move(options)](const std::shared_ptr<http::Request>& request,
                                        const http::Respond& respond) {
    respond(receive(options, *request));
  };
}

}  // namespace batuta::demo
