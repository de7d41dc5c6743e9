# find_package(batuta): what a plugin outside the source tree is built with.
#   batuta_add_plugin(weather_bronze SOURCES weather_bronze.cc [LINKS …])  -> plugins/weather_bronze.so
# Static libraries of g++ 12: build with that compiler or a newer one of the same ABI, as C++20.
get_filename_component(batuta_SDK ${CMAKE_CURRENT_LIST_DIR} ABSOLUTE)
set(batuta_EXPORTS ${batuta_SDK}/exports.map)
if(NOT TARGET batuta::sdk)
  add_library(batuta::common STATIC IMPORTED)
  set_target_properties(batuta::common PROPERTIES
    IMPORTED_LOCATION ${batuta_SDK}/lib/libbatuta_common.a)
  add_library(batuta::sdk STATIC IMPORTED)
  set_target_properties(batuta::sdk PROPERTIES
    IMPORTED_LOCATION ${batuta_SDK}/lib/libbatuta_sdk.a
    INTERFACE_INCLUDE_DIRECTORIES ${batuta_SDK}/include
    INTERFACE_COMPILE_FEATURES cxx_std_20
    INTERFACE_LINK_LIBRARIES batuta::common)
endif()

function(batuta_add_plugin name)
  cmake_parse_arguments(P "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} MODULE ${P_SOURCES})
  target_link_libraries(${name} PRIVATE batuta::sdk ${P_LINKS})
  target_compile_definitions(${name} PRIVATE _GLIBCXX_ASSERTIONS)
  target_compile_options(${name} PRIVATE -fvisibility=hidden -fvisibility-inlines-hidden)
  # C++'s runtime is linked in, the entry alone is exported, and a symbol that nobody defines is an
  # error here, not when a slot loads the plugin.
  target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--gc-sections
    -Wl,--exclude-libs,ALL -Wl,--no-undefined -Wl,--version-script=${batuta_EXPORTS})
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_EXTENSIONS OFF
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
endfunction()
