// PostgreSQL, without a wait that a cancel could not end.
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>
#include <utility>

#include "common/outgoing.h"
#include "common/safe_json.h"
#include "plugins/sql/libpq.h"
#include "plugins/sql/postgres_values.h"
#include "plugins/sql/sql_engine.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;
using Steady = std::chrono::steady_clock;

// How long a server that was asked to end a statement may take to say what became of it.
constexpr auto patience = std::chrono::seconds(5);
// And how long it may take to be asked.
constexpr auto asking = std::chrono::seconds(2);

std::string one_line(const char* text) {
  std::string line = text == nullptr ? "" : text;
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  for (char& c : line) c = c == '\n' ? ' ' : c;
  return line;
}

std::string field(const PGresult* result, int code) {
  return one_line(libpq().result_error_field(result, code));
}

// Resources short, cannot be serialised, locked: another try may pass.
bool passing(const std::string& state) {
  return state.starts_with("53") || state.starts_with("40") || state == "55P03";
}

// The connection is lost or is ended by the server, or the server itself does not know.
bool unanswered(const std::string& state) {
  return state.empty() || state.starts_with("08") || state.starts_with("57P") || state == "40003";
}

// A Unix socket or loopback: no line that others could listen to. `hosts`: libpq takes several,
// with commas between.
bool stays_here(std::string_view hosts) {
  for (std::size_t at = 0; at <= hosts.size();) {
    const auto end = std::min(hosts.find(',', at), hosts.size());
    const std::string host(hosts.substr(at, end - at));
    at = end + 1;
    in_addr four{};
    in6_addr six{};
    const bool socket = host.empty() || host.front() == '/' || host.front() == '@';
    const bool here =
        socket || host == "localhost" ||
        (::inet_pton(AF_INET, host.c_str(), &four) == 1 && ::ntohl(four.s_addr) >> 24 == 127) ||
        (::inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six));
    if (!here) return false;
  }
  return true;
}

struct Encryption {
  std::string mode;  // empty: libpq's own, which takes what the server offers
  std::string root;
};

Encryption encryption_of(const Connection& connection) {
  Encryption out{connection.extra("sslmode"), connection.extra("sslrootcert")};
  const bool ours = out.mode.empty();
  if (ours && !stays_here(connection.host)) out.mode = "require";
  // With a plain "require" of its own a connection says that no certificate is looked at.
  const bool looks = out.mode.starts_with("verify-") || (ours && !out.mode.empty());
  if (looks && out.root.empty()) out.root = route_of(outgoing_of(connection.extra_json)).ca_file;
  return out;
}

