#include "tests/http/unbrotli.h"

#include <brotli/decode.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>

namespace batuta::http {
namespace {

struct EndUnbrotli {
  void operator()(BrotliDecoderState* state) const { BrotliDecoderDestroyInstance(state); }
};

}  // namespace

std::string unbrotli(std::string_view packed) {
  const std::unique_ptr<BrotliDecoderState, EndUnbrotli> state(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr));
  if (!state) throw std::runtime_error("BrotliDecoderCreateInstance");
  auto left = packed.size();
  const auto* next = reinterpret_cast<const std::uint8_t*>(packed.data());
  std::string out;
  std::array<std::uint8_t, 4096> piece;
  auto done = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
  while (done == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
    std::size_t room = piece.size();
    std::uint8_t* to = piece.data();
    done = BrotliDecoderDecompressStream(state.get(), &left, &next, &room, &to, nullptr);
    out.append(reinterpret_cast<const char*>(piece.data()), piece.size() - room);
  }
  if (done != BROTLI_DECODER_RESULT_SUCCESS || left > 0) {
    throw std::runtime_error("not a Brotli text");
  }
  return out;
}

}  // namespace batuta::http
