// dlq list, show, replay, repair, discard: the letters of a topic of dead letters, in the embedded
// log below the home or at a broker.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/stream_reach.h"
#include "stream/letters.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;
using stream::Letter;

struct LetterArguments {
  StreamReach reach;
  std::string topic, reason, note;
  std::vector<std::string> places;
  std::int64_t limit = 1000, max_attempts = 5;
  bool all = false, dry_run = false, yes = false;
};

json letter_row(const Letter& letter) {
  return {{"letter", stream::place_text(letter.at)},
          {"topic", letter.topic},
          {"at", letter.partition + ":" + letter.offset},
          {"reason", letter.reason},
          {"attempt", letter.attempt},
          {"first_seen", letter.first_seen},
          {"moved", letter.moved},
          {"contract_version", letter.contract_version},
          {"message", letter.message}};
}

void must_hold(const Status& status) {
  if (!status) throw Failure(status.error().message, 1);
}

// The letters that are meant: those of the places, or of the reason, or all; at most `limit`. Says
// on standard error when there are more.
std::vector<Letter> chosen_letters(stream::Stream& stream, const LetterArguments& a) {
  std::map<std::string, bool> places;  // whether it was found
  for (const std::string& text : a.places) {
    if (!stream::parse_place(text)) throw Failure("a letter is named as in 0:17, not " + text, 2);
    places[text] = false;
  }
  std::vector<Letter> out;
  std::int64_t more = 0;
  must_hold(stream::each_open_letter(stream, a.topic, [&](const Letter& letter) {
    if (!a.reason.empty() && letter.reason != a.reason) return true;
    if (!places.empty()) {
      const auto wanted = places.find(stream::place_text(letter.at));
      if (wanted == places.end()) return true;
      wanted->second = true;
    }
    if (static_cast<std::int64_t>(out.size()) < a.limit) {
      out.push_back(letter);
    } else {
      ++more;
    }
    return true;
  }));
  for (const auto& [place, found] : places) {
    if (!found)
      throw Failure("no open letter " + place + " in " + a.topic + "; `batuta dlq list " + a.topic +
                        "` names them",
                    1);
  }
  if (more > 0)
    std::fprintf(stderr, "batuta: %lld more; --limit takes more at once\n",
                 static_cast<long long>(more));
  return out;
}

void list_letters(Session& session, const LetterArguments& a) {
  json rows = json::array();
  if (!a.topic.empty()) {
    const auto stream = open_topic_there(session, a.reach, a.topic);
    for (const Letter& letter : chosen_letters(*stream, a)) rows.push_back(letter_row(letter));
    return print_rows(session.format(), rows,
                      {{"letter", "letter"},
                       {"topic", "topic"},
                       {"at", "at"},
                       {"reason", "reason"},
                       {"attempt", "attempt"},
                       {"first seen", "first_seen"},
                       {"message", "message"}});
  }
  const auto stream = open_log_there(session, a.reach);
  const auto topics =
      stream ? stream->topics()
             : Result<std::vector<stream::TopicInfo>>(std::vector<stream::TopicInfo>());
  if (!topics) throw Failure(topics.error().message, 1);
  for (const stream::TopicInfo& topic : *topics) {
    if (!topic.name.ends_with(".dlq")) continue;
    std::map<std::string, std::int64_t> reasons;
    must_hold(stream::each_open_letter(*stream, topic.name, [&](const Letter& letter) {
      ++reasons[letter.reason];
      return true;
    }));
    for (const auto& [reason, count] : reasons)
      rows.push_back({{"dlq", topic.name}, {"reason", reason}, {"open", count}});
  }
  print_rows(session.format(), rows, {{"dlq", "dlq"}, {"reason", "reason"}, {"open", "open"}});
}

void show_letter(Session& session, const LetterArguments& a) {
  const auto stream = open_topic_there(session, a.reach, a.topic);
  for (const Letter& letter : chosen_letters(*stream, a)) {
    json row = letter_row(letter);
    row["key"] = letter.record.key ? json(*letter.record.key) : json(nullptr);
    row["value"] = letter.record.value ? json(*letter.record.value) : json(nullptr);
    row["headers"] = json::array();
    for (const auto& header : letter.record.headers)
      row["headers"].push_back({header.name, header.value});
    if (!letter.no_value.empty()) row["no_value"] = letter.no_value;
    print_object(session.format(), row);
  }
}

