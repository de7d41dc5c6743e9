// Dead letters of the topics that contracts read, as the API tells of them and acts on them. A
// letter is reached by its contract, whose domain says who may: dlq topics can be shared by several
// contracts, and only letters of the contract's own topic are its. Private to the room.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "contract/contract.h"
#include "scheduler/api/context.h"
#include "scheduler/api/lake_catalogue.h"
#include "stream/letters.h"

namespace batuta::http {

struct LetterTopic {
  LakeName name;            // dlq/<domain>/<table>: what rights and masks speak of
  contract::Source source;  // of a topic
  std::string topic;        // of dead letters
};

// Of the path's contract. Errc::forbidden, before it is told whether there is one, without the
// right to `action` on the domain's dlq; Errc::not_found where there is none, it reads no topic or
// has no topic of dead letters. May parse the contract.
Result<LetterTopic> letter_topic(Context& context, const Request& request, Action action);
// Of all contracts whose dead letters may be seen, by domain and table.
std::vector<LetterTopic> letter_topics(Context& context, const Request& request);

// Every open letter of the contract's topic, to `each` until it says false. None where the topic is
// not there yet. Errc::unavailable once `stop` says so, or where the broker does not answer.
// Blocks.
Status each_letter(stream::Stream& stream, const LetterTopic& of, const std::function<bool()>& stop,
                   const std::function<bool(const stream::Letter&)>& each);
// The stream that has the topic; null where there is no topic at all yet. Blocks.
Result<std::unique_ptr<stream::Stream>> open_letters(Context& context, const LetterTopic& of);

}  // namespace batuta::http
