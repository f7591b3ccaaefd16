#ifndef SINGLEFLIGHT_TESTS_HTTP2_FRAMES_H_
#define SINGLEFLIGHT_TESTS_HTTP2_FRAMES_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/model/headers.h"

struct nghttp2_hd_deflater;
struct nghttp2_hd_inflater;

// HTTP/2 frames made and read by hand (RFC 9113 §4), so that tests can say what no library would.
namespace singleflight::http2::testing {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

enum FrameFlags : uint8_t {
  kEndStream = 1,
  kAck = 1,
  kEndHeaders = 4,
  kPadded = 8,
  kWithPriority = 32
};

enum Setting : uint16_t {
  kEnablePush = 2,
  kMaxConcurrentStreams = 3,
  kInitialWindowSize = 4,
  kMaxFrameSize = 5,
  kMaxHeaderListSize = 6,
};

inline constexpr absl::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr int32_t kEveryStream = 0x7fffffff;

struct Frame {
  uint8_t type;
  uint8_t flags = 0;
  int32_t stream = 0;
  std::string payload;

  bool Has(FrameFlags flag) const { return (flags & flag) != 0; }
  std::string Encoded() const;

  // The number of four bytes that begins at `at`: an error code, an increment, a last stream's id.
  uint32_t Number(size_t at = 0) const;
};

std::string FourBytes(uint32_t number);

Frame Data(int32_t stream, std::string bytes, uint8_t flags = 0);
Frame RstStream(int32_t stream, uint32_t error);
Frame Settings(std::initializer_list<std::pair<uint16_t, uint32_t>> entries);
Frame SettingsAck();
Frame Ping(absl::string_view eight_bytes, bool ack = false);
Frame GoAway(int32_t last_stream, uint32_t error = 0);
Frame WindowUpdate(int32_t stream, uint32_t bytes);

// Whole frames; what is left of `bytes` stays in it.
std::vector<Frame> TakeFrames(std::string& bytes);

// Value of a setting in a SETTINGS frame; -1: it is not there.
int64_t SettingIn(const Frame& settings, uint16_t id);

using Fields = std::vector<std::pair<std::string, std::string>>;

model::Headers Block(const Fields& fields);
Fields FieldsOf(const model::Headers& block);
Fields RequestFields(absl::string_view path = "/shop.Catalog/Get", const Fields& more = {});
Fields ReplyFields(const Fields& more = {});

// One direction's compression state. It checks nothing: names in upper case and bytes that no field
// may have pass.
class HeaderEncoder {
 public:
  HeaderEncoder();
  ~HeaderEncoder();
  std::string Encode(const Fields& fields);

  // Literals that leave no trace in the table (RFC 7541 §6.2.2), at whatever length.
  static std::string Literal(const Fields& fields);

 private:
  nghttp2_hd_deflater* deflater_;
};

// HEADERS as HeaderEncoder::Literal has them, as bytes.
std::string EncodedHeaders(int32_t stream, const Fields& fields, uint8_t flags = kEndHeaders);

class HeaderDecoder {
 public:
  HeaderDecoder();
  ~HeaderDecoder();
  Fields Decode(absl::string_view block);

 private:
  nghttp2_hd_inflater* inflater_;
};

}  // namespace singleflight::http2::testing

#endif  // SINGLEFLIGHT_TESTS_HTTP2_FRAMES_H_
