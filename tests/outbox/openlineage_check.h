// Whether an event is as OpenLineage's published JSON Schemas (tests/fixtures/openlineage) say, its
// facets by the schema that each names. Of JSON Schema what these files use; a word that this does
// not know is a fault.
#pragma once

#include <string>

namespace batuta {

// The first thing that is wrong; empty: nothing.
std::string openlineage_fault(const std::string& event_json);

}  // namespace batuta
