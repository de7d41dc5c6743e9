# cmake -DNPM=… -DPACKAGE=<folder with package-lock.json> -DLOCK=<file> -P npm_install.cmake
#
# `npm ci`, only when the lock file differs from what is installed. Several build folders may ask at
# once; one installs and the others wait. -DOPTIONAL=ON: a failure is a warning.
set(modules ${PACKAGE}/node_modules)
set(stamp ${modules}/.installed)
file(LOCK ${LOCK} GUARD PROCESS TIMEOUT 600)

file(SHA256 ${PACKAGE}/package-lock.json wanted)
set(installed "")
if(EXISTS ${stamp})
  file(READ ${stamp} installed)
endif()
if(NOT installed STREQUAL wanted)
  message(STATUS "Installing the packages of ${PACKAGE}")
  execute_process(COMMAND ${NPM} ci --ignore-scripts --silent WORKING_DIRECTORY ${PACKAGE}
    RESULT_VARIABLE rc)
  if(NOT rc EQUAL 0 AND OPTIONAL)
    message(WARNING "npm ci failed in ${PACKAGE}: the tests that need its packages will be skipped.")
    return()
  endif()
  if(NOT rc EQUAL 0)
    message(FATAL_ERROR "npm ci failed in ${PACKAGE}; run it there to see why.")
  endif()
  file(WRITE ${stamp} ${wanted})
endif()
