# cmake -DSCHEMA=<file> -DOUT=<file> -P embed_schema.cmake
file(READ ${SCHEMA} text)
file(WRITE ${OUT} "// Made from odcs-json-schema-v3.1.0.json.
#include \"contract/schema.h\"

namespace batuta::contract {

std::string_view odcs_schema_text() {
  return R\"BATUTA(${text})BATUTA\";
}

}  // namespace batuta::contract
")
