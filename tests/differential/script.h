#ifndef SINGLEFLIGHT_TESTS_DIFFERENTIAL_SCRIPT_H_
#define SINGLEFLIGHT_TESTS_DIFFERENTIAL_SCRIPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// What a caller asks the backend to do with its call, as text in its metadata (x-script): steps
// with a space between.
//
//   i                  sends initial metadata now
//   nNAME=HEX          one more field of initial metadata
//   tNAME=HEX          one more field of trailing metadata
//   z1, z2             messages that are compressed are so with gzip, with deflate
//   r, R               reads one message; reads until the caller's end
//   mBYTES:SEED:0|1    sends a message, plain or compressed
//   e                  sends back the latest message that was read
//   wMILLISECONDS      waits
//   h                  waits until the caller has gone
//   sCODE:HEX:HEX      ends with a status: its code, message and details
namespace singleflight::differential {

struct Step {
  char what = 's';
  std::string name;                   // n, t
  std::string bytes;                  // n, t: the value; s: the message
  std::string details;                // s
  std::vector<int64_t> numbers = {};  // m, w, z, s: in order
};

// What cannot be read ends the list with a status that says so.
std::vector<Step> ParseScript(absl::string_view text);

// Bytes that compress well if the seed is even, and not at all if it is odd.
std::string PayloadOf(size_t size, uint64_t seed);

// To compare messages by.
std::string DigestOf(absl::string_view bytes);

}  // namespace singleflight::differential

#endif  // SINGLEFLIGHT_TESTS_DIFFERENTIAL_SCRIPT_H_
