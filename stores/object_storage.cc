#include "stores/object_storage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/fd.h"
#include "common/uuid.h"
#include "lakelog/posix_file.h"
#include "stores/request_counts.h"
#include "stores/sign.h"

namespace batuta::stores {

using lakelog::ByteRange;
using lakelog::Listing;
using lakelog::ListOptions;
using lakelog::ObjectInfo;
using lakelog::Put;

namespace {

constexpr std::size_t page_size = 1000;
constexpr std::size_t max_pages = 100'000;
constexpr std::size_t max_page_bytes = 16 << 20;
constexpr Duration stall_timeout = std::chrono::seconds(20);
// Below a folder of the store's own, which no list shows: the lake's folders are its layers.
constexpr const char* own_folder = "_batuta";
constexpr const char* probe_key = "_batuta/conditional_put";

Error not_a_key(const std::string& key) {
  return {Errc::invalid, "\"" + key + "\" is no key of the lake", {}};
}

bool is_passing(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

bool is_passing_code(const std::string& code) {
  return code == "ConditionalRequestConflict" || code == "OperationAborted" ||
         code == "RequestTimeout" || code == "SlowDown";
}

std::uint64_t number_or_zero(const std::string* text) {
  std::uint64_t number = 0;
  if (text != nullptr) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

std::string random_mark() {
  Uuid id;
  random_bytes(id.bytes.data(), id.bytes.size());
  return to_string(id);
}

// Which the store's own codes leave a person alone with.
std::string advice(int status, const std::string& code) {
  if (code == "RequestTimeTooSkewed") return "; this machine's clock is wrong";
  if (code == "SignatureDoesNotMatch") return "; the secret key, or the region, is another's";
  if (code == "NoSuchBucket" || code == "ContainerNotFound")
    return "; it must exist, Batuta makes none";
  if (status == 301 || status == 307 || code == "AuthorizationHeaderMalformed")
    return "; the bucket lies in another region";
  if (status == 401 || status == 403)
    return "; docs/stores.md says which rights the credentials need";
  return "";
}

std::string_view below(std::string_view key, const std::string& prefix) {
  return key.starts_with(prefix) ? key.substr(prefix.size()) : std::string_view{};
}

std::string without_prefix(Location location) {
  location.prefix.clear();
  return location.text();
}

}  // namespace

struct ObjectStorage::Ask {
  const char* verb = "read";  // for people
  std::string method = "GET";
  std::string key{};  // whole; empty: the bucket
  Query query{};
  Headers headers{};
  std::string_view body{};
  int file = -1;  // sent instead of `body`
  Payload payload{};
  std::size_t max_body = 64 << 10;
};

struct ObjectStorage::Outcome {
  Result<HttpAnswer> answer;
  bool in_doubt = false;  // an earlier try may have been carried out, whatever this answer says
};

ObjectStorage::ObjectStorage(Location location, std::string staging,
                             std::unique_ptr<Dialect> dialect, Surroundings surroundings,
                             Retries retries)
    : location_(std::move(location)),
      staging_(std::move(staging)),
      dialect_(std::move(dialect)),
      surroundings_(std::move(surroundings)),
      retries_(retries) {}

std::string ObjectStorage::whole_key(const std::string& key) const {
  return location_.prefix.empty() ? key : location_.prefix + "/" + key;
}

Result<HttpAnswer> ObjectStorage::once(const Ask& what) const {
  const Address& address = dialect_->address();
  ToSign signing{what.method, address.root, what.query, what.headers};
  if (!what.key.empty()) signing.path += "/" + escaped_path(what.key);
  if (signing.path.empty()) signing.path = "/";
  signing.headers["host"] = address.host;
  // libcurl would name a type of its own, unsigned, for whatever may have a body.
  if (what.method != "GET" && what.method != "HEAD")
    signing.headers.emplace("content-type", "application/octet-stream");
  if (auto ok = dialect_->sign(what.payload, surroundings_.now(), signing); !ok) return ok.error();
  HttpRequest request;
  request.method = what.method;
  request.url = address.origin + signing.path;
  if (!signing.query.empty()) request.url += "?" + query_text(signing.query);
  for (const auto& [name, value] : signing.headers)
    if (name != "host") request.headers.emplace_back(name, value);
  // As it lies there: an encoding on the way would change lengths and ranges.
  request.headers.emplace_back("accept-encoding", "identity");
  request.body = what.body;
  request.body_file = what.file;
  request.body_file_size = what.payload.size;
  request.stall_timeout = stall_timeout;
  // A minute, and what a megabyte a second takes: it is the stall that ends what hangs.
  request.timeout = std::chrono::seconds(60 + (what.payload.size + what.max_body) / 1'000'000);
  request.max_body = what.max_body;
  request.connections = surroundings_.connections.get();
  auto answer = surroundings_.http(request);
  count_request(without_prefix(location_).c_str(), what.method == "HEAD" ? "look" : what.verb,
                outcome_of(answer));
  return answer;
}

ObjectStorage::Outcome ObjectStorage::ask(const Ask& what) const {
  bool in_doubt = false;
  bool was_distrusted = false;
  Duration pause = retries_.first_pause;
  for (int left = retries_.tries;; --left) {
    auto answer = once(what);
    Duration wanted{};
    if (answer.ok()) {
      if (answer->status / 100 == 2) return {std::move(answer), in_doubt};
      const std::string code = complaint_of(*answer).code;
      const bool again = answer->status == 401 && !was_distrusted && dialect_->distrusted();
      if (!again && !is_passing(answer->status) && !is_passing_code(code))
        return {std::move(answer), in_doubt};
      was_distrusted = was_distrusted || again;
      wanted = std::chrono::seconds(
          std::min<std::uint64_t>(number_or_zero(answer->header("retry-after")), 3600));
      if (left <= 1) return {refused(what, *answer), true};
    } else {
      if (answer.error().code == Errc::unauthenticated)
        return {Error{Errc::unavailable, answer.error().message, answer.error().where}, in_doubt};
      if (answer.error().code != Errc::unavailable) return {answer.error(), in_doubt};
      if (left <= 1) {
        return {Error{Errc::unavailable,
                      std::string("cannot ") + what.verb + " " + location_.text() + ": " +
                          answer.error().message,
                      {}},
                true};
      }
    }
    in_doubt = true;
    std::uint16_t dice = 0;
    random_bytes(&dice, sizeof dice);
    const Duration own = pause / 2 + pause / 2 * (dice % 1000) / 1000;
    surroundings_.pause(std::min(std::max(own, wanted), retries_.longest_pause));
    pause = std::min(pause * 2, retries_.longest_pause);
  }
}

Error ObjectStorage::refused(const Ask& what, const HttpAnswer& answer) const {
  const Complaint complaint = complaint_of(answer);
  const bool no_bucket = complaint.code == "NoSuchBucket" || complaint.code == "ContainerNotFound";
  Location shown = location_;
  shown.prefix = what.key;
  std::string text = std::string("cannot ") + what.verb + " " + shown.text() + ": " +
                     std::to_string(answer.status);
  if (!complaint.code.empty()) text += " " + complaint.code;
  if (!complaint.message.empty()) text += ", " + complaint.message;
  text += advice(answer.status, complaint.code);
  for (const char* name : {"x-amz-request-id", "x-ms-request-id", "x-guploader-uploadid"})
    if (const std::string* id = answer.header(name)) text += " (request " + *id + ")";
  const bool absent = answer.status == 404 && !no_bucket && !what.key.empty();
  return {absent ? Errc::not_found : Errc::unavailable, std::move(text), {}};
}

Result<Listing> ObjectStorage::list(const std::string& prefix, const ListOptions& options) const {
  const bool well_formed =
      prefix.empty() ||
      (prefix.ends_with('/') && lakelog::valid_key(prefix.substr(0, prefix.size() - 1)));
  if (!well_formed) return not_a_key(prefix);
  Listing listing;
  PageOf wanted;
  wanted.prefix = whole_key(prefix);
  if (!options.start_after.empty()) wanted.start_after = whole_key(options.start_after);
  for (std::size_t pages = 0;; ++pages) {
    const std::size_t had = listing.objects.size() + listing.prefixes.size();
    if (options.limit != 0 && had >= options.limit) break;
    if (had > max_listed || pages == max_pages)
      return {Errc::too_large,
              location_.text() + "/" + prefix + " holds more objects than a list may"};
    wanted.limit = options.limit == 0 ? page_size : std::min(page_size, options.limit - had);
    Ask what{.verb = "list", .query = dialect_->list_query(wanted), .max_body = max_page_bytes};
    what.payload.sha256 = sha256_hex("");
    auto outcome = ask(what);
    if (!outcome.answer) return outcome.answer.error();
    if (outcome.answer->status != 200) return refused(what, *outcome.answer);
    auto page = dialect_->read_page(outcome.answer->body);
    if (!page)
      return {Errc::unavailable, "cannot list " + location_.text() + ": " + page.error().message};
    const std::string next = page->next;
    if (auto taken = take_page(std::move(*page), prefix, options, listing); !taken)
      return taken.error();
    if (next.empty()) break;
    if (next == wanted.next)
      return {Errc::unavailable, "cannot list " + location_.text() + ": its pages go in circles"};
    wanted.next = next;
  }
  std::sort(listing.objects.begin(), listing.objects.end(),
            [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
  std::sort(listing.prefixes.begin(), listing.prefixes.end());
  return listing;
}

Status ObjectStorage::take_page(Page page, const std::string& prefix, const ListOptions& options,
                                Listing& listing) const {
  const std::string root = whole_key("");
  const auto is_full = [&] {
    return options.limit != 0 && listing.objects.size() + listing.prefixes.size() >= options.limit;
  };
  // What others put there under names that are no keys ("folder/", "a//b") is not the lake's.
  for (ObjectInfo& object : page.objects) {
    if (!object.key.starts_with(root + prefix))
      return {Errc::unavailable, "cannot list " + location_.text() +
                                     ": the store answered with \"" + object.key +
                                     "\", which nobody asked for"};
    object.key = below(object.key, root);
    if (is_full() || !lakelog::valid_key(object.key) || object.key <= options.start_after) continue;
    if (!options.details) object = ObjectInfo{std::move(object.key)};
    listing.objects.push_back(std::move(object));
  }
  for (const std::string& found : page.prefixes) {
    std::string key{below(found, root)};
    if (key.empty() || !key.ends_with('/')) continue;
    key.pop_back();
    if (is_full() || !lakelog::valid_key(key) || key <= options.start_after) continue;
    if (key == own_folder) continue;
    listing.prefixes.push_back(key + "/");
  }
  return success();
}

Result<std::string> ObjectStorage::read(const std::string& key, ByteRange range) const {
  if (!lakelog::valid_key(key)) return not_a_key(key);
  const bool is_whole =
      range.offset == 0 && range.length == std::numeric_limits<std::uint64_t>::max();
  if (range.length == 0) {  // which no Range header can say
    const auto there = stat(key);
    return there.ok() ? Result<std::string>(std::string{}) : there.error();
  }
  Ask what{.key = whole_key(key)};
  what.payload.sha256 = sha256_hex("");
  const std::uint64_t room = std::min<std::uint64_t>(range.length, max_read_bytes);
  // An error's body has room in any case.
  what.max_body = std::max<std::uint64_t>(room, 64 << 10);
  if (!is_whole) {
    const std::uint64_t last =
        range.length > std::numeric_limits<std::int64_t>::max() - range.offset
            ? std::uint64_t{std::numeric_limits<std::int64_t>::max()}
            : range.offset + range.length - 1;
    what.headers["range"] = "bytes=" + std::to_string(range.offset) + "-" + std::to_string(last);
  }
  auto outcome = ask(what);
  if (!outcome.answer && outcome.answer.error().code == Errc::too_large)
    return {Errc::too_large, location_.text() + "/" + key + " is too large to be read at once"};
  if (!outcome.answer) return outcome.answer.error();
  HttpAnswer& answer = *outcome.answer;
  if (answer.status == 416) return std::string{};  // it ends before that
  if (answer.status == 206 || (answer.status == 200 && is_whole)) {
    if (answer.body.size() > room)
      return {Errc::unavailable, "the store sent more of " + key + " than was asked for"};
    return std::move(answer.body);
  }
  if (answer.status == 200) {
    return {Errc::unavailable,
            "cannot read a part of " + location_.text() + "/" + key + ": the store ignores Range"};
  }
  return refused(what, answer);
}

Result<ObjectInfo> ObjectStorage::stat(const std::string& key) const {
  if (!lakelog::valid_key(key)) return not_a_key(key);
  Ask what{.verb = "look at", .method = "HEAD", .key = whole_key(key)};
  what.payload.sha256 = sha256_hex("");
  auto outcome = ask(what);
  if (!outcome.answer) return outcome.answer.error();
  if (outcome.answer->status != 200) return refused(what, *outcome.answer);
  ObjectInfo info{key};
  info.size = static_cast<std::int64_t>(number_or_zero(outcome.answer->header("content-length")));
  if (const std::string* time = outcome.answer->header("last-modified"))
    info.modified_ms = parse_http_date(*time).value_or(-1);
  return info;
}

Result<Put> ObjectStorage::put_if_absent(const std::string& key, std::string_view bytes) {
  if (!lakelog::valid_key(key)) return not_a_key(key);
  const std::string mark = random_mark();
  Ask what{.verb = "put", .method = "PUT", .key = whole_key(key)};
  what.headers = dialect_->put_headers(true, mark);
  what.body = bytes;
  what.payload = {sha256_hex(bytes), bytes.size()};
  const auto outcome = ask(what);
  if (!outcome.answer) {
    return outcome.in_doubt ? resolve(key, mark, outcome.answer.error()) : outcome.answer.error();
  }
  const HttpAnswer& answer = *outcome.answer;
  if (answer.status / 100 == 2) return Put::done;
  // A refusal says nothing of an earlier try of this call, whose answer was not heard.
  if (!outcome.in_doubt && !dialect_->says_exists(answer.status, complaint_of(answer).code))
    return refused(what, answer);
  // Whose is it? An earlier try of this very call may have put it, unheard; libcurl makes tries of
  // its own, too, when a kept connection turns out to be closed.
  return resolve(key, mark, refused(what, answer));
}

// What became of a conditional put whose answer nobody heard: the mark of the object tells.
Result<Put> ObjectStorage::resolve(const std::string& key, const std::string& mark,
                                   const Error& error) const {
  Ask what{.verb = "look at", .method = "HEAD", .key = whole_key(key)};
  what.payload.sha256 = sha256_hex("");
  const auto outcome = ask(what);
  if (outcome.answer.ok() && outcome.answer->status == 200) {
    const std::string* found = outcome.answer->header(dialect_->mark_header());
    return found != nullptr && *found == mark ? Put::done : Put::exists;
  }
  return {
      Errc::unavailable,
      error.message + "; whether it was put is not known, the store does not answer that either"};
}

Status ObjectStorage::put(const std::string& key, std::string_view bytes) {
  if (!lakelog::valid_key(key)) return not_a_key(key);
  Ask what{.verb = "put", .method = "PUT", .key = whole_key(key)};
  what.headers = dialect_->put_headers(false, "");
  what.body = bytes;
  what.payload = {sha256_hex(bytes), bytes.size()};
  const auto outcome = ask(what);
  if (!outcome.answer) return outcome.answer.error();
  if (outcome.answer->status / 100 != 2) return refused(what, *outcome.answer);
  return success();
}

Status ObjectStorage::remove(const std::string& key) {
  if (!lakelog::valid_key(key)) return not_a_key(key);
  Ask what{.verb = "remove", .method = "DELETE", .key = whole_key(key)};
  what.headers = dialect_->remove_headers();
  what.payload.sha256 = sha256_hex("");
  const auto outcome = ask(what);
  if (!outcome.answer) return outcome.answer.error();
  if (outcome.answer->status / 100 == 2) return success();
  const Error error = refused(what, *outcome.answer);
  if (error.code == Errc::not_found) return success();
  return error;
}

Result<std::string> ObjectStorage::stage(const std::string& prefix) {
  if (!lakelog::valid_key(prefix)) return not_a_key(prefix);
  if (!staging_.starts_with('/'))
    return {Errc::invalid, location_.text() + " was opened without a staging folder", "staging"};
  std::string folder = staging_ + "/" + prefix;
  if (auto made = lakelog::make_folders(folder); !made) return made.error();
  return folder;
}

Status ObjectStorage::sync(const std::vector<std::string>& keys) {
  for (const std::string& key : keys)
    if (!lakelog::valid_key(key)) return not_a_key(key);
  for (const std::string& key : keys) {
    const std::string path = staging_ + "/" + key;
    struct stat told {};
    const bool is_staged =
        !staging_.empty() && ::lstat(path.c_str(), &told) == 0 && S_ISREG(told.st_mode);
    if (is_staged) {
      if (auto put = put_file(key, path); !put) return put;
      ::unlink(path.c_str());
    } else if (auto there = stat(key); !there) {
      return there.error();
    }
  }
  return success();
}

Status ObjectStorage::put_file(const std::string& key, const std::string& path) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  struct stat told {};
  if (!fd || ::fstat(fd.get(), &told) != 0)
    return {Errc::unavailable, "cannot read " + path + ": " + std::strerror(errno)};
  Ask what{.verb = "put", .method = "PUT", .key = whole_key(key)};
  what.headers = dialect_->put_headers(false, "");
  what.payload.size = static_cast<std::uint64_t>(told.st_size);
  if (what.payload.size > max_object_bytes) {
    return {Errc::too_large, path +
                                 " is larger than 5 GB, the most that one put may carry: let the "
                                 "task write smaller files"};
  }
  auto hash = sha256_hex_of_file(fd.get(), what.payload.size);
  if (!hash) return {Errc::unavailable, path + ": " + hash.error().message};
  what.payload.sha256 = *hash;
  // An empty one goes as an empty body.
  if (what.payload.size > 0) what.file = fd.get();
  const auto outcome = ask(what);
  if (!outcome.answer) return outcome.answer.error();
  if (outcome.answer->status / 100 != 2) return refused(what, *outcome.answer);
  return success();
}

Status ObjectStorage::probe() {
  auto put = put_if_absent(probe_key, "Whether this store keeps conditional puts.\n");
  if (put.ok() && *put == Put::done) put = put_if_absent(probe_key, "It does not.\n");
  if (put.ok() && *put == Put::exists) return success();
  const bool is_unknown_header =
      !put.ok() && put.error().message.find(": 501") != std::string::npos;
  if (!put.ok() && !is_unknown_header) return put.error();
  return {Errc::invalid,
          location_.text() +
              " cannot hold a lake: the store ignores conditional puts (If-None-Match), "
              "so two writers would overwrite each other's commits"};
}

}  // namespace batuta::stores
