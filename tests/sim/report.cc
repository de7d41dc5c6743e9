#include "tests/sim/report.h"

#include <cinttypes>
#include <cstdio>

namespace batuta::sim {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char ch : text) {
    const auto byte = static_cast<unsigned char>(ch);
    if (ch == '"' || ch == '\\') {
      out += '\\';
      out += ch;
    } else if (byte < 0x20 || byte >= 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += ch;
    }
  }
  return out + "\"";
}

std::string hex(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

std::string line(const char* format, double a, double b, double c) {
  char text[256];
  std::snprintf(text, sizeof text, format, a, b, c);
  return text;
}

}  // namespace

std::vector<std::string> missing_situations(const Outcomes& outcomes) {
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < situation_count; ++i)
    if (outcomes.totals.situations.counts[i] == 0) missing.emplace_back(situation_table[i].name);
  return missing;
}

std::string to_json(const Outcomes& o) {
  std::string out = "{\"seeds\": " + std::to_string(o.totals.seeds) +
                    ", \"attempts\": " + std::to_string(o.totals.attempts) +
                    ", \"kills\": " + std::to_string(o.totals.kills) + ", \"violations\": [";
  for (const Finding& f : o.findings) {
    if (&f != &o.findings.front()) out += ", ";
    out += "{\"seed\": " + std::to_string(f.seed) + ", \"invariant\": " + quoted(f.invariant) +
           ", \"text\": " + quoted(f.text) + "}";
  }
  out += "], \"sometimes\": {";
  for (std::size_t i = 0; i < situation_count; ++i) {
    if (i != 0) out += ", ";
    out += quoted(std::string(situation_table[i].name)) + ": " +
           std::to_string(o.totals.situations.counts[i]);
  }
  return out + "}, \"steps\": " + std::to_string(o.totals.steps) +
         ", \"publications\": " + std::to_string(o.totals.publications) +
         ", \"simulated_s\": " + std::to_string(o.totals.simulated_us / 1'000'000) +
         ", \"trace_hash\": " + quoted(hex(o.trace_hash)) + "}";
}

std::string to_text(const Outcomes& o) {
  const Totals& t = o.totals;
  std::string out;
  for (const Finding& f : o.findings)
    out += "VIOLATION of " + f.invariant + " at seed " + std::to_string(f.seed) + ": " + f.text +
           "\n  replay: batuta-sim --seed " + std::to_string(f.seed) + " --trace\n";
  out += std::to_string(t.seeds) + " seeds, " + std::to_string(t.attempts) + " attempts, " +
         std::to_string(t.kills) + " kills, " + std::to_string(t.steps) + " steps, " +
         std::to_string(t.publications) + " publications, " + std::to_string(o.findings.size()) +
         " violations, trace " + hex(o.trace_hash) + "\n";
  const double s = o.seconds > 0 ? o.seconds : 1e-9;
  out += line("%.0f seeds/s, %.0f attempts/s, time runs %.0f times faster\n",
              static_cast<double>(t.seeds) / s, static_cast<double>(t.attempts) / s,
              static_cast<double>(t.simulated_us) / 1e6 / s);
  return out;
}

std::string to_json(const std::vector<MutantResult>& results) {
  std::string out = "[";
  for (const MutantResult& r : results) {
    if (&r != &results.front()) out += ",\n ";
    out += "{\"mutant\": " + quoted(r.mutant) + ", \"breaks\": " + quoted(r.breaks) +
           ", \"caught\": " + (r.invariant.empty() ? "false" : "true") +
           ", \"invariant\": " + quoted(r.invariant) + ", \"seed\": " + std::to_string(r.seed) +
           ", \"seeds_tried\": " + std::to_string(r.seeds_tried) + ", \"text\": " + quoted(r.text) +
           "}";
  }
  return out + "]";
}

std::string to_text(const std::vector<MutantResult>& results) {
  std::string out;
  for (const MutantResult& r : results) {
    char text[256];
    std::snprintf(text, sizeof text, "%-34s %-12s seed %-6" PRIu64 " of %" PRIu64 "\n",
                  r.mutant.c_str(), r.invariant.empty() ? "SURVIVED" : r.invariant.c_str(), r.seed,
                  r.seeds_tried);
    out += text;
    if (r.invariant.empty()) out += "    breaks: " + r.breaks + "\n";
  }
  return out;
}

}  // namespace batuta::sim
