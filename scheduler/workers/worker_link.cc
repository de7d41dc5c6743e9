#include "scheduler/workers/worker_link.h"

#include <optional>
#include <utility>
#include <variant>

namespace batuta {
namespace {

constexpr std::size_t report_bytes = 128;  // of a short one

}  // namespace

WorkerLink::WorkerLink(WorkerId id, std::shared_ptr<Channel> channel, Welcome welcome,
                       Callbacks callbacks)
    : id_(id),
      channel_(std::move(channel)),
      welcome_(std::move(welcome)),
      callbacks_(std::move(callbacks)) {}

void WorkerLink::start() {
  channel_->start({[weak = weak_from_this()](std::string_view bytes) {
                     if (const auto self = weak.lock()) self->received(bytes);
                   },
                   [weak = weak_from_this()](const std::string& reason) {
                     if (const auto self = weak.lock()) self->callbacks_.closed(reason);
                   }});
}

void WorkerLink::close(const std::string& reason) {
  channel_->close(reason);
}

// All frames of one read become one batch for the engine: one lock, one wake-up.
void WorkerLink::received(std::string_view bytes) {
  if (over_) return;
  frames_.feed(bytes);
  std::vector<Event> events;
  events.reserve(bytes.size() / report_bytes + 1);
  while (const auto body = frames_.next()) {
    auto message = decode_from_agent(*body);
    if (!message) return refuse("protocol error: " + message.error().message, false);
    if (!on_message(std::move(*message), events)) return;
  }
  if (frames_.bad()) return refuse("protocol error: a frame is over the limit", false);
  if (!events.empty()) hand_over(std::move(events));
}

void WorkerLink::hand_over(std::vector<Event> events) {
  std::optional<Hello> hello;
  if (!joined_) hello = std::get<WorkerJoined>(events.front()).hello;
  if (!callbacks_.events(std::move(events))) {
    return refuse("the scheduler cannot take reports for now", true);
  }
  joined_ = true;
  if (hello) callbacks_.joined(*hello);
}

void WorkerLink::refuse(const std::string& why, bool retry) {
  over_ = true;
  send(Refused{why, retry});
  channel_->close(why);
}

bool WorkerLink::on_hello(Hello hello, std::vector<Event>& events) {
  if (greeted_ || hello.slots < 1 || hello.agent_id.empty()) {
    refuse(greeted_ ? "protocol error: a second Hello" : "protocol error: an unfit Hello", false);
    return false;
  }
  const auto version = common_version(protocol_versions, hello.versions);
  if (!version) {
    refuse("the worker speaks protocol " + to_string(hello.versions) + ", the scheduler " +
               to_string(protocol_versions) + ": their versions are too far apart",
           false);
    return false;
  }
  greeted_ = true;
  version_ = *version;
  Welcome welcome = welcome_;
  welcome.version = *version;
  send(welcome);  // before the engine can send anything
  if (hello.leaving) {
    hello.catalogue.clear();
  } else {
    callbacks_.offers({hello.catalogue, std::move(hello.faults)});
  }
  hello.drained = hello.drained || hello.leaving;
  if (hello.drained) hello.catalogue.clear();
  events.push_back(WorkerJoined{id_, std::move(hello)});
  return true;
}

bool WorkerLink::on_message(FromAgent message, std::vector<Event>& events) {
  if (auto* hello = std::get_if<Hello>(&message)) return on_hello(std::move(*hello), events);
  if (!greeted_) {
    refuse("protocol error: Hello must come first", false);
    return false;
  }
  if (auto* beat = std::get_if<Heartbeat>(&message)) {
    // Acknowledged here, so that a slow disk never looks like a dead scheduler.
    send(HeartbeatAck{beat->sequence});
    events.push_back(WorkerHeartbeat{id_, std::move(beat->slots), beat->slots_left_out});
  } else if (auto* started = std::get_if<Started>(&message)) {
    events.emplace_back(AttemptStarted{id_, std::move(*started)});
  } else if (auto* finished = std::get_if<Finished>(&message)) {
    events.emplace_back(AttemptFinished{id_, std::move(*finished)});
  } else if (auto* recalled = std::get_if<Recalled>(&message)) {
    events.push_back(AttemptRecalled{id_, recalled->key});
  } else if (auto* saved = std::get_if<TaskCheckpoint>(&message)) {
    events.emplace_back(AttemptCheckpointed{id_, std::move(*saved)});
  } else if (auto* changed = std::get_if<CatalogueChanged>(&message)) {
    callbacks_.offers({changed->catalogue, std::move(changed->faults)});
    // What it has stays known while it takes nothing.
    if (changed->drained) changed->catalogue.clear();
    events.push_back(WorkerCatalogue{id_, std::move(changed->catalogue), changed->drained});
  } else if (auto* leaving = std::get_if<Leaving>(&message)) {
    events.push_back(WorkerCatalogue{id_, {}, true});  // it offers nothing any more
    callbacks_.leaving(*leaving);
  } else if (auto* chunk = std::get_if<FileChunk>(&message)) {
    callbacks_.file_chunk(std::move(*chunk));
  }
  return true;
}

void WorkerLink::queue(const ToAgent& message) {
  std::string body;
  encode(message, body);
  append_frame(staged_, body);
}

void WorkerLink::flush() {
  if (staged_.empty()) return;
  channel_->send(staged_);
  staged_.clear();
}

void WorkerLink::send(const ToAgent& message) {
  std::string body, frame;
  encode(message, body);
  append_frame(frame, body);
  channel_->send(frame);
}

}  // namespace batuta