// Asks the server to end a statement. PQcancel waits for the server without a bound, so a child
// process does it, which can be ended: it is made to be called where little may be done (a signal
// handler), as in the child of a process with threads.
class Cancelling {
 public:
  Cancelling() = default;
  // A cancel that is still on its way must not hit the statement that comes next.
  ~Cancelling() {
    while (child_ > 0 && !gone()) {
      if (Steady::now() > asked_at_ + asking) ::kill(child_, SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  Cancelling(const Cancelling&) = delete;
  Cancelling& operator=(const Cancelling&) = delete;

  void ask(PGconn* connection) {
    const Pq& pq = libpq();
    asked_ = true;
    asked_at_ = Steady::now();
    PGcancel* cancel = pq.get_cancel(connection);
    if (cancel == nullptr) return;
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      std::array<char, 256> why{};
      pq.cancel(cancel, why.data(), static_cast<int>(why.size()));
      ::_exit(0);
    }
    pq.free_cancel(cancel);
  }
  bool asked() const { return asked_; }
  bool in_vain() const { return asked_ && Steady::now() > asked_at_ + patience; }

 private:
  bool gone() const {
    const pid_t got = ::waitpid(child_, nullptr, WNOHANG);
    return got == child_ || (got < 0 && errno != EINTR);
  }

  bool asked_ = false;
  Steady::time_point asked_at_;
  pid_t child_ = -1;
};

class Postgres : public SqlEngine {
 public:
  Postgres(const Connection& connection, const SqlLimits& limits)
      : limits_(limits), connection_(nullptr, libpq().finish) {
    const Pq& pq = libpq();
    const std::string port = connection.port > 0 ? std::to_string(connection.port) : "";
    const Encryption encryption = encryption_of(connection);
    // Values are values: a dbname never is a connection string of its own.
    const std::array<std::pair<const char*, const char*>, 14> parameters{
        {{"host", connection.host.c_str()},
         {"port", port.c_str()},
         {"user", connection.login.c_str()},
         {"password", connection.password.c_str()},
         {"dbname", connection.schema.c_str()},
         {"sslmode", encryption.mode.c_str()},
         {"sslrootcert", encryption.root.c_str()},
         {"application_name", "batuta"},
         {"client_encoding", "UTF8"},  // whatever the database's own is
         // A machine that is gone says nothing: a minute of that is a lost connection.
         {"keepalives_idle", "30"},
         {"keepalives_interval", "10"},
         {"keepalives_count", "3"},
         {"tcp_user_timeout", "60000"},
         {nullptr, nullptr}}};
    std::array<const char*, parameters.size()> names{};
    std::array<const char*, parameters.size()> values{};
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      names[i] = parameters[i].first;
      values[i] = parameters[i].second;
    }
    connection_.reset(pq.connect_start(names.data(), values.data(), 0));
    if (!connection_) throw RetryableError("out of memory");
    connect(connection.extra("sslmode").empty());
    // Else a send or the end of the connection would wait for a server that takes nothing.
    pq.set_nonblocking(connection_.get(), 1);
    pq.set_notice_processor(
        connection_.get(), [](void*, const char*) {}, nullptr);
  }

  std::string marker(std::size_t n, const json&) const override { return "$" + std::to_string(n); }

  const char* begin_read_only() const override { return "BEGIN READ ONLY"; }

  bool connected() const override {
    return connection_ && libpq().status(connection_.get()) == CONNECTION_OK;
  }

  std::int64_t run(const SqlStatement& statement, const std::vector<json>& values,
                   SqlRows& rows) override {
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
    return done(ask(statement.text, pointers, rows)).changed;
  }

  void extract(const std::string& select, SqlRows& rows) override {
    // Within one transaction the columns stay those that were told.
    say("BEGIN");
    run({select + " LIMIT 0", {}, {}}, {}, rows);
    CopiedRow into(column_types_);
    const Copying copying{into, rows};
    const Outcome outcome = [&] {
      copying_ = &copying;
      const std::unique_ptr<const Copying*, void (*)(const Copying**)> over(
          &copying_, [](const Copying** at) { *at = nullptr; });
      return ask("COPY (" + select + ") TO STDOUT", {}, rows);
    }();
    if (!lacks_copy(outcome)) {
      done(outcome);
      return say("COMMIT");
    }
    say("ROLLBACK");
    OnlyRows only(rows);
    run({select, {}, {}}, {}, only);
  }

  std::int64_t copy(const std::string& statement, const std::string& data) override {
    copied_ = &data;
    const std::unique_ptr<const std::string*, void (*)(const std::string**)> over(
        &copied_, [](const std::string** at) { *at = nullptr; });
    NoRows none;
    return run({statement, {}, {}}, {}, none);
  }

 private:
  struct Outcome {
    std::int64_t changed = -1;
    std::int64_t copied = 0;  // rows of a COPY … TO STDOUT
    Error failure;            // `where` is the SQLSTATE
    std::string why() const {
      return failure.message + (failure.where.empty() ? "" : " [" + failure.where + "]");
    }
    bool timed_out = false;
  };
  struct NoRows : SqlRows {
    bool columns(std::vector<std::string>) override { return false; }
    bool row(std::vector<json>) override { return false; }
  };
  // Whose columns are known already.
  class OnlyRows : public SqlRows {
   public:
    explicit OnlyRows(SqlRows& to) : to_(to) {}
    bool columns(std::vector<std::string>) override { return true; }
    bool row(std::vector<json> values) override { return to_.row(std::move(values)); }

   private:
    SqlRows& to_;
  };
  // Where the rows of a COPY … TO STDOUT go.
  struct Copying {
    CopiedRow& into;
    SqlRows& rows;
  };

  void say(const char* words) {
    NoRows none;
    run({words, {}, {}}, {}, none);
  }

  // What speaks PostgreSQL's protocol and has no COPY of a query: Redshift and its like.
  static bool lacks_copy(const Outcome& outcome) {
    const std::string& state = outcome.failure.where;
    return outcome.copied == 0 && (state == "0A000" || state == "42601");
  }

  // Throws what a statement failed for.
  const Outcome& done(const Outcome& outcome) const {
    if (outcome.failure.message.empty()) return outcome;
    if (outcome.timed_out) SqlDeadline(limits_).fail();
    if (passing(outcome.failure.where)) throw RetryableError(outcome.why());
    throw FinalError(outcome.why());
  }

  Outcome ask(const std::string& text, const std::vector<const char*>& values, SqlRows& rows) {
    const Pq& pq = libpq();
    if (!connected()) throw RetryableError("the connection to PostgreSQL is lost");
    const SqlDeadline deadline(limits_);
    if (pq.send_query_params(connection_.get(), text.c_str(), static_cast<int>(values.size()),
                             nullptr, values.data(), nullptr, nullptr, 0) == 0) {
      throw RetryableError(one_line(pq.error_message(connection_.get())));
    }
    pq.set_single_row_mode(connection_.get());
    Outcome outcome;
    try {
      Cancelling cancelling;
      outcome = results(deadline, cancelling, rows);
      if (!outcome.failure.message.empty() && unanswered(outcome.failure.where)) {
        throw NoAnswer(outcome.why());
      }
    } catch (...) {
      connection_.reset();  // it is in the midst of an answer, or lost
      throw;
    }
    outcome.timed_out = deadline.over();
    return outcome;
  }

  // `by_default`: how it is encrypted was not said by the connection.
  void connect(bool by_default) {
    const Pq& pq = libpq();
    const SqlDeadline deadline(limits_);
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;) {
      if (state == PGRES_POLLING_FAILED) {
        std::string why = one_line(pq.error_message(connection_.get()));
        const auto says = [&](const char* words) { return why.find(words) != std::string::npos; };
        const bool open_line = says("SSL was required");
        if (open_line && by_default) {
          why +=
              " (it is unless the connection's extra has \"sslmode\": \"disable\", for a line that "
              "nobody else can listen to)";
        }
        if (open_line || says("authentication failed") || says("does not exist") ||
            says("invalid sslmode")) {
          throw FinalError(why);
        }
        throw RetryableError(why);
      }
      await(state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN);
      if (deadline.over()) deadline.fail();
      state = pq.connect_poll(connection_.get());
    }
  }

