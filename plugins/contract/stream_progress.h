// Which stream a contract reads, and how far its bronze table has taken it in.
#pragma once

#include <memory>
#include <string>

#include "plugins/contract/described.h"
#include "plugins/lake/delta_table.h"
#include "stream/stream.h"

namespace batuta::from_contract {

// The embedded log of the installation, or the broker of the contract. Throws plugin::FinalError
// for a connection that is wrong, plugin::RetryableError where another try may help.
std::unique_ptr<stream::Stream> open_stream(const plugin::Context& context,
                                            const Described& described);

// Tells the worker, when it goes, which errors of brokers have been met since such a one went
// before in this slot. To be made before the streams, for closing one may meet some.
class TellsBrokerErrors {
 public:
  explicit TellsBrokerErrors(plugin::Context& context) : context_(context) {}
  ~TellsBrokerErrors();
  TellsBrokerErrors(const TellsBrokerErrors&) = delete;
  TellsBrokerErrors& operator=(const TellsBrokerErrors&) = delete;

 private:
  plugin::Context& context_;
};

// Throws what the error means for a task: RetryableError where another try may find it otherwise.
[[noreturn]] void fail_by(const Error& error);

std::string group_of(const Described& described);

// Bronze's progress marker of a partition: its version is the offset of the next record.
std::string marker_of(const std::string& topic, int partition);
// What the markers of the table say, of those partitions that the stream has.
stream::Offsets taken_by(const lake::DeltaTable& bronze, const std::string& topic,
                         const stream::Spans& spans);

// As note_progress() of sources.h, of a table and a stream that are open.
void note_progress(plugin::Context& context, const Described& described,
                   const lake::DeltaTable& bronze, stream::Stream& stream);

}  // namespace batuta::from_contract
