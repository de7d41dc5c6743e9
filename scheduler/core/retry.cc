// When a failed task runs again: Airflow's next_retry_datetime, figure for figure.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "scheduler/core/sha1.h"
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

constexpr std::int64_t max_retry_delay_s = 86'400;

// As Python's str(datetime) prints an aware UTC time: "2024-01-01 00:00:00+00:00".
std::string python_text(Time t) {
  std::string text = to_iso(t);
  text[text.find('T')] = ' ';
  text.pop_back();  // Z
  const std::size_t dot = text.find('.');
  if (dot != std::string::npos) text.resize(dot + 7, '0');  // microseconds are always six digits
  return text + "+00:00";
}

// The 160-bit number modulo a small one.
std::int64_t modulo(const std::array<std::uint8_t, 20>& number, std::int64_t base) {
  std::int64_t rest = 0;
  for (const std::uint8_t byte : number) rest = (rest * 256 + byte) % base;
  return rest;
}

std::int64_t backoff_seconds(const RetryPolicy& policy, const std::string& jitter_key,
                             std::int32_t ended_try) {
  const double delay = std::chrono::duration<double>(policy.delay).count();
  const double grown = std::ceil(delay * std::pow(policy.multiplier, ended_try - 1));
  // Negated, so that an overflow to infinity or NaN takes the cap too. base + jitter >= base.
  if (!(grown < static_cast<double>(max_retry_delay_s))) return max_retry_delay_s;
  const std::int64_t base = std::max<std::int64_t>(1, static_cast<std::int64_t>(grown));
  return std::min(base + modulo(sha1(jitter_key), base), max_retry_delay_s);
}

}  // namespace

Time next_retry_at(const LiveRun& run, InstanceIndex i, Time ended) {
  const Task& task = run.definition(i);
  const RetryPolicy& policy = task.retry;
  if (policy.multiplier == 0 || policy.multiplier == 1) return ended + policy.delay;
  // The turns of a loop were no failures.
  const std::int32_t ended_try = std::max(run.task(i).try_number - run.task(i).repeats, 1);
  const std::string key = run.row().dag_id + "#" + task.id + "#" + python_text(run.date()) + "#" +
                          std::to_string(ended_try);
  Duration delay = std::chrono::seconds(backoff_seconds(policy, key, ended_try));
  if (policy.max_delay) delay = std::min(delay, *policy.max_delay);
  return ended + delay;
}

}  // namespace batuta
