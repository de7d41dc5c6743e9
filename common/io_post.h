// Work handed to an io context's thread by others.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

namespace batuta {

// Like asio::post, and cheaper between two threads: asio wakes its thread while it holds the lock
// of its queue, so the woken thread stands still until the waker runs again, which on a busy core
// are three changes of threads for each piece of work. Here an eventfd wakes, and no lock is held.
//
// Any thread; what one thread posts runs in its order, on the thread that runs `io`, which must
// outlive this. It keeps `io` busy, as an accepting socket does, until it goes away; what has not
// run by then is dropped.
class IoPost {
 public:
  explicit IoPost(boost::asio::io_context& io);
  IoPost(const IoPost&) = delete;
  IoPost& operator=(const IoPost&) = delete;
  ~IoPost();

  // Never blocks on the io thread. Not bounded: whoever posts bounds what he posts.
  void operator()(std::function<void()> work) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace batuta
