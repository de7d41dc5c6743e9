#include "scheduler/demo/message_producer.h"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "common/fd.h"
#include "stream/files.h"
#include "stream/kafka_stream.h"
#include "stream/spool.h"

namespace batuta::demo {
namespace {

// A batch must leave room in the smallest spool.
constexpr std::size_t batch_messages = 500;
constexpr std::size_t batch_bytes_most = 256 << 10;
constexpr int batches_a_second = 10;  // of those that come at a pace

class Producer {
 public:
  Producer(const Simulation& simulation, const ProducerOptions& options)
      : simulation_(simulation), options_(options), topic_(simulation.topic()) {}

  Result<Produced> run() {
    if (Status opened = open(); !opened) return opened.error();
    if (Status sent = send(); !sent) return sent.error();
    Status put = success();
    std::int64_t number = 0;
    const std::int64_t known = produced_.put;
    simulation_.messages([&](SimulatedMessage message) {
      if (number++ < known) return true;
      if (put = wait_for(message.at); !put) return false;
      bytes_ += message.key.size() + message.value.size();
      batch_.push_back(
          {std::move(message.key), std::move(message.value), {}, std::nullopt, std::nullopt});
      if (batch_.size() >= most_messages() || bytes_ >= batch_bytes_most) put = hand_on();
      return put.ok();
    });
    if (put) put = hand_on();
    if (!put) return put.error();
    produced_.put -= known;
    const auto state = spool_->state();
    if (!state) return state.error();
    produced_.waiting = state->waiting;
    if (produced_.waiting == 0) produced_.why.clear();
    return produced_;
  }

 private:
  std::size_t most_messages() const {
    if (options_.per_second <= 0) return batch_messages;
    const auto paced = static_cast<std::size_t>(options_.per_second / batches_a_second);
    return std::clamp<std::size_t>(paced, 1, batch_messages);
  }

  // Until so many messages may have come since the first.
  void keep_pace(std::size_t more) {
    if (options_.per_second <= 0) return;
    paced_ += static_cast<std::int64_t>(more);
    const Duration due = Duration(std::chrono::seconds(1)) * paced_ / options_.per_second;
    pause(due);
  }

  void pause(Duration due) const {
    if (options_.pause_until) return options_.pause_until(due);
    const Duration past = read_clock().boot - begun_;
    if (due > past) std::this_thread::sleep_for(due - past);
  }

  // Until what is sent at that time of the simulation is due. What comes before it does not wait
  // with it.
  Status wait_for(Time at) {
    const SimulationPace& pace = options_.pace;
    if (pace.at_once()) return success();
    if (!origin_)
      origin_ = pace.interval > Duration::zero()
                    ? Time(at.time_since_epoch() / pace.interval * pace.interval)
                    : at;
    const Duration due = pace.due(at - *origin_);
    if (due <= waited_) return success();  // also one that comes late
    if (Status before = hand_on(); !before) return before;
    waited_ = due;
    pause(due);
    return success();
  }

  Status open() {
    namespace fs = std::filesystem;
    auto spool = stream::Spool::open(options_.spool, options_.spool_bytes);
    if (!spool) return spool.error();
    spool_ = std::move(*spool);
    if (Status alone = lock(); !alone) return alone;
    home_ = fs::absolute(options_.home).lexically_normal().string();
    const std::string where =
        options_.broker ? "the brokers " + options_.broker->host : "the embedded log of " + home_;
    const Status bound =
        spool_->bind("topic " + topic_ + " of " + where + ", simulation " + options_.identity);
    if (!bound) return bound;
    const auto state = spool_->state();
    if (!state) return state.error();
    produced_.put = state->put;
    return success();
  }

