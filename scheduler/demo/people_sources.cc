// What the users pipeline reads, and what it must make of it.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/demo/assertions.h"
#include "scheduler/demo/brokerage.h"
#include "scheduler/demo/people.h"
#include "scheduler/demo/written_file.h"

namespace batuta::demo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Census {
 public:
  explicit Census(const People& people) : people_(people) {
    for (int day = 0; day < people.options().days; ++day)
      for (const PersonEvent& event : people.events(day)) take(event);
  }

  json assertions() const {
    json out = json::array();
    assert_count(out, "silver/users/users_events", events_);
    assert_letters(out, "dlq/users/users_events", dead_);
    assert_counts_by(out, "quarantine/users/users_events", "reason", rejected_);
    assert_count(out, "silver/users/users", static_cast<std::int64_t>(known_.size()));
    regions(out);
    signups(out);
    bands(out);
    return out;
  }

 private:
  struct Person {
    Time newest{}, signed_up{};
    OptTime seen;
    int place = 0, birth_year = 0;
  };

  void take(const PersonEvent& event) {
    if (event.repeated) return;
    switch (event.defect) {
      case PersonDefect::missing_user:
        ++dead_["missing_user_id"];
        return;
      case PersonDefect::address_without_at:
        ++rejected_["email_mismatch"];
        return;
      case PersonDefect::impossible_birth_date:
        ++rejected_["bad_birth_date"];
        return;
      case PersonDefect::odd_type:
        ++rejected_["event_type_mismatch"];
        return;
      case PersonDefect::none:
        ++events_;
    }
    last_ = std::max(last_, std::chrono::floor<std::chrono::days>(event.at));
    Person& person = known_[event.user];
    person.birth_year = event.birth_year;
    if (std::string_view(event.type) == "signup") {
      person.signed_up = event.at;
      ++hours_[to_iso(std::chrono::floor<std::chrono::hours>(event.at)).substr(0, 13)];
    }
    if (std::string_view(event.type) == "seen")
      person.seen = std::max(person.seen.value_or(event.at), event.at);
    if (event.at < person.newest) return;
    person.newest = event.at;
    person.place = event.place;
  }

  void regions(json& out) const {
    std::map<std::pair<std::string, std::string>, std::array<std::int64_t, 3>> all;
    for (const auto& [user, person] : known_) {
      const City& city = Brokerage::cities()[static_cast<std::size_t>(person.place)];
      auto& [users, fresh, active] = all[{city.uf, city.name}];
      const auto within = [&](Time at, int days) {
        return std::chrono::floor<std::chrono::days>(at) > last_ - std::chrono::days(days);
      };
      ++users;
      fresh += within(person.signed_up, 7);
      active += person.seen && within(*person.seen, 30);
    }
    json rows = json::array();
    for (const auto& [key, counts] : all)
      rows.push_back(json::array({key.first, key.second, std::to_string(counts[0]),
                                  std::to_string(counts[1]), std::to_string(counts[2])}));
    assert_rows(out, "gold/users/users_by_region: every row",
                "SELECT uf, city, CAST(users AS VARCHAR), CAST(new_7d AS VARCHAR), "
                "CAST(active_30d AS VARCHAR) FROM \"gold/users/users_by_region\" "
                "ORDER BY uf, city",
                std::move(rows));
  }

  void signups(json& out) const {
    json rows = json::array();
    for (const auto& [hour, count] : hours_)
      rows.push_back(json::array({hour, std::to_string(count)}));
    assert_rows(out, "gold/users/signups_hour: every row",
                "SELECT strftime(hour, '%Y-%m-%dT%H'), CAST(signups AS VARCHAR) "
                "FROM \"gold/users/signups_hour\" ORDER BY hour",
                std::move(rows));
  }

  void bands(json& out) const {
    const int year = static_cast<int>(std::chrono::year_month_day(last_).year());
    std::map<std::pair<std::string, std::string>, std::int64_t> all;
    for (const auto& [user, person] : known_) {
      const int age = year - person.birth_year;
      const char* band = age < 18   ? "0-17"
                         : age < 25 ? "18-24"
                         : age < 35 ? "25-34"
                         : age < 45 ? "35-44"
                         : age < 60 ? "45-59"
                                    : "60+";
      ++all[{Brokerage::cities()[static_cast<std::size_t>(person.place)].uf, band}];
    }
    json rows = json::array();
    for (const auto& [key, count] : all)
      rows.push_back(json::array({key.first, key.second, std::to_string(count)}));
    assert_rows(out, "gold/users/age_band_uf: every row",
                "SELECT uf, age_band, CAST(users AS VARCHAR) FROM \"gold/users/age_band_uf\" "
                "ORDER BY uf, age_band",
                std::move(rows));
  }

  const People& people_;
  std::int64_t events_ = 0;
  std::chrono::sys_days last_{};
  std::map<std::string, std::int64_t> dead_, rejected_, hours_;
  std::map<int, Person> known_;
};

class PeopleSimulation : public Simulation {
 public:
  explicit PeopleSimulation(const PeopleOptions& options) : people_(options) {}

  Status write(const std::string& folder) const override {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return {Errc::unavailable, folder + " cannot be made: " + error.message()};
    return write_file(folder + "/truth.json", truth() + "\n");
  }

  std::string topic() const override { return "users"; }
  std::vector<BrokerText> broker_texts() const override {
    return {broker_contract("contracts/users/users_events.odcs.yaml"), broker_monitor("users")};
  }
  // What one user does stays in order.
  void messages(const std::function<bool(SimulatedMessage)>& take) const override {
    for (int day = 0; day < people_.options().days; ++day)
      for (PersonEvent& event : people_.events(day))
        if (!take({std::to_string(event.user), std::move(event.json), event.sent_at})) return;
  }

  http::Handler handler() const override { return nullptr; }
  std::string connection() const override { return {}; }
  std::vector<SimulationSetting> settings(const std::string&) const override { return {}; }
  std::string truth() const override { return people_truth(people_); }
  Time begins() const override { return Time(people_.date(0)); }
  Time ends() const override { return Time(people_.date(people_.options().days)); }
  std::vector<std::string> gold() const override {
    return {"gold/users/users_by_region", "gold/users/signups_hour", "gold/users/age_band_uf"};
  }

 private:
  People people_;
};

}  // namespace

std::string people_truth(const People& people) {
  const PeopleOptions& options = people.options();
  const json truth = {{"pipeline", "users"},
                      {"seed", options.seed},
                      {"first_day", day_text(options.first_day)},
                      {"days", options.days},
                      {"size", options.people},
                      {"assertions", Census(people).assertions()}};
  return json_text(truth);
}

std::unique_ptr<Simulation> make_people(const PeopleOptions& options) {
  return std::make_unique<PeopleSimulation>(options);
}

}  // namespace batuta::demo
