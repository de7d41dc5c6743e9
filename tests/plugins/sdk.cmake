# The ABI guard in C, and the C++ layer against the slot's real host.
batuta_test(plugins_sdk LABEL unit LINKS batuta_sdk batuta_worker SOURCES sdk_test.cc)
add_library(abi_layout OBJECT abi_layout.c)
target_include_directories(abi_layout PRIVATE ${CMAKE_SOURCE_DIR})
set_target_properties(abi_layout PROPERTIES C_STANDARD 11)
target_link_libraries(test_plugins_sdk PRIVATE abi_layout)
add_dependencies(test_plugins_sdk plugins_manifest)
