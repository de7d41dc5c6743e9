#include "scheduler/http/hub.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <map>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/log_limit.h"
#include "common/safe_json.h"
#include "common/uuid.h"
#include "scheduler/http/task_batch.h"

namespace batuta::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

bool wanted(const FeedFilter& filter, const FeedEvent& event) {
  if (filter.dag_id && !event.dag_id.empty() && event.dag_id != *filter.dag_id) return false;
  if (filter.dag_run_id && !event.dag_run_id.empty() && event.dag_run_id != *filter.dag_run_id) {
    return false;
  }
  return event.dag_id.empty() || !filter.sees || filter.sees(event.dag_id);
}

// The state of an ended run; nullopt for every other event.
std::optional<std::string> end_state(const FeedEvent& event) {
  const auto data = parse_untrusted(event.json);
  if (!data || !data->is_object()) return std::nullopt;
  const auto state = data->find("state");
  if (state == data->end() || !state->is_string()) return std::nullopt;
  const auto parsed = parse_run_state(state->get_ref<const std::string&>());
  if (!parsed || !is_terminal(*parsed)) return std::nullopt;
  return state->get<std::string>();
}

class EventStream final : public Stream, public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(asio::io_context& io, FeedFilter filter, std::size_t limit, std::string holder,
              std::function<bool()> allowed)
      : filter_(std::move(filter)),
        limit_(limit),
        holder_(std::move(holder)),
        allowed_(std::move(allowed)),
        due_(io) {}

  std::string next() override { return std::exchange(pending_, {}); }
  bool ended() const override { return ended_; }
  const std::string& holder() const { return holder_; }

  void offer(const std::string& prefix, const FeedEvent& event) {
    if (ended_ || !wanted(filter_, event)) return;
    if (filter_.gather.count() > 0 && event.type == "task") {
      gathered_.add(event, prefix + std::to_string(event.sequence));
      if (pending_.size() + gathered_.bytes() > limit_) end();
      return;
    }
    tell_gathered();  // what came before it
    add("id: " + prefix + std::to_string(event.sequence) + "\nevent: " + event.type +
        "\ndata: " + event.json + "\n\n");
  }
  void add(const std::string& text) {
    if (ended_) return;
    // A client that reads too slowly is let go: it comes back and gets what it missed.
    if (pending_.size() + text.size() > limit_) {
      end();
    } else {
      pending_ += text;
    }
  }
  // A word now and then tells a proxy that the stream is alive, and us whether the reader may stay.
  void ping() {
    if (!allowed_ || allowed_()) return add(": ping\n\n");
    end();
  }
  void wake() {
    if (!gathered_.empty()) tell_when_due();
    if ((!pending_.empty() || ended_) && on_ready) on_ready();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void end() {
    pending_.clear();
    gathered_ = {};
    ended_ = true;
  }
  void tell_gathered() {
    if (gathered_.empty()) return;
    told_ = Clock::now();
    add(gathered_.take());
  }
  void tell_when_due() {
    const auto from = told_ + filter_.gather;
    if (Clock::now() >= from) return tell_gathered();
    if (std::exchange(is_waiting_, true)) return;
    due_.expires_at(from);
    due_.async_wait([self = weak_from_this()](error_code cancelled) {
      const auto stream = self.lock();
      if (cancelled || !stream) return;
      stream->is_waiting_ = false;
      stream->tell_gathered();
      stream->wake();
    });
  }

  FeedFilter filter_;
  std::size_t limit_;
  std::string holder_;
  std::function<bool()> allowed_;
  std::string pending_;
  TaskBatch gathered_;
  Clock::time_point told_{};  // when tasks were last told of
  asio::steady_timer due_;
  bool is_waiting_ = false;  // for `due_`
  bool ended_ = false;
};

}  // namespace

struct Hub::Impl : std::enable_shared_from_this<Hub::Impl> {
  using RunKey = std::pair<std::string, std::string>;
  struct Waiter {
    explicit Waiter(asio::io_context& io) : timer(io) {}
    RunKey key;
    std::string holder;
    asio::steady_timer timer;
    std::function<void(std::optional<std::string>)> done;
  };

  Impl(asio::io_context& io_context, HubLimits hub_limits)
      : io(io_context), limits(hub_limits), ping_timer(io_context) {
    start_new_life();
  }

