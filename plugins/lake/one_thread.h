// Statements whose rows are to come in one order run on one thread of the engine.
#pragma once

namespace batuta::lake {

// As long as it stands, the statements of this thread's sessions run on one thread of their engine,
// so that what they write keeps the order that they ask for. The engine's other threads are let go
// by the first of them, and started again by the first statement after it, if there is one: several
// in turn, and one that is the last, pay for it once.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
};

}  // namespace batuta::lake
