// libpq is opened at the first use: a worker without it runs everything else. Private to the room.
#pragma once

#include <libpq-fe.h>

namespace batuta::plugin {

struct Pq {
  decltype(&PQconnectStartParams) connect_start;
  decltype(&PQconnectPoll) connect_poll;
  decltype(&PQstatus) status;
  decltype(&PQsetnonblocking) set_nonblocking;
  decltype(&PQsocket) socket;
  decltype(&PQfinish) finish;
  decltype(&PQerrorMessage) error_message;
  decltype(&PQsendQueryParams) send_query_params;
  decltype(&PQsetSingleRowMode) set_single_row_mode;
  decltype(&PQconsumeInput) consume_input;
  decltype(&PQisBusy) is_busy;
  decltype(&PQflush) flush;
  decltype(&PQgetResult) get_result;
  decltype(&PQresultStatus) result_status;
  decltype(&PQresultErrorField) result_error_field;
  decltype(&PQclear) clear;
  decltype(&PQntuples) ntuples;
  decltype(&PQnfields) nfields;
  decltype(&PQfname) fname;
  decltype(&PQftype) ftype;
  decltype(&PQfmod) fmod;
  decltype(&PQgetvalue) getvalue;
  decltype(&PQgetisnull) getisnull;
  decltype(&PQgetlength) getlength;
  decltype(&PQcmdTuples) cmd_tuples;
  decltype(&PQgetCopyData) get_copy_data;
  decltype(&PQfreemem) free_mem;
  decltype(&PQputCopyData) put_copy_data;
  decltype(&PQputCopyEnd) put_copy_end;
  decltype(&PQgetCancel) get_cancel;
  decltype(&PQcancel) cancel;
  decltype(&PQfreeCancel) free_cancel;
  decltype(&PQsetNoticeProcessor) set_notice_processor;
};

// Throws FinalError where it is not installed, or is too old. Any thread.
const Pq& libpq();

}  // namespace batuta::plugin
