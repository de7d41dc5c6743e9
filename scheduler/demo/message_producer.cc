#include "scheduler/demo/message_producer.h"

#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <vector>

#include "common/fd.h"
#include "stream/files.h"
#include "stream/spool.h"

namespace batuta::demo {
namespace {

// A batch must leave room in the smallest spool.
constexpr std::size_t batch_messages = 500;
constexpr std::size_t batch_bytes_most = 256 << 10;

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
    simulation_.messages([&](std::string key, std::string value) {
      if (number++ < known) return true;
      bytes_ += key.size() + value.size();
      batch_.push_back({std::move(key), std::move(value), {}, std::nullopt, std::nullopt});
      if (batch_.size() >= batch_messages || bytes_ >= batch_bytes_most) put = hand_on();
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
  Status open() {
    namespace fs = std::filesystem;
    auto spool = stream::Spool::open(options_.spool, options_.spool_bytes);
    if (!spool) return spool.error();
    spool_ = std::move(*spool);
    if (Status alone = lock(); !alone) return alone;
    home_ = fs::absolute(options_.home).lexically_normal().string();
    const Status bound = spool_->bind("topic " + topic_ + " of the embedded log of " + home_ +
                                      ", simulation " + options_.identity);
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
    const Status put = spool_->put(batch_);
    if (!put) {
      if (put.error().code != Errc::rate_limited) return put;
      return {Errc::rate_limited,
              put.error().message + (produced_.why.empty() ? "" : " (" + produced_.why + ")") +
                  ". Nothing more is produced, message " + std::to_string(produced_.put + 1) +
                  " is the next: run this again when the topic can be reached, or with a larger "
                  "--spool-bytes"};
    }
    produced_.put += static_cast<std::int64_t>(batch_.size());
    batch_.clear();
    bytes_ = 0;
    return send();
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
  Produced produced_;  // `put` counts all that the spool ever took, until the end
};

}  // namespace

Result<Produced> produce_messages(const Simulation& simulation, const ProducerOptions& options) {
  return Producer(simulation, options).run();
}

}  // namespace batuta::demo
