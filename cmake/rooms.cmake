# A room is one folder, one static library, and the list of what it may link.
#   batuta_room(core LINKS batuta_common SOURCES dag.cc step.cc)      -> target batuta_core
# A test file is one executable registered with ctest under one label.
#   batuta_test(core LABEL unit LINKS batuta_core SOURCES step_test.cc)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(batuta_options INTERFACE)
target_compile_features(batuta_options INTERFACE cxx_std_20)
target_include_directories(batuta_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(batuta_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wswitch -Werror -fstack-protector-strong -fPIC)
target_compile_definitions(batuta_options INTERFACE
  _GLIBCXX_ASSERTIONS SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL BOOST_ASIO_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION)
if(BATUTA_SANITIZE)
  add_compile_options(-fsanitize=${BATUTA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BATUTA_SANITIZE})
else()
  add_compile_definitions($<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()

function(batuta_room name)
  cmake_parse_arguments(R "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(batuta_${name} STATIC ${R_SOURCES})
  target_link_libraries(batuta_${name} PUBLIC batuta_options ${R_LINKS} PRIVATE ${R_PRIVATE_LINKS})
endfunction()

# What the sanitizer builds need: every test program of a label, without the rest.
add_custom_target(unit_tests)
add_custom_target(sim_tests)
add_custom_target(plugins)

# One doctest executable per room; tests/support/main.cc holds doctest's main.
function(batuta_test name)
  cmake_parse_arguments(T "" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  add_executable(test_${name} ${T_SOURCES})
  target_link_libraries(test_${name} PRIVATE batuta_test_support ${T_LINKS})
  # What is tested is optimised; the tests themselves only have to compile quickly.
  target_compile_options(test_${name} PRIVATE -O0 -U_FORTIFY_SOURCE)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND test_${name})
  if(TARGET ${T_LABEL}_tests)
    add_dependencies(${T_LABEL}_tests test_${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABEL}" TIMEOUT ${T_TIMEOUT}
    ENVIRONMENT "BATUTA_BUILD_DIR=${CMAKE_BINARY_DIR};BATUTA_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
endfunction()

# A plugin: one shared object named <source>_<layer>.so in build/plugins, hidden visibility.
function(batuta_plugin name)
  cmake_parse_arguments(P "" "OUTPUT_DIR" "SOURCES;LINKS" ${ARGN})
  if(NOT P_OUTPUT_DIR)
    set(P_OUTPUT_DIR ${CMAKE_BINARY_DIR}/plugins)
  endif()
  add_library(plugin_${name} MODULE ${P_SOURCES})
  target_link_libraries(plugin_${name} PRIVATE batuta_options ${P_LINKS})
  target_compile_options(plugin_${name} PRIVATE -fvisibility=hidden -fvisibility-inlines-hidden)
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${P_OUTPUT_DIR})
endfunction()
