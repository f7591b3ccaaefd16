// The directives in one value of `cache-control`, in requests or replies (RFC 9111 §5.2).

#ifndef SINGLEFLIGHT_SERVER_CACHE_DIRECTIVES_H_
#define SINGLEFLIGHT_SERVER_CACHE_DIRECTIVES_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace singleflight::cache {

// Takes one value apart: directives separated by commas, each a token, or a token, `=` and a token
// or a quoted string. In a structured field (RFC 9651 §3.2) booleans and parameters may follow.
class DirectiveReader {
 public:
  DirectiveReader(absl::string_view text, bool structured) : text_(text), structured_(structured) {}

  // False: there is no further directive, or none that can be read. An argument has no quotes. A
  // name may be empty: that directive says that it does not hold.
  bool Next(absl::string_view* name, absl::optional<absl::string_view>* argument);

  bool malformed() const { return malformed_; }

 private:
  void SkipEmpty();
  void SkipParameters();
  absl::string_view Token();
  absl::string_view Argument();

  absl::string_view text_;
  const bool structured_;
  bool malformed_ = false;
};

// Reads delta-seconds (RFC 9111 §1.2.2): digits; what is too large to count is a very long time.
absl::optional<absl::Duration> ParseDeltaSeconds(absl::string_view text);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_DIRECTIVES_H_
