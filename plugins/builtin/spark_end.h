// What a spark-submit says while it runs, and what its end means: exit codes of spark tasks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace batuta::plugin {

// Of a task that failed; docs/spark.md says which are tried again.
namespace spark_code {
inline constexpr int busy = 10;       // the cluster cannot be reached, or says so
inline constexpr int lost = 11;       // an executor, the driver or the master went away
inline constexpr int failed = 12;     // the application
inline constexpr int timed_out = 13;  // the task's timeout
inline constexpr int cancelled = 14;  // killed over there
inline constexpr int refused = 15;    // what was submitted cannot be right
inline constexpr int memory = 16;     // out of memory
}  // namespace spark_code

struct SparkVerdict {
  int code = 0;  // 0: success
  std::string why;
  bool is_final() const { return code == spark_code::cancelled || code == spark_code::refused; }
};

// Reads the lines of one stream; both streams of a program may be fed to one of their own each.
class SparkWords {
 public:
  // Bytes as they come; a line over 64 KiB counts as far as that.
  void feed(std::string_view bytes);
  // What was said without a line break at the end.
  void finish();

  const std::string& application() const { return application_; }  // application_…, of YARN
  const std::string& driver() const { return driver_; }            // driver-…, of a Spark master
  // The last exception as it was written, or what told of a class.
  const std::string& reason() const { return reason_; }
  int told() const { return told_; }  // the gravest of spark_code that its lines tell; 0: none

 private:
  void line();

  std::string open_, application_, driver_, reason_;
  int told_ = 0;
};

// Of a program that ended with `exit_code`, or by `signal` where that is not 0.
SparkVerdict spark_verdict(int exit_code, int signal, const SparkWords& out,
                           const SparkWords& error);

// Of an application of YARN: `state`, `final_status` and `diagnostics` as the ResourceManager has
// them.
SparkVerdict yarn_verdict(std::string_view state, std::string_view final_status,
                          std::string_view diagnostics);

// Of a driver of a Spark master: `state` as GET /v1/submissions/status has it; empty: the master
// knows no such driver.
SparkVerdict driver_verdict(std::string_view state, std::string_view message);

}  // namespace batuta::plugin
