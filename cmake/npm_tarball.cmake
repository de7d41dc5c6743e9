# npm_tarball(<package> <version> <sha512> <out_var> <pattern>...)
#
# Fetches one npm package with the machine's configured npm client, checks the tarball against a
# pinned SHA-512, and extracts the files that match the patterns. Downloads are shared by every build
# folder (release, asan, tsan), so a second configuration costs nothing.
set(BATUTA_DEPS_DIR "${CMAKE_SOURCE_DIR}/build/deps" CACHE PATH "where pinned downloads are kept")

function(npm_tarball package version sha512 out)
  string(REGEX REPLACE "^@" "" flat "${package}")
  string(REPLACE "/" "-" flat "${flat}")
  set(dir "${BATUTA_DEPS_DIR}/${flat}-${version}")
  if(NOT EXISTS "${dir}/.complete")
    find_program(NPM npm REQUIRED)
    file(MAKE_DIRECTORY "${BATUTA_DEPS_DIR}")
    message(STATUS "Fetching ${package} ${version} (npm)")
    execute_process(COMMAND ${NPM} pack --silent "${package}@${version}"
      WORKING_DIRECTORY "${BATUTA_DEPS_DIR}" RESULT_VARIABLE rc OUTPUT_QUIET ERROR_VARIABLE err)
    set(tgz "${BATUTA_DEPS_DIR}/${flat}-${version}.tgz")
    if(NOT rc EQUAL 0 OR NOT EXISTS "${tgz}")
      message(FATAL_ERROR "Cannot fetch ${package} ${version} with npm: ${err}\n"
        "Check that `npm view ${package}` works on this machine.")
    endif()
    file(SHA512 "${tgz}" got)
    if(NOT got STREQUAL sha512)
      file(REMOVE "${tgz}")
      message(FATAL_ERROR "${package} ${version}: SHA-512 is ${got}, expected ${sha512}")
    endif()
    file(ARCHIVE_EXTRACT INPUT "${tgz}" DESTINATION "${dir}" PATTERNS ${ARGN})
    file(TOUCH "${dir}/.complete")
  endif()
  set(${out} "${dir}/package" PARENT_SCOPE)
endfunction()
