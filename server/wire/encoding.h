// Compression of gRPC messages: the encodings that this program can undo, and undoing them within a
// bound.

#ifndef SINGLEFLIGHT_SERVER_WIRE_ENCODING_H_
#define SINGLEFLIGHT_SERVER_WIRE_ENCODING_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::wire {

inline constexpr absl::string_view kGrpcEncoding = "grpc-encoding";
inline constexpr absl::string_view kGrpcAcceptEncoding = "grpc-accept-encoding";

// What `grpc-encoding` says if there is none.
inline constexpr absl::string_view kIdentity = "identity";

// The encodings of messages that have the flag "compressed" (gRPC over HTTP2, "Message-Encoding").
enum class Encoding {
  kGzip,     // RFC 1952
  kDeflate,  // RFC 1950, the zlib format
};

// The encoding of that name, if it can be undone.
absl::optional<Encoding> ParseEncoding(absl::string_view name);

// Whether a list of names, separated by commas, has `name`.
bool Lists(absl::string_view list, absl::string_view name);

enum class Inflated {
  kWhole,
  kCorrupt,   // not one whole stream and nothing behind it
  kTooLarge,  // more bytes than it may have
};

// Appends to `out` what `in` stands for, at most `max` bytes. Otherwise `out` is as it was.
//
// It reads only what every implementation of gRPC reads alike: one stream, whole and with nothing
// behind it. A second gzip member is refused by gRPC C++ and read by grpc-go; with no bytes at all
// it is the other way round. Memory grows with what comes out, whatever the stream claims.
Inflated Inflate(Encoding encoding, absl::string_view in, size_t max, std::string* out);

// Makes `out` the frame of the message, not compressed, whose frame `in` is compressed: both whole,
// prefixes included, `out` of at most `max` bytes. Otherwise `out` is empty.
Inflated InflateFrame(Encoding encoding, absl::string_view in, size_t max, std::string* out);

}  // namespace singleflight::wire

#endif  // SINGLEFLIGHT_SERVER_WIRE_ENCODING_H_
