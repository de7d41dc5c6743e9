// What the fuzzer and the ordinary test share: one function a target, over any bytes.
//
// `./dev fuzz SECONDS` builds every target with libFuzzer and the address sanitizer; corpus_test.cc
// runs the same functions over tests/fuzz/corpus and over small changes of it, in every test run.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace batuta::fuzz {

// Returns for any input; a broken property is a BATUTA_CHECK, which ends the process.
struct Target {
  const char* name;  // of its corpus folder
  void (*run)(std::string_view bytes);
};

void http_head(std::string_view bytes);
void dag_file(std::string_view bytes);
void template_text(std::string_view bytes);
void cron(std::string_view bytes);
void frames(std::string_view bytes);
void delta_log(std::string_view bytes);
void payload(std::string_view bytes);
void contract(std::string_view bytes);

inline constexpr Target targets[] = {
    {"http_head", http_head}, {"dag_file", dag_file}, {"template", template_text},
    {"cron", cron},           {"frames", frames},     {"delta_log", delta_log},
    {"payload", payload},     {"contract", contract},
};

}  // namespace batuta::fuzz
