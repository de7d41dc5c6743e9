#include "scheduler/demo/brokerage_sources.h"

#include <sqlite3.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/demo/brokerage_truth.h"
#include "scheduler/demo/quote_source.h"
#include "scheduler/demo/written_file.h"

namespace batuta::demo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t page_size = 500;

// The columns behind client_id; an empty text is NULL.
std::vector<std::string> texts_of(const Client& client) {
  return {client.cpf,
          client.name,
          client.email,
          client.phone,
          client.birth_date,
          client.cep,
          client.street,
          client.number,
          client.complement,
          client.city,
          client.uf,
          decimal_text(client.income, 2),
          client.risk_profile,
          to_iso(client.created_at),
          to_iso(client.updated_at),
          client.deleted_at ? to_iso(*client.deleted_at) : std::string()};
}

// The table for PostgreSQL, with the types that it has there.
std::string clients_script(const Brokerage& broker) {
  std::string out =
      "DROP TABLE IF EXISTS clients;\n"
      "CREATE TABLE clients (client_id integer PRIMARY KEY, cpf text, name text, email text, "
      "phone text, birth_date text, cep text, street text, number text, complement text, city "
      "text, uf text, income numeric(18,2), risk_profile text, created_at timestamptz NOT NULL, "
      "updated_at timestamptz NOT NULL, deleted_at timestamptz);\n"
      "CREATE INDEX clients_changed ON clients (updated_at);\n";
  for (int id = 1; id <= broker.options().clients; ++id) {
    out += "INSERT INTO clients VALUES (" + std::to_string(id);
    for (const std::string& text : texts_of(broker.client(id, broker.options().days))) {
      if (text.empty()) {
        out += ", NULL";
        continue;
      }
      out += ", '";
      for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
      out += "'";
    }
    out += ");\n";
  }
  return out;
}

// A database file of its own, written whole beside the old one and put in its place.
class ClientDatabase {
 public:
  explicit ClientDatabase(const std::string& path) : path_(path), staged_(path + ".new") {
    std::error_code ignored;
    fs::remove(staged_, ignored);
    check(sqlite3_open_v2(staged_.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                          nullptr));
    run("CREATE TABLE clients (client_id INTEGER PRIMARY KEY, cpf TEXT, name TEXT, email TEXT, "
        "phone TEXT, birth_date TEXT, cep TEXT, street TEXT, number TEXT, complement TEXT, "
        "city TEXT, uf TEXT, income TEXT, risk_profile TEXT, created_at TEXT NOT NULL, "
        "updated_at TEXT NOT NULL, deleted_at TEXT)");
    run("CREATE INDEX clients_changed ON clients (updated_at)");
    run("BEGIN");
    if (failed_.empty())
      check(sqlite3_prepare_v2(db_,
                               "INSERT INTO clients VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", -1,
                               &insert_, nullptr));
  }
  ~ClientDatabase() {
    sqlite3_finalize(insert_);
    sqlite3_close(db_);
  }
  ClientDatabase(const ClientDatabase&) = delete;
  ClientDatabase& operator=(const ClientDatabase&) = delete;

  void add(const Client& client) {
    if (!failed_.empty()) return;
    sqlite3_bind_int64(insert_, 1, client.id);
    int place = 2;
    for (const std::string& text : texts_of(client)) {
      if (text.empty()) {
        sqlite3_bind_null(insert_, place++);
      } else {
        sqlite3_bind_text(insert_, place++, text.c_str(), -1, SQLITE_TRANSIENT);
      }
    }
    const int code = sqlite3_step(insert_);
    if (code != SQLITE_DONE) check(code);
    sqlite3_reset(insert_);
  }

  Status finish() {
    run("COMMIT");
    sqlite3_finalize(insert_);
    insert_ = nullptr;
    sqlite3_close(db_);
    db_ = nullptr;
    std::error_code error;
    if (failed_.empty()) fs::rename(staged_, path_, error);
    if (error) failed_ = error.message();
    if (!failed_.empty()) return {Errc::unavailable, path_ + " cannot be written: " + failed_};
    return success();
  }

 private:
  void run(const char* statement) {
    if (failed_.empty()) check(sqlite3_exec(db_, statement, nullptr, nullptr, nullptr));
  }
  void check(int code) {
    if (code != SQLITE_OK && failed_.empty()) failed_ = sqlite3_errstr(code);
  }

