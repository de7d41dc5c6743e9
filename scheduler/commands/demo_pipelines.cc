#include "scheduler/commands/demo_pipelines.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <thread>

#include "scheduler/commands/demo_azurite.h"
#include "scheduler/commands/demo_broker.h"
#include "scheduler/commands/demo_clean.h"
#include "scheduler/commands/demo_kafka.h"
#include "scheduler/commands/demo_monitors.h"
#include "scheduler/commands/demo_postgres.h"
#include "scheduler/commands/demo_process.h"
#include "scheduler/commands/demo_real.h"
#include "scheduler/commands/demo_run.h"
#include "scheduler/commands/demo_truth.h"
#include "scheduler/commands/process_parts.h"
#include "scheduler/commands/serving.h"
#include "scheduler/commands/watch_run.h"
#include "scheduler/demo/message_producer.h"
#include "scheduler/demo/real_broker.h"
#include "scheduler/demo/simulation.h"
#include "scheduler/demo/written_file.h"
#include "scheduler/http/server.h"
#include "scheduler/store/home_lock.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr Duration patience = std::chrono::minutes(15);
constexpr int shown_rows = 5;
constexpr const char* financial = "financial";

struct Pipeline {
  std::string name;
  std::unique_ptr<demo::Simulation> simulation;  // null: financial, whose market is live
};

Result<std::vector<Pipeline>> chosen(std::vector<std::string> names) {
  const auto known = demo::runnable_pipelines();
  if (names.empty()) names = {financial};
  if (std::find(names.begin(), names.end(), "all") != names.end()) names = known;
  std::vector<Pipeline> out;
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string list;
      for (const std::string& each : known) list += each + ", ";
      return {Errc::invalid, "there is no pipeline " + name + "; there are " + list + "and all"};
    }
    if (std::any_of(out.begin(), out.end(), [&](const Pipeline& p) { return p.name == name; }))
      continue;
    out.push_back({name, demo::make_simulation(name, {})});
  }
  return out;
}

std::optional<demo::RealDatabase> real_of(const Pipeline& pipeline) {
  return pipeline.simulation ? pipeline.simulation->real_database() : std::nullopt;
}

bool needs_postgres(const std::vector<Pipeline>& pipelines) {
  return std::any_of(pipelines.begin(), pipelines.end(),
                     [](const Pipeline& each) { return real_of(each).has_value(); });
}

bool needs_topic(const std::vector<Pipeline>& pipelines) {
  return std::any_of(pipelines.begin(), pipelines.end(), [](const Pipeline& each) {
    return each.simulation && !each.simulation->topic().empty();
  });
}

// That --real has something to do, in a home where it may.
Status check_real(const Home& home, const std::vector<Pipeline>& pipelines) {
  const bool lake = lake_is_in_azurite(home.folder()) || !azurite_program().empty();
  const bool broker = needs_topic(pipelines) && !kafka_jars().empty();
  if (!lake && !broker && !needs_postgres(pipelines))
    return {Errc::invalid,
            std::string("--real would change nothing: of what was named nothing has its place in "
                        "PostgreSQL, as brokerage and ecommerce have, and for a lake in Azure's "
                        "Blob Storage there is no Azurite: ") +
                azurite_remedy +
                (needs_topic(pipelines)
                     ? std::string(", and for topics no Apache Kafka: ") + kafka_remedy
                     : "")};
  if (made_by_demo(home)) return success();
  return {Errc::conflict, "no demo made the installation in " + home.folder() +
                              ": --real starts no PostgreSQL server there. Give it a --home of "
                              "its own"};
}

// A lake stays where it was made: in Azurite, or in the home's folder. Called with the home's lock.
Status start_lake(const Home& home, bool is_new, bool real, std::unique_ptr<DemoAzurite>& azurite) {
  const bool there = lake_is_in_azurite(home.folder());
  if (there && !real)
    return {Errc::conflict, "the lake of the demo in " + home.folder() +
                                " is in an Azurite of its own: say --real, or --clean first"};
  if (!real) return success();
  if (!there && (!is_new || azurite_program().empty())) {
    std::printf("the lake is the folder %s%s%s\n", home.path("lake").c_str(),
                is_new ? ", for there is no Azurite: " : ", where it was made",
                is_new ? azurite_remedy : "");
    std::fflush(stdout);
    return success();
  }
  auto started = DemoAzurite::start(home.folder());
  if (!started) return started.error();
  azurite = std::move(*started);
  azurite->set_environment();
  std::printf("the lake is %s, in an Azurite of this home\n", DemoAzurite::lake_url());
  std::fflush(stdout);
  return success();
}

