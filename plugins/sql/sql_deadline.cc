#include <nlohmann/json.hpp>

#include "plugins/sql/sql_engine.h"

namespace batuta::plugin {

bool SqlRows::texts(std::span<const SqlText>) {
  throw FinalError("these rows are taken as values, not as texts");
}

void SqlEngine::extract(const std::string& select, SqlRows& rows) {
  run({select, {}, "select"}, {}, rows);
}

std::int64_t SqlEngine::copy(const std::string&, const std::string&) {
  throw FinalError("COPY … FROM STDIN is PostgreSQL's");
}

SqlDeadline::SqlDeadline(const SqlLimits& limits)
    : limits_(&limits), until_(std::chrono::steady_clock::now() + limits.timeout) {}

void SqlDeadline::restart() {
  until_ = std::chrono::steady_clock::now() + limits_->timeout;
}

bool SqlDeadline::over() const {
  return limits_->context.cancelled() || std::chrono::steady_clock::now() > until_.load();
}

void SqlDeadline::fail() const {
  limits_->context.check_cancelled();
  const std::string why = "the statement took longer than its timeout of " +
                          std::to_string(limits_->timeout / std::chrono::milliseconds(1)) + " ms";
  if (limits_->read_only) throw RetryableError(why);
  throw FinalError(why);
}

}  // namespace batuta::plugin