  std::string path_, staged_, failed_;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

json price(std::int64_t cents) {
  return decimal_text(cents, 2);
}

json record_of(const SentBar& sent) {
  const Bar& bar = sent.bar;
  json out = {{"ticker", ticker_names[static_cast<std::size_t>(bar.ticker)]},
              {"ts", to_iso(bar.at)},
              {"open", price(bar.open)},
              {"high", price(bar.high)},
              {"low", price(bar.low)},
              {"close", price(bar.close)},
              {"adj_close", decimal_text(bar.adj_close, 6)},
              {"volume", bar.volume},
              {"trades", bar.trades},
              {"currency", "BRL"}};
  if (sent.defect == BarDefect::negative_volume) out["volume"] = -bar.volume;
  if (sent.defect == BarDefect::not_a_number) out["close"] = "abc";
  if (sent.defect == BarDefect::missing_ticker) out["ticker"] = nullptr;
  if (sent.defect == BarDefect::unknown_ticker) out["ticker"] = "?";
  return out;
}

std::string message_of(const SentEvent& sent) {
  const OrderEvent& event = sent.event;
  json out = {
      {"event_id", event.event_id},      {"order_id", event.order_id},
      {"client_id", event.client},       {"ticker", ticker_text(event)},
      {"side", event.sells ? "S" : "B"}, {"order_type", "LIMIT"},
      {"quantity", event.quantity},      {"price", decimal_text(event.price, 2)},
      {"executed_qty", event.executed},  {"status", event.status},
      {"event_ts", to_iso(event.at)},    {"session_id", "S" + std::to_string(event.client)}};
  if (sent.defect == EventDefect::negative_quantity) out["quantity"] = -event.quantity;
  if (sent.defect == EventDefect::price_in_words) out["price"] = "1.234,56";
  if (sent.defect == EventDefect::missing_client) out["client_id"] = nullptr;
  if (sent.defect == EventDefect::unknown_side) out["side"] = "X";
  return json_text(out);
}

json record_of(const PostalCode& code) {
  if (!code.found) return {{"erro", true}};
  const City& city = Brokerage::cities()[static_cast<std::size_t>(code.city)];
  return {{"cep", cep_text(code.cep, code.dash)},
          {"logradouro", code.street},
          {"complemento", code.complement},
          {"bairro", code.district},
          {"localidade", city.name},
          {"uf", city.uf},
          {"ibge", std::to_string(city.ibge)},
          {"ddd", std::to_string(city.ddd)}};
}

http::Response answer_of_source(int status, const json& body) {
  http::Response response;
  response.status = status;
  response.body = json_text(body);
  return response;
}

std::size_t number_in(const http::Request& request, const char* name, std::size_t otherwise) {
  const std::string* text = request.query_value(name);
  std::size_t value = otherwise;
  if (text == nullptr) return otherwise;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), value);
  return read.ec == std::errc{} ? value : otherwise;
}

// GET /v1/stockquotes?start=&end=&cursor= -> {"quotes": […], "next": "500" or null}
// GET /v1/ceps?page=N                     -> {"ceps": […]}; behind the last page none
// GET /v1/splits                          -> [ … ]
class BrokerageService {
 public:
  BrokerageService(const Brokerage& broker, std::function<bool(Time)> there)
      : there_(std::move(there)) {
    broker.bars([&](const SentBar& sent) {
      bars_.emplace_back(sent.bar.at, record_of(sent));
      return true;
    });
    for (const PostalCode& code : broker.postal_codes()) ceps_.push_back(record_of(code));
    for (const Split& split : broker.splits())
      splits_.push_back({{"ticker", ticker_names[static_cast<std::size_t>(split.ticker)]},
                         {"ex_date", to_iso(Time(broker.date(split.day))).substr(0, 10)},
                         {"old_shares", split.old_shares},
                         {"new_shares", split.new_shares}});
  }

  http::Response handle(const http::Request& request) const {
    if (request.method != http::Method::get) {
      auto response = answer_of_source(405, {{"error", "the service can only be read"}});
      response.headers.emplace_back("Allow", "GET");
      return response;
    }
    if (request.path == "/v1/stockquotes") return quotes(request);
    if (request.path == "/v1/ceps") return ceps(request);
    if (request.path == "/v1/splits") return answer_of_source(200, splits_);
    return answer_of_source(404, {{"error", "there are /v1/stockquotes, /v1/ceps and /v1/splits"}});
  }

