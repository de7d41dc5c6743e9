#include <brotli/encode.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "scheduler/http/gzip.h"

namespace batuta::http {
namespace {

constexpr std::uint32_t brotli_quality = 5;  // 6 takes twice as long for a hundredth
constexpr std::uint32_t brotli_window = 18;  // 256 kB: rows repeat the ones just before them

struct EndBrotli {
  void operator()(BrotliEncoderState* state) const { BrotliEncoderDestroyInstance(state); }
};

}  // namespace

std::string brotli(std::string_view bytes) {
  const std::unique_ptr<BrotliEncoderState, EndBrotli> state(
      BrotliEncoderCreateInstance(nullptr, nullptr, nullptr));
  if (!state) throw std::bad_alloc();
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_MODE, BROTLI_MODE_TEXT);
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_QUALITY, brotli_quality);
  BrotliEncoderSetParameter(state.get(), BROTLI_PARAM_LGWIN, brotli_window);
  std::string out;
  auto left = bytes.size();
  const auto* next = reinterpret_cast<const std::uint8_t*>(bytes.data());
  while (!BrotliEncoderIsFinished(state.get())) {
    // No room is given: the encoder shows its own, which is copied from.
    std::size_t no_room = 0;
    if (!BrotliEncoderCompressStream(state.get(), BROTLI_OPERATION_FINISH, &left, &next, &no_room,
                                     nullptr, nullptr)) {
      throw std::bad_alloc();  // nothing else fails with these parameters
    }
    std::size_t made = 0;
    const std::uint8_t* piece = BrotliEncoderTakeOutput(state.get(), &made);
    if (made > 0) out.append(reinterpret_cast<const char*>(piece), made);
  }
  return out;
}

}  // namespace batuta::http