  // Ids of another process, or from before a time when nobody listened and nothing was announced,
  // must not match: the prefix tells them apart.
  void start_new_life() {
    std::uint32_t life = 0;
    random_bytes(&life, sizeof life);
    prefix = std::to_string(life) + ".";
    kept.clear();
    forgotten = std::nullopt;
  }

  void update_demand() {
    demand.store(pinging           ? FeedDemand::everything
                 : waiters.empty() ? FeedDemand::nothing
                                   : FeedDemand::runs);
  }

  void take(std::vector<FeedEvent> events) {
    for (const auto& event : events) {
      for_each_stream([&](EventStream& stream) { stream.offer(prefix, event); });
      if (event.type == "run") tell_waiters(event);
    }
    if (!pinging) return;
    for (auto& event : events) kept.push_back(std::move(event));
    while (kept.size() > limits.kept) {
      forgotten = kept.front().sequence;
      kept.pop_front();
    }
    for_each_stream([](EventStream& stream) { stream.wake(); });
  }

  template <class F>
  void for_each_stream(F&& f) {
    for (auto it = streams.begin(); it != streams.end();) {
      if (auto stream = it->lock()) {
        f(*stream);
        ++it;
      } else {
        it = streams.erase(it);
      }
    }
  }

  // Refuses one more of a kind of which there are `open`, at most `most`, or of one holder's; says
  // so in the log once a minute.
  std::optional<Error> no_room(const std::string& holder, const char* kind, std::size_t open,
                               std::size_t most) {
    std::size_t held = 0;
    for_each_stream([&](const EventStream& stream) { held += stream.holder() == holder; });
    for (const auto& [ticket, waiter] : waiters) held += waiter.holder == holder;
    std::string why;
    std::string key = kind;
    if (held >= limits.per_holder) {
      key = holder;
      why = holder + " has " + std::to_string(held) +
            " streams and waits open, as many as one may have: close some";
    } else if (open >= most) {
      why = std::to_string(open) + " " + kind + " are open, as many as there may be: try again";
    } else {
      return std::nullopt;
    }
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto more =
        limit.pass(key, std::chrono::duration_cast<std::chrono::microseconds>(now).count());
    if (more) log::warn("http: turned away a request of " + holder + ": " + why + *more);
    return Error{Errc::unavailable, std::move(why), {}};
  }

  void tell_waiters(const FeedEvent& event) {
    const auto [first, last] = tickets.equal_range({event.dag_id, event.dag_run_id});
    if (first == last) return;
    const auto state = end_state(event);
    if (!state) return;
    std::vector<std::uint64_t> told;
    for (auto it = first; it != last; ++it) told.push_back(it->second);
    for (const auto ticket : told) finish(ticket, state);
  }

  // Unknown tickets are fine: a timer may expire while the news is on its way.
  std::function<void(std::optional<std::string>)> take_waiter(std::uint64_t ticket) {
    const auto it = waiters.find(ticket);
    if (it == waiters.end()) return nullptr;
    auto done = std::move(it->second.done);
    const auto [first, last] = tickets.equal_range(it->second.key);
    tickets.erase(std::find_if(first, last, [&](const auto& t) { return t.second == ticket; }));
    waiters.erase(it);
    update_demand();
    return done;
  }

  void finish(std::uint64_t ticket, const std::optional<std::string>& state) {
    if (const auto done = take_waiter(ticket)) done(state);
  }

  // Events after `sequence`, or false when some of them are gone.
  bool replay(std::uint64_t sequence, EventStream& stream) {
    if (kept.empty() || sequence > kept.back().sequence) return false;
    if (forgotten ? sequence < *forgotten : sequence + 1 < kept.front().sequence) return false;
    for (const auto& event : kept) {
      if (event.sequence > sequence) stream.offer(prefix, event);
    }
    return true;
  }

  void resume(const std::string& id, EventStream& stream) {
    std::uint64_t sequence = 0;
    bool known =
        id.starts_with(prefix) && id.size() > prefix.size() && id.size() < prefix.size() + 19;
    for (std::size_t i = prefix.size(); known && i < id.size(); ++i) {
      known = id[i] >= '0' && id[i] <= '9';
      sequence = sequence * 10 + static_cast<std::uint64_t>(id[i] - '0');
    }
    if (!known || !replay(sequence, stream)) stream.add("event: resync\ndata: {}\n\n");
  }

