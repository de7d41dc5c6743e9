// spark: an application that the worker's spark-submit takes to a master. In deploy mode client the
// driver runs here, in the attempt's slot: its words are the log, its files become tables. In mode
// cluster it runs over there: the task is deferred as soon as it is submitted, and the scheduler
// looks at it by the cluster's REST interface (spark_cluster.h).
//
// Exit codes say what a failure was, for retry rules: spark_code (spark_end.h).
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "plugins/builtin/asset_file.h"
#include "plugins/builtin/child.h"
#include "plugins/builtin/last_line.h"
#include "plugins/builtin/result_file.h"
#include "plugins/builtin/secret_files.h"
#include "plugins/builtin/spark_cluster.h"
#include "plugins/builtin/spark_end.h"
#include "plugins/builtin/spark_log.h"
#include "plugins/builtin/spark_model.h"
#include "plugins/builtin/spark_note.h"
#include "plugins/builtin/spark_program.h"
#include "plugins/builtin/upstream_results.h"
#include "plugins/outputs/file_outputs.h"
#include "plugins/outputs/table_files.h"
#include "plugins/sdk/plugin.h"

namespace {

using batuta::Duration;
using batuta::json_text;
using batuta::parse_untrusted;
using batuta::plugin::Connection;
using batuta::plugin::Context;
using batuta::plugin::FinalError;
using batuta::plugin::optional;
using batuta::plugin::RetryableError;
using batuta::plugin::SparkCluster;
using batuta::plugin::SparkVerdict;
using batuta::plugin::SparkWords;
using nlohmann::json;
namespace code = batuta::plugin::spark_code;

constexpr Duration default_poke = std::chrono::seconds(30);
constexpr Duration default_timeout = std::chrono::days(7);
constexpr Duration longest_wait = std::chrono::minutes(30);
constexpr std::int64_t most_missed = 5;  // looks in a row, before it is given up
constexpr const char* tables_folder = "/tables";
constexpr const char* asset_file = "/.assets";

[[noreturn]] void refuse(const std::string& why) {
  throw FinalError(why, code::refused);
}

std::string plain(std::string text, const char* what) {
  if (text.find('\0') != std::string::npos) refuse(std::string("NUL in ") + what);
  return text;
}

std::string text_of(const json& value, const char* what) {
  return plain(value.is_string() ? value.get<std::string>() : json_text(value), what);
}

json object_of(const std::string& text, const char* what) {
  if (text.empty() || text == "null") return json::object();
  auto given = parse_untrusted(text);
  if (!given || !given->is_object()) refuse(std::string(what) + ": expected an object");
  return *std::move(given);
}

// Where it runs, and how.
struct Target {
  std::string master;  // empty: what spark-defaults.conf says
  std::string mode = "client";
  json conf = json::object();  // of the connection; the task's goes before

