// Frames as bytes, and back.

#include "tests/http2/frames.h"

#include <nghttp2/nghttp2.h>

#include "server/base/check.h"

namespace singleflight::http2::testing {
namespace {

constexpr size_t kFrameHead = 9;
constexpr size_t kTableBytes = 4096;

uint32_t ReadNumber(absl::string_view bytes, size_t at, size_t size) {
  uint32_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8 | static_cast<uint8_t>(bytes[at + i]);
  return number;
}

std::string TwoBytes(uint16_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

// RFC 7541 §5.1 with a prefix of seven bits and the top bit clear: no Huffman code.
std::string Length(size_t length) {
  if (length < 127) return {static_cast<char>(length)};
  std::string out = {127};
  for (length -= 127; length >= 128; length >>= 7) out.push_back(static_cast<char>(length | 128));
  out.push_back(static_cast<char>(length));
  return out;
}

}  // namespace

std::string FourBytes(uint32_t number) {
  return TwoBytes(static_cast<uint16_t>(number >> 16)) + TwoBytes(static_cast<uint16_t>(number));
}

std::string Frame::Encoded() const {
  std::string out = FourBytes(static_cast<uint32_t>(payload.size())).substr(1);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return out + FourBytes(static_cast<uint32_t>(stream)) + payload;
}

uint32_t Frame::Number(size_t at) const { return ReadNumber(payload, at, 4); }

Frame Data(int32_t stream, std::string bytes, uint8_t flags) {
  return {kData, flags, stream, std::move(bytes)};
}

Frame RstStream(int32_t stream, uint32_t error) {
  return {kRstStream, 0, stream, FourBytes(error)};
}

Frame Settings(std::initializer_list<std::pair<uint16_t, uint32_t>> entries) {
  Frame frame{kSettings, 0, 0, ""};
  for (const auto& [id, value] : entries) frame.payload += TwoBytes(id) + FourBytes(value);
  return frame;
}

Frame SettingsAck() { return {kSettings, kAck, 0, ""}; }

Frame Ping(absl::string_view eight_bytes, bool ack) {
  return {kPing, static_cast<uint8_t>(ack ? kAck : 0), 0, std::string(eight_bytes)};
}

Frame GoAway(int32_t last_stream, uint32_t error) {
  return {kGoAway, 0, 0, FourBytes(static_cast<uint32_t>(last_stream)) + FourBytes(error)};
}

Frame WindowUpdate(int32_t stream, uint32_t bytes) {
  return {kWindowUpdate, 0, stream, FourBytes(bytes)};
}

std::vector<Frame> TakeFrames(std::string& bytes) {
  std::vector<Frame> frames;
  size_t at = 0;
  while (bytes.size() - at >= kFrameHead) {
    const size_t size = ReadNumber(bytes, at, 3);
    if (bytes.size() - at < kFrameHead + size) break;
    frames.push_back({static_cast<uint8_t>(bytes[at + 3]), static_cast<uint8_t>(bytes[at + 4]),
                      static_cast<int32_t>(ReadNumber(bytes, at + 5, 4)),
                      bytes.substr(at + kFrameHead, size)});
    at += kFrameHead + size;
  }
  bytes.erase(0, at);
  return frames;
}

int64_t SettingIn(const Frame& settings, uint16_t id) {
  for (size_t at = 0; at + 6 <= settings.payload.size(); at += 6) {
    if (ReadNumber(settings.payload, at, 2) == id) return ReadNumber(settings.payload, at + 2, 4);
  }
  return -1;
}

model::Headers Block(const Fields& fields) {
  model::Headers block;
  for (const auto& [name, value] : fields) block.Add(name, value);
  return block;
}

Fields FieldsOf(const model::Headers& block) {
  Fields fields;
  for (const model::Field field : block) fields.emplace_back(field.name, field.value);
  return fields;
}

Fields RequestFields(absl::string_view path, const Fields& more) {
  Fields fields = {{":method", "POST"},          {":scheme", "http"},
                   {":path", std::string(path)}, {":authority", "shop:1"},
                   {"te", "trailers"},           {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

Fields ReplyFields(const Fields& more) {
  Fields fields = {{":status", "200"}, {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

HeaderEncoder::HeaderEncoder() { SF_CHECK(nghttp2_hd_deflate_new(&deflater_, kTableBytes) == 0); }

HeaderEncoder::~HeaderEncoder() { nghttp2_hd_deflate_del(deflater_); }

std::string HeaderEncoder::Encode(const Fields& fields) {
  std::vector<nghttp2_nv> nv;
  for (const auto& [name, value] : fields) {
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
    };
    nv.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  std::string out(nghttp2_hd_deflate_bound(deflater_, nv.data(), nv.size()), '\0');
  const ssize_t size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(out.data()),
                                             out.size(), nv.data(), nv.size());
  SF_CHECK(size >= 0);
  out.resize(static_cast<size_t>(size));
  return out;
}

std::string HeaderEncoder::Literal(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    out += std::string(1, '\0') + Length(name.size()) + name + Length(value.size()) + value;
  }
  return out;
}

std::string EncodedHeaders(int32_t stream, const Fields& fields, uint8_t flags) {
  return Frame{kHeaders, flags, stream, HeaderEncoder::Literal(fields)}.Encoded();
}

HeaderDecoder::HeaderDecoder() { SF_CHECK(nghttp2_hd_inflate_new(&inflater_) == 0); }

HeaderDecoder::~HeaderDecoder() { nghttp2_hd_inflate_del(inflater_); }

Fields HeaderDecoder::Decode(absl::string_view block) {
  Fields fields;
  while (true) {
    nghttp2_nv nv;
    int flags = 0;
    const ssize_t taken = nghttp2_hd_inflate_hd2(
        inflater_, &nv, &flags, reinterpret_cast<const uint8_t*>(block.data()), block.size(), 1);
    SF_CHECK(taken >= 0);
    block.remove_prefix(static_cast<size_t>(taken));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                          std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  return fields;
}

}  // namespace singleflight::http2::testing
