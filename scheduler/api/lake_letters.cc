#include "scheduler/api/lake_letters.h"

#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/api/params.h"

namespace batuta::http {
namespace {

constexpr const char* letter_layer = "dlq";

// Why a contract has no letters that could be shown; empty: it has.
std::string why_no_letters(const TableContract* described) {
  if (described == nullptr) return "no task names such a contract";
  const contract::Source& source = described->table.source;
  if (source.kind != contract::SourceKind::stream) return "its source is no topic";
  if (source.dead_letters == "none") return "it keeps them in its table alone (deadLetters: none)";
  return {};
}

LetterTopic letter_topic_of(LakeName name, const contract::Source& source) {
  return {std::move(name), source,
          source.dead_letters.empty() ? source.table + ".dlq" : source.dead_letters};
}

}  // namespace

Result<LetterTopic> letter_topic(Context& context, const Request& request, Action action) {
  const std::string &domain = path_param(request, "domain"), &table = path_param(request, "table");
  auto name = lake_name(std::string(letter_layer) + "/" + domain + "/" + table);
  if (!name) return name.error();
  if (!may(request.identity, action, name->resource()))
    return needs_right(action, name->resource());
  const auto described = context.contracts->find(context.services.backend.dags(), domain, table);
  // A history has its table's contract, and no source of its own.
  const bool own = described && described->name == domain + "/" + table;
  if (const std::string why = why_no_letters(own ? described.get() : nullptr); !why.empty())
    return Error{Errc::not_found,
                 "the contract " + domain + "/" + table + " has no topic of dead letters: " + why,
                 {}};
  return letter_topic_of(*std::move(name), described->table.source);
}

std::vector<LetterTopic> letter_topics(Context& context, const Request& request) {
  const Sight sight = seen_lake(request);
  const auto bag = context.services.backend.dags();
  std::vector<LetterTopic> out;
  for (const std::string& path : context.contracts->names(bag)) {
    auto name = lake_name(std::string(letter_layer) + "/" + path);
    if (!name || !sight.sees(name->domain + "/" + name->layer)) continue;
    const auto described = context.contracts->find(bag, name->domain, name->table);
    if (why_no_letters(described.get()).empty())
      out.push_back(letter_topic_of(*std::move(name), described->table.source));
  }
  return out;
}

Result<std::unique_ptr<stream::Stream>> open_letters(Context& context, const LetterTopic& of) {
  auto opened = context.services.topics(of.source);
  if (!opened && opened.error().code == Errc::not_found) return std::unique_ptr<stream::Stream>();
  return opened;
}

Status each_letter(stream::Stream& stream, const LetterTopic& of, const std::function<bool()>& stop,
                   const std::function<bool(const stream::Letter&)>& each) {
  const Status read = stream::each_open_letter(
      stream, of.topic,
      [&](const stream::Letter& letter) { return letter.topic != of.source.table || each(letter); },
      stop);
  return !read && read.error().code == Errc::not_found ? success() : read;
}

}  // namespace batuta::http
