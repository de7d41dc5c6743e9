#include "scheduler/workers/file_fetches.h"

namespace batuta {

std::uint64_t FileFetches::begin(WorkerId worker) {
  std::lock_guard lock(mutex_);
  pending_[next_].worker = worker;
  return next_++;
}

Result<FileChunk> FileFetches::wait(std::uint64_t request, Duration patience) {
  std::unique_lock lock(mutex_);
  const auto at = pending_.find(request);
  changed_.wait_for(lock, patience, [&] { return at->second.answer.has_value(); });
  Result<FileChunk> answer =
      at->second.answer
          ? *std::move(at->second.answer)
          : Result<FileChunk>(Errc::unavailable, "the worker that keeps the file does not answer");
  pending_.erase(at);
  return answer;
}

void FileFetches::answered(WorkerId worker, FileChunk chunk) {
  std::lock_guard lock(mutex_);
  const auto at = pending_.find(chunk.request);
  if (at == pending_.end() || at->second.worker != worker) return;
  if (chunk.fault.empty()) {
    at->second.answer = std::move(chunk);
  } else {
    at->second.answer = Result<FileChunk>(Errc::not_found, chunk.fault);
  }
  changed_.notify_all();
}

void FileFetches::gone(WorkerId worker) {
  std::lock_guard lock(mutex_);
  for (auto& [request, pending] : pending_) {
    if (pending.worker != worker || pending.answer) continue;
    pending.answer = Result<FileChunk>(Errc::unavailable, "the worker's connection has ended");
  }
  changed_.notify_all();
}

}  // namespace batuta
