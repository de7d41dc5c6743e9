// What contracts could not take of topics: which have letters, and what is in them.
#include <sodium.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_letters.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/params.h"
#include "scheduler/http/utf8.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t listed_bytes = 4096;  // of a key, value or header in a list
constexpr std::size_t most_headers = 100;
constexpr std::size_t most_letter_reasons = 1000;
constexpr auto counting_patience = std::chrono::seconds(20);
constexpr auto reading_patience = std::chrono::seconds(30);

// Text as it is, at most `most` bytes of it; what is no UTF-8 in base64.
class LetterText {
 public:
  explicit LetterText(std::size_t most) : most_(most) {}

  json operator()(const std::string& bytes, bool& base64) {
    std::string_view part(bytes);
    base64 = !valid_utf8(part) || part.find('\0') != part.npos;
    if (part.size() > most_) {
      part = part.substr(0, most_);
      while (!base64 && !part.empty() && !valid_utf8(part)) part.remove_suffix(1);
      cut_ = true;
    }
    if (!base64) return part;
    std::string out(sodium_base64_ENCODED_LEN(part.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(part.data()),
                      part.size(), sodium_base64_VARIANT_ORIGINAL);
    out.pop_back();  // the terminator
    return out;
  }
  json operator()(const std::optional<std::string>& bytes, const char* name, json& in_base64) {
    if (!bytes) return nullptr;
    bool base64 = false;
    json text = (*this)(*bytes, base64);
    if (base64) in_base64.push_back(name);
    return text;
  }
  bool cut() const { return cut_; }
  void note_cut() { cut_ = true; }

 private:
  const std::size_t most_;
  bool cut_ = false;
};

// `hidden`: what was sent, and messages, which may quote it, are not shown.
json letter_json(const stream::Letter& letter, bool hidden, std::size_t most) {
  LetterText text(most);
  json in_base64 = json::array(), headers = json::array();
  json out{{"letter", stream::place_text(letter.at)},
           {"topic", letter.topic},
           {"partition", text_or_null(letter.partition)},
           {"offset", text_or_null(letter.offset)},
           {"reason", repair_utf8(letter.reason.substr(0, listed_bytes))},
           {"attempt", letter.attempt},
           {"first_seen", text_or_null(letter.first_seen)},
           {"moved", text_or_null(letter.moved)},
           {"contract_version", text_or_null(letter.contract_version)},
           {"no_value", text_or_null(letter.no_value)},
           {"message", nullptr},
           {"key", nullptr},
           {"value", nullptr}};
  if (!hidden) {
    bool base64 = false;
    for (const auto& header : letter.record.headers) {
      if (headers.size() == most_headers) {
        text.note_cut();
        break;
      }
      json value = text(header.value, base64);
      headers.push_back({{"name", header.name}, {"value", std::move(value)}, {"base64", base64}});
    }
    out["message"] = text(letter.message, base64);
    out["key"] = text(letter.record.key, "key", in_base64);
    out["value"] = text(letter.record.value, "value", in_base64);
  }
  out["headers"] = std::move(headers);
  out["base64"] = std::move(in_base64);
  out["cut"] = text.cut();
  return out;
}

struct LetterSight {
  bool hidden = false, bare = false;  // bare: shown by the right to see what is masked
};

// What was sent is all of a record in one text: where the contract masks a column, all is hidden.
LetterSight letter_sight(Context& context, const Request& request, const LakeName& name) {
  if (column_mask(masks_for(context, request), name, "value").empty()) return {};
  const bool bare = may_unmask(request, name);
  return {!bare, bare};
}

json masked_parts(const LetterSight& sight) {
  return sight.hidden ? json({"key", "value", "headers", "message"}) : json::array();
}

// Answers with what `read` found; who was shown what is masked for others is written down first.
// `job` is called on a thread of the letters.
class LetterAnswer {
 public:
  using Stop = std::function<bool()>;
  using Job = std::function<Result<json>(const LetterTopic&, LetterSight, const Stop&)>;

  LetterAnswer(Context& context, Call call, Job job)
      : context_(context), call_(std::move(call)), job_(std::move(job)) {}

  const std::shared_ptr<std::atomic<bool>>& gone() const { return gone_; }

  Result<Response> read() {
    // It keeps others who read letters waiting: not for ever.
    const auto begun = std::chrono::steady_clock::now();
    const auto late = [begun] {
      return std::chrono::steady_clock::now() - begun > reading_patience;
    };
    const Stop stop = [&] { return *gone_ || context_.stopping || late(); };
    if (stop()) return {Errc::unavailable, "nobody waits for the answer"};
    const auto of = letter_topic(context_, *call_.request, Action::read);
    if (!of) return of.error();
    const LetterSight sight = letter_sight(context_, *call_.request, of->name);
    const auto told = job_(*of, sight, stop);
    if (!told && late())
      return {Errc::unavailable, "reading " + of->topic +
                                     " took too long: `batuta dlq` reads it without a limit, and "
                                     "a retention keeps it short"};
    if (!told) return told.error();
    if (sight.bare) table_ = of->name.path();
    return json_response(*told);
  }
  void give(Response response) {
    if (table_.empty()) return call_.respond(std::move(response));
    context_.respond_recorded(call_, "lake_rows_unmasked",
                              {{"table", table_}, {"unmasked", masked_parts({.hidden = true})}},
                              std::move(response));
  }

