// SF_CHECK(condition) ends the program if the condition does not hold. It is for what only a bug
// can cause; what traffic can cause is handled and counted.

#ifndef SINGLEFLIGHT_SERVER_BASE_CHECK_H_
#define SINGLEFLIGHT_SERVER_BASE_CHECK_H_

namespace singleflight::base {

// Prints what did not hold and where, and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace singleflight::base

#define SF_CHECK(condition) \
  ((condition) ? (void)0 : ::singleflight::base::CheckFailed(__FILE__, __LINE__, #condition))

#endif  // SINGLEFLIGHT_SERVER_BASE_CHECK_H_
