// Outgoing mail: SMTP by libcurl behind one function.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/outgoing.h"
#include "common/result.h"
#include "common/time.h"

namespace batuta {

struct MailRequest {
  enum class Tls : std::uint8_t { starttls, ssl, none };
  std::string host;
  int port = 0;  // 0: 587, or 465 with ssl, or 25 without TLS
  Tls tls = Tls::starttls;
  std::string login;  // empty: none
  std::string password;
  std::string from;
  std::vector<std::string> to;
  std::string subject;
  std::string text;
  std::string html{};        // beside the text, when there is one
  std::string message_id{};  // without angle brackets; the same for every repeat of one message
  Time date{};
  Duration timeout = std::chrono::seconds(30);  // whole exchange
  Outgoing outgoing{};
  std::function<bool()> cancelled{};
};

// The server, login and sender that a connection names: its extra has `from`, `tls` ("starttls",
// which is the default, "ssl" or "none"), `proxy`, `ca_file`. Errc::invalid says what is missing.
Result<MailRequest> mail_by(const std::string& host, int port, const std::string& login,
                            const std::string& password, const std::string& extra_json);

// Blocking; any thread. Errc::unavailable: it may pass later. Errc::invalid: it never will, for an
// address is wrong or the server has refused it for good.
Status send_mail(const MailRequest& request);

// Whether the server takes the login (none where that is empty); no message is begun, and `to` and
// what is told do not matter. Blocking; any thread. Errc::unavailable says why not.
Status greet_mail(const MailRequest& request);

// What became of a mail to several.
struct MailReach {
  Status status = success();          // of the whole: it has reached somebody
  std::vector<std::string> reached;   // in the order of `to`
  std::vector<std::string> missed{};  // "address: why" of those who never get it
};

// As send_mail(), but an address that is none, or that the server refuses, costs the others
// nothing: they get a message each. Errc::unavailable: nobody has it yet, all of it may be tried
// again. No message begins later than four times the request's timeout.
MailReach send_to_each(MailRequest request,
                       const std::function<Status(const MailRequest&)>& send = send_mail);

// The message as it is sent (RFC 5322, MIME). Errc::invalid names the address that is none.
Result<std::string> mail_message(const MailRequest& request);

}  // namespace batuta
