// A Transport without sockets: what the scheduler sends lies in the peer's hands, what the peer
// sends arrives with the io context's next turn. It passes transport_test.cc like the real ones.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "scheduler/workers/transport.h"

namespace batuta {

class FakeChannel;

// The agent's end. Test thread, which also runs the io context.
class FakePeer {
 public:
  explicit FakePeer(std::shared_ptr<FakeChannel> channel) : channel_(std::move(channel)) {}
  ~FakePeer() { hang_up(); }
  void send(std::string_view bytes);
  void hang_up();
  // Takes everything that has arrived.
  std::string take();
  bool at_end() const;  // the scheduler has closed, and all is taken

 private:
  std::shared_ptr<FakeChannel> channel_;
};

class FakeTransport : public Transport {
 public:
  FakeTransport(boost::asio::io_context& io, bool same_host) : io_(io), same_host_(same_host) {}
  Status listen(Accepted accepted) override;
  void stop() override { accepted_ = nullptr; }

  std::unique_ptr<FakePeer> connect();  // nullptr when nobody listens

 private:
  boost::asio::io_context& io_;
  const bool same_host_;
  Accepted accepted_;
};

}  // namespace batuta
