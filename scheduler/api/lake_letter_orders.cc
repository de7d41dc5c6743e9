// What becomes of dead letters: sent again as they are or with another value, or given up. Each is
// noted in its own topic as it is done; one order after another, on a thread of their own.
#include <map>
#include <nlohmann/json.hpp>

#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_letters.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t most_named_letters = 1000;
constexpr std::size_t most_told_letters = 1000;
constexpr std::int64_t most_letters_at_once = 10'000;
constexpr std::size_t most_letter_bytes = std::size_t{64} << 20;  // held of one order
constexpr std::size_t most_letter_note = 1000;

struct LetterOrder {
  std::string action, note;
  std::vector<std::string> letters;
  std::optional<std::string> reason, value;
  std::int64_t limit = 1000, max_attempts = 5;
  bool all = false, dry_run = false;
};

Result<LetterOrder> letter_order(const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  LetterOrder out;
  out.action = fields.required_text("action");
  const bool repairs = out.action == "repair", replays = out.action == "replay";
  if (fields.status() && !repairs && !replays && out.action != "discard")
    fields.fail("action", "must be repair, replay or discard");
  out.note = fields.text("note", most_letter_note).value_or("");
  out.letters = fields.texts("letters", most_named_letters).value_or(std::vector<std::string>());
  for (const std::string& place : out.letters)
    if (!stream::parse_place(place))
      fields.fail("letters", "are named by partition and offset, as in 0:17, not " + place);
  out.reason = fields.text("reason", 4096);
  out.all = fields.boolean("all").value_or(false);
  out.dry_run = fields.boolean("dry_run").value_or(false);
  if (out.action == "discard" && out.note.empty() && !out.dry_run)
    fields.fail("note", "must say why the letters are given up");
  out.limit = fields.integer("limit", 1, most_letters_at_once).value_or(out.limit);
  if (const auto most = fields.integer("max_attempts", 1, 1'000'000)) {
    if (!replays) fields.fail("max_attempts", "is of replay");
    out.max_attempts = *most;
  }
  out.value = fields.text("value", stream::max_record_bytes);
  if (out.value && !repairs) fields.fail("value", "is of repair");
  if (repairs && (!out.value || out.value->empty()))
    fields.fail("value", "must be given: what is sent in the letter's place");
  if (repairs && out.letters.size() != 1)
    fields.fail("letters", "must name the one letter that is repaired");
  if (out.letters.empty() && !out.reason && !out.all)
    fields.fail("letters", "reason or all must be given: which letters?");
  if (!fields.status()) return fields.status().error();
  return out;
}

// The letters that an order is about, and those that it leaves as they are.
struct MeantLetters {
  std::vector<stream::Letter> letters;  // of a look ahead without what was sent
  json stay = json::array();            // {letter, why}
  std::int64_t staying = 0;
  std::int64_t left = 0;  // open ones that are meant too, beyond the limits
};

// Why this one stays open; empty: it is done with.
std::string why_it_stays(const LetterOrder& order, const stream::Letter& letter) {
  if (order.action != "replay") return {};
  if (letter.attempt >= order.max_attempts)
    return "it was tried " + std::to_string(letter.attempt) +
           " times: repair or discard it, or say max_attempts";
  if (!letter.no_value.empty()) return "it does not hold what was sent: " + letter.no_value;
  return {};
}

Result<MeantLetters> meant_letters(stream::Stream* stream, const LetterTopic& of,
                                   const LetterOrder& order, const std::function<bool()>& stop) {
  std::map<std::string, bool> named;  // whether it was found
  for (const std::string& place : order.letters)
    named[stream::place_text(*stream::parse_place(place))] = false;
  MeantLetters out;
  std::size_t bytes = 0;
  const auto take = [&](const stream::Letter& letter) {
    if (order.reason && letter.reason != *order.reason) return true;
    if (!named.empty()) {
      const auto wanted = named.find(stream::place_text(letter.at));
      if (wanted == named.end()) return true;
      wanted->second = true;
    }
    if (const std::string why = why_it_stays(order, letter); !why.empty()) {
      ++out.staying;
      if (out.stay.size() < most_told_letters)
        out.stay.push_back({{"letter", stream::place_text(letter.at)}, {"why", why}});
      return true;
    }
    const bool fits =
        std::ssize(out.letters) < order.limit && (bytes < most_letter_bytes || out.letters.empty());
    if (!fits) {
      ++out.left;
      return true;
    }
    bytes += stream::size_of(letter.record);
    out.letters.push_back(letter);
    if (order.dry_run || order.action == "discard") out.letters.back().record = {};
    return true;
  };
  if (stream != nullptr) {
    if (const Status read = each_letter(*stream, of, stop, take); !read) return read.error();
  }
  for (const auto& [place, found] : named)
    if (!found)
      return {Errc::conflict, "no letter " + place + " is open in " + of.topic +
                                  (order.reason ? " with that reason" : "") +
                                  ": somebody may have seen to it; nothing was done"};
  return out;
}

