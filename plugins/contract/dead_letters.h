// Records that cannot become rows, kept whole with the reason: in the Delta table
// dlq/<domain>/<table>, with the run's publication, and in the topic <topic>.dlq, where a run that
// is tried again may leave one twice (its headers say which record it is). The table's version
// holds the same progress markers as bronze's, so that of two runs that took the same records the
// second one's letters are refused as its rows are.
//
// A record that was sent again from there carries the headers batuta-dlq-first-seen and
// batuta-dlq-attempt; if it fails once more they go on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugins/contract/sources.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/layer/publication.h"
#include "stream/stream.h"

namespace batuta::from_contract {

struct Fault {
  std::string reason;   // not_json, not_an_object, too_large, missing_<column>
  std::string message;  // for people
};

// The topic of a contract's dead letters; empty: none is wanted.
std::string dead_letter_topic(const contract::Source& source);

class DeadLetters {
 public:
  explicit DeadLetters(Extraction& extraction);

  void add(const stream::Record& record, const Fault& fault);
  std::int64_t count() const { return count_; }
  // Sends them to their topic, which is made when it is missing, and hands the table's version in.
  // `moved`: the offsets that this run moves in bronze. Throws plugin::RetryableError when the
  // topic cannot take them.
  void finish(stream::Stream& stream, const stream::Offsets& moved);

 private:
  void begin();
  void write();

  Extraction& to_;
  const std::string topic_;
  lake::TableShape shape_;
  lake::DeltaTable table_;
  lake::Publication version_;
  std::optional<lake::Appender> rows_;
  std::vector<stream::NewRecord> letters_;  // not yet sent
  std::size_t letter_bytes_ = 0;
  stream::Stream* stream_ = nullptr;
  std::int64_t count_ = 0, waiting_ = 0;
  std::size_t waiting_bytes_ = 0;

  void send();

 public:
  // Where letters go as soon as many have gathered; outlives this.
  void send_to(stream::Stream& stream) { stream_ = &stream; }
};

// Text as it is; bytes that are no UTF-8 in base64, `encoding` then says so ("utf-8", "base64").
std::string as_text(const std::string& bytes, std::string& encoding);

}  // namespace batuta::from_contract
