// Columns that silver does not hold as they are: what is written in their place.
//
// A pseudonym is the HMAC-SHA-256, in hex, of the value's text, by the key that a connection holds
// as its password: equal values have equal ones in every table of the same key, so that joins work,
// and nobody without the key finds the value by trying all there are. The key goes to the engine as
// a bound value, never as part of a statement.
#pragma once

#include <string>

#include "plugins/contract/described.h"

namespace batuta::from_contract {

// The type that silver has, as Delta names it: the column's own without a mask.
std::string stored_type(const contract::Column& column);
// SQL over the typed column new_<name>; empty without a mask.
std::string stored_sql(const contract::Column& column);
// The same over the text that a rejected row has: what cannot be typed is not shown either.
std::string rejected_sql(const contract::Column& column, const std::string& text);

// Makes the key known to the session, where the table needs one: the connection's password, or
// while keys are rotated (docs/lake.md) its extra's previous_key, by which of the two silver is
// written. Throws plugin::FinalError for a key of fewer than 16 bytes, and plugin::RetryableError
// where silver is under neither, or does not agree with its history yet. To be called after the
// tables that are to be written were opened: one that is rotated meanwhile then refuses them.
void prepare_masks(const plugin::Context& context, lake::Session& session,
                   const Described& described);

}  // namespace batuta::from_contract
