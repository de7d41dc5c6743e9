#include "tests/workers/fake_transport.h"

#include <boost/asio/post.hpp>
#include <mutex>

namespace batuta {

namespace asio = boost::asio;

class FakeChannel : public Channel, public std::enable_shared_from_this<FakeChannel> {
 public:
  FakeChannel(asio::io_context& io, bool same_host) : io_(io), same_host_(same_host) {}

  void start(Handler handler) override { handler_ = std::move(handler); }

  void send(std::string_view bytes) override {
    asio::post(io_, [self = shared_from_this(), text = std::string(bytes)] {
      if (self->finished_) return;
      std::size_t unread = 0;
      {
        std::lock_guard lock(self->mutex_);
        self->to_peer_ += text;
        unread = self->to_peer_.size();
      }
      if (unread > max_unsent_bytes) self->finish("the agent does not read");
    });
  }

  void close(const std::string& reason) override {
    asio::post(io_, [self = shared_from_this(), reason] { self->finish(reason); });
  }

  bool same_host() const override { return same_host_; }

  void arrive(std::string_view bytes) {
    asio::post(io_, [self = shared_from_this(), text = std::string(bytes)] {
      if (!self->finished_) self->handler_.received(text);
    });
  }

  std::string take() {
    std::lock_guard lock(mutex_);
    return std::exchange(to_peer_, {});
  }
  bool at_end() const {
    std::lock_guard lock(mutex_);
    return ended_ && to_peer_.empty();
  }

 private:
  void finish(const std::string& reason) {
    if (finished_) return;
    finished_ = true;
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
    }
    handler_.closed(reason);
  }

  asio::io_context& io_;
  const bool same_host_;
  Handler handler_;
  bool finished_ = false;
  mutable std::mutex mutex_;
  std::string to_peer_;
  bool ended_ = false;
};

void FakePeer::send(std::string_view bytes) {
  channel_->arrive(bytes);
}

void FakePeer::hang_up() {
  channel_->close("");
}

std::string FakePeer::take() {
  return channel_->take();
}

bool FakePeer::at_end() const {
  return channel_->at_end();
}

Status FakeTransport::listen(Accepted accepted) {
  accepted_ = std::move(accepted);
  return success();
}

std::unique_ptr<FakePeer> FakeTransport::connect() {
  if (!accepted_) return nullptr;
  auto channel = std::make_shared<FakeChannel>(io_, same_host_);
  asio::post(io_, [this, channel] {
    if (accepted_) accepted_(channel);
  });
  return std::make_unique<FakePeer>(channel);
}

}  // namespace batuta