  // From before the count of what was ever put is read: of two at once both would put the same
  // messages, and the next call would take the doubled count for messages that never were put.
  Status lock() {
    const auto root = stream::make_root(options_.spool);
    if (!root) return root.error();
    auto file = stream::open_or_create(*root + "/produce.lock");
    if (!file) return file.error();
    if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return stream::os_error("lock", *root + "/produce.lock");
      return {Errc::conflict, "another process puts messages into the spool " + *root +
                                  ": run this again when it has ended"};
    }
    lock_ = *std::move(file);
    return success();
  }

  // The log may be made while this goes on.
  Status connect() {
    if (stream_) return success();
    if (options_.broker) return connect_broker();
    std::error_code failed;
    if (!std::filesystem::is_directory(home_, failed))
      return {Errc::unavailable, "there is no installation in " + home_};
    auto stream = stream::open_file_stream(home_ + "/stream");
    if (!stream) return stream.error();
    stream::TopicSettings settings;
    settings.partitions = topic_partitions;
    if (Status made = (*stream)->create(topic_, settings);
        !made && made.error().code != Errc::conflict)
      return made;
    stream_ = std::move(*stream);
    return success();
  }

  Status connect_broker() {
    const auto settings = stream::kafka_settings(*options_.broker);
    if (!settings) return settings.error();
    auto broker = stream::open_kafka_stream(*settings);
    if (!broker) return broker.error();
    const auto topics = (*broker)->topics();
    if (!topics) return topics.error();
    const bool there =
        std::any_of(topics->begin(), topics->end(),
                    [&](const stream::TopicInfo& each) { return each.name == topic_; });
    stream::TopicSettings settings_of_topic;
    settings_of_topic.partitions = topic_partitions;
    if (!there)
      if (Status made = (*broker)->create(topic_, settings_of_topic);
          !made && made.error().code != Errc::conflict)
        return made;
    stream_ = *std::move(broker);
    return success();
  }

  // That the topic cannot be reached is no failure: what waits is safe.
  Status send() {
    produced_.why.clear();
    if (const Status there = connect(); !there) {
      produced_.why = there.error().message;
      return success();
    }
    const auto drained = spool_->drain(*stream_, topic_);
    if (drained) return success();
    if (stream::is_final(drained.error().code)) return drained.error();
    produced_.why = drained.error().message;
    return success();
  }

  Status hand_on() {
    if (batch_.empty()) return success();
    if (options_.goes_on && !options_.goes_on())
      return {Errc::unavailable, "stopped before message " + std::to_string(produced_.put + 1)};
    const Status put = spool_->put(batch_);
    if (!put) {
      if (put.error().code != Errc::rate_limited) return put;
      return {Errc::rate_limited,
              put.error().message + (produced_.why.empty() ? "" : " (" + produced_.why + ")") +
                  ". Nothing more is produced, message " + std::to_string(produced_.put + 1) +
                  " is the next: run this again when the topic can be reached, or with a larger "
                  "--spool-bytes"};
    }
    const std::size_t put_now = batch_.size();
    produced_.put += static_cast<std::int64_t>(put_now);
    batch_.clear();
    bytes_ = 0;
    if (Status sent = send(); !sent) return sent;
    keep_pace(put_now);
    return success();
  }

  const Simulation& simulation_;
  const ProducerOptions& options_;
  const std::string topic_;
  std::string home_;
  UniqueFd lock_;  // one producer a spool
  std::unique_ptr<stream::Spool> spool_;
  std::unique_ptr<stream::Stream> stream_;  // null: not reached yet
  std::vector<stream::NewRecord> batch_;
  std::size_t bytes_ = 0;
  const Boot begun_ = read_clock().boot;
  std::int64_t paced_ = 0;
  OptTime origin_;      // of the pace, in the simulation's time
  Duration waited_{0};  // until then, from the beginning of this call
  Produced produced_;   // `put` counts all that the spool ever took, until the end
};

}  // namespace

Result<Produced> produce_messages(const Simulation& simulation, const ProducerOptions& options) {
  return Producer(simulation, options).run();
}

}  // namespace batuta::demo
