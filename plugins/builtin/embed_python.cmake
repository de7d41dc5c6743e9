# cmake -DMODULE=<file> -DOUT=<file> -P embed_python.cmake
file(READ ${MODULE} text)
file(WRITE ${OUT} "// Made from python/batuta.py.
#include \"plugins/builtin/python_code.h\"

namespace batuta::plugin {

std::string_view python_module() {
  return R\"BATUTA(${text})BATUTA\";
}

}  // namespace batuta::plugin
")