Status act_on(stream::Stream& stream, const LetterTopic& of, const LetterOrder& order,
              const stream::Letter& letter) {
  return order.action == "discard" ? stream::discard(stream, of.topic, letter, order.note)
                                   : stream::send_again(stream, of.topic, letter, order.value);
}

Result<Response> carry_out(Context& context, const LetterTopic& of, const LetterOrder& order) {
  const auto stop = [&context] { return context.stopping.load(); };
  const auto stream = open_letters(context, of);
  if (!stream) return stream.error();
  const auto meant = meant_letters(stream->get(), of, order, stop);
  if (!meant) return meant.error();
  std::int64_t done = 0;
  json letters = json::array();
  for (const stream::Letter& letter : meant->letters) {
    Status acted = success();
    if (stop()) acted = {Errc::unavailable, "the server is stopping"};
    if (acted && !order.dry_run) acted = act_on(**stream, of, order, letter);
    if (!acted)
      return {acted.error().code,
              std::to_string(done) + " of " + std::to_string(meant->letters.size()) +
                  " letters were done, the rest are open yet: " + acted.error().message};
    ++done;
    if (letters.size() < most_told_letters)
      letters.push_back({{"letter", stream::place_text(letter.at)}, {"reason", letter.reason}});
  }
  return json_response({{"action", order.action},
                        {"topic", of.topic},
                        {"source_topic", of.source.table},
                        {"dry_run", order.dry_run},
                        {"done", done},
                        {"letters", std::move(letters)},
                        {"staying", meant->staying},
                        {"stay", meant->stay},
                        {"left", meant->left}});
}

// What is sent again becomes bronze's.
Result<LetterTopic> ordered_topic(Context& context, const Request& request,
                                  const LetterOrder& order) {
  auto of = letter_topic(context, request, Action::edit);
  if (!of || order.action == "discard") return of;
  LakeName target = of->name;
  target.layer = "bronze";
  if (!may(request.identity, Action::edit, target.resource()))
    return needs_right(Action::edit, target.resource());
  return of;
}

// Names, never what was sent.
json audited_order(const LetterTopic& of, const LetterOrder& order) {
  json out{{"table", of.name.path()}, {"topic", of.topic}};
  if (!order.note.empty()) out["note"] = order.note;
  if (order.reason) out["reason"] = *order.reason;
  if (order.all) out["all"] = true;
  if (order.letters.size() == 1) out["letter"] = order.letters.front();
  if (!order.letters.empty()) out["named_letters"] = order.letters.size();
  return out;
}

}  // namespace

void order_dead_letters(Context& context, Call call) {
  const auto asked = letter_order(*call.request);
  if (!asked) return call.respond(error_response(asked.error()));
  context.work(call, [&context, call, order = *asked]() -> Status {
    const auto of = ordered_topic(context, *call.request, order);
    if (!of) return of.error();
    const auto act = [&context, call, of = *of, order] {
      const auto job = [&context, of, order] { return carry_out(context, of, order); };
      if (!order.dry_run) return context.order_letters(call, job);
      context.read_letters(call, job,
                           [call](Response response) { call.respond(std::move(response)); });
    };
    if (order.dry_run) {
      act();
      return success();
    }
    // Who orders what is written down before anything is done.
    context.change(
        call, "lake_letters_" + order.action, audited_order(*of, order), [] { return success(); },
        [call, act](const Status& kept) {
          kept ? act() : call.respond(error_response(kept.error()));
        });
    return success();
  });
}

}  // namespace batuta::http
