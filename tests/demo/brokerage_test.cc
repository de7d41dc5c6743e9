#include "scheduler/demo/brokerage.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "common/safe_json.h"
#include "scheduler/demo/brokerage_truth.h"
#include "scheduler/demo/simulation.h"
#include "tests/demo/demo_fixture.h"

namespace batuta::demo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class WrittenFolder {
 public:
  WrittenFolder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  ~WrittenFolder() { fs::remove_all(path_); }
  WrittenFolder(const WrittenFolder&) = delete;
  WrittenFolder& operator=(const WrittenFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/batuta-simulation-XXXXXX";
};

BrokerageOptions small_broker(int days) {
  BrokerageOptions options;
  options.clients = 60;
  options.days = days;
  for (std::uint32_t* ppm :
       {&options.duplicate_ppm, &options.revised_ppm, &options.late_ppm, &options.bad_ppm})
    *ppm = 50'000;
  return options;
}

std::vector<SentEvent> everything_sent(const Brokerage& broker) {
  std::vector<SentEvent> all;
  for (int day = 0; day < broker.options().days; ++day)
    for (int hour = 0; hour < 24; ++hour)
      for (SentEvent& sent : broker.sent(day, hour)) all.push_back(std::move(sent));
  return all;
}

std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    files[fs::relative(entry.path(), folder).string()] = std::move(text).str();
  }
  return files;
}

json assertion_of(const std::string& truth, const std::string& name) {
  JsonLimits limits;
  limits.bytes = std::size_t{64} << 20;
  limits.tokens = 10'000'000;
  const auto parsed = parse_untrusted(truth, limits);
  REQUIRE(parsed);
  for (const json& each : parsed->at("assertions"))
    if (each.at("name") == name) return each.at("rows");
  FAIL("no assertion ", name);
  return {};
}

std::int64_t cents_in(const json& cell) {
  if (cell.is_null()) return 0;
  std::string text = cell.get<std::string>();
  std::erase(text, '.');
  return std::stoll(text);
}

http::Request path_request(const std::string& path,
                           std::vector<std::pair<std::string, std::string>> query = {}) {
  http::Request request;
  request.path = path;
  request.query = std::move(query);
  return request;
}

}  // namespace

TEST_CASE("brokerage: more days add records and change none of those before") {
  const Brokerage few(small_broker(3)), more(small_broker(9));
  const auto before = everything_sent(few);
  std::vector<SentEvent> after;
  for (int day = 0; day < 3; ++day)
    for (int hour = 0; hour < 24; ++hour)
      for (SentEvent& sent : more.sent(day, hour)) after.push_back(std::move(sent));
  REQUIRE(before.size() > 300);
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(after[i].event.event_id == before[i].event.event_id);
    CHECK(after[i].event.price == before[i].event.price);
  }
  std::vector<SentBar> bars;
  few.bars([&](const SentBar& sent) {
    bars.push_back(sent);
    return true;
  });
  std::size_t at = 0;
  more.bars([&](const SentBar& sent) {
    CHECK(sent.bar.at == bars[at].bar.at);
    CHECK(sent.bar.close == bars[at].bar.close);
    CHECK(sent.defect == bars[at].defect);
    return ++at < bars.size();
  });
  for (int id = 1; id <= 60; ++id) CHECK(more.client(id, 3).cep == few.client(id, 3).cep);
}

TEST_CASE("brokerage: each event is sent once, and its repeats and bad ones besides") {
  const Brokerage broker(small_broker(4));
  std::set<std::string> expected;
  for (int client = 1; client <= 60; ++client)
    for (int ticker = 0; ticker < ticker_count; ++ticker)
      for (int slot = 0; slot < 8; ++slot)
        if (const auto order = broker.order(client, ticker, slot))
          for (const OrderEvent& event : broker.events(*order)) expected.insert(event.event_id);
  std::set<std::string> found;
  std::set<EventDefect> defects;
  int repeated = 0, late = 0;
  for (const SentEvent& sent : everything_sent(broker)) {
    defects.insert(sent.defect);
    late += sent.sent_at > sent.event.at;
    if (sent.defect != EventDefect::none) {
      CHECK(sent.event.event_id.ends_with("-bad"));
    } else if (sent.repeated) {
      ++repeated;
    } else {
      CHECK(found.insert(sent.event.event_id).second);
    }
  }
  CHECK(found == expected);
  CHECK(defects.size() == 5);
  CHECK(repeated > 10);
  CHECK(late > 10);
}

