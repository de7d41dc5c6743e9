#include "plugins/lake/appender.h"

#include "plugins/lake/sql_error.h"

namespace batuta::lake {

Appender::Appender(Session& session, const std::string& table)
    : api_(session.api()), table_(table) {
  note(api_.appender_create(session.connection(), nullptr, table.c_str(), &appender_));
}

Appender::~Appender() {
  if (appender_ != nullptr) api_.appender_destroy(&appender_);
}

void Appender::text(std::optional<std::string_view> value) {
  note(value ? api_.append_varchar_length(appender_, value->data(), value->size())
             : api_.append_null(appender_));
}

void Appender::integer(std::int64_t value) {
  note(api_.append_int64(appender_, value));
}
void Appender::end_row() {
  note(api_.appender_end_row(appender_));
}

void Appender::close() {
  note(api_.appender_destroy(&appender_));
  appender_ = nullptr;
  if (!good_) throw SqlError("cannot hand rows to the lake engine's table " + table_);
}

}  // namespace batuta::lake
