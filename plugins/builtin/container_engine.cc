#include "plugins/builtin/container_engine.h"

#include <sodium.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"
#include "plugins/builtin/container_frames.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

constexpr Duration call_limit = std::chrono::seconds(60);
constexpr Duration signal_limit = std::chrono::seconds(2);
constexpr Duration tell_every = std::chrono::seconds(10);
constexpr std::size_t longest_word = 1000;
constexpr std::size_t longest_line = 1 << 20;  // of a pull's progress

json parsed(std::string_view text) {
  JsonLimits limits;
  limits.bytes = std::size_t{8} << 20;
  auto value = parse_untrusted(text, limits);
  return value ? *std::move(value) : json(nullptr);
}

std::string text_at(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::map<std::string, std::string> labels_of(const json& object) {
  std::map<std::string, std::string> out;
  if (!object.is_object()) return out;
  for (const auto& [name, value] : object.items()) {
    if (value.is_string()) out[name] = value.get<std::string>();
  }
  return out;
}

// The engine's own words.
std::string said(const HttpAnswer& answer) {
  std::string word = text_at(parsed(answer.body), "message");
  if (word.empty()) word = "the engine answered " + std::to_string(answer.status);
  return word.substr(0, longest_word);
}

[[noreturn]] void fail(const HttpAnswer& answer, const std::string& what) {
  const std::string why = what + ": " + said(answer);
  // 408 and 429 are a registry's or the engine's way to say "later".
  const bool later = answer.status >= 500 || answer.status == 408 || answer.status == 429;
  if (later) throw RetryableError(why);
  throw FinalError(why);
}

// The lines of a pull. The status stays 200 whatever happens: an error is one of them.
class PullLines {
 public:
  using Tell = std::function<void(const std::string&)>;
  PullLines(std::string image, const Tell& tell) : image_(std::move(image)), tell_(tell) {}

  bool feed(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n') {
        take();
        line_.clear();
      } else if (line_.size() < longest_line) {
        line_ += c;
      }
    }
    return true;
  }
  void end() {
    take();
    if (!error_.empty()) throw RetryableError("cannot pull " + image_ + ": " + error_);
  }

 private:
  void take() {
    const json line = parsed(line_);
    if (!line.is_object()) return;
    std::string error = text_at(line, "error");
    if (error.empty() && line.contains("errorDetail"))
      error = text_at(line["errorDetail"], "message");
    if (!error.empty()) error_ = error.substr(0, longest_word);
    const std::string status = text_at(line, "status");
    const std::string layer = text_at(line, "id");
    const bool of_all = layer.empty() || layer == image_;
    const Time now = read_clock().wall;
    if (status.empty() || (!of_all && now < next_)) return;
    if (!of_all) next_ = now + tell_every;
    const std::string progress = text_at(line, "progress");
    tell_("pulling " + image_ + ": " + (of_all ? "" : layer + " ") + status +
          (progress.empty() ? "" : " " + progress));
  }

  std::string image_, line_, error_;
  const Tell& tell_;
  Time next_{};
};

}  // namespace

ContainerEngine::ContainerEngine(std::string socket) : socket_(std::move(socket)) {
  if (::access(socket_.c_str(), R_OK | W_OK) != 0) {
    throw RetryableError("cannot reach the container engine at " + socket_ + ": " +
                         std::strerror(errno));
  }
  const HttpAnswer answer = checked(request("GET", "/_ping"), "the container engine");
  podman_ = answer.header("libpod-api-version") != nullptr;
  const std::string* version = answer.header("api-version");
  // Its newest: what is asked for here is in all of them.
  if (version != nullptr && !version->empty() &&
      version->find_first_not_of("0123456789.") == std::string::npos) {
    version_ = "/v" + *version;
  }
}

HttpRequest ContainerEngine::request(const char* method, const std::string& path) const {
  HttpRequest out;
  out.method = method;
  out.url = "http://localhost" + version_ + path;
  out.unix_socket = socket_;
  out.timeout = call_limit;
  if (std::string_view(method) == "POST")
    out.headers.emplace_back("Content-Type", "application/json");
  return out;
}

HttpAnswer ContainerEngine::ask(const HttpRequest& request, const std::string& what) const {
  auto answer = http_call(request);
  if (!answer && request.cancelled && request.cancelled()) throw RetryableError("cancelled");
  if (!answer) {
    throw RetryableError(what + ": the container engine at " + socket_ + ": " +
                         answer.error().message);
  }
  return *std::move(answer);
}

HttpAnswer ContainerEngine::checked(const HttpRequest& request, const std::string& what) const {
  HttpAnswer answer = ask(request, what);
  if (answer.status < 200 || answer.status > 299) fail(answer, what);
  return answer;
}

bool ContainerEngine::rootless() const {
  const json info = parsed(checked(request("GET", "/info"), "asking about the engine").body);
  const auto options = info.is_object() ? info.find("SecurityOptions") : info.end();
  if (options == info.end() || !options->is_array()) return false;
  for (const json& one : *options) {
    if (one.is_string() && one.get_ref<const std::string&>().starts_with("name=rootless"))
      return true;
  }
  return false;
}

bool ContainerEngine::has_image(const ImageName& image) const {
  const HttpAnswer answer =
      ask(request("GET", "/images/" + image.text() + "/json"), "looking for " + image.text());
  if (answer.status == 404) return false;
  if (answer.status != 200) fail(answer, "looking for " + image.text());
  return true;
}

