#ifndef SINGLEFLIGHT_TESTS_DIFFERENTIAL_PLAN_H_
#define SINGLEFLIGHT_TESTS_DIFFERENTIAL_PLAN_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

// A call as differential.py has drawn it: one line, its parts with a tab between. All clients read
// it.
namespace singleflight::differential {

struct Message {
  int64_t size = 0;
  int64_t seed = 0;
  bool compressed = false;
};

struct Plan {
  std::string index;
  std::string kind;     // unary, server, client, bidi: of which API it is, where an API has them
  int compression = 0;  // 0: none, 1: gzip, 2: deflate
  int64_t deadline_ms = 0;    // 0: none
  bool in_turn = false;       // a reply is read before the next message goes out
  int64_t cancel_after = -1;  // its caller cancels after so many replies; -1: never
  bool code_only = false;     // nothing else of its end is certain: its deadline passes
  std::vector<Message> messages;
  std::vector<std::pair<std::string, std::string>> metadata;  // x-script among it
};

// What is no plan is a mistake of the one who wrote it: it throws.
Plan ParsePlan(absl::string_view line);

}  // namespace singleflight::differential

#endif  // SINGLEFLIGHT_TESTS_DIFFERENTIAL_PLAN_H_
