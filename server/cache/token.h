// The characters of tokens (RFC 9110 §5.6.2).

#ifndef SINGLEFLIGHT_SERVER_CACHE_TOKEN_H_
#define SINGLEFLIGHT_SERVER_CACHE_TOKEN_H_

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace singleflight::cache {

inline bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::StrContains("!#$%&'*+-.^_`|~", absl::string_view(&c, 1));
}

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_TOKEN_H_
