# A room is one folder, one static library, and the list of what it may link.
# COLD says that what is in it runs once for a command, a start or a person's question: it is compiled quickly
# rather than well, save its further files after HOT, which run for every trigger, task, row or long list.
#   batuta_room(core LINKS batuta_common SOURCES dag.cc step.cc)      -> target batuta_core
# A test file is one executable registered with ctest under one label.
#   batuta_test(core LABEL unit LINKS batuta_core SOURCES step_test.cc)
find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers are cached only if one says that __TIME__ in them does not matter.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

option(BATUTA_UNITY "compile several files of a room at once" ON)
set(BATUTA_UNITY_FILES 26 CACHE STRING "so many of them, at most")

# Line tables cost a tenth of a build, and packages go without them.
option(BATUTA_LINES "lines of what is shipped, for gdb and perf, in a release build too" OFF)
set(without_lines)
if(NOT BATUTA_LINES)
  set(without_lines $<$<NOT:$<CONFIG:Debug>>:-g0>)
endif()

add_library(batuta_options INTERFACE)
target_compile_features(batuta_options INTERFACE cxx_std_20)
target_include_directories(batuta_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(batuta_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wswitch -Werror -fstack-protector-strong -fPIC)
# GCC 12 sees overruns in std::string that are not there (its bugs 105329 and 105651); the address
# sanitizer sees the real ones.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(batuta_options INTERFACE
    -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
  # The compiler's own garbage collection takes an eighth of its time; the largest unit ends below this (KiB).
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:--param=ggc-min-heapsize=1048576>")
else()
  # The whole of a JSON Schema in one literal.
  target_compile_options(batuta_options INTERFACE -Wno-overlength-strings)
  # Clang's precompiled headers hold their time, which ccache would take for a change.
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
target_compile_definitions(batuta_options INTERFACE
  _GLIBCXX_ASSERTIONS BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_BEAST_SEPARATE_COMPILATION)
if(BATUTA_SANITIZE OR (BATUTA_UNITY AND BATUTA_UNITY_FILES GREATER 6))
  # In large units a neighbour's names are shadowed, which is no fault; lint looks at each file alone.
  target_compile_options(batuta_options INTERFACE -Wno-shadow)
endif()
if(BATUTA_SANITIZE)
  add_compile_options(-fsanitize=${BATUTA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BATUTA_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # A check that GCC has not; Clang 14 cannot assemble it for Asio's coroutines.
    add_compile_options(-fno-sanitize=function)
  endif()
  if(BATUTA_SANITIZE STREQUAL "thread")
    # The thread sanitizer does not understand fences; Asio's stand beside its locks.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
else()
  add_compile_definitions($<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()

# Half of a small file's compile time is the standard library's headers, and JSON's are as heavy
# again: each set is read once. Every file still includes what it uses; the sanitizer builds and lint
# go without these and would tell.
set(standard_headers <algorithm> <array> <atomic> <chrono> <cstdint> <deque> <functional> <map>
  <memory> <mutex> <optional> <set> <string> <string_view> <tuple> <unordered_map> <utility> <variant>
  <vector>)
function(batuta_precompiled name options)
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cc.new "// Carries the precompiled headers of ${name}.\n")
  file(COPY_FILE ${CMAKE_BINARY_DIR}/${name}.cc.new ${CMAKE_BINARY_DIR}/${name}.cc ONLY_IF_DIFFERENT)
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE batuta_options)
  target_compile_options(${name} PRIVATE ${options})
  target_precompile_headers(${name} PRIVATE ${standard_headers} ${ARGN})
endfunction()
set(unoptimised -O0 -U_FORTIFY_SOURCE)
# Nothing but what plugins export is called from outside. Rooms and plugins alike, as they read the same precompiled headers.
set(shipped -fvisibility=hidden -fvisibility-inlines-hidden ${without_lines})
batuta_precompiled(batuta_headers "${shipped}")
batuta_precompiled(batuta_json_headers "${shipped}" <nlohmann/json.hpp>)
batuta_precompiled(batuta_test_headers "${unoptimised}" <nlohmann/json.hpp> <doctest/doctest.h>)

# Several files of a room in one translation unit: headers are read and templates made once for all of
# them. Of two units of 18 files made one, an eighth of their time is gone (three seconds of 25). Files are spread evenly,
# for a last unit of one file costs the most. A changed file then costs its neighbours', twenty seconds at worst; who works
# on one room all day has smaller units by cmake -DBATUTA_UNITY_FILES=4 build.
# APART names the files whose insides clash with a neighbour's. Lint reads every file alone.
function(batuta_unity target most)
  get_target_property(sources ${target} SOURCES)
  list(LENGTH sources files)
  list(LENGTH ARGN apart)
  math(EXPR files "${files} - ${apart}")
  if(files LESS 1)
    set(files 1)
  endif()
  math(EXPR units "(${files} + ${most} - 1) / ${most}")
  math(EXPR batch "(${files} + ${units} - 1) / ${units}")
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${BATUTA_UNITY} UNITY_BUILD_BATCH_SIZE ${batch})
  foreach(file ${ARGN})
    set_source_files_properties(${file} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endforeach()
endfunction()
# Half as many again where units are compiled quickly.
math(EXPR cold_batch "${BATUTA_UNITY_FILES} * 3 / 2")

# A unit takes two thirds of what it takes at -O2, and a fifth less than at -O1; -O0 takes longer, as nothing that is
# not called is left out.
set(quickly $<$<NOT:$<CONFIG:Debug>>:-Og>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND quickly -Wno-maybe-uninitialized)  # it knows less there, and sees what is not
endif()

function(batuta_room name)
  cmake_parse_arguments(R "COLD" "" "SOURCES;APART;HOT;LINKS;PRIVATE_LINKS" ${ARGN})
  if(R_HOT)
    add_library(batuta_${name}_hot OBJECT ${R_HOT})
    list(APPEND R_SOURCES $<TARGET_OBJECTS:batuta_${name}_hot>)
  endif()
  add_library(batuta_${name} STATIC ${R_SOURCES} ${R_APART})
  if(R_COLD)
    target_compile_options(batuta_${name} PRIVATE ${quickly})
    batuta_unity(batuta_${name} ${cold_batch} ${R_APART})
  else()
    batuta_unity(batuta_${name} ${BATUTA_UNITY_FILES} ${R_APART})
  endif()
  if(R_HOT)
    batuta_unity(batuta_${name}_hot ${BATUTA_UNITY_FILES})
  endif()
  foreach(part batuta_${name} batuta_${name}_hot)
    if(TARGET ${part})
      target_link_libraries(${part} PUBLIC batuta_options ${R_LINKS} PRIVATE ${R_PRIVATE_LINKS})
      target_compile_options(${part} PRIVATE ${shipped})
      if("nlohmann_json::nlohmann_json" IN_LIST R_PRIVATE_LINKS)
        target_precompile_headers(${part} REUSE_FROM batuta_json_headers)
      else()
        target_precompile_headers(${part} REUSE_FROM batuta_headers)
      endif()
    endif()
  endforeach()
endfunction()

# What the sanitizer builds need: every test program of a label, without the rest.
add_custom_target(unit_tests)
add_custom_target(sim_tests)
add_custom_target(plugins)

# One doctest executable per room; tests/support/main.cc holds doctest's main.
function(batuta_test name)
  cmake_parse_arguments(T "" "LABEL;TIMEOUT" "SOURCES;APART;LINKS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  if(BATUTA_SANITIZE)
    math(EXPR T_TIMEOUT "2 * ${T_TIMEOUT}")  # several times slower, beside a neighbour that is, too
  endif()
  add_executable(test_${name} ${T_SOURCES} ${T_APART})
  set(batch 12)  # tests are changed more often
  if(BATUTA_UNITY_FILES LESS batch)
    set(batch ${BATUTA_UNITY_FILES})
  endif()
  set_target_properties(test_${name} PROPERTIES UNITY_BUILD ${BATUTA_UNITY} UNITY_BUILD_BATCH_SIZE ${batch})
  set_source_files_properties(${T_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(test_${name} PRIVATE batuta_test_support ${T_LINKS})
  # What is tested is optimised; the tests themselves only have to compile quickly.
  target_compile_options(test_${name} PRIVATE ${unoptimised})
  target_precompile_headers(test_${name} REUSE_FROM batuta_test_headers)
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND test_${name})
  if(TARGET ${T_LABEL}_tests)
    add_dependencies(${T_LABEL}_tests test_${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABEL}" TIMEOUT ${T_TIMEOUT} COST ${T_TIMEOUT}
    ENVIRONMENT "BATUTA_BUILD_DIR=${CMAKE_BINARY_DIR};BATUTA_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
endfunction()

# For executables and plugins of which many processes hold a copy: C++'s runtime is linked in, what is
# not called is left out. Fewer libraries mean fewer touched pages and a faster start.
function(batuta_lean target)
  target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc -Wl,--gc-sections
    -Wl,--exclude-libs,ALL)
endfunction()

# A plugin: one shared object named <source>_<layer>.so in build/plugins, hidden visibility. COLD as for rooms: it
# says what an engine, a library or another program is to do.
function(batuta_plugin name)
  cmake_parse_arguments(P "COLD" "OUTPUT_DIR" "SOURCES;LINKS" ${ARGN})
  if(NOT P_OUTPUT_DIR)
    set(P_OUTPUT_DIR ${CMAKE_BINARY_DIR}/plugins)
  endif()
  add_library(plugin_${name} MODULE ${P_SOURCES})
  target_link_libraries(plugin_${name} PRIVATE batuta_options ${P_LINKS})
  target_compile_options(plugin_${name} PRIVATE ${shipped})
  batuta_unity(plugin_${name} ${cold_batch})
  if(P_COLD)
    target_compile_options(plugin_${name} PRIVATE ${quickly})
  endif()
  target_precompile_headers(plugin_${name} REUSE_FROM batuta_json_headers)
  batuta_lean(plugin_${name})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${P_OUTPUT_DIR})
endfunction()
