#include "plugins/contract/masks.h"

#include <optional>

#include "plugins/lake/attempt_session.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/pseudonym.h"
#include "plugins/lake/rotate_key.h"

namespace batuta::from_contract {
namespace {

using contract::Mask;
using lake::quoted_name;

constexpr const char* key_name = "mask_pads";

std::string hmac_sql(const std::string& text) {
  return lake::pseudonym_sql(text, key_name);
}

std::string hidden_sql(const std::string& value) {
  return "CASE WHEN " + value + " IS NOT NULL THEN '***' END";
}

void check_key(const std::string& name, const std::string& key) {
  if (key.size() < lake::least_pseudonym_key)
    throw plugin::FinalError("the connection " + name +
                             " holds the key of pseudonyms as its password: it needs 16 characters "
                             "at least, from a random source");
}

// By which key a table is written; empty: it does not say; nullopt: there is no such table.
std::optional<std::string> bearing(const plugin::Context& context, lake::Session& session,
                                   const std::string& name) {
  const auto table = lake::DeltaTable::open(session, lake::lake_folder(context), name);
  if (!table.exists()) return std::nullopt;
  const auto& configuration = table.snapshot().metadata.configuration;
  const auto found = configuration.find(lake::mask_key_property);
  return found == configuration.end() ? std::string() : found->second;
}

}  // namespace

std::string stored_type(const contract::Column& column) {
  switch (column.mask) {
    case Mask::none:
      return column.type;
    case Mask::year:
      return "integer";
    case Mask::band:
      return "long";
    case Mask::pseudonym:
    case Mask::prefix:
    case Mask::redact:
      break;
  }
  return "string";
}

std::string stored_sql(const contract::Column& column) {
  const std::string value = quoted_name("new_" + column.name);
  const std::string size = std::to_string(column.mask_size);
  switch (column.mask) {
    case Mask::none:
      break;
    case Mask::pseudonym:
      return hmac_sql("CAST(" + value + " AS VARCHAR)");
    case Mask::year:
      return "CAST(year(" + value + ") AS INTEGER)";
    case Mask::prefix:
      return "left(" + value + ", " + size + ")";
    case Mask::band:
      return "TRY_CAST(floor(CAST(" + value + " AS DOUBLE) / " + size + ") * " + size +
             " AS BIGINT)";
    case Mask::redact:
      return hidden_sql(value);
  }
  return {};
}

std::string rejected_sql(const contract::Column& column, const std::string& text) {
  if (column.mask == Mask::none) return {};
  if (column.mask != Mask::pseudonym) return hidden_sql(text);
  return hmac_sql(column.type == "string" ? text : "trim(" + text + ")");
}

void prepare_masks(const plugin::Context& context, lake::Session& session,
                   const Described& described) {
  const std::string& name = described.table.mask_key;
  if (name.empty()) return;
  const auto connection = context.connection(name);
  check_key(name, connection.password);
  const std::string previous = connection.extra("previous_key");
  if (!previous.empty()) check_key(name + " (previous_key)", previous);
  const std::string table = "silver/" + described.path;
  const auto silver = bearing(context, session, table);
  const auto history = bearing(context, session, table + "_hist");
  if (silver && history && *silver != *history)
    throw plugin::RetryableError("the key of pseudonyms of " + table +
                                 " is being rotated, and its history is not there yet");
  if (!silver && !previous.empty())
    throw plugin::RetryableError("the key of pseudonyms " + name + " is being rotated: " + table +
                                 " is made once that has ended");
  // One that bears none was written by the first key there was.
  const bool first = !silver || silver->empty();
  if (first || *silver == lake::mask_key_id(session, connection.password))
    return lake::set_pseudonym_key(session, key_name,
                                   first && !previous.empty() ? previous : connection.password);
  if (!previous.empty() && *silver == lake::mask_key_id(session, previous))
    return lake::set_pseudonym_key(session, key_name, previous);
  throw plugin::RetryableError(
      table + " is written by another key of pseudonyms than the connection " + name +
      " has: give it back as the password, or as previous_key of extra until batuta lake "
      "rotate-key "
      "has ended");
}

}  // namespace batuta::from_contract
