// Where an application goes on that spark-submit left on a cluster: YARN's ResourceManager or a
// Spark master, by their documented REST interfaces.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/outgoing.h"
#include "common/time.h"
#include "plugins/builtin/spark_end.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {

class SparkCluster {
 public:
  enum class Kind : std::uint8_t { yarn, master };

  // `tracking`: the id of the connection that leads to that interface, an http one.
  // `pause`: before a question is asked the second time, and twice as long before each further one.
  // FinalError where it is of another type.
  SparkCluster(const Context& context, Kind kind, std::string tracking,
               Duration pause = std::chrono::seconds(1));

  Kind kind() const { return kind_; }

  struct Look {
    bool ended = false;
    SparkVerdict verdict;  // once it has ended
    std::string state;
    std::string page;  // of its own, or where its log lies; may be empty
  };
  // FinalError (spark_code::refused) for a refused request, RetryableError (spark_code::busy)
  // where no answer comes, four times in a row.
  Look look(const std::string& id) const;
  // The newest application that was submitted with this tag, whatever has become of it. Of YARN
  // alone: a master has no tags. RetryableError (spark_code::busy) where that is not told, for then
  // it may be there.
  std::optional<std::string> find(const std::string& tag) const;
  // Ends it over there; warns where that cannot be.
  void kill(const std::string& id) const;

  // What the driver wrote, the end of it where that is long: of a Spark master whose page the
  // connection's extra names ("page"), from the worker that had the driver. Empty where there is no
  // such page. RetryableError or FinalError where it cannot be had.
  std::string driver_log(const std::string& id) const;
  // Drivers of one main class that a master's page lists, with what it still remembers.
  struct Begun {
    std::string own;                   // was started with the word; empty: none was
    std::vector<std::string> unknown;  // with what these were started cannot be read
  };
  // Of a master whose page is known: which of the drivers of that main class (empty: of any) that
  // began at or after then (seconds since the epoch) was started with `word` in its command, as
  // its worker wrote it into the driver's log. nullopt: it is not known. A worker that does not
  // answer is asked about none of its further drivers. Errors as of look(); RetryableError too when
  // the attempt is cancelled meanwhile.
  std::optional<Begun> drivers_since(const std::string& main_class, const std::string& word,
                                     std::int64_t since) const;

  // What the scheduler looks at, and what it asks for when the task is cancelled while it waits:
  // {"wait_for", "on_cancel"} of Context::defer().
  nlohmann::json wait_for(const std::string& id) const;

 private:
  struct Answer;
  Answer ask(const char* method, const std::string& url, const std::string& body) const;
  // The object that it answers with; errors as of look().
  nlohmann::json got(const std::string& path) const;
  std::string path_of(const std::string& id) const;
  // Where a driver's log is had, up to its id: of what the master's page says, and the worker's id.
  // Empty: that worker is not there.
  std::string log_of_worker(const nlohmann::json& page, const std::string& worker) const;
  // `silent`: workers that did not answer; one that does not now joins them.
  std::optional<bool> started_with(const nlohmann::json& page, const nlohmann::json& driver,
                                   const std::string& word, std::set<std::string>& silent) const;

  const Context& context_;
  const Kind kind_;
  const std::string tracking_;
  const Duration pause_;
  std::string base_, login_, password_;
  std::string page_;  // of the master, for people; may be empty
  Outgoing outgoing_;
};

}  // namespace batuta::plugin
