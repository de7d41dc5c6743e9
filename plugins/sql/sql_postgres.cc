// libpq is opened at the first use: a worker without it runs everything else.
#include <dlfcn.h>
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "common/safe_json.h"
#include "plugins/sql/sql_engine.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

// Oids of pg_type.dat, which never change.
enum Type : Oid {
  boolean = 16,
  int8 = 20,
  int2 = 21,
  int4 = 23,
  plain_json = 114,
  jsonb = 3802,
  float4 = 700,
  float8 = 701
};

struct Pq {
  decltype(&PQconnectStartParams) connect_start;
  decltype(&PQconnectPoll) connect_poll;
  decltype(&PQsocket) socket;
  decltype(&PQfinish) finish;
  decltype(&PQerrorMessage) error_message;
  decltype(&PQsendQueryParams) send_query_params;
  decltype(&PQsetSingleRowMode) set_single_row_mode;
  decltype(&PQconsumeInput) consume_input;
  decltype(&PQisBusy) is_busy;
  decltype(&PQflush) flush;
  decltype(&PQgetResult) get_result;
  decltype(&PQresultStatus) result_status;
  decltype(&PQresultErrorField) result_error_field;
  decltype(&PQclear) clear;
  decltype(&PQntuples) ntuples;
  decltype(&PQnfields) nfields;
  decltype(&PQfname) fname;
  decltype(&PQftype) ftype;
  decltype(&PQgetvalue) getvalue;
  decltype(&PQgetisnull) getisnull;
  decltype(&PQgetlength) getlength;
  decltype(&PQcmdTuples) cmd_tuples;
  decltype(&PQgetCancel) get_cancel;
  decltype(&PQcancel) cancel;
  decltype(&PQfreeCancel) free_cancel;
  decltype(&PQsetNoticeProcessor) set_notice_processor;
};

Pq open_pq() {
  void* library = ::dlopen(BATUTA_PQ_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw FinalError("this worker has no PostgreSQL client: install libpq5 (" +
                     std::string(::dlerror()) + ")");
  }
  Pq pq{};
  const auto load = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr) throw FinalError(std::string("libpq has no ") + name);
  };
  load(pq.connect_start, "PQconnectStartParams");
  load(pq.connect_poll, "PQconnectPoll");
  load(pq.socket, "PQsocket");
  load(pq.finish, "PQfinish");
  load(pq.error_message, "PQerrorMessage");
  load(pq.send_query_params, "PQsendQueryParams");
  load(pq.set_single_row_mode, "PQsetSingleRowMode");
  load(pq.consume_input, "PQconsumeInput");
  load(pq.is_busy, "PQisBusy");
  load(pq.flush, "PQflush");
  load(pq.get_result, "PQgetResult");
  load(pq.result_status, "PQresultStatus");
  load(pq.result_error_field, "PQresultErrorField");
  load(pq.clear, "PQclear");
  load(pq.ntuples, "PQntuples");
  load(pq.nfields, "PQnfields");
  load(pq.fname, "PQfname");
  load(pq.ftype, "PQftype");
  load(pq.getvalue, "PQgetvalue");
  load(pq.getisnull, "PQgetisnull");
  load(pq.getlength, "PQgetlength");
  load(pq.cmd_tuples, "PQcmdTuples");
  load(pq.get_cancel, "PQgetCancel");
  load(pq.cancel, "PQcancel");
  load(pq.free_cancel, "PQfreeCancel");
  load(pq.set_notice_processor, "PQsetNoticeProcessor");
  return pq;
}

const Pq& libpq() {
  static const Pq pq = open_pq();
  return pq;
}

std::string one_line(const char* text) {
  std::string line = text == nullptr ? "" : text;
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  for (char& c : line) c = c == '\n' ? ' ' : c;
  return line;
}

std::string field(const PGresult* result, int code) {
  return one_line(libpq().result_error_field(result, code));
}

// Connection lost, resources short, shut down, cannot be serialised: another try may pass.
bool passing(const std::string& state) {
  return state.starts_with("08") || state.starts_with("53") || state.starts_with("57P") ||
         state.starts_with("40") || state == "55P03";
}

