#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "common/client_credentials.h"
#include "common/exact_json.h"
#include "common/http_client.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "common/uuid.h"
#include "plugins/contract/json_slices.h"
#include "plugins/contract/sources.h"
#include "plugins/lake/layer/bronze_rows.h"

namespace batuta::from_contract {
namespace {

using contract::Source;
using nlohmann::json;

// A service that never ends its pages must not fill the disk.
constexpr std::int64_t max_pages = 100'000;
constexpr std::size_t max_page_bytes = std::size_t{32} << 20;
constexpr auto first_wait = std::chrono::milliseconds(500);
constexpr auto longest_wait = std::chrono::minutes(5);
// A token that ends sooner is not begun with.
constexpr auto least_token_life = std::chrono::seconds(30);

// The target of `Link: <url>; rel="next"`, which may be one of several and in one of several
// headers, or empty.
std::string next_link(const HttpAnswer& answer) {
  for (const auto& [name, header] : answer.headers) {
    if (name != "link") continue;
    for (std::size_t at = 0; at < header.size();) {
      const auto open = header.find('<', at), close = header.find('>', open);
      if (close == header.npos) break;
      const auto end = std::min(header.find(",", close), header.size());
      const std::string about = header.substr(close, end - close);
      if (about.find("rel=\"next\"") != about.npos || about.find("rel=next") != about.npos)
        return header.substr(open + 1, close - open - 1);
      at = end + 1;
    }
  }
  return {};
}

// Where the link of a page at `url` leads.
std::string link_from(const std::string& url, const std::string& link) {
  if (link.empty() || link.starts_with("http://") || link.starts_with("https://")) return link;
  const UrlParts parts = split_url(url);
  if (link.starts_with("//"))
    return std::string(parts.scheme.substr(0, parts.scheme.find('/'))) + link;
  std::string path(parts.rest.substr(0, parts.rest.find_first_of("?#")));
  if (path.empty()) path = "/";
  if (link.starts_with("/")) {
    path.clear();
  } else if (!link.starts_with("?")) {
    path.resize(path.rfind('/') + 1);
  }
  return std::string(parts.scheme) + std::string(parts.host) + path + link;
}

class RestReader {
 public:
  explicit RestReader(Extraction& extraction)
      : to_(extraction),
        source_(extraction.described.table.source),
        bronze_(extraction.context, extraction.session, extraction.bronze,
                extraction.described.columns()) {
    request_.headers.emplace_back("Accept", "application/json");
    request_.timeout = to_.context.duration("timeout", std::chrono::seconds(30));
    request_.max_body = max_page_bytes;
    max_tries_ = to_.context.integer("max_tries", 6);
    request_.cancelled = [this] { return to_.context.cancelled(); };
    if (!source_.connection.empty()) use(to_.context.connection(source_.connection));
    first_ = source_.location.starts_with("/") ? base_ + source_.location : source_.location;
    if (!base_.empty() && !lies_below(first_, base_))
      throw plugin::FinalError("the contract's location is on another host than its connection: " +
                               std::string("the login goes to the connection's alone"));
  }

  std::int64_t run() {
    std::string url = url_of(source_.first_page, "");
    std::set<std::string> seen;
    std::string before;  // the last page's body
    for (std::int64_t page = source_.first_page;; ++page) {
      if (page - source_.first_page >= max_pages)
        throw plugin::FinalError("the service sends more than 100,000 pages");
      if (!seen.insert(url).second)
        throw plugin::RetryableError("the service leads back to a page that was read already");
      HttpAnswer answer = fetch(url, source_.paging == "page" && page > source_.first_page);
      if (answer.status == 404) break;
      const auto [records, next] = take(answer, url);
      if (source_.paging == "page") {
        if (records == 0) break;
        if (answer.body == before)
          throw plugin::FinalError(
              "page " + std::to_string(page) +
              " is the one before again: the service does not go by the parameter " +
              source_.page_parameter + "; set batuta.pageParameter, or batuta.paging to none");
        before = std::move(answer.body);
        url = url_of(page + 1, "");
      } else if (next.empty()) {
        break;
      } else {
        url = next;
      }
    }
    bronze_.set_snapshot(to_.snapshot);
    bronze_.finish(to_.described.metrics_json());
    return bronze_.count();
  }

