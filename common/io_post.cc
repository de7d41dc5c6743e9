#include "common/io_post.h"

#include <sys/eventfd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "common/fd.h"

namespace batuta {

namespace asio = boost::asio;

struct IoPost::Impl : std::enable_shared_from_this<IoPost::Impl> {
  explicit Impl(asio::io_context& context) : io(context), bell(context) {
    UniqueFd fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    boost::system::error_code error;
    if (fd) bell.assign(fd.get(), error);
    if (fd && !error) bell_fd = fd.release();
  }

  // Goes away with the last handler that could run what waits. That may hold whoever holds this:
  // an io context that ends first would leave both for ever.
  struct Listening {
    explicit Listening(std::weak_ptr<Impl> of) : impl(std::move(of)) {}
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;
    ~Listening() {
      if (const auto self = impl.lock()) self->drop_all();
    }
    const std::weak_ptr<Impl> impl;
  };

  // Io thread, or before it runs.
  void listen(std::shared_ptr<Listening> listening) {
    bell.async_read_some(asio::buffer(&rung, sizeof rung),
                         [listening](boost::system::error_code error, std::size_t) {
                           const auto self = listening->impl.lock();
                           if (!self) return;
                           self->run_all();
                           if (!error) self->listen(listening);
                         });
  }

  void drop_all() {
    std::vector<std::function<void()>> dropped;  // destroyed last, without the lock
    const std::lock_guard lock(mutex);
    dropped.swap(waiting);
  }

  void run_all() {
    std::vector<std::function<void()>> work;
    {
      const std::lock_guard lock(mutex);
      work.swap(waiting);
    }
    for (auto& piece : work) piece();
  }

  void post(std::function<void()> work) {
    bool first = false;
    {
      const std::lock_guard lock(mutex);
      first = waiting.empty();
      waiting.push_back(std::move(work));
    }
    if (!first) return;  // whoever was first has rung
    // No bell where no descriptor was to be had, and none on the io thread itself.
    if (bell_fd >= 0 && !io.get_executor().running_in_this_thread()) {
      const std::uint64_t one = 1;
      if (::write(bell_fd, &one, sizeof one) == sizeof one) return;
    }
    asio::post(io, [self = shared_from_this()] { self->run_all(); });
  }

  asio::io_context& io;
  asio::posix::stream_descriptor bell;  // io thread, once it listens
  int bell_fd = -1;
  std::uint64_t rung = 0;
  std::mutex mutex;
  std::vector<std::function<void()>> waiting;  // guarded by mutex
};

IoPost::IoPost(asio::io_context& io) : impl_(std::make_shared<Impl>(io)) {
  if (impl_->bell_fd < 0) return;
  impl_->listen(std::make_shared<Impl::Listening>(impl_));
}

IoPost::~IoPost() = default;

void IoPost::operator()(std::function<void()> work) const {
  impl_->post(std::move(work));
}

}  // namespace batuta