  bool yarn() const { return master.starts_with("yarn"); }
  bool cluster() const { return mode == "cluster"; }
};

Target target_of(const Context& context) {
  Target out;
  if (const std::string id = context.text("connection", ""); !id.empty()) {
    const Connection connection = context.connection(id);
    if (connection.conn_type != "spark") {
      refuse("the connection is of type \"" + connection.conn_type +
             "\", and must be of type spark, with the master as host, such as "
             "spark://master:7077, yarn or local[2]");
    }
    out.master = plain(connection.host, "the connection's host");
    if (connection.port != 0) out.master += ":" + std::to_string(connection.port);
    const json extra = object_of(connection.extra_json, "the connection's extra");
    if (const auto mode = extra.find("deploy-mode"); mode != extra.end())
      out.mode = text_of(*mode, "deploy-mode");
    if (const auto queue = extra.find("queue"); queue != extra.end())
      out.conf["spark.yarn.queue"] = text_of(*queue, "queue");
    if (const auto conf = extra.find("conf"); conf != extra.end()) {
      if (!conf->is_object())
        refuse("the connection's extra: \"conf\" must be an object of Spark's properties");
      out.conf.update(*conf);
    }
  }
  out.mode = context.text("deploy_mode", out.mode);
  if (out.mode != "client" && out.mode != "cluster")
    refuse("deploy_mode is client or cluster, not \"" + out.mode.substr(0, 80) + "\"");
  out.conf.update(object_of(context.json("conf"), "parameter conf"));
  return out;
}

// What a cluster's own REST interface is asked by; null in deploy mode client.
std::optional<SparkCluster> cluster_of(const Context& context, const Target& target) {
  if (!target.cluster()) return std::nullopt;
  if (!target.yarn() && !target.master.starts_with("spark://"))
    refuse("deploy_mode cluster is there for a master spark://… and for yarn; with \"" +
           target.master + "\" take client, which holds a slot");
  for (const char* files : {"outputs", "reads"}) {
    if (const auto list = context.json(files); list != "" && list != "null" && list != "[]")
      refuse(std::string(files) +
             " are files of this worker, where nothing of deploy_mode cluster runs: take client, "
             "or read and write the tables there");
  }
  const std::string tracking = context.text("tracking", "");
  if (tracking.empty())
    refuse("deploy_mode cluster needs \"tracking\": the id of an http connection to " +
           std::string(target.yarn() ? "YARN's ResourceManager, such as http://rm:8088"
                                     : "the master's REST port, such as http://master:6066") +
           ", by which the scheduler looks at the application");
  return std::optional<SparkCluster>(
      std::in_place, context, target.yarn() ? SparkCluster::Kind::yarn : SparkCluster::Kind::master,
      tracking);
}

// YARN keeps tags in lower case.
std::string tag_of(const Context& context) {
  std::string tag = "batuta-" + context.idempotency_key();
  std::transform(tag.begin(), tag.end(), tag.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return tag;
}

// The program to submit: a file or address, or the task's own code, written down.
std::string application_of(const Context& context, const Target& target) {
  if (context.has("application") == context.has("code"))
    refuse("a spark task needs either an \"application\" or \"code\"");
  if (context.has("application")) {
    std::string application = plain(context.text("application"), "application");
    if (application.empty() || application.starts_with('-'))
      refuse("application: \"" + application.substr(0, 80) + "\" is no program");
    return application;
  }
  if (target.cluster())
    refuse(
        "code lies on this worker, where nothing of deploy_mode cluster runs: put it where the "
        "cluster finds it and name it as \"application\"");
  const std::string path = context.scratch() + "/" + context.task_id() + ".py";
  batuta::plugin::write_private(path, context.text("code"));
  return path;
}

std::vector<std::string> submit_words(const Context& context, const Target& target) {
  std::vector<std::string> out;
  const auto add = [&](const char* flag, const std::string& value) {
    if (value.empty()) return;
    out.emplace_back(flag);
    out.push_back(plain(value, flag));
  };
  add("--master", target.master);
  add("--deploy-mode", target.mode);
  add("--name", context.text("name", context.dag_id() + "." + context.task_id()));
  add("--class", context.text("java_class", ""));
  json conf = target.conf;
  if (target.cluster() && target.yarn()) {
    conf["spark.yarn.submit.waitAppCompletion"] = "false";
    std::string tags = tag_of(context);
    if (const auto own = conf.find("spark.yarn.tags"); own != conf.end())
      tags += "," + text_of(*own, "conf");
    conf["spark.yarn.tags"] = tags;
  } else if (target.cluster()) {
    conf["spark.batuta.tag"] = tag_of(context);  // stands in the command that starts the driver
  }
  for (const auto& [name, value] : conf.items()) add("--conf", name + "=" + text_of(value, "conf"));
  static constexpr std::pair<const char*, const char*> lists[] = {{"files", "--files"},
                                                                  {"py_files", "--py-files"},
                                                                  {"jars", "--jars"},
                                                                  {"archives", "--archives"},
                                                                  {"packages", "--packages"}};
  for (const auto& [name, flag] : lists) {
    std::string joined;
    for (const std::string& one : context.texts(name)) joined += (joined.empty() ? "" : ",") + one;
    add(flag, joined);
  }
  if (context.has("spark_sql")) return batuta::plugin::add_model(context, std::move(out));
  out.push_back(application_of(context, target));
  const std::string args = context.json("application_args");
  if (args.empty() || args == "null") return out;
  const auto given = parse_untrusted(args);
  if (!given || !given->is_array()) refuse("application_args: expected a list");
  for (const json& one : *given) out.push_back(text_of(one, "application_args"));
  return out;
}

struct Submitted {
  SparkVerdict verdict;
  std::string application, driver;  // ids of those that were left on a cluster
  std::string last_line;
  bool last_line_too_long = false;
};

// Runs spark-submit to its end. Both its streams are the log.
Submitted submit(Context& context, const Target& target, const std::string& result_file) {
  batuta::plugin::Child child;
  child.environment = batuta::plugin::environment_of(context);
  const std::string secrets = context.scratch() + "/.secrets";
  batuta::plugin::hand_over_secrets(context, secrets, secrets, child.environment);
  batuta::plugin::hand_over_results(context, child.environment);
  // Of deploy mode cluster nothing that the application writes is on this worker.
  if (!result_file.empty()) {
    child.environment["BATUTA_RESULT"] = result_file;
    child.environment["BATUTA_ASSETS"] = context.scratch() + asset_file;
  }
  child.environment["BATUTA_TABLES"] = context.scratch() + tables_folder;
  // Where there is a folder: who has a reader of Delta tables reads the lake itself.
  if (context.extension("batuta.lake_store") == nullptr)
    child.environment["BATUTA_LAKE"] = context.lake();
  auto words = batuta::plugin::submit_program(child.environment["PATH"]);
  child.program = words.front();
  child.arguments.assign(words.begin() + 1, words.end());
  for (std::string& word : submit_words(context, target))
    child.arguments.push_back(std::move(word));
  child.folder = batuta::plugin::working_folder(context);
  batuta::plugin::LastLine last;
  SparkWords out, error;
  child.streams = {{STDOUT_FILENO,
                    [&](std::string_view bytes) {
                      batuta::plugin::pass_on(STDOUT_FILENO, bytes);
                      last.feed(bytes);
                      out.feed(bytes);
                    }},
                   {STDERR_FILENO, [&](std::string_view bytes) {
                      batuta::plugin::pass_on(STDERR_FILENO, bytes);
                      error.feed(bytes);
                    }}};
  child.cancelled = [&context] { return context.cancelled(); };
  const auto end = batuta::plugin::run_child(child);
  context.child_memory(end.peak_rss_kib);
  out.finish();
  error.finish();
  Submitted told;
  if (!target.cluster() && end.signal == 0 && end.exit_code == 99)
    throw batuta::plugin::Skip("exit code 99", 99);
  told.verdict = batuta::plugin::spark_verdict(end.exit_code, end.signal, out, error);
  told.application = error.application().empty() ? out.application() : error.application();
  told.driver = error.driver().empty() ? out.driver() : error.driver();
  told.last_line = last.take(told.last_line_too_long);
  return told;
}

[[noreturn]] void fail_as(const SparkVerdict& verdict, const std::string& more = {}) {
  if (verdict.is_final()) throw FinalError(verdict.why + more, verdict.code);
  throw RetryableError(verdict.why + more, verdict.code);
}

std::int64_t seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::string in_seconds(Duration span) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  return std::to_string(std::max<std::int64_t>(whole, 1)) + "s";
}

// What one part of the try leaves to the next.
struct Left {
  std::string id;
  std::int64_t until = 0;   // seconds since the epoch: when it has taken too long
  std::int64_t missed = 0;  // looks in a row that were refused

