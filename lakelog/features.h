// Which tables of newer writers can be read, which can be written, and in words why not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "lakelog/action.h"

namespace batuta::lakelog {

// The newest protocol that is read: version 2 is column mapping, 3 is features by name.
inline constexpr std::int32_t newest_reader_version = 3;

struct Features {
  std::vector<std::string> reader;  // as the protocol action names them
  std::vector<std::string> writer;
};
Features features_of(const Protocol& protocol);

// Whether the protocol lets files have it, whatever is made of it.
bool has_deletion_vectors(const Protocol& protocol);
bool has_column_mapping(const Protocol& protocol);

// Errc::invalid: a version or features that we do not know, by name. Those known: columnMapping,
// deletionVectors, timestampNtz, typeWidening (and its preview), v2Checkpoint, vacuumProtocolCheck.
Status check_readable(const Protocol& protocol);

// The newest protocol that is written, and only with features that are kept: appendOnly, invariants
// (of a table that has none) and typeWidening. Tables are made with an older one, which everybody
// reads, and are lifted to this when a column widens.
inline constexpr std::int32_t newest_writer_version = 7;
bool keeps_all_promises(const Protocol& protocol);
// The same with typeWidening among its features: of readers it asks for them by name.
Protocol with_type_widening(const Protocol& protocol);

// What a table asks of writers and we cannot keep, in the words of a message ("CHECK constraints
// (price_positive)", "identity columns (id)"…); empty = nothing beyond the version itself.
std::vector<std::string> unkept_promises(const Protocol& protocol, const Metadata& metadata);

}  // namespace batuta::lakelog