void must_choose(const LetterArguments& a) {
  if (a.places.empty() && a.reason.empty() && !a.all)
    throw Failure("which letters? Name them (0:17), or say --reason REASON or --all", 2);
}

void replay_letters(Session& session, const LetterArguments& a) {
  must_choose(a);
  const auto stream = open_topic_there(session, a.reach, a.topic);
  std::int64_t sent = 0, given_up = 0;
  for (const Letter& letter : chosen_letters(*stream, a)) {
    if (letter.attempt >= a.max_attempts) {
      ++given_up;
      continue;
    }
    if (!a.dry_run) must_hold(stream::send_again(*stream, a.topic, letter));
    ++sent;
  }
  if (given_up > 0)
    std::fprintf(stderr,
                 "batuta: %lld letters were tried %lld times or more and stay (--max-attempts): "
                 "repair or discard them\n",
                 static_cast<long long>(given_up), static_cast<long long>(a.max_attempts));
  print_object(session.format(), json{{a.dry_run ? "would_replay" : "replayed", sent}});
}

void repair_letter(Session& session, const LetterArguments& a) {
  if (a.places.size() != 1) throw Failure("repair takes one letter, such as 0:17", 2);
  const auto stream = open_topic_there(session, a.reach, a.topic);
  const auto letters = chosen_letters(*stream, a);
  const std::string value{std::istreambuf_iterator<char>(std::cin), {}};
  if (value.empty()) throw Failure("the right value comes from standard input", 2);
  must_hold(stream::send_again(*stream, a.topic, letters.at(0), value));
  print_object(session.format(), json{{"repaired", stream::place_text(letters[0].at)}});
}

void discard_letters(Session& session, const LetterArguments& a) {
  must_choose(a);
  const auto stream = open_topic_there(session, a.reach, a.topic);
  const auto letters = chosen_letters(*stream, a);
  if (!letters.empty() && !a.dry_run)
    confirm("Give up " + std::to_string(letters.size()) + " letters of " + a.topic + "?", a.yes);
  for (const Letter& letter : letters) {
    if (!a.dry_run) must_hold(stream::discard(*stream, a.topic, letter, a.note));
  }
  print_object(session.format(), json{{a.dry_run ? "would_discard" : "discarded", letters.size()}});
}

}  // namespace

void add_letter_commands(CLI::App& app, Session& session) {
  auto a = std::make_shared<LetterArguments>();
  CLI::App* noun =
      app.add_subcommand("dlq", "Dead letters: what contracts could not take of topics");
  noun->require_subcommand(1);
  const auto add = [&](const char* name, const char* help,
                       void (*action)(Session&, const LetterArguments&)) {
    CLI::App* verb =
        add_verb(*noun, session, name, help, [&session, a, action] { action(session, *a); });
    add_reach_options(*verb, a->reach);
    return verb;
  };
  const auto choice = [&](CLI::App& verb) {
    verb.add_option("topic", a->topic, "of dead letters: orders.dlq")->required();
    verb.add_option("letters", a->places, "as `dlq list` names them: 0:17");
    verb.add_option("--reason", a->reason, "those with this reason");
    verb.add_option("--limit", a->limit, "so many at once (1000)")
        ->check(whole_number(1, 1'000'000));
  };
  const auto acts = [&](CLI::App& verb) {
    choice(verb);
    verb.add_flag("--all", a->all, "all that are open");
    verb.add_flag("--dry-run", a->dry_run, "count them, change nothing");
  };
  CLI::App* list = add("list", "Open letters of a topic, or how many each topic has", list_letters);
  list->add_option("topic", a->topic, "of dead letters: orders.dlq; all of them without it");
  list->add_option("--reason", a->reason);
  list->add_option("--limit", a->limit, "so many (1000)")->check(whole_number(1, 1'000'000));
  CLI::App* show = add("show", "Letters whole, with key, value and headers", show_letter);
  choice(*show);
  CLI::App* replay =
      add("replay", "Send letters to where they came from, once more", replay_letters);
  acts(*replay);
  replay->add_option("--max-attempts", a->max_attempts, "those tried so often stay (5)")
      ->check(whole_number(1, 1'000'000));
  CLI::App* repair =
      add("repair", "Send a letter again with the value of standard input", repair_letter);
  choice(*repair);
  CLI::App* discard =
      add("discard", "Give letters up; they stay in the topic and its table", discard_letters);
  acts(*discard);
  discard->add_option("--note", a->note, "why");
  discard->add_flag("--yes", a->yes, "do not ask");
}

}  // namespace batuta::cli