  json to_json() const { return {{"id", id}, {"until", until}, {"missed", missed}}; }
};

// The scheduler looks at it; or, where it was refused, the next part does after a while.
void wait_over_there(Context& context, const SparkCluster& cluster, const Left& left) {
  json wait = cluster.wait_for(left.id);
  const Duration poke = context.duration("poke_interval", default_poke);
  if (left.missed > 0) {
    const Duration pause = poke * (std::int64_t{1} << std::min<std::int64_t>(left.missed, 5));
    wait["wait_for"] = json::object();
    wait["wait_for"]["delay"] = in_seconds(std::min<Duration>(pause, longest_wait));
  } else {
    wait["poke_interval"] = in_seconds(poke);
  }
  wait["timeout"] =
      in_seconds(std::chrono::seconds(std::max<std::int64_t>(left.until - seconds_now(), 1)));
  context.defer(json_text(wait), json_text(left.to_json()));
}

// The id over there. One that an attempt before this submitted goes on: a kill between the
// submission and its answer starts nothing twice.
std::string submit_to_cluster(Context& context, const Target& target, const SparkCluster& cluster) {
  auto before = cluster.find(tag_of(context));
  if (!before && !target.yarn())
    before = batuta::plugin::noted_driver(context, cluster, tag_of(context));
  if (before && !before->empty()) {
    context.info(*before + " was submitted before, and is taken up");
    return *before;
  }
  batuta::plugin::note_submission(
      context, cluster, json_text({{"submitting", seconds_now()}, {"tag", tag_of(context)}}));
  const Submitted told = submit(context, target, {});
  std::string id = target.yarn() ? told.application : told.driver;
  if (id.empty())
    if (const auto there = cluster.find(tag_of(context))) id = *there;
  if (context.cancelled()) {
    if (id.empty()) throw RetryableError("cancelled");  // what is noted tells the next try
    cluster.kill(id);
    batuta::plugin::note_submission(context, cluster, {});
    throw RetryableError("cancelled");
  }
  if (id.empty()) {
    batuta::plugin::note_submission(context, cluster, {});
    if (told.verdict.code != 0) fail_as(told.verdict);
    refuse("spark-submit named no " + std::string(target.yarn() ? "application_…" : "driver-…") +
           " in what it said: is the log level of org.apache.spark.deploy below INFO?");
  }
  // What it says of its own end then is no word of the application's.
  if (told.verdict.code != 0) context.warn(told.verdict.why + "; " + id + " is there all the same");
  batuta::plugin::note_submission(context, cluster, json_text({{"submitted", id}}));
  context.info(id + " goes on over there");
  return id;
}

void conclude(Context& context, const SparkCluster& cluster, const std::string& id,
              const SparkCluster::Look& look) {
  context.info(id + ": " + (look.state.empty() ? "unknown" : look.state) +
               (look.page.empty() ? "" : "; " + look.page));
  batuta::plugin::show_driver_log(context, cluster, id, batuta::plugin::environment_of(context));
  if (look.verdict.code != 0)
    fail_as(look.verdict, "; " + id + (look.page.empty() ? "" : ", " + look.page));
  json told{{"state", look.state}, {"page", look.page}};
  told[cluster.kind() == SparkCluster::Kind::yarn ? "application_id" : "driver_id"] = id;
  context.return_json(json_text(told));
}

void go_on_over_there(Context& context, const Target& target, const SparkCluster& cluster) {
  using enum batuta::plugin::Resumed::Event;
  const auto resumed = context.resumed();
  Left left;
  if (resumed) {
    const auto told = parse_untrusted(resumed->payload_json);
    if (told && told->is_object()) {
      left.id = told->value("id", "");
      left.until = told->value("until", std::int64_t{0});
      left.missed = told->value("missed", std::int64_t{0});
    }
    if (left.id.empty()) refuse("what was left of the application cannot be read");
    // The wait knows it now; the next try, should there be one, submits anew.
    batuta::plugin::note_submission(context, cluster, {});
  } else {
    left.until = seconds_now() + std::chrono::duration_cast<std::chrono::seconds>(
                                     context.duration("timeout", default_timeout))
                                     .count();
    left.id = submit_to_cluster(context, target, cluster);
    return wait_over_there(context, cluster, left);
  }
  std::optional<SparkCluster::Look> look;
  std::string why;
  try {
    look = cluster.look(left.id);
  } catch (const RetryableError& error) {
    if (context.cancelled()) {
      cluster.kill(left.id);
      throw;
    }
    why = error.what();
  } catch (const FinalError& error) {
    why = error.what();
  }
  if (look && look->ended) return conclude(context, cluster, left.id, *look);
  if (context.cancelled()) {
    cluster.kill(left.id);
    throw RetryableError("cancelled");
  }
  if (resumed->event == timed_out || left.until <= seconds_now()) {
    cluster.kill(left.id);
    throw RetryableError(left.id + " took longer than the task's timeout", code::timed_out);
  }
  const bool refused = resumed->event == failed || !look;
  if (!refused) {
    left.missed = 0;
    return wait_over_there(context, cluster, left);
  }
  if (why.empty()) why = resumed->reason;
  if (++left.missed > most_missed) {
    cluster.kill(left.id);
    refuse(left.id + " cannot be looked at: " + why);
  }
  context.warn(left.id + " goes on, and a look at it was refused: " + why);
  wait_over_there(context, cluster, left);
}

void run_here(Context& context, const Target& target) {
  batuta::outputs::hand_out_tables(context, context.scratch() + tables_folder);
  const std::string result_file = context.scratch() + "/.result";
  const Submitted told = submit(context, target, result_file);
  if (told.verdict.code != 0) {
    context.check_cancelled();
    fail_as(told.verdict);
  }
  batuta::outputs::hand_in_files(context, context.scratch());
  batuta::plugin::report_assets(context, context.scratch() + asset_file);
  if (!context.boolean("do_xcom_push", true)) return;
  if (const auto value = batuta::plugin::result_of_file(result_file); !value.empty()) {
    context.return_json(value);
  } else {
    batuta::plugin::return_last_line(context, told.last_line, told.last_line_too_long);
  }
}

struct Spark {
  static constexpr auto name = "spark";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Submits an application to Apache Spark, and waits for its end";
  static constexpr batuta_param params[] = {
      optional(BATUTA_PARAM_CONNECTION, "connection", "of type spark: the master"),
      optional(BATUTA_PARAM_STRING, "application",
               "a .py file or a jar, on the worker or as a URL"),
      optional(BATUTA_PARAM_STRING, "code", "or the code of a Python application"),
      optional(BATUTA_PARAM_STRING, "spark_sql", "or a model: one SELECT in Spark's dialect"),
      optional(BATUTA_PARAM_OBJECT, "parameters", "of a model: values by name"),
      optional(BATUTA_PARAM_OBJECT, "views", "of a model: tables by their names in it"),
      optional(BATUTA_PARAM_STRING, "table", "of a model: what it becomes"),
      optional(BATUTA_PARAM_ARRAY, "application_args", "its arguments"),
      optional(BATUTA_PARAM_STRING, "java_class", "the main class of a jar"),
      optional(BATUTA_PARAM_STRING, "name", "as the cluster shows it"),
      optional(BATUTA_PARAM_STRING, "deploy_mode", "client or cluster"),
      optional(BATUTA_PARAM_CONNECTION, "tracking", "of type http: where the cluster is asked"),
      optional(BATUTA_PARAM_OBJECT, "conf", "Spark's properties"),
      optional(BATUTA_PARAM_ARRAY, "files", "files beside the application"),
      optional(BATUTA_PARAM_ARRAY, "py_files", "Python files and archives"),
      optional(BATUTA_PARAM_ARRAY, "jars", "jars"),
      optional(BATUTA_PARAM_ARRAY, "archives", "archives"),
      optional(BATUTA_PARAM_ARRAY, "packages", "Maven's group:artifact:version"),
      optional(BATUTA_PARAM_STRING, "working_dir", "absolute; else a fresh folder"),
      optional(BATUTA_PARAM_OBJECT, "env", "more environment variables"),
      optional(BATUTA_PARAM_ARRAY, "reads", "tables that it finds as Parquet files"),
      optional(BATUTA_PARAM_ARRAY, "outputs", "tables that files of its folder become"),
      optional(BATUTA_PARAM_BOOLEAN, "do_xcom_push",
               "the last line of standard output becomes the return value", "true"),
      optional(BATUTA_PARAM_ANY, "poke_interval", "how often the cluster is looked at", "\"30s\""),
      optional(BATUTA_PARAM_ANY, "timeout", "of the application over there; then it is killed")};

  void execute(Context& context) {
    const Target target = target_of(context);
    if (const auto cluster = cluster_of(context, target)) {
      go_on_over_there(context, target, *cluster);
    } else {
      run_here(context, target);
    }
  }
};

}  // namespace

BATUTA_PLUGIN(Spark)
