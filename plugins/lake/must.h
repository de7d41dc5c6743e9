// What a plugin expects of the lake's storage.
#pragma once

#include <utility>

#include "common/result.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// The value; an error is the disk's, which may pass: plugin::RetryableError with its text.
template <class T>
T must(Result<T> result) {
  if (!result) throw plugin::RetryableError(result.error().message);
  return *std::move(result);
}

}  // namespace batuta::lake