  void ping() {
    ping_timer.expires_after(limits.ping);
    ping_timer.async_wait([self = weak_from_this()](error_code cancelled) {
      const auto hub = self.lock();
      if (cancelled || !hub) return;
      hub->for_each_stream([](EventStream& stream) {
        stream.ping();
        stream.wake();
      });
      // Without streams nobody needs a ping; the next subscriber starts it again.
      hub->pinging = !hub->streams.empty();
      hub->update_demand();
      if (hub->pinging) {
        hub->ping();
      } else {
        hub->start_new_life();
      }
    });
  }

  asio::io_context& io;
  HubLimits limits;
  asio::steady_timer ping_timer;
  std::string prefix;
  std::list<std::weak_ptr<EventStream>> streams;
  std::deque<FeedEvent> kept;
  std::optional<std::uint64_t> forgotten;   // sequence of the newest event no longer kept
  std::map<std::uint64_t, Waiter> waiters;  // by ticket
  std::multimap<RunKey, std::uint64_t> tickets;
  std::uint64_t last_ticket = 0;
  LogLimit limit;
  bool pinging = false;  // there are streams, or were at the last ping: events are kept
  std::atomic<FeedDemand> demand{FeedDemand::nothing};
};

Hub::Hub(asio::io_context& io, HubLimits limits) : impl_(std::make_shared<Impl>(io, limits)) {}
Hub::~Hub() = default;

FeedDemand Hub::demand() const {
  return impl_->demand.load();
}

void Hub::publish(std::vector<FeedEvent> events) {
  if (events.empty()) return;
  // In one queue with the calls that begin a wait: one that was asked for before its run ended must
  // not come after the news of that.
  asio::post(impl_->io, [impl = impl_, events = std::move(events)]() mutable {
    impl->take(std::move(events));
  });
}

Result<std::shared_ptr<Stream>> Hub::subscribe(FeedFilter filter, const std::string* last_event_id,
                                               const std::string& holder,
                                               std::function<bool()> allowed) {
  impl_->for_each_stream([](EventStream&) {});  // forget the ones that ended
  if (auto full =
          impl_->no_room(holder, "event streams", impl_->streams.size(), impl_->limits.streams)) {
    return *std::move(full);
  }
  auto stream = std::make_shared<EventStream>(
      impl_->io, std::move(filter), impl_->limits.outbound_bytes, holder, std::move(allowed));
  stream->add("retry: 1000\n\n");
  if (last_event_id) impl_->resume(*last_event_id, *stream);
  stream->wake();  // tasks that were missed are gathered: the next event may be long in coming
  impl_->streams.push_back(stream);
  if (!impl_->pinging) {
    impl_->pinging = true;
    impl_->update_demand();
    impl_->ping();
  }
  return std::shared_ptr<Stream>(std::move(stream));
}

Result<std::uint64_t> Hub::wait_for_run(const std::string& dag_id, const std::string& dag_run_id,
                                        const std::string& holder,
                                        std::chrono::milliseconds patience,
                                        std::function<void(std::optional<std::string>)> done) {
  if (auto full = impl_->no_room(holder, "waits", impl_->waiters.size(), impl_->limits.waiters)) {
    return *std::move(full);
  }
  const auto ticket = ++impl_->last_ticket;
  const auto place = impl_->waiters.try_emplace(ticket, impl_->io).first;
  Impl::Waiter& waiter = place->second;
  waiter.key = {dag_id, dag_run_id};
  waiter.holder = holder;
  waiter.done = std::move(done);
  impl_->tickets.emplace(waiter.key, ticket);
  impl_->update_demand();
  waiter.timer.expires_after(patience);
  waiter.timer.async_wait([impl = std::weak_ptr(impl_), ticket](error_code cancelled) {
    const auto hub = impl.lock();
    if (!cancelled && hub) hub->finish(ticket, std::nullopt);
  });
  return ticket;
}

void Hub::stop_waiting(std::uint64_t ticket) {
  impl_->take_waiter(ticket);
}

}  // namespace batuta::http