// Topics stay where they were made: in a Kafka of the home's own, or in the embedded log. Called
// with the home's lock, where no broker was named.
Status start_broker(const Home& home, bool is_new, bool real, std::unique_ptr<DemoBroker>& own) {
  const bool there = topics_are_in_kafka(home.folder());
  if (there && !real)
    return {Errc::conflict, "the topics of the demo in " + home.folder() +
                                " are in a Kafka of its own: say --real, or --clean first"};
  if (!real) return success();
  if (!there && (!is_new || kafka_jars().empty())) {
    std::printf("topics are in the embedded log%s%s\n",
                is_new ? ", for there is no Apache Kafka: " : ", where they were made",
                is_new ? kafka_remedy : "");
    std::fflush(stdout);
    return success();
  }
  auto started = DemoBroker::start(home.folder());
  if (!started) return started.error();
  own = std::move(*started);
  std::printf("topics are in an Apache Kafka of this home, %s\n", own->connection().host.c_str());
  std::fflush(stdout);
  return success();
}

// Each pipeline is a bundle of the home, dropped in.
// One run, and what the lake must hold after it: a tick of the schedule meanwhile would make
// another run, of another window. In a home that is gone afterwards.
Status take_schedule_out(const Home& home, const std::string& name) {
  const std::string path = home.path("bundles/" + name + "/dags/" + name + ".json");
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string line = R"("schedule": "@hourly")";
  const auto at = text.find(line);
  if (at == std::string::npos)
    return {Errc::internal, path + " has no " + line + " to take out for --once"};
  text.replace(at, line.size(), R"("schedule": null)");
  return demo::write_file(path, text);
}

using Broker = std::optional<stream::KafkaConnection>;

Status seed_files(const Home& home, const std::vector<Pipeline>& pipelines,
                  const std::string& demo_folder, const cli::ServeOptions& options,
                  const Broker& broker) {
  for (const Pipeline& pipeline : pipelines) {
    if (auto status = drop_in_bundle(home, pipeline.name); !status) return status;
    if (!pipeline.simulation) continue;
    if (options.once)
      if (auto status = take_schedule_out(home, pipeline.name); !status) return status;
    if (const auto database = real_of(pipeline))
      if (auto status = choose_server(home, pipeline.name, *database, options.real); !status)
        return status;
    const std::string folder = demo_folder + "/" + pipeline.name;
    if (auto status = pipeline.simulation->write(folder); !status) return status;
    if (pipeline.simulation->topic().empty()) continue;
    if (auto status = choose_broker(home, pipeline.name, *pipeline.simulation, broker.has_value());
        !status)
      return status;
    const auto produced =
        demo::produce_messages(*pipeline.simulation, {home.folder(),
                                                      folder + "/spool",
                                                      demo::describe(pipeline.name, {}),
                                                      std::int64_t{1} << 30,
                                                      0,
                                                      {},
                                                      broker});
    if (!produced) return produced.error();
    if (produced->waiting > 0)
      return {Errc::unavailable, "topic " + pipeline.simulation->topic() + ": " + produced->why};
  }
  return success();
}

Result<stream::KafkaConnection> named_broker(const std::string& kafka,
                                             const std::vector<Pipeline>& pipelines) {
  if (!needs_topic(pipelines))
    return {Errc::invalid,
            "--kafka would change nothing: of what was named nothing sends to a topic. It does "
            "with brokerage, ecommerce, users, and all"};
  return demo::read_broker(kafka);
}

