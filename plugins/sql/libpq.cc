#include "plugins/sql/libpq.h"

#include <dlfcn.h>

#include <string>
#include <type_traits>

#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

Pq open_pq() {
  void* library = ::dlopen(BATUTA_PQ_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw FinalError("this worker has no PostgreSQL client: install libpq5 (" +
                     std::string(::dlerror()) + ")");
  }
  Pq pq{};
  const auto load = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr) throw FinalError(std::string("libpq has no ") + name);
  };
  load(pq.connect_start, "PQconnectStartParams");
  load(pq.connect_poll, "PQconnectPoll");
  load(pq.status, "PQstatus");
  load(pq.set_nonblocking, "PQsetnonblocking");
  load(pq.socket, "PQsocket");
  load(pq.finish, "PQfinish");
  load(pq.error_message, "PQerrorMessage");
  load(pq.send_query_params, "PQsendQueryParams");
  load(pq.set_single_row_mode, "PQsetSingleRowMode");
  load(pq.consume_input, "PQconsumeInput");
  load(pq.is_busy, "PQisBusy");
  load(pq.flush, "PQflush");
  load(pq.get_result, "PQgetResult");
  load(pq.result_status, "PQresultStatus");
  load(pq.result_error_field, "PQresultErrorField");
  load(pq.clear, "PQclear");
  load(pq.ntuples, "PQntuples");
  load(pq.nfields, "PQnfields");
  load(pq.fname, "PQfname");
  load(pq.ftype, "PQftype");
  load(pq.fmod, "PQfmod");
  load(pq.getvalue, "PQgetvalue");
  load(pq.getisnull, "PQgetisnull");
  load(pq.getlength, "PQgetlength");
  load(pq.cmd_tuples, "PQcmdTuples");
  load(pq.get_copy_data, "PQgetCopyData");
  load(pq.free_mem, "PQfreemem");
  load(pq.put_copy_data, "PQputCopyData");
  load(pq.put_copy_end, "PQputCopyEnd");
  load(pq.get_cancel, "PQgetCancel");
  load(pq.cancel, "PQcancel");
  load(pq.free_cancel, "PQfreeCancel");
  load(pq.set_notice_processor, "PQsetNoticeProcessor");
  return pq;
}

}  // namespace

const Pq& libpq() {
  static const Pq pq = open_pq();
  return pq;
}

}  // namespace batuta::plugin
