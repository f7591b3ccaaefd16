#ifndef SINGLEFLIGHT_TESTS_WIRE_DEFLATED_H_
#define SINGLEFLIGHT_TESTS_WIRE_DEFLATED_H_

#include <zlib.h>

#include <string>

#include "absl/strings/string_view.h"
#include "server/base/check.h"
#include "server/wire/encoding.h"

namespace singleflight::wire {

// `message` as zlib writes it. What the levels make of one message differs; what they stand for
// does not.
inline std::string Deflated(Encoding encoding, absl::string_view message,
                            int level = Z_BEST_COMPRESSION) {
  z_stream stream = {};
  const int bits = MAX_WBITS + (encoding == Encoding::kGzip ? 16 : 0);
  SF_CHECK(deflateInit2(&stream, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, message.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(message.data()));
  stream.avail_in = static_cast<uInt>(message.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  SF_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace singleflight::wire

#endif  // SINGLEFLIGHT_TESTS_WIRE_DEFLATED_H_
