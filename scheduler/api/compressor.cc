#include "scheduler/api/compressor.h"

#include <exception>
#include <string>
#include <utility>

#include "common/log.h"
#include "scheduler/http/gzip.h"

namespace batuta::http {
namespace {

constexpr std::size_t most_waiting = 64;

}  // namespace

Compressor::Compressor() : queue_(std::make_shared<WorkQueue>(1, most_waiting)) {}

Respond Compressor::wrap(const Request& request, Respond respond) {
  const Packing packing = packing_of(request);
  if (packing == Packing::none) return respond;
  return [weak = std::weak_ptr(queue_), packing, respond = std::move(respond)](Response response) {
    const auto queue = weak.lock();
    if (!queue || !worth_compressing(response)) return respond(std::move(response));
    auto held = std::make_shared<Response>(std::move(response));
    const bool taken = queue->run([respond, held, packing] {
      try {
        compress(*held, packing);
      } catch (const std::exception& e) {
        log::warn(std::string("http: an answer is sent uncompressed: ") + e.what());
      }
      respond(std::move(*held));
    });
    if (!taken) respond(std::move(*held));
  };
}

}  // namespace batuta::http