TEST_CASE("brokerage: no position ever goes short, and splits are counted") {
  const Brokerage broker(small_broker(9));
  REQUIRE(broker.splits().size() == 2);
  int sales = 0, over_a_split = 0;
  for (int client = 1; client <= 60; ++client) {
    for (int ticker = 0; ticker < ticker_count; ++ticker) {
      std::int64_t held = 0;
      for (int slot = 0; slot < 18; ++slot) {
        for (const Split& split : broker.splits()) {
          if (split.ticker != ticker || slot != 2 * split.day) continue;
          over_a_split += held > 0;
          held = held * split.new_shares / split.old_shares;
        }
        const auto order = broker.order(client, ticker, slot);
        if (!order) continue;
        sales += order->sells;
        held += (order->sells ? -1 : 1) * broker.executed(*order);
        REQUIRE(held >= 0);
      }
    }
  }
  CHECK(sales > 50);
  CHECK(over_a_split > 5);
}

TEST_CASE("brokerage: a bar lies within its extremes, and a split divides the price") {
  const Brokerage broker(small_broker(5));
  for (int ticker = 0; ticker < ticker_count; ++ticker) {
    for (int day = 0; day < 5; ++day) {
      for (int number = 0; number < bars_a_day; ++number) {
        const Bar bar = broker.bar(ticker, day, number);
        CHECK(bar.low > 0);
        CHECK(bar.low <= std::min(bar.open, bar.close));
        CHECK(bar.high >= std::max(bar.open, bar.close));
      }
    }
  }
  const Split split = broker.splits().front();
  const auto before = broker.bar(split.ticker, split.day - 1, bars_a_day - 1);
  const auto after = broker.bar(split.ticker, split.day, 0);
  CHECK(std::abs(before.close - after.open * split.new_shares) <= 2 * split.new_shares);
  CHECK(before.adj_close * split.new_shares == before.close * 10'000 * split.old_shares);
}

TEST_CASE("brokerage: a client's number has its check digits unless it is a defect") {
  const Brokerage broker(small_broker(5));
  std::set<ClientDefect> defects;
  int changed = 0, gone = 0;
  for (int id = 1; id <= 60; ++id) {
    const Client client = broker.client(id, 5);
    defects.insert(client.defect);
    changed += client.updated_at >= Time(broker.date(0));
    gone += client.deleted_at.has_value();
    CHECK(client.created_at >= broker.begins());
    if (client.defect == ClientDefect::cpf_too_short) continue;
    REQUIRE(client.cpf.size() == 11);
    for (std::size_t length : {9U, 10U}) {
      std::size_t sum = 0;
      for (std::size_t i = 0; i < length; ++i)
        sum += static_cast<std::size_t>(client.cpf[i] - '0') * (length + 1 - i);
      const std::size_t rest = sum % 11;
      CHECK(static_cast<std::size_t>(client.cpf[length] - '0') == (rest < 2 ? 0 : 11 - rest));
    }
  }
  CHECK(defects.size() > 1);
  CHECK(changed > 5);
  CHECK(gone < 10);
}

TEST_CASE("brokerage: what was paid is what was sold and what is left, to the cent") {
  const Brokerage broker(small_broker(8));
  const std::string truth = brokerage_truth(broker);
  std::int64_t paid = 0, sold = 0, profit_mean = 0, profit_fifo = 0;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> left;  // of each account's last row
  for (const json& row : assertion_of(truth, "gold/brokerage/trade_profit: every row")) {
    const std::int64_t value = cents_in(row[3]);
    (row[4].is_null() ? paid : sold) += value;
    profit_mean += cents_in(row[4]);
    profit_fifo += cents_in(row[5]);
    // O00001-3-002: client and paper, then the slot; rows come in that order.
    left[row[0].get<std::string>().substr(0, 8)] = {cents_in(row[7]), cents_in(row[8])};
  }
  std::int64_t left_mean = 0, left_fifo = 0;
  for (const auto& [account, costs] : left) {
    left_mean += costs.first;
    left_fifo += costs.second;
  }
  REQUIRE(sold > 0);
  CHECK(paid - (sold - profit_mean) == left_mean);
  CHECK(paid - (sold - profit_fifo) == left_fifo);
  CHECK(profit_mean != profit_fifo);
}

TEST_CASE("simulation: the same options write the same bytes, and other seeds others") {
  const WrittenFolder one, two, three;
  SimulationOptions options;
  options.size = 30;
  options.days = 2;
  for (const std::string& pipeline : simulated_pipelines()) {
    CAPTURE(pipeline);
    REQUIRE(make_simulation(pipeline, options)->write(one.path() + "/" + pipeline));
    REQUIRE(make_simulation(pipeline, options)->write(two.path() + "/" + pipeline));
    options.seed = 43;
    REQUIRE(make_simulation(pipeline, options)->write(three.path() + "/" + pipeline));
    options.seed = 42;
    const auto files = files_of(one.path() + "/" + pipeline);
    CHECK(files.contains("truth.json"));
    CHECK(files == files_of(two.path() + "/" + pipeline));
    CHECK(files != files_of(three.path() + "/" + pipeline));
  }
  CHECK(make_simulation("nobody", options) == nullptr);
}

TEST_CASE("brokerage: the service's pages are the bars of the window, each once") {
  SimulationOptions options;
  options.size = 5;
  options.days = 3;
  const auto simulation = make_simulation("brokerage", options);
  const auto handler = simulation->handler();
  int records = 0, pages = 0;
  for (std::string cursor; pages < 100;) {
    std::vector<std::pair<std::string, std::string>> query = {{"start", "2026-03-03T00:00:00Z"},
                                                              {"end", "2026-03-04T00:00:00Z"}};
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    const auto answer = call(handler, path_request("/v1/stockquotes", query));
    REQUIRE(answer.status == 200);
    const auto body = parse_untrusted(answer.body);
    REQUIRE(body);
    records += static_cast<int>(body->at("quotes").size());
    ++pages;
    if (body->at("next").is_null()) break;
    cursor = body->at("next").get<std::string>();
  }
  int expected = 0;
  const Brokerage broker([] {
    BrokerageOptions with;
    with.clients = 5;
    with.days = 3;
    return with;
  }());
  broker.bars([&](const SentBar& sent) {
    expected += sent.bar.day == 1;
    return true;
  });
  CHECK(records == expected);
  CHECK(records >= ticker_count * bars_a_day);
  CHECK(call(handler, path_request("/v1/stockquotes", {{"start", "yesterday"}})).status == 400);
  CHECK(call(handler, path_request("/v1/other")).status == 404);
  auto written = path_request("/v1/ceps");
  written.method = http::Method::post;
  CHECK(call(handler, written).status == 405);
}

TEST_CASE("brokerage: postal codes come in both forms, some towns have one, one is not known") {
  const auto codes = Brokerage(small_broker(1)).postal_codes();
  int dashes = 0, without_street = 0, unknown = 0;
  std::map<int, int> forms;
  for (const PostalCode& code : codes) {
    unknown += !code.found;
    dashes += code.dash;
    without_street += code.found && code.street.empty();
    ++forms[code.cep];
  }
  CHECK(unknown == 1);
  CHECK(without_street == 2);
  CHECK(dashes > 20);
  CHECK(dashes < static_cast<int>(codes.size()) - 20);
  CHECK(std::count_if(forms.begin(), forms.end(), [](const auto& f) { return f.second == 2; }) ==
        12);
  CHECK(cep_text(1001000, true) == "01001-000");
  CHECK(cep_text(1001000, false) == "01001000");
}

}  // namespace batuta::demo
