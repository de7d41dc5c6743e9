// Named places where the kill tests end the process. Inert unless the environment says
// BATUTA_FAILPOINT=<name> or <name>:<n> (the n-th time): then the process dies there by SIGKILL, as
// in a power cut.
#pragma once

namespace batuta {

// Names in use: accept_before_commit, accept_after_commit, settle_before_commit,
// settle_after_commit (engine); publish_before_write, publish_before_link, publish_after_link,
// publish_before_return, branch_drop_between_files (lakelog); stream_before_write,
// stream_half_written, stream_before_sync, stream_after_sync, spool_before_note (stream);
// bundle_checked_out, bundle_before_switch, bundle_after_switch (serve); erase_before_file,
// erase_before_put, erase_after_put, erase_before_purge, erase_between_files, erase_before_end,
// erase_before_raw, erase_after_raw (lake).
void failpoint(const char* name);

}  // namespace batuta