void ContainerEngine::pull(const ImageName& image, const std::string& login,
                           const Cancelled& cancelled,
                           const std::function<void(const std::string&)>& tell) const {
  const std::string name = image.text();
  HttpRequest call = request(
      "POST", "/images/create?fromImage=" + percent_encoded(image.repository()) +
                  "&tag=" + percent_encoded(image.digest.empty() ? image.tag : image.digest));
  if (!login.empty()) call.headers.emplace_back("X-Registry-Auth", login);
  PullLines lines(name, tell);
  call.cancelled = cancelled;
  call.on_body = [&lines](std::string_view bytes) { return lines.feed(bytes); };
  const HttpAnswer answer = ask(call, "cannot pull " + name);
  if (answer.status != 200) fail(answer, "cannot pull " + name);
  lines.end();
}

std::string ContainerEngine::create(const std::string& name, const json& config) const {
  HttpRequest call = request("POST", "/containers/create?name=" + percent_encoded(name));
  call.body = json_text(config);
  const HttpAnswer answer = ask(call, "making the container");
  if (answer.status == 409) throw NameTaken{};
  if (answer.status != 201) fail(answer, "making the container");
  std::string id = text_at(parsed(answer.body), "Id");
  if (id.empty() || id.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw RetryableError("making the container: the engine's answer has no id");
  return id;
}

void ContainerEngine::start(const std::string& id) const {
  checked(request("POST", "/containers/" + id + "/start"), "starting the container");
}

bool ContainerEngine::follow(const std::string& id, const Cancelled& cancelled,
                             const std::function<void(int, std::string_view)>& output) const {
  HttpRequest call =
      request("GET", "/containers/" + id + "/logs?follow=true&stdout=true&stderr=true");
  ContainerFrames frames(output);
  bool framed = true, stopped = false;
  call.cancelled = [&] { return stopped = stopped || cancelled(); };
  call.on_body = [&](std::string_view bytes) { return framed = frames.feed(bytes); };
  const auto answer = http_call(call);
  if (!framed) throw FinalError("the container's output: the engine sends no framed stream");
  if (!answer && stopped) return false;
  if (!answer || (answer->status == 200 && !frames.whole())) {
    throw RetryableError("the container's output broke off: " +
                         (answer ? "in the midst of a frame" : answer.error().message));
  }
  if (answer->status != 200) fail(*answer, "the container's output cannot be read");
  return true;
}

ContainerEnd ContainerEngine::wait(const std::string& id, const Cancelled& cancelled) const {
  HttpRequest call = request("POST", "/containers/" + id + "/wait?condition=not-running");
  std::string body;
  call.cancelled = cancelled;
  call.on_body = [&body](std::string_view bytes) {
    body.append(bytes);
    return body.size() < longest_line;
  };
  checked(call, "waiting for the container");
  const auto code = [](const json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return found == object.end() ? std::nullopt : json_int(*found);
  };
  const auto told = code(parsed(body), "StatusCode");
  const json all = parsed(
      checked(request("GET", "/containers/" + id + "/json"), "how the container ended").body);
  const json state = all.is_object() && all.contains("State") ? all["State"] : json(nullptr);
  const auto exit_code = told ? told : code(state, "ExitCode");
  if (!exit_code) throw RetryableError("the engine does not say how the container ended");
  return {*exit_code, state.is_object() && state.value("OOMKilled", json(false)) == true,
          text_at(state, "Error").substr(0, longest_word)};
}

void ContainerEngine::signal(const std::string& id, const char* name) const {
  HttpRequest call = request("POST", "/containers/" + id + "/kill?signal=" + name);
  call.timeout = signal_limit;
  const HttpAnswer answer = ask(call, "ending the container");
  const bool over = answer.status == 404 || answer.status == 409;
  if (answer.status >= 300 && !over) fail(answer, "ending the container");
}

void ContainerEngine::remove(const std::string& id_or_name, Duration limit) const {
  HttpRequest call = request("DELETE", "/containers/" + id_or_name + "?force=true&v=true");
  call.timeout = limit;
  const HttpAnswer answer = ask(call, "removing the container");
  // 409: somebody else is removing it.
  const bool gone = answer.status == 404 || answer.status == 409;
  if (answer.status >= 300 && !gone) fail(answer, "removing the container");
}

std::vector<ContainerEngine::Found> ContainerEngine::labelled(const std::string& label) const {
  const std::string filters = json_text({{"label", {label}}});
  const json list = parsed(
      checked(request("GET", "/containers/json?all=true&filters=" + percent_encoded(filters)),
              "listing containers")
          .body);
  std::vector<Found> out;
  if (!list.is_array()) return out;
  for (const json& one : list) {
    const std::string id = text_at(one, "Id");
    if (!id.empty()) out.push_back({id, labels_of(one.value("Labels", json::object()))});
  }
  return out;
}

std::map<std::string, std::string> ContainerEngine::labels(const std::string& name) const {
  const HttpAnswer answer =
      ask(request("GET", "/containers/" + name + "/json"), "looking at a container");
  if (answer.status == 404) return {};
  if (answer.status != 200) fail(answer, "looking at a container");
  const json all = parsed(answer.body);
  if (!all.is_object() || !all.contains("Config")) return {};
  return labels_of(all["Config"].value("Labels", json::object()));
}

std::string registry_login(const std::string& server, const std::string& user,
                           const std::string& password) {
  const std::string text =
      json_text({{"username", user}, {"password", password}, {"serveraddress", server}});
  std::string out(sodium_base64_encoded_len(text.size(), sodium_base64_VARIANT_URLSAFE), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()),
                    text.size(), sodium_base64_VARIANT_URLSAFE);
  out.pop_back();  // its final NUL
  return out;
}

}  // namespace batuta::plugin
