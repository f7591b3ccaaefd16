// Inflates gzip and deflate with zlib, in chunks that grow with what comes out, so that a small
// message which claims to be large costs no memory.

#include "server/wire/encoding.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "server/base/check.h"
#include "server/wire/message.h"

namespace singleflight::wire {
namespace {

constexpr size_t kFirstChunk = 1024;
constexpr size_t kLargestChunk = 1u << 30;  // zlib counts in 32 bits
constexpr size_t kShortestGzip = 18;        // header and trailer

// A zlib stream, which its destructor ends.
class Inflater {
 public:
  Inflater(Encoding encoding, absl::string_view in) {
    SF_CHECK(in.size() <= std::numeric_limits<uInt>::max());
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    const int gzip = encoding == Encoding::kGzip ? 16 : 0;  // zlib.h, inflateInit2
    SF_CHECK(inflateInit2(&stream_, MAX_WBITS + gzip) == Z_OK);
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Writes as much as fits, and returns how much that was.
  size_t Into(char* out, size_t room) {
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(room);
    result_ = inflate(&stream_, Z_NO_FLUSH);
    SF_CHECK(result_ != Z_MEM_ERROR);
    return room - stream_.avail_out;
  }

  // Whether it could go on if it had more room.
  bool WantsRoom() const {
    return (result_ == Z_OK || result_ == Z_BUF_ERROR) && stream_.avail_out == 0;
  }
  bool whole() const { return result_ == Z_STREAM_END && stream_.avail_in == 0; }

 private:
  z_stream stream_ = {};
  int result_ = Z_OK;
};

// The size that a gzip stream claims in its last four bytes (RFC 1952 §2.3.1). If it is wrong, so
// is the stream. Nothing is allocated for a claim.
absl::optional<size_t> ClaimedSize(Encoding encoding, absl::string_view in) {
  if (encoding != Encoding::kGzip || in.size() < kShortestGzip) return absl::nullopt;
  size_t size = 0;
  for (size_t i = 1; i <= 4; ++i) size = size << 8 | static_cast<uint8_t>(in[in.size() - i]);
  return size;
}

}  // namespace

absl::optional<Encoding> ParseEncoding(absl::string_view name) {
  if (name == "gzip") return Encoding::kGzip;
  if (name == "deflate") return Encoding::kDeflate;
  return absl::nullopt;
}

bool Lists(absl::string_view list, absl::string_view name) {
  for (const absl::string_view item : absl::StrSplit(list, ',')) {
    if (absl::StripAsciiWhitespace(item) == name) return true;
  }
  return false;
}

Inflated Inflate(Encoding encoding, absl::string_view in, size_t max, std::string* out) {
  if (ClaimedSize(encoding, in).value_or(0) > max) return Inflated::kTooLarge;
  const size_t begin = out->size();
  const size_t most = max + 1;  // one byte too many is seen, and no more
  Inflater inflater(encoding, in);
  size_t done = 0;
  do {
    const size_t chunk = std::min(std::clamp(done, kFirstChunk, kLargestChunk), most - done);
    out->resize(begin + done + chunk);
    done += inflater.Into(out->data() + begin + done, chunk);
  } while (inflater.WantsRoom() && done < most);
  const bool fits = done <= max;
  out->resize(begin + (fits && inflater.whole() ? done : 0));
  if (!fits) return Inflated::kTooLarge;
  return inflater.whole() ? Inflated::kWhole : Inflated::kCorrupt;
}

Inflated InflateFrame(Encoding encoding, absl::string_view in, size_t max, std::string* out) {
  constexpr size_t kLongestMessage = std::numeric_limits<uint32_t>::max();
  SF_CHECK(in.size() >= kMessagePrefixBytes);
  out->clear();
  if (max < kMessagePrefixBytes) return Inflated::kTooLarge;
  out->resize(kMessagePrefixBytes);
  const Inflated inflated = Inflate(encoding, in.substr(kMessagePrefixBytes),
                                    std::min(max - kMessagePrefixBytes, kLongestMessage), out);
  if (inflated != Inflated::kWhole) {
    out->clear();
    return inflated;
  }
  const size_t size = out->size() - kMessagePrefixBytes;
  for (size_t i = 1; i < kMessagePrefixBytes; ++i) {
    (*out)[i] = static_cast<char>(size >> 8 * (kMessagePrefixBytes - 1 - i));
  }
  return inflated;
}

}  // namespace singleflight::wire
