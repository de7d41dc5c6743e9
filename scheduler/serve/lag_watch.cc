#include "scheduler/serve/lag_watch.h"

#include <algorithm>
#include <map>
#include <utility>

namespace batuta {
namespace {

constexpr std::size_t max_trouble = 300;

using Opened = Result<std::unique_ptr<stream::Stream>>;
using Streams = std::map<std::string, Opened>;

// What one look finds; streams are opened when the first pair of theirs comes.
class LagLook {
 public:
  LagLook(const LagWatch::Open& open, Streams& streams)
      : open_(open), streams_(streams), until_(read_clock().boot + LagWatch::budget) {}

  void at(const LagAsked& pair) {
    if (!seen_.insert(pair).second) return;
    if (lags_.rows.size() >= LagWatch::most_pairs) {
      ++lags_.left_out;
      return;
    }
    StreamLag found{pair, 0, 0, 0, {}};
    if (read_clock().boot >= until_) {
      found.trouble = "the brokers before it took too long to answer";
    } else {
      measure(found);
    }
    lags_.rows.push_back(std::move(found));
  }

  // Every group of every topic of the embedded log.
  void at_all_embedded() {
    const auto& embedded = stream_of_connection("");
    if (!embedded || !*embedded) return;
    const auto topics = (*embedded)->topics();
    if (!topics) return;
    for (const stream::TopicInfo& topic : *topics) {
      const auto groups = (*embedded)->groups(topic.name);
      if (!groups) continue;  // it was deleted meanwhile
      for (const std::string& group : *groups) at({"", topic.name, group});
    }
  }

  StreamLags take() {
    std::sort(lags_.rows.begin(), lags_.rows.end(),
              [](const StreamLag& a, const StreamLag& b) { return a.of < b.of; });
    return std::move(lags_);
  }

 private:
  const Opened& stream_of_connection(const std::string& connection) {
    const auto known = streams_.find(connection);
    if (known != streams_.end()) return known->second;
    return streams_.emplace(connection, open_(connection)).first->second;
  }

  void measure(StreamLag& found) {
    const Opened& stream = stream_of_connection(found.of.connection);
    if (!stream || !*stream) {
      found.trouble = stream ? "there is no topic yet" : stream.error().message;
    } else if (const auto partitions = stream::lag(**stream, found.of.group, found.of.topic);
               !partitions) {
      found.trouble = partitions.error().message;
    } else {
      for (const stream::PartitionLag& one : *partitions) {
        found.records += one.lag;
        found.most = std::max(found.most, one.lag);
        found.lost += one.lost;
        found.sent += one.kept.next;
        found.read += one.committed.value_or(0);
      }
    }
    found.trouble = found.trouble.substr(0, max_trouble);
  }

  const LagWatch::Open& open_;
  Streams& streams_;
  const Boot until_;
  std::set<LagAsked> seen_;
  StreamLags lags_;
};

}  // namespace

LagWatch::~LagWatch() {
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LagWatch::start() {
  thread_ = std::thread([this] { run(); });
}

void LagWatch::ask(std::set<LagAsked> asked) {
  {
    const std::lock_guard guard(mutex_);
    hurry_ = hurry_ || !std::includes(asked_.begin(), asked_.end(), asked.begin(), asked.end());
    asked_ = std::move(asked);
  }
  changed_.notify_all();
}

void LagWatch::look_anew(Duration patience) {
  std::unique_lock lock(mutex_);
  if (!thread_.joinable()) return;
  const std::int64_t wanted = begun_ + 1;  // one that is under way may have looked already
  hurry_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, patience, [this, wanted] { return stop_ || over_ >= wanted; });
}

StreamLags LagWatch::told() const {
  const std::lock_guard guard(mutex_);
  return told_;
}

void LagWatch::look() {
  std::set<LagAsked> asked;
  {
    const std::lock_guard guard(mutex_);
    asked = asked_;
  }
  LagLook now(open_, streams_);
  for (const LagAsked& pair : asked) now.at(pair);
  now.at_all_embedded();
  StreamLags found = now.take();
  std::erase_if(streams_, [](const auto& one) {
    return !one.first.empty() || !one.second || *one.second == nullptr;
  });
  const std::lock_guard guard(mutex_);
  told_ = std::move(found);
}

void LagWatch::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    hurry_ = false;
    ++begun_;
    lock.unlock();
    look();
    lock.lock();
    over_ = begun_;
    changed_.notify_all();
    changed_.wait_for(lock, pace, [this] { return stop_ || hurry_; });
  }
}

}  // namespace batuta
