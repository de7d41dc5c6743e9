// Of the thread sanitizer's build alone: C11's threads and locks, which librdkafka takes and the
// sanitizer does not know, by POSIX's, which it does. glibc keeps them in the same memory. Without
// this the library's own threads are none to the sanitizer, and it dies of the first.
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <cstdint>
#include <memory>

namespace batuta::stream {
namespace {

static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t));
static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t));
static_assert(sizeof(once_flag) >= sizeof(pthread_once_t));

pthread_mutex_t* posix(mtx_t* mutex) {
  return reinterpret_cast<pthread_mutex_t*>(mutex);
}
pthread_cond_t* posix(cnd_t* condition) {
  return reinterpret_cast<pthread_cond_t*>(condition);
}

int answer(int error) {
  if (error == 0) return thrd_success;
  if (error == EBUSY) return thrd_busy;
  if (error == ETIMEDOUT) return thrd_timedout;
  return error == ENOMEM ? thrd_nomem : thrd_error;
}

struct Begun {
  thrd_start_t work;
  void* with;
};

void* begin(void* taken) {
  const std::unique_ptr<Begun> begun(static_cast<Begun*>(taken));
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(begun->work(begun->with)));
}

}  // namespace
}  // namespace batuta::stream

using batuta::stream::answer;
using batuta::stream::Begun;
using batuta::stream::posix;

extern "C" {

int thrd_create(thrd_t* thread, thrd_start_t work, void* with) {
  auto begun = std::make_unique<Begun>(Begun{work, with});
  const int error = ::pthread_create(thread, nullptr, batuta::stream::begin, begun.get());
  if (error == 0) (void)begun.release();  // the thread's
  return answer(error);
}
thrd_t thrd_current() {
  return ::pthread_self();
}
int thrd_join(thrd_t thread, int* result) {
  void* returned = nullptr;
  const int error = ::pthread_join(thread, &returned);
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<std::intptr_t>(returned));
  return answer(error);
}

int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t kind;
  ::pthread_mutexattr_init(&kind);
  if ((type & mtx_recursive) != 0) ::pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
  const int error = ::pthread_mutex_init(posix(mutex), &kind);
  ::pthread_mutexattr_destroy(&kind);
  return answer(error);
}
void mtx_destroy(mtx_t* mutex) {
  ::pthread_mutex_destroy(posix(mutex));
}
int mtx_lock(mtx_t* mutex) {
  return answer(::pthread_mutex_lock(posix(mutex)));
}
int mtx_unlock(mtx_t* mutex) {
  return answer(::pthread_mutex_unlock(posix(mutex)));
}

int cnd_init(cnd_t* condition) {
  return answer(::pthread_cond_init(posix(condition), nullptr));
}
void cnd_destroy(cnd_t* condition) {
  ::pthread_cond_destroy(posix(condition));
}
int cnd_signal(cnd_t* condition) {
  return answer(::pthread_cond_signal(posix(condition)));
}
int cnd_broadcast(cnd_t* condition) {
  return answer(::pthread_cond_broadcast(posix(condition)));
}
int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return answer(::pthread_cond_wait(posix(condition), posix(mutex)));
}
int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  return answer(::pthread_cond_timedwait(posix(condition), posix(mutex), until));
}

void call_once(once_flag* flag, void (*work)()) {
  ::pthread_once(reinterpret_cast<pthread_once_t*>(flag), work);
}

}  // extern "C"
