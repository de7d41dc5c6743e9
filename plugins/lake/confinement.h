// What a thread can reach, taken away by the kernel (Landlock): the second wall around statements
// from outside, which holds even where the first, the look at the statement, has a hole.
#pragma once

#include <string>

namespace batuta::lake {

// From here on this thread, and every thread it starts, can read below `readable`, read and write
// below `writable`, and reach no other file and no TCP port. Descriptors that are open stay usable.
// Other threads of the process keep what they have. False when the kernel has no Landlock (before
// 5.13, or switched off): then nothing has changed. Throws plugin::RetryableError when a folder
// cannot be opened or the kernel refuses.
bool confine_thread(const std::string& readable, const std::string& writable);

}  // namespace batuta::lake
