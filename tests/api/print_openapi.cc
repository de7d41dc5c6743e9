// Prints the OpenAPI document, without a server: what the page's types are made from and tested
// against (web/api_types.mjs).
#include <cstdio>
#include <string>

#include "scheduler/api/routes.h"

int main() {
  const std::string document = batuta::http::openapi_document("0");
  std::fwrite(document.data(), 1, document.size(), stdout);
  return 0;
}