 private:
  http::Response quotes(const http::Request& request) const {
    Time from = Time::min(), until = Time::max();
    for (const auto& [name, bound] : {std::pair("start", &from), std::pair("end", &until)}) {
      const std::string* text = request.query_value(name);
      if (text == nullptr) continue;
      const auto time = parse_iso(*text);
      if (!time)
        return answer_of_source(
            400, {{"error", std::string(name) + " must be a time with its zone, such as "
                                                "2026-03-02T13:00:00Z"}});
      *bound = *time;
    }
    json records = json::array();
    const std::size_t first = number_in(request, "cursor", 0);
    std::size_t seen = 0;
    for (const auto& [at, record] : bars_) {
      if (at < from || at >= until || (there_ && !there_(at)) || seen++ < first) continue;
      if (records.size() == page_size)
        return answer_of_source(
            200, {{"quotes", std::move(records)}, {"next", std::to_string(first + page_size)}});
      records.push_back(record);
    }
    return answer_of_source(200, {{"quotes", std::move(records)}, {"next", nullptr}});
  }

  http::Response ceps(const http::Request& request) const {
    constexpr std::size_t of_a_page = 50;
    const std::size_t page = std::max<std::size_t>(number_in(request, "page", 1), 1);
    json records = json::array();
    for (std::size_t i = (page - 1) * of_a_page; i < std::min(page * of_a_page, ceps_.size()); ++i)
      records.push_back(ceps_[i]);
    return answer_of_source(200, {{"ceps", std::move(records)}});
  }

  std::function<bool(Time)> there_;  // empty: all are
  std::vector<std::pair<Time, json>> bars_;
  std::vector<json> ceps_;
  json splits_ = json::array();
};

class BrokerageSimulation : public Simulation {
 public:
  explicit BrokerageSimulation(const BrokerageOptions& options) : broker_(options) {}

  Status write(const std::string& folder) const override {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return {Errc::unavailable, folder + " cannot be made: " + error.message()};
    ClientDatabase database(folder + "/clients.db");
    for (int id = 1; id <= broker_.options().clients; ++id)
      database.add(broker_.client(id, broker_.options().days));
    if (auto status = database.finish(); !status) return status;
    return write_file(folder + "/truth.json", truth() + "\n");
  }

  std::string topic() const override { return "orders"; }
  std::vector<BrokerText> broker_texts() const override {
    return {broker_contract("contracts/brokerage/orders.odcs.yaml"), broker_monitor("brokerage")};
  }
  // The events of an order have one key.
  void messages(const std::function<bool(SimulatedMessage)>& take) const override {
    for (int day = 0; day < broker_.options().days; ++day)
      for (int hour = 0; hour < 24; ++hour)
        for (const SentEvent& sent : broker_.sent(day, hour))
          if (!take({sent.event.order_id, message_of(sent), sent.sent_at})) return;
  }

  http::Handler handler() const override { return handler_by({}); }
  http::Handler handler_by(const std::function<bool(Time)>& there) const override {
    auto service = std::make_shared<BrokerageService>(broker_, there);
    return [service](const std::shared_ptr<http::Request>& request, const http::Respond& respond) {
      respond(service->handle(*request));
    };
  }

  std::string connection() const override { return "brokerage_api"; }

  std::vector<SimulationSetting> settings(const std::string& folder) const override {
    return {{"BROKERAGE_CLIENTS", folder + "/clients.db", "the database of clients"}};
  }

  std::optional<RealDatabase> real_database() const override {
    RealDatabase real;
    real.database = "brokerage";
    real.connection = "brokerage_register";
    real.description = "The register of clients (made up, in the demo's own server)";
    real.script = clients_script(broker_);
    real.file = "contracts/brokerage/clients.odcs.yaml";
    real.comment = "# - {property: batuta.server, value: postgres}";
    real.login = "brokerage_reader";
    real.grants = "GRANT SELECT ON clients TO brokerage_reader;\n";
    return real;
  }

  std::string truth() const override { return brokerage_truth(broker_); }
  Time begins() const override { return broker_.begins(); }
  Time ends() const override { return broker_.ends(); }
  std::vector<std::string> gold() const override {
    return {"gold/brokerage/client_profile",  "gold/brokerage/client_position",
            "gold/brokerage/portfolio_daily", "gold/brokerage/ticker_daily",
            "gold/brokerage/trade_profit",    "gold/brokerage/source_health"};
  }

 private:
  Brokerage broker_;
};

}  // namespace

std::unique_ptr<Simulation> make_brokerage(const BrokerageOptions& options) {
  return std::make_unique<BrokerageSimulation>(options);
}

}  // namespace batuta::demo
