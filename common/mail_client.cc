#include "common/mail_client.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "common/curl_library.h"
#include "common/safe_json.h"

namespace batuta {
namespace {

constexpr std::size_t longest_line = 76;
constexpr std::size_t max_message = std::size_t{10} << 20;

std::string base64(std::string_view bytes) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t block = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      block = block << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? digits[block >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::string base64_lines(std::string_view bytes) {
  const std::string all = base64(bytes);
  std::string out;
  for (std::size_t i = 0; i < all.size(); i += longest_line) {
    out += all.substr(i, longest_line) + "\r\n";
  }
  return out;
}

// A header's text in RFC 2047's encoding where it needs one. A line break in it would be a header
// of its own: a blank.
std::string header_text(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  const bool plain = text.size() <= 200 && std::none_of(text.begin(), text.end(), [](char c) {
                       return static_cast<unsigned char>(c) >= 0x80;
                     });
  if (plain && text.find("=?") == std::string::npos) return text;
  constexpr std::size_t most = 42;  // bytes of an encoded word
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.size(), at + most);
    // Not within a character.
    while (end < text.size() && end > at + 1 &&
           (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
      --end;
    }
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + base64(std::string_view(text).substr(at, end - at)) + "?=";
    at = end;
  }
  return out;
}

bool is_address(const std::string& address) {
  const auto at = address.find('@');
  return at != std::string::npos && at > 0 && at + 1 < address.size() && address.size() <= 254 &&
         address.find('@', at + 1) == std::string::npos &&
         std::none_of(address.begin(), address.end(), [](char c) {
           return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
                  std::strchr("<>,;\"()[]\\", c) != nullptr;
         });
}

Status check_address(const std::string& address) {
  if (is_address(address)) return success();
  return {Errc::invalid, "\"" + address.substr(0, 80) +
                             "\" is no mail address: write it plainly, as in ops@example.org"};
}

std::string date_text(Time date) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(date.time_since_epoch()).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
  return text.data();
}

std::string part(const char* type, const std::string& body) {
  return std::string("Content-Type: ") + type +
         "; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64_lines(body);
}

struct Upload {
  std::string text;
  std::size_t sent = 0;
};

std::size_t on_read(char* out, std::size_t size, std::size_t count, void* self) {
  auto& upload = *static_cast<Upload*>(self);
  const std::size_t now = std::min(size * count, upload.text.size() - upload.sent);
  std::memcpy(out, upload.text.data() + upload.sent, now);
  upload.sent += now;
  return now;
}

std::string url_of(const MailRequest& request) {
  const bool ssl = request.tls == MailRequest::Tls::ssl;
  const int usual = ssl ? 465 : request.tls == MailRequest::Tls::none ? 25 : 587;
  return (ssl ? "smtps://" : "smtp://") + request.host + ":" +
         std::to_string(request.port > 0 ? request.port : usual);
}

void set_server(CURL* curl, const MailRequest& request, const Route& route) {
  const auto set = libcurl().easy_setopt;
  set(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set_route(curl, route);
  set(curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
  set(curl, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  set(curl, CURLOPT_NOSIGNAL, 1L);
  set(curl, CURLOPT_URL, url_of(request).c_str());
  // A server that offers no STARTTLS is refused rather than told the password in the open.
  if (request.tls == MailRequest::Tls::starttls) {
    set(curl, CURLOPT_USE_SSL, long{CURLUSESSL_ALL});
  }
  if (!request.login.empty()) {
    set(curl, CURLOPT_USERNAME, request.login.c_str());
    set(curl, CURLOPT_PASSWORD, request.password.c_str());
  }
  set(curl, CURLOPT_CONNECTTIMEOUT_MS, curl_milliseconds(std::chrono::seconds(10)));
  set(curl, CURLOPT_TIMEOUT_MS, curl_milliseconds(request.timeout));
}

void set_options(CURL* curl, const MailRequest& request, const Route& route, Upload& upload,
                 const List& receivers) {
  const auto set = libcurl().easy_setopt;
  set_server(curl, request, route);
  set(curl, CURLOPT_MAIL_FROM, ("<" + request.from + ">").c_str());
  set(curl, CURLOPT_MAIL_RCPT, receivers.get());
  set(curl, CURLOPT_UPLOAD, 1L);
  set(curl, CURLOPT_READFUNCTION, on_read);
  set(curl, CURLOPT_READDATA, &upload);
  set(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(upload.text.size()));
}

Status outcome_of(CURL* curl, CURLcode code, bool cancelled, const MailRequest& request,
                  const Route& route) {
  if (code == CURLE_OK) return success();
  if (cancelled) return {Errc::unavailable, "cancelled"};
  long answered = 0;
  libcurl().easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answered);
  std::string why = request.host + ": ";
  if (code == CURLE_LOGIN_DENIED) {
    return {Errc::unavailable, why + "the mail server refused the connection's login", "login"};
  }
  if (code == CURLE_USE_SSL_FAILED) {
    return {Errc::unavailable,
            why +
                "the mail server offers no STARTTLS: its connection's extra may say \"tls\": "
                "\"ssl\", or \"none\" for an open line"};
  }
  if (answered >= 400) {
    return {answered >= 500 ? Errc::invalid : Errc::unavailable,
            why + "the mail server answered " + std::to_string(answered)};
  }
  return {Errc::unavailable, why + curl_error(code, route)};
}

}  // namespace

Result<MailRequest> mail_by(const std::string& host, int port, const std::string& login,
                            const std::string& password, const std::string& extra_json) {
  MailRequest request;
  request.host = host;
  request.port = port;
  request.login = login;
  request.password = password;
  request.outgoing = outgoing_of(extra_json);
  const auto extra = parse_untrusted(extra_json.empty() ? "{}" : extra_json);
  const auto text = [&](const char* name) {
    if (!extra || !extra->is_object()) return std::string();
    const auto at = extra->find(name);
    return at != extra->end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  if (host.empty() || host.find_first_of("/@ \r\n") != std::string::npos) {
    return {Errc::invalid, "the connection's host must be the name of a mail server", "host"};
  }
  const std::string tls = text("tls");
  if (tls == "ssl" || (tls.empty() && port == 465)) {
    request.tls = MailRequest::Tls::ssl;
  } else if (tls == "none") {
    request.tls = MailRequest::Tls::none;
  } else if (!tls.empty() && tls != "starttls") {
    return {Errc::invalid, "the connection's extra: tls must be starttls, ssl or none", "extra"};
  }
  request.from = text("from");
  if (request.from.empty() && is_address(login)) request.from = login;
  if (request.from.empty()) {
    return {Errc::invalid,
            "the connection names no sender: give its extra a \"from\" such as "
            "{\"from\": \"batuta@example.org\"}",
            "extra"};
  }
  return request;
}

Result<std::string> mail_message(const MailRequest& request) {
  if (request.to.empty()) return {Errc::invalid, "the mail has no receiver", "to"};
  std::string to;
  for (const std::string& address : request.to) {
    if (Status ok = check_address(address); !ok) return ok.error();
    to += (to.empty() ? "" : ",\r\n ") + address;
  }
  if (Status ok = check_address(request.from); !ok) return ok.error();
  std::string message = "Date: " + date_text(request.date) + "\r\nFrom: " + request.from +
                        "\r\nTo: " + to + "\r\nSubject: " + header_text(request.subject) + "\r\n";
  if (!request.message_id.empty()) {
    message += "Message-ID: <" + header_text(request.message_id) + ">\r\n";
  }
  message += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  if (request.html.empty()) {
    message += part("text/plain", request.text);
  } else {
    static const std::string cut = "=_batuta-part";  // no line of base64 begins so
    message += "Content-Type: multipart/alternative; boundary=\"" + cut + "\"\r\n\r\n--" + cut +
               "\r\n" + part("text/plain", request.text) + "--" + cut + "\r\n" +
               part("text/html", request.html) + "--" + cut + "--\r\n";
  }
  if (message.size() > max_message) return {Errc::invalid, "the mail is larger than 10 MiB"};
  return message;
}

Status send_mail(const MailRequest& request) {
  auto message = mail_message(request);
  if (!message) return message.error();
  if (!libcurl().error.empty()) return {Errc::unavailable, libcurl().error};
  const Easy curl{libcurl().easy_init()};
  if (!curl) return {Errc::unavailable, "out of memory"};
  Upload upload{*std::move(message)};
  List receivers;
  for (const std::string& address : request.to) append(receivers, "<" + address + ">");
  const Route route = route_of(request.outgoing);
  set_options(curl.get(), request, route, upload, receivers);
  bool cancelled = false;
  const CURLcode code = perform(curl.get(), request.cancelled, cancelled);
  return outcome_of(curl.get(), code, cancelled, request, route);
}

Status greet_mail(const MailRequest& request) {
  if (!libcurl().error.empty()) return {Errc::unavailable, libcurl().error};
  const Easy curl{libcurl().easy_init()};
  if (!curl) return {Errc::unavailable, "out of memory"};
  const Route route = route_of(request.outgoing);
  set_server(curl.get(), request, route);
  const auto set = libcurl().easy_setopt;
  // Without a receiver a command of its own is all that is said.
  set(curl.get(), CURLOPT_CUSTOMREQUEST, "NOOP");
  set(curl.get(), CURLOPT_NOBODY, 1L);
  bool cancelled = false;
  const CURLcode code = perform(curl.get(), request.cancelled, cancelled);
  return outcome_of(curl.get(), code, cancelled, request, route);
}

MailReach send_to_each(MailRequest request, const std::function<Status(const MailRequest&)>& send) {
  const auto until = std::chrono::steady_clock::now() + 4 * request.timeout;
  MailReach out;
  std::vector<std::string> addresses;
  for (const std::string& address : request.to) {
    if (Status ok = check_address(address)) {
      addresses.push_back(address);
    } else {
      out.missed.push_back(ok.error().message);
      out.status = ok.error();
    }
  }
  // Without a receiver the message itself says what is wrong.
  if (addresses.empty() && !request.to.empty()) return out;
  request.to = addresses;
  out.status = send(request);
  if (out.status) out.reached = addresses;
  // A server refuses a message for the sake of one receiver, and does not say of which.
  if (out.status || out.status.error().code != Errc::invalid || addresses.size() < 2) return out;
  Error failure = out.status.error();
  for (const std::string& address : addresses) {
    request.to = {address};
    const bool late = std::chrono::steady_clock::now() > until;
    const Status sent =
        late ? Status(Errc::unavailable, request.host + ": there was no time left") : send(request);
    if (sent) {
      out.reached.push_back(address);
      continue;
    }
    failure = sent.error();
    if (failure.code != Errc::invalid && out.reached.empty()) break;  // nobody gets it twice
    out.missed.push_back(address + ": " + failure.message);
  }
  out.status = out.reached.empty() ? Status(failure) : success();
  return out;
}

}  // namespace batuta
