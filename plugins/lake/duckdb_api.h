// DuckDB's C API as a table of function pointers, typed from its own header. The library is opened
// at run time, so that tasks which touch no lake never pay for it and no plugin links it.
#pragma once

#include <duckdb.h>

#include <string>

namespace batuta::lake {

// Every function of DuckDB we call; one line here makes it available as `api.<name>`.
#define BATUTA_DUCKDB_FUNCTIONS(X)    \
  X(create_config)                    \
  X(set_config)                       \
  X(destroy_config)                   \
  X(open_ext)                         \
  X(close)                            \
  X(connect)                          \
  X(disconnect)                       \
  X(interrupt)                        \
  X(query_progress)                   \
  X(free)                             \
  X(prepare)                          \
  X(prepare_error)                    \
  X(prepared_statement_type)          \
  X(destroy_prepare)                  \
  X(bind_value)                       \
  X(execute_prepared)                 \
  X(pending_prepared_streaming)       \
  X(pending_error)                    \
  X(execute_pending)                  \
  X(destroy_pending)                  \
  X(result_error)                     \
  X(destroy_result)                   \
  X(column_count)                     \
  X(column_name)                      \
  X(column_logical_type)              \
  X(fetch_chunk)                      \
  X(destroy_data_chunk)               \
  X(data_chunk_get_size)              \
  X(data_chunk_get_vector)            \
  X(vector_get_data)                  \
  X(vector_get_validity)              \
  X(vector_ensure_validity_writable)  \
  X(validity_row_is_valid)            \
  X(validity_set_row_invalid)         \
  X(vector_assign_string_element_len) \
  X(list_vector_get_child)            \
  X(struct_vector_get_child)          \
  X(array_vector_get_child)           \
  X(array_type_array_size)            \
  X(array_type_child_type)            \
  X(get_type_id)                      \
  X(decimal_scale)                    \
  X(decimal_internal_type)            \
  X(enum_internal_type)               \
  X(enum_dictionary_value)            \
  X(list_type_child_type)             \
  X(map_type_key_type)                \
  X(map_type_value_type)              \
  X(struct_type_child_count)          \
  X(struct_type_child_name)           \
  X(struct_type_child_type)           \
  X(destroy_logical_type)             \
  X(create_logical_type)              \
  X(create_decimal_type)              \
  X(create_varchar_length)            \
  X(create_int64)                     \
  X(create_bool)                      \
  X(create_null_value)                \
  X(create_timestamp_tz)              \
  X(create_list_value)                \
  X(destroy_value)                    \
  X(from_date)                        \
  X(from_timestamp)                   \
  X(create_scalar_function)           \
  X(destroy_scalar_function)          \
  X(scalar_function_set_name)         \
  X(scalar_function_add_parameter)    \
  X(scalar_function_set_return_type)  \
  X(scalar_function_set_function)     \
  X(register_scalar_function)         \
  X(appender_create)                  \
  X(appender_destroy)                 \
  X(appender_end_row)                 \
  X(append_bool)                      \
  X(append_date)                      \
  X(append_double)                    \
  X(append_int64)                     \
  X(append_timestamp)                 \
  X(append_varchar_length)            \
  X(append_null)

struct DuckdbApi {
#define BATUTA_DUCKDB_MEMBER(name) decltype(&::duckdb_##name) name = nullptr;
  BATUTA_DUCKDB_FUNCTIONS(BATUTA_DUCKDB_MEMBER)
#undef BATUTA_DUCKDB_MEMBER
};

// Opens the library once per process and path; it stays open. Throws plugin::FinalError when the
// file or a function is missing. Any thread.
const DuckdbApi& load_duckdb(const std::string& path);

}  // namespace batuta::lake