 private:
  Context& context_;
  const Call call_;
  const Job job_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  std::string table_;  // of which something was shown bare
};

void answer_letters(Context& context, const Call& call, LetterAnswer::Job job) {
  const auto answer = std::make_shared<LetterAnswer>(context, call, std::move(job));
  call.request->on_gone = [gone = answer->gone()] { *gone = true; };
  context.read_letters(
      call, [answer] { return answer->read(); },
      [answer](Response response) { answer->give(std::move(response)); });
}

// How many letters are open; what is wrong with a topic is told of that topic alone.
json counted_topic(Context& context, const LetterTopic& of, const std::function<bool()>& stop) {
  json out{{"domain", of.name.domain},        {"table", of.name.table}, {"topic", of.topic},
           {"source_topic", of.source.table}, {"open", nullptr},        {"problem", nullptr}};
  std::int64_t open = 0;
  const auto stream = open_letters(context, of);
  Status read = stream ? success() : Status(stream.error());
  if (stream && *stream) {
    read = each_letter(**stream, of, stop, [&open](const stream::Letter&) {
      ++open;
      return true;
    });
  }
  if (read)
    out["open"] = open;
  else
    out["problem"] = read.error().message;
  return out;
}

}  // namespace

void list_dead_letters(Context& context, Call call) {
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  call.request->on_gone = [gone] { *gone = true; };
  const auto count = [&context, call, gone]() -> Result<Response> {
    const auto begun = std::chrono::steady_clock::now();
    const auto late = [begun] {
      return std::chrono::steady_clock::now() - begun > counting_patience;
    };
    const auto stop = [&] { return *gone || context.stopping || late(); };
    json topics = json::array();
    for (const LetterTopic& of : letter_topics(context, *call.request)) {
      if (*gone || context.stopping) return {Errc::unavailable, "nobody waits for the answer"};
      topics.push_back(counted_topic(context, of, stop));
      if (late() && topics.back()["open"].is_null())
        topics.back()["problem"] = "not counted, as it took too long: open it to read it alone";
    }
    const auto total = static_cast<std::int64_t>(topics.size());
    return json_response(collection("topics", std::move(topics), total));
  };
  context.read_letters(call, count,
                       [call](Response response) { call.respond(std::move(response)); });
}

void get_dead_letters(Context& context, Call call) {
  QueryReader query(*call.request);
  const auto limit = static_cast<std::size_t>(query.integer("limit", 50, 1, 1000));
  const auto reason = query.text("reason");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  answer_letters(context, call,
                 [&context, limit, reason](const LetterTopic& of, LetterSight sight,
                                           const LetterAnswer::Stop& stop) -> Result<json> {
                   std::map<std::string, std::int64_t> reasons;
                   std::int64_t open = 0, meant = 0;
                   bool more_reasons = false;
                   json letters = json::array();
                   const auto stream = open_letters(context, of);
                   if (!stream) return stream.error();
                   const auto take = [&](const stream::Letter& letter) {
                     ++open;
                     const std::string name = repair_utf8(letter.reason.substr(0, listed_bytes));
                     if (reasons.size() < most_letter_reasons || reasons.contains(name))
                       ++reasons[name];
                     else
                       more_reasons = true;
                     if (reason && name != *reason) return true;
                     ++meant;
                     if (letters.size() < limit)
                       letters.push_back(letter_json(letter, sight.hidden, listed_bytes));
                     return true;
                   };
                   if (*stream) {
                     if (const Status read = each_letter(**stream, of, stop, take); !read)
                       return read.error();
                   }
                   json groups = json::array();
                   for (const auto& [name, count] : reasons)
                     groups.push_back({{"reason", name}, {"open", count}});
                   return json{{"domain", of.name.domain},
                               {"table", of.name.table},
                               {"topic", of.topic},
                               {"source_topic", of.source.table},
                               {"open", open},
                               {"reasons", std::move(groups)},
                               {"more_reasons", more_reasons},
                               {"masked", masked_parts(sight)},
                               {"more", meant > static_cast<std::int64_t>(letters.size())},
                               {"letters", std::move(letters)}};
                 });
}

void get_dead_letter(Context& context, Call call) {
  answer_letters(context, call,
                 [&context, call](const LetterTopic& of, LetterSight sight,
                                  const LetterAnswer::Stop& stop) -> Result<json> {
                   const std::string& place = path_param(*call.request, "letter");
                   const auto at = stream::parse_place(place);
                   if (!at)
                     return {Errc::invalid, "a letter is named by partition and offset, as in 0:17",
                             "path.letter"};
                   json found;
                   const auto stream = open_letters(context, of);
                   if (!stream) return stream.error();
                   const auto take = [&](const stream::Letter& letter) {
                     if (letter.at == *at)
                       found = letter_json(letter, sight.hidden, stream::max_record_bytes);
                     return found.is_null();
                   };
                   if (*stream) {
                     if (const Status read = each_letter(**stream, of, stop, take); !read)
                       return read.error();
                   }
                   if (found.is_null())
                     return {Errc::not_found, "no letter " + place + " is open in " + of.topic};
                   found["masked"] = masked_parts(sight);
                   return found;
                 });
}

}  // namespace batuta::http