// The sources that are services, each on a free port of loopback, on a thread of their own.
class Services {
 public:
  explicit Services(const std::vector<Pipeline>& pipelines) {
    for (const Pipeline& pipeline : pipelines) {
      if (!pipeline.simulation) continue;
      auto handler = pipeline.simulation->handler();
      if (!handler) continue;
      servers_.emplace_back(io_, "127.0.0.1", 0, http::Limits{}, std::move(handler));
      Connection connection;
      connection.id = pipeline.simulation->connection();
      connection.conn_type = "http";
      connection.description = "The sources of " + pipeline.name + " (made up)";
      connection.host = "http://127.0.0.1:" + std::to_string(servers_.back().port());
      connections_.push_back(std::move(connection));
    }
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Services() {
    io_.stop();
    thread_.join();
  }
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;
  const std::vector<Connection>& connections() const { return connections_; }

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::list<http::Server> servers_;
  std::vector<Connection> connections_;
  std::thread thread_;
};

// The passwords of the roles as which tasks log in, by role: drawn anew at each start.
using RolePasswords = std::map<std::string, std::string>;

// What tasks read and write there is there before any of them runs.
Status seed_postgres(const DemoPostgres& postgres, const std::vector<Pipeline>& pipelines,
                     const std::string& demo_folder, RolePasswords& passwords) {
  for (const Pipeline& pipeline : pipelines) {
    const auto real = real_of(pipeline);
    if (!real) continue;
    std::string& password = passwords[real->login];
    password = secret_text();
    if (auto status =
            postgres.prepare(real->database, demo::script_with_role(*real, password),
                             demo_folder + "/" + pipeline.name + "/" + real->database + ".sql");
        !status)
      return status;
  }
  return success();
}

// Null: no server, and none of an earlier start is named any more.
Status set_real(Registry& registry, const demo::RealDatabase& real, const DemoPostgres* postgres,
                const RolePasswords& passwords) {
  if (postgres == nullptr) {
    const auto left = registry.connection(real.connection);
    return left && left->description == real.description
               ? registry.delete_connection(real.connection)
               : success();
  }
  Connection connection;
  connection.id = real.connection;
  connection.conn_type = "postgres";
  connection.description = real.description;
  connection.host = "127.0.0.1";
  connection.port = postgres->address().port;
  connection.login = real.login;
  connection.password = passwords.at(real.login);
  connection.schema = real.database;
  if (auto status = registry.set_connection(connection); !status) return status;
  const auto& [key, value, about] = real.switch_on;
  return key.empty() ? success() : registry.set_variable({key, value, about});
}

Status seed_store(Server& server, const std::vector<Pipeline>& pipelines, const Services& services,
                  const DemoPostgres* postgres, const RolePasswords& passwords,
                  const Broker& broker, const std::string& demo_folder) {
  std::promise<Status> told;
  server.engine().write(
      [&]() -> Status {
        Registry& registry = server.registry();
        for (const Connection& connection : services.connections())
          if (auto status = registry.set_connection(connection); !status) return status;
        for (const Pipeline& pipeline : pipelines) {
          if (!pipeline.simulation) continue;
          for (const auto& [key, value, about] :
               pipeline.simulation->settings(demo_folder + "/" + pipeline.name))
            if (auto status = registry.set_variable({key, value, about}); !status) return status;
          if (const auto real = real_of(pipeline))
            if (auto status = set_real(registry, *real, postgres, passwords); !status)
              return status;
          if (pipeline.simulation->topic().empty()) continue;
          if (auto status = set_broker(registry, pipeline.name, broker ? &*broker : nullptr);
              !status)
            return status;
        }
        return success();
      },
      [&](const Status& status) { told.set_value(status); });
  return told.get_future().get();
}

// "success", "failed", or "wrong" when the lake is not what it must be.
// `stays`: whoever reads what is printed can look into the home later. `postgres` may be null.
Result<std::string> run_one(Server& server, const Pipeline& pipeline, const std::string& home,
                            const DemoPostgres* postgres, bool stays) {
  if (!pipeline.simulation) return demo_run(server, home, stays);
  RunRequested request;
  request.dag_id = pipeline.name;
  request.logical_date = read_clock().wall;
  request.conf_start = pipeline.simulation->begins();
  request.conf_end = pipeline.simulation->ends();
  request.conf_json = R"({"start":")" + to_iso(*request.conf_start) + R"(","end":")" +
                      to_iso(*request.conf_end) + "\"}";
  auto state = watch_run(server, std::move(request), patience);
  if (!state || *state != "success") return state;
  for (const std::string& table : pipeline.simulation->gold()) show_table(home, table, shown_rows);
  const std::string truth = home + "/demo/" + pipeline.name + "/truth.json";
  const auto right =
      truth_holds(home, truth, stays ? truth : "what the lake must hold of " + pipeline.name);
  if (!right) return right.error();
  bool delivered = true;
  if (pipeline.simulation->delivers()) {
    const auto told = show_delivery(home, pipeline.name, *pipeline.simulation, postgres, stays);
    if (!told) return told.error();
    delivered = *told;
  }
  return std::string(*right && delivered ? "success" : "wrong");
}

void print_postgres(const PostgresAddress& address, const std::vector<Pipeline>& pipelines) {
  std::printf("\nPostgreSQL listens on 127.0.0.1 until this ends:\n");
  for (const Pipeline& pipeline : pipelines)
    if (const auto real = real_of(pipeline))
      std::printf("  PGPASSFILE='%s' psql -h 127.0.0.1 -p %d -U %s %s\n", address.pass_file.c_str(),
                  address.port, address.login.c_str(), real->database.c_str());
  std::fflush(stdout);
}

}  // namespace

