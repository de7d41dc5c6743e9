# The ABI guard in C, and the C++ layer against the slot's real host.
batuta_test(plugins_sdk LABEL unit LINKS batuta_sdk batuta_worker SOURCES sdk_test.cc exports_test.cc)
add_library(abi_layout OBJECT abi_layout.c)
target_include_directories(abi_layout PRIVATE ${CMAKE_SOURCE_DIR})
set_target_properties(abi_layout PROPERTIES C_STANDARD 11)
target_link_libraries(test_plugins_sdk PRIVATE abi_layout)
add_dependencies(test_plugins_sdk plugins_manifest)
# A plugin of an earlier SDK: it must load and run for ever.
add_library(plugin_frozen_1 MODULE frozen/plugin_1.c)
target_include_directories(plugin_frozen_1 PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(plugin_frozen_1 PRIVATE -Wall -Wextra -Werror -fvisibility=hidden)
set_target_properties(plugin_frozen_1 PROPERTIES PREFIX "" OUTPUT_NAME frozen_1
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/frozen_plugins)
add_dependencies(test_plugins_sdk plugin_frozen_1)
