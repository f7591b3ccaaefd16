// Reads one Huffman-coded string (RFC 7541 §5.2), in as many pieces as it comes.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_HUFFMAN_H_
#define SINGLEFLIGHT_SERVER_HTTP2_HUFFMAN_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace singleflight::http2 {

class HuffmanReader {
 public:
  // Appends to `text` what `bytes` say. False: they are not of this code.
  bool Feed(absl::string_view bytes, std::string* text);

  // Whether the string may end here.
  bool MayEnd() const;

 private:
  uint64_t bits_ = 0;  // those that have come and make no symbol yet are the lowest `left_`
  int left_ = 0;
};

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_HUFFMAN_H_