int run_pipelines(const cli::ServeOptions& given) {
  if (given.clean) return clean_demo(given.home);
  cli::ServeOptions options = given;
  auto pipelines = chosen(options.pipelines);
  if (!pipelines) {
    fail(pipelines.error());
    return 2;
  }
  Broker broker;  // none: the embedded log
  if (!options.kafka.empty()) {
    auto named = named_broker(options.kafka, *pipelines);
    if (!named) {
      fail(named.error());
      return 2;
    }
    broker = *std::move(named);
  }
  std::unique_ptr<TemporaryFolder> temporary;
  if (options.once) {
    temporary = std::make_unique<TemporaryFolder>();
    options.home = temporary->path();
    options.port = 0;
  }
  const bool makes_it = is_new_home(options.home);
  const auto made = Home::open(options.home);
  if (!made) return fail(made.error());
  if (makes_it)
    if (auto status = mark_demo_home(*made); !status) return fail(status.error());
  const std::string demo_folder = made->path("demo");
  // DAGs of one's own, in a demo that stays.
  options.dags = demo_folder + "/dags";
  std::error_code failed;
  fs::create_directories(options.dags, failed);
  if (failed)
    return fail({Errc::unavailable, options.dags + " cannot be made: " + failed.message(), {}});
  options.dags_named = true;
  if (options.real) {
    if (auto status = check_real(*made, *pipelines); !status) {
      fail(status.error());
      return 2;
    }
  }
  std::unique_ptr<DemoAzurite> azurite;    // null: the lake is a folder
  std::unique_ptr<DemoBroker> own_broker;  // null: one that was named, or the embedded log
  {
    // Not beside another demo of this home: the files that it reads would change under it, and its
    // Azurite would be taken for one that was left.
    const auto alone = HomeLock::acquire(made->folder());
    if (!alone) return fail(alone.error());
    if (!broker && needs_topic(*pipelines)) {
      if (auto status = start_broker(*made, makes_it, options.real, own_broker); !status) {
        fail(status.error());
        return 2;
      }
      if (own_broker) broker = own_broker->connection();
    }
    if (auto status = seed_files(*made, *pipelines, demo_folder, options, broker); !status)
      return fail(status.error());
    if (auto status = start_lake(*made, makes_it, options.real, azurite); !status) {
      fail(status.error());
      return 2;
    }
  }
  std::unique_ptr<DemoPostgres> postgres;  // null: embedded stand-ins only
  RolePasswords passwords;                 // of its roles
  std::unique_ptr<DemoServices> usual;     // these outlive the server that calls them
  std::unique_ptr<Services> services;
  Serving::Options with;
  with.log_level = log::Level::warn;
  with.seed = [&](Server& server) -> Status {
    usual = std::make_unique<DemoServices>();
    services = std::make_unique<Services>(*pipelines);
    if (options.real && needs_postgres(*pipelines)) {
      auto started = DemoPostgres::start(made->folder());
      if (!started) return started.error();
      postgres = std::move(*started);
      if (auto status = seed_postgres(*postgres, *pipelines, demo_folder, passwords); !status)
        return status;
    }
    if (auto status = seed_demo(server, *usual); !status) return status;
    return seed_store(server, *pipelines, *services, postgres.get(), passwords, broker,
                      demo_folder);
  };
  auto serving = Serving::start(options, std::move(with));
  if (!serving) return fail(serving.error());
  const auto outcome = (*serving)->run([&]() -> Result<std::string> {
    std::string worst = "success";
    for (const Pipeline& pipeline : *pipelines) {
      auto state = run_one((*serving)->server(), pipeline, (*serving)->home().folder(),
                           postgres.get(), !options.once);
      if (!state) return state;
      if (*state != "success") worst = *state;
    }
    std::vector<std::string> names;
    names.reserve(pipelines->size());
    for (const Pipeline& pipeline : *pipelines) names.push_back(pipeline.name);
    const auto judged = judge_monitors((*serving)->server(), (*serving)->home().folder(), names);
    if (!judged) return judged.error();
    return *judged == "success" ? worst : *judged;
  });
  if (outcome && !options.once) {
    if (postgres) print_postgres(postgres->address(), *pipelines);
    if (azurite)
      std::printf("\nAzurite has the lake until this ends; for `batuta lake` and its like:\n  %s\n",
                  azurite->exports().c_str());
    (*serving)->print_link();
    (*serving)->wait();
  }
  (*serving)->stop();
  if (outcome && !*outcome) return fail(outcome->error());
  return !options.once || (outcome && **outcome == "success") ? 0 : 1;
}

}  // namespace batuta