 private:
  void use(const plugin::Connection& connection) {
    if (!connection.host.empty()) base_ = connection.base_url();
    request_.outgoing = outgoing_of(connection.extra_json);
    if (const std::string endpoint = connection.extra("login_url"); !endpoint.empty()) {
      // Login and password are the client's then, and go to the token endpoint alone.
      client_ = {endpoint,
                 connection.login,
                 connection.password,
                 connection.extra("scope"),
                 connection.extra("audience"),
                 request_.outgoing};
    } else if (!connection.login.empty()) {
      request_.login = connection.login;
      request_.password = connection.password;
    } else if (!connection.password.empty()) {
      request_.headers.emplace_back("Authorization", "Bearer " + connection.password);
    }
  }

  std::string url_of(std::int64_t page, const std::string& cursor) const {
    std::string url = first_;
    const auto add = [&](const std::string& name, const std::string& value) {
      if (name.empty()) return;
      url += (url.find('?') == url.npos ? "?" : "&") + percent_encoded(name) + "=" +
             percent_encoded(value);
    };
    for (const auto& [name, values] : to_.query) {
      std::string list;
      for (const std::string& value : values)
        list += (list.empty() ? "" : ",") + percent_encoded(value);
      url += (url.find('?') == url.npos ? "?" : "&") + percent_encoded(name) + "=" + list;
    }
    if (to_.window.start) add(source_.since_parameter, to_iso(*to_.window.start));
    if (to_.window.end) add(source_.until_parameter, to_iso(*to_.window.end));
    if (source_.page_size > 0) add(source_.size_parameter, std::to_string(source_.page_size));
    if (source_.paging == "page") add(source_.page_parameter, std::to_string(page));
    if (!cursor.empty()) add(source_.cursor_parameter, cursor);
    return url;
  }

  // With a token that is good for a while, where the connection has a token endpoint.
  Status let_in() {
    if (client_.url.empty()) return success();
    if (!token_.text.empty() && token_.until - read_clock().wall > least_token_life)
      return success();
    auto token = fetch_access_token(client_);
    if (!token) return token.error();
    token_ = *std::move(token);
    std::erase_if(request_.headers, [](const auto& one) { return one.first == "Authorization"; });
    request_.headers.emplace_back("Authorization", "Bearer " + token_.text);
    return success();
  }

  // No sooner than the contract's rate allows.
  Result<HttpAnswer> ask() {
    if (source_.requests_per_minute > 0) {
      const auto now = std::chrono::steady_clock::now();
      if (next_request_ > now) {
        to_.context.sleep(std::chrono::duration_cast<Duration>(next_request_ - now));
        to_.context.check_cancelled();
      }
      next_request_ =
          std::max(now, next_request_) +
          std::chrono::nanoseconds(std::chrono::minutes(1)) / source_.requests_per_minute;
    }
    if (Status status = let_in(); !status) return status.error();
    return http_call(request_);
  }

  // 200, or behind the first page by number 404, which some services answer behind the last.
  HttpAnswer fetch(const std::string& url, bool behind_first) {
    request_.url = url;
    bool asked_anew = false;
    for (int tried = 1;; ++tried) {
      auto answer = ask();
      to_.context.check_cancelled();
      // A token may be called back before its end.
      if (answer && answer->status == 401 && !token_.text.empty() && !asked_anew) {
        asked_anew = true;
        token_ = {};
        continue;
      }
      if (answer && (answer->status == 200 || (behind_first && answer->status == 404)))
        return std::move(*answer);
      const std::string said =
          answer ? "HTTP " + std::to_string(answer->status) : answer.error().message;
      const bool passing =
          answer ? answer->status == 408 || answer->status == 429 || answer->status >= 500
                 : answer.error().code == Errc::unavailable;
      if (!passing) throw plugin::FinalError("the source refused the request: " + said);
      if (tried >= max_tries_)
        throw plugin::RetryableError("the source: " + said + " after " + std::to_string(tried) +
                                     " tries");
      const Duration wait = wait_for(answer, tried);
      to_.context.warn("the source: " + said + "; next try in " +
                       std::to_string(wait / std::chrono::milliseconds(1)) + " ms");
      to_.context.sleep(wait);
      to_.context.check_cancelled();
    }
  }