  void await(int events) const {
    pollfd wait{libpq().socket(connection_.get()), static_cast<short>(events), 0};
    ::poll(&wait, 1, 100);
  }

  Outcome results(const SqlDeadline& deadline, Cancelling& cancelling, SqlRows& rows) {
    const Pq& pq = libpq();
    Outcome outcome;
    bool told = false;
    bool more = true;
    while (PGresult* raw = next(deadline, cancelling)) {
      const std::unique_ptr<PGresult, decltype(&PQclear)> result(raw, pq.clear);
      look_at_the_time(deadline, cancelling);  // rows may come without a pause
      const auto status = pq.result_status(raw);
      if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK) {
        if (!told) column_types_ = column_types(raw);
        if (!told) rows.types(types(raw));
        if (!told) more = rows.columns(columns(raw));
        told = true;
        for (int i = 0; more && i < pq.ntuples(raw); ++i) more = rows.row(row(raw, i));
      } else if (status == PGRES_COMMAND_OK) {
        const std::string count = pq.cmd_tuples(raw);
        if (!count.empty()) outcome.changed = std::stoll(count);
      } else if (status == PGRES_COPY_IN && copied_ != nullptr) {
        send_copied(deadline, cancelling);
      } else if (status == PGRES_COPY_OUT && copying_ != nullptr) {
        outcome.copied = take_copied(deadline, cancelling);
      } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        throw FinalError(
            "COPY … FROM STDIN and … TO STDOUT want a client that brings or takes the data, which "
            "an sql task is not: use INSERT or SELECT, or name a file on the database's machine");
      } else if (outcome.failure.message.empty()) {
        const std::string detail = field(raw, PG_DIAG_MESSAGE_DETAIL);
        outcome.failure = {Errc::invalid, field(raw, PG_DIAG_MESSAGE_PRIMARY),
                           field(raw, PG_DIAG_SQLSTATE)};
        if (outcome.failure.message.empty()) {
          outcome.failure.message = one_line(pq.error_message(connection_.get()));
        }
        if (outcome.failure.message.empty()) outcome.failure.message = "PostgreSQL gave no reason";
        if (!detail.empty()) outcome.failure.message += " (" + detail + ")";
      }
    }
    return outcome;
  }

  // libpq keeps what the server does not take yet: it is waited for, so that this is one piece.
  void send_copied(const SqlDeadline& deadline, Cancelling& cancelling) {
    const Pq& pq = libpq();
    constexpr std::size_t piece = 256 << 10;
    const auto all_went = [&](int did) {
      if (did < 0) throw NoAnswer(one_line(pq.error_message(connection_.get())));
      return did;
    };
    for (std::size_t at = 0; at < copied_->size();) {
      const std::size_t bytes = std::min(piece, copied_->size() - at);
      const bool taken = all_went(pq.put_copy_data(connection_.get(), copied_->data() + at,
                                                   static_cast<int>(bytes))) == 1;
      if (taken) at += bytes;
      while (all_went(pq.flush(connection_.get())) == 1) {
        await(POLLIN | POLLOUT);
        // A server that says something meanwhile must be heard, or neither goes on.
        if (pq.consume_input(connection_.get()) == 0) return;  // lost: told by the next result
        look_at_the_time(deadline, cancelling);
      }
    }
    while (all_went(pq.put_copy_end(connection_.get(), nullptr)) == 0) await(POLLOUT);
  }

  // The server sends a row at a time; what ends them is told by the next result. How many came.
  std::int64_t take_copied(const SqlDeadline& deadline, Cancelling& cancelling) {
    const Pq& pq = libpq();
    std::int64_t count = 0;
    for (;;) {
      char* raw = nullptr;
      const int bytes = pq.get_copy_data(connection_.get(), &raw, 1);
      if (bytes < 0) return count;
      look_at_the_time(deadline, cancelling);
      if (bytes > 0) {
        const std::unique_ptr<char, decltype(&PQfreemem)> line(raw, pq.free_mem);
        copying_->rows.texts(copying_->into.read({raw, static_cast<std::size_t>(bytes)}));
        ++count;
        continue;
      }
      await(POLLIN);
      if (pq.consume_input(connection_.get()) == 0) return count;  // lost, likewise
    }
  }

  // The next result, or null at the end.
  PGresult* next(const SqlDeadline& deadline, Cancelling& cancelling) {
    const Pq& pq = libpq();
    for (;;) {
      const int unsent = pq.flush(connection_.get());
      // A lost connection comes as a result of its own.
      if (unsent < 0 || (unsent == 0 && pq.is_busy(connection_.get()) == 0)) break;
      await(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
      if (pq.consume_input(connection_.get()) == 0) break;
      look_at_the_time(deadline, cancelling);
    }
    return pq.get_result(connection_.get());
  }

  // Past the deadline the server is asked to end the statement, once; what it answers then is read
  // as always. One that says nothing is given up.
  void look_at_the_time(const SqlDeadline& deadline, Cancelling& cancelling) const {
    if (!cancelling.asked()) {
      if (deadline.over()) cancelling.ask(connection_.get());
    } else if (cancelling.in_vain()) {
      throw NoAnswer(
          "PostgreSQL was asked to end the statement, whose time was over, and did not "
          "answer within 5 s");
    }
  }

  static std::vector<std::string> columns(const PGresult* result) {
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(libpq().nfields(result)));
    for (int i = 0; i < libpq().nfields(result); ++i) names.emplace_back(libpq().fname(result, i));
    return names;
  }

  static std::vector<Oid> column_types(const PGresult* result) {
    std::vector<Oid> types;
    for (int i = 0; i < libpq().nfields(result); ++i) types.push_back(libpq().ftype(result, i));
    return types;
  }

  static std::vector<std::string> types(const PGresult* result) {
    const Pq& pq = libpq();
    std::vector<std::string> types;
    types.reserve(static_cast<std::size_t>(pq.nfields(result)));
    for (int i = 0; i < pq.nfields(result); ++i)
      types.push_back(postgres_engine_type(pq.ftype(result, i), pq.fmod(result, i)));
    return types;
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
      values.push_back(
          postgres_value(std::string(pq.getvalue(result, at, i), size), pq.ftype(result, i)));
    }
    return values;
  }

  const SqlLimits& limits_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  const std::string* copied_ = nullptr;  // what a COPY … FROM STDIN that runs takes
  const Copying* copying_ = nullptr;     // and one … TO STDOUT gives
  std::vector<Oid> column_types_;        // of the last answer with columns
};

}  // namespace

std::unique_ptr<SqlEngine> open_postgres(const Connection& connection, const SqlLimits& limits) {
  return std::make_unique<Postgres>(connection, limits);
}

}  // namespace batuta::plugin
