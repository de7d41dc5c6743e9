# In <prefix>/lib/cmake/batuta, where find_package looks by itself.
include(${CMAKE_CURRENT_LIST_DIR}/../../batuta/sdk/batutaConfig.cmake)
