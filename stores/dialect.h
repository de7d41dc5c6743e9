// What is different between the stores: how a request looks, is signed, and is answered. Everything
// else (retries, doubt, paging, staging) is ObjectStorage's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/http_client.h"
#include "common/result.h"
#include "lakelog/storage.h"
#include "stores/options.h"
#include "stores/sign.h"

namespace batuta::stores {

struct Address {
  std::string origin;  // "https://host:port"
  std::string host;    // as the Host header says it
  std::string root;    // path before the key: "/bucket", "/container", or empty
};

struct Payload {
  std::string sha256;  // lower-case hex
  std::uint64_t size = 0;
};

// Names are whole keys of the bucket.
struct Page {
  std::vector<lakelog::ObjectInfo> objects;
  std::vector<std::string> prefixes;
  std::string next;  // where the next page begins; empty: this is the last
};

struct PageOf {
  std::string prefix;
  std::string start_after;  // a whole key, or empty
  std::string next;         // of the page before
  std::size_t limit = 1000;
};

// Any thread.
class Dialect {
 public:
  virtual ~Dialect() = default;
  const Address& address() const { return address_; }

  // `mark` is kept with the object and comes back, by mark_header(), when it is looked at.
  virtual Headers put_headers(bool if_absent, const std::string& mark) const = 0;
  virtual Headers remove_headers() const { return {}; }
  virtual const char* mark_header() const = 0;
  virtual Query list_query(const PageOf& page) const = 0;
  virtual Result<Page> read_page(const std::string& body) const = 0;
  // Whether the store refused a conditional put because the object is there.
  virtual bool says_exists(int status, const std::string& code) const = 0;
  // Adds what proves the sender. May ask for a token first: Errc::unavailable
  // when nobody answers, Errc::unauthenticated when there is none for these credentials.
  virtual Status sign(const Payload& payload, Time now, ToSign& request) = 0;
  // The store did not believe the last proof. True: another try with a fresh one makes sense.
  virtual bool distrusted() { return false; }

 protected:
  explicit Dialect(Address address) : address_(std::move(address)) {}

 private:
  const Address address_;
};

using HttpCall = std::function<Result<HttpAnswer>(const HttpRequest&)>;

// Errc::invalid, naming the missing or contradicting option.
Result<std::unique_ptr<Dialect>> s3_dialect(const Location& location, const Options& options);
Result<std::unique_ptr<Dialect>> azure_dialect(const Location& location, const Options& options,
                                               HttpCall http);

// An endpoint's parts; a '/' at its end and a default port are left out. Errc::invalid.
struct Endpoint {
  std::string scheme;  // "https"
  std::string host;    // with its port
  std::string path;    // without a last '/'
  bool is_loopback = false;
};
Result<Endpoint> parse_endpoint(const std::string& endpoint);

// What the store says went wrong: its code, its sentence; empty where it says nothing.
struct Complaint {
  std::string code;
  std::string message;
};
Complaint complaint_of(const HttpAnswer& answer);

}  // namespace batuta::stores