  static Duration wait_for(const Result<HttpAnswer>& answer, int tried) {
    const std::string* told = answer ? answer->header("retry-after") : nullptr;
    std::int32_t seconds = 0;
    if (told != nullptr &&
        std::from_chars(told->data(), told->data() + told->size(), seconds).ec == std::errc{} &&
        seconds > 0)
      return std::min<Duration>(std::chrono::seconds(seconds), longest_wait);
    const Duration full = std::min<Duration>(first_wait * (1LL << tried), longest_wait);
    std::uint32_t random = 0;
    random_bytes(&random, sizeof random);
    return full / 2 + Duration(full.count() / 2 * static_cast<std::int64_t>(random >> 16) / 65536);
  }

  // How many records the page had, and the address of the next one where it tells.
  std::pair<std::size_t, std::string> take(const HttpAnswer& answer, const std::string& url) {
    const auto now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    const std::string file = to_.landing.add(answer.body);
    JsonLimits limits;
    limits.bytes = max_page_bytes;
    limits.tokens = 10'000'000;
    const auto body = parse_untrusted_exact(answer.body, limits);
    if (!body)
      throw plugin::RetryableError("the answer is no JSON (kept as " + file +
                                   "): " + body.error().message);
    const json* list = &*body;
    if (!source_.records.empty()) {
      const json::json_pointer pointer(source_.records);
      if (!body->contains(pointer))
        throw plugin::RetryableError("the answer has no " + source_.records + " (kept as " + file +
                                     ")");
      list = &body->at(pointer);
    }
    if (!list->is_array())
      throw plugin::RetryableError("the records are no list (kept as " + file +
                                   "): batuta.records names where the list is");
    // Values are cut out of the text, so that each is what was sent: a double is not 0.10.
    const auto records = array_slices(slice_at(answer.body, source_.records).value_or(""));
    for (std::size_t i = 0; i < list->size(); ++i) {
      const json& record = (*list)[i];
      if (!record.is_object() && !rejects_empty_rows())
        throw plugin::FinalError("a record is no object (kept as " + file + ")");
      bronze_.add(fields_of(records.at(i)), json_text(record), file, now);
    }
    return {list->size(), next_of(answer, *body, url)};
  }

  // Whether a row without any value goes to quarantine.
  bool rejects_empty_rows() const {
    const auto& columns = to_.described.table.columns;
    return std::any_of(columns.begin(), columns.end(), [](const contract::Column& column) {
      return column.required || column.key_position > 0 || column.partition_position > 0;
    });
  }

  // In the order of the contract's columns; all absent of what is no object.
  std::vector<std::optional<std::string>> fields_of(std::string_view record) const {
    const auto& columns = to_.described.table.columns;
    std::vector<std::optional<std::string>> fields(columns.size());
    const auto members = object_slices(record);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string& name = columns[i].source_name;
      if (name.starts_with("/")) {
        if (const auto value = slice_at(record, name)) fields[i] = slice_text(*value);
        continue;
      }
      for (const auto& [key, value] : members)
        if (key == name) fields[i] = slice_text(value);
    }
    return fields;
  }

  std::string next_of(const HttpAnswer& answer, const json& body, const std::string& url) const {
    if (source_.paging == "cursor") {
      const json::json_pointer pointer(source_.next_cursor);
      if (!body.contains(pointer)) return {};
      const json& next = body.at(pointer);
      if (next.is_null() || next == "" || next == false) return {};
      return url_of(source_.first_page,
                    next.is_string() ? next.get<std::string>() : json_text(next));
    }
    if (source_.paging != "link") return {};
    std::string next = link_from(url, next_link(answer));
    // A login must not follow to another host.
    const UrlParts here = split_url(url), there = split_url(next);
    if (!next.empty() && (here.scheme != there.scheme || here.host != there.host))
      throw plugin::FinalError("the next page is on another host, where the login may not go");
    return next;
  }

  Extraction& to_;
  const Source& source_;
  lake::BronzeRows bronze_;
  HttpRequest request_;
  std::int64_t max_tries_ = 6;  // of one request
  ClientCredentials client_;    // without url: the connection has no token endpoint
  AccessToken token_;
  std::chrono::steady_clock::time_point next_request_{};  // not before
  std::string base_, first_;
};

}  // namespace

std::int64_t receive_rest(Extraction& extraction) {
  return RestReader(extraction).run();
}

}  // namespace batuta::from_contract