class Postgres : public SqlEngine {
 public:
  Postgres(const Connection& connection, const SqlLimits& limits) : limits_(limits) {
    const SqlDeadline deadline(limits_);
    const std::string port = connection.port > 0 ? std::to_string(connection.port) : "";
    const std::string ssl = connection.extra("sslmode");
    const std::string root = connection.extra("sslrootcert");
    const std::array<const char*, 9> names{"host",   "port",    "user",        "password",
                                           "dbname", "sslmode", "sslrootcert", "application_name",
                                           nullptr};
    const std::array<const char*, 9> values{connection.host.c_str(),
                                            port.c_str(),
                                            connection.login.c_str(),
                                            connection.password.c_str(),
                                            connection.schema.c_str(),
                                            ssl.c_str(),
                                            root.c_str(),
                                            "batuta",
                                            nullptr};
    // Values are values: a dbname never is a connection string of its own.
    connection_ = libpq().connect_start(names.data(), values.data(), 0);
    if (connection_ == nullptr) throw RetryableError("out of memory");
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
      if (state == PGRES_POLLING_FAILED) {
        const std::string why = one_line(libpq().error_message(connection_));
        libpq().finish(connection_);
        const bool login = why.find("authentication failed") != std::string::npos ||
                           why.find("does not exist") != std::string::npos;
        if (login) throw FinalError(why);
        throw RetryableError(why);
      }
      await(state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN);
      if (deadline.over()) {
        libpq().finish(connection_);
        deadline.fail();
      }
      state = libpq().connect_poll(connection_);
    }
    libpq().set_notice_processor(
        connection_, [](void*, const char*) {}, nullptr);
  }
  ~Postgres() override { libpq().finish(connection_); }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  std::string marker(std::size_t n, const json&) const override { return "$" + std::to_string(n); }

  std::int64_t run(const SqlStatement& statement, const std::vector<json>& values,
                   SqlRows& rows) override {
    const SqlDeadline deadline(limits_);
    std::vector<std::string> texts;
    std::vector<const char*> pointers;
    texts.reserve(values.size());
    for (const json& value : values) {
      texts.push_back(value.is_string() ? value.get<std::string>() : json_text(value));
      if (texts.back().find('\0') != std::string::npos) {
        throw FinalError("a parameter holds a NUL character, which PostgreSQL cannot keep");
      }
      pointers.push_back(value.is_null() ? nullptr : texts.back().c_str());
    }
    const Pq& pq = libpq();
    if (pq.send_query_params(connection_, statement.text.c_str(), static_cast<int>(values.size()),
                             nullptr, pointers.data(), nullptr, nullptr, 0) == 0) {
      throw RetryableError(one_line(pq.error_message(connection_)));
    }
    pq.set_single_row_mode(connection_);
    std::int64_t changed = -1;
    Error failure;
    bool told = false;
    bool more = true;
    while (PGresult* raw = next(deadline)) {
      const std::unique_ptr<PGresult, decltype(&PQclear)> result(raw, pq.clear);
      const auto status = pq.result_status(raw);
      if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK) {
        if (!told) rows.columns(columns(raw));
        told = true;
        for (int i = 0; more && i < pq.ntuples(raw); ++i) more = rows.row(row(raw, i));
      } else if (status == PGRES_COMMAND_OK) {
        const std::string count = pq.cmd_tuples(raw);
        if (!count.empty()) changed = std::stoll(count);
      } else if (failure.message.empty()) {
        const std::string detail = field(raw, PG_DIAG_MESSAGE_DETAIL);
        failure = {Errc::invalid, field(raw, PG_DIAG_MESSAGE_PRIMARY),
                   field(raw, PG_DIAG_SQLSTATE)};
        if (failure.message.empty()) failure.message = one_line(pq.error_message(connection_));
        if (!detail.empty()) failure.message += " (" + detail + ")";
      }
    }
    if (failure.message.empty()) return changed;
    if (deadline.over()) deadline.fail();
    const std::string why =
        failure.message + (failure.where.empty() ? "" : " [" + failure.where + "]");
    if (failure.where.empty() || passing(failure.where)) throw RetryableError(why);
    throw FinalError(why);
  }

 private:
  void await(short events) const {
    pollfd wait{libpq().socket(connection_), events, 0};
    ::poll(&wait, 1, 100);
  }

  // The next result, or null at the end. Past the deadline the server is asked to stop, once; what
  // it answers then is read as always.
  PGresult* next(const SqlDeadline& deadline) {
    const Pq& pq = libpq();
    bool asked = false;
    while (pq.flush(connection_) == 1 || pq.is_busy(connection_) != 0) {
      await(POLLIN);
      if (pq.consume_input(connection_) == 0) break;
      if (asked || !deadline.over()) continue;
      asked = true;
      if (PGcancel* cancel = pq.get_cancel(connection_)) {
        std::array<char, 256> why{};
        pq.cancel(cancel, why.data(), static_cast<int>(why.size()));
        pq.free_cancel(cancel);
      }
    }
    return pq.get_result(connection_);
  }

  static std::vector<std::string> columns(const PGresult* result) {
    std::vector<std::string> names;
    for (int i = 0; i < libpq().nfields(result); ++i) names.emplace_back(libpq().fname(result, i));
    return names;
  }

  // Exact: what JSON's numbers might round (numeric) or have not (NaN) stays a text.
  static json cell(const std::string& text, Oid type) {
    switch (type) {
      case boolean:
        return text == "t";
      case int2:
      case int4:
      case int8:
      case float4:
      case float8:
      case plain_json:
      case jsonb: {
        auto value = parse_untrusted(text);
        return value ? *std::move(value) : json(text);
      }
      default:
        return text;
    }
  }

  static std::vector<json> row(const PGresult* result, int at) {
    const Pq& pq = libpq();
    std::vector<json> values;
    for (int i = 0; i < pq.nfields(result); ++i) {
      if (pq.getisnull(result, at, i) != 0) {
        values.emplace_back(nullptr);
        continue;
      }
      const auto size = static_cast<std::size_t>(pq.getlength(result, at, i));
      values.push_back(cell(std::string(pq.getvalue(result, at, i), size), pq.ftype(result, i)));
    }
    return values;
  }

  const SqlLimits& limits_;
  PGconn* connection_ = nullptr;
};

}  // namespace

std::unique_ptr<SqlEngine> open_postgres(const Connection& connection, const SqlLimits& limits) {
  return std::make_unique<Postgres>(connection, limits);
}

}  // namespace batuta::plugin
