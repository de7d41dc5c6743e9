// Looks on a thread of its own how far groups are behind: brokers may take their time to answer,
// and nobody waits for them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/api/stream_lags.h"
#include "stream/stream.h"

namespace batuta {

class LagWatch {
 public:
  static constexpr std::size_t most_pairs = 200;  // of topic and group; the rest is counted
  static constexpr Duration pace = std::chrono::seconds(30);
  static constexpr Duration budget = std::chrono::seconds(25);  // of one look

  // The stream of a connection, the embedded log for an empty one; called by its thread alone.
  // nullptr: there is nothing yet.
  using Open =
      std::function<Result<std::unique_ptr<stream::Stream>>(const std::string& connection)>;

  explicit LagWatch(Open open) : open_(std::move(open)) {}
  ~LagWatch();  // waits for a look that is under way
  LagWatch(const LagWatch&) = delete;
  LagWatch& operator=(const LagWatch&) = delete;

  void start();
  // Looked at before any other pair, and at once where it is new. A broker is asked for these
  // alone; of the embedded log every group is looked at that has ever committed. Any thread.
  void ask(std::set<LagAsked> asked);
  // By connection, topic, group. Any thread.
  StreamLags told() const;
  // Blocks until a look that has begun after this call is over, or `patience` is. Any thread but
  // its own; at once where it was not started.
  void look_anew(Duration patience);
  // One look, blocking. Its thread's; without start() that of a test.
  void look();

 private:
  void run();

  const Open open_;
  // Its thread's. The embedded log's is kept: it knows where its segments end.
  std::map<std::string, Result<std::unique_ptr<stream::Stream>>> streams_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<LagAsked> asked_;  // these six guarded by mutex_
  StreamLags told_;
  std::int64_t begun_ = 0, over_ = 0;  // looks of its thread
  bool hurry_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace batuta
