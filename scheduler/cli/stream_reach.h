// Which stream a command speaks to: the embedded log below the home, or a broker. Internal to this
// room.
#pragma once

#include <memory>
#include <string>

#include "scheduler/cli/commands.h"
#include "stream/stream.h"

namespace batuta::cli {

struct StreamReach {
  std::string kafka, connection, connections;
};

void add_reach_options(CLI::App& verb, StreamReach& reach);
// Throws Failure with what is wrong: 2 for a connection that cannot be, 1 for a log that cannot.
std::unique_ptr<stream::Stream> open_reach(const Session& session, const StreamReach& reach);
// The same for who needs what is there: makes no folder. Null where the home has no log, and so no
// topic. Throws Failure (1) where there is no home.
std::unique_ptr<stream::Stream> open_log_there(const Session& session, const StreamReach& reach);
// The same for one topic: throws Failure (1) where the home has no log, too.
std::unique_ptr<stream::Stream> open_topic_there(const Session& session, const StreamReach& reach,
                                                 const std::string& topic);

}  // namespace batuta::cli
